"""Bringing the tables to what an engine has: whole lists, and lists of single containers.

Rules
1. What an event touched while a list was asked for is newer than the list: the list neither overwrites it nor brings it back.
2. What is not in a whole list, and was not touched meanwhile, is there no more.
3. A difference that a list finds, and of which no event tells until the next list of all, is counted: that number is `drift`, and should stay 0. A list is often ahead of
   the events. The first list of a connection counts nothing.
"""

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from swarm_core.engines.api import EngineApi
from swarm_core.engines.errors import EngineError, EngineRefused
from swarm_core.engines.reading import (
    container_of,
    image_of,
    is_as_listed,
    network_of,
    read_with,
    reservation_of,
    split_list,
    volume_of,
)
from swarm_core.engines.records import Container, EngineKey, Kind, Reservation
from swarm_core.engines.tables import R, Table, Tables
from swarm_core.runtime.tasks import Group
from swarm_core.runtime.waiting import turn

LIST_S: Final = 30.0
_PASSING: Final = ("restarting", "removing")
_BETWEEN_TURNS: Final = 250
"""After so many rows others have their turn of the loop."""


class Lists:
    """The lists of one engine."""

    def __init__(self, key: EngineKey, api: EngineApi, tables: Tables) -> None:
        self._key, self._api, self._tables = key, api, tables
        self._touched: list[dict[str, bool]] = []
        """For each list that is being asked for: the containers of which events told meanwhile, and whether they are gone."""
        self.skew_s = 0.0
        self.engine_cpus = 0
        self.drift = 0
        self.whole = 0
        """How many lists of all containers were brought."""
        self._unexplained: set[str] = set()
        """Containers that the last list of all found to be others than known, and of which no event has told since."""
        self._is_first = True

    def touch(self, id_: str, *, is_gone: bool) -> None:
        """An event told something of this container."""
        self._unexplained.discard(id_)
        for ids in self._touched:
            ids[id_] = is_gone

    def begin_anew(self) -> None:
        """A connection begins: what happened meanwhile is no drift."""
        self._is_first = True

    async def bring(self, kind: Kind) -> None:
        """Have the table as the engine's whole list. Raises EngineError."""
        match kind:
            case Kind.CONTAINER:
                await self.bring_containers()
            case Kind.IMAGE:
                body = await self._api.call("GET", "/images/json", timeout=LIST_S)
                entries = read_with(lambda: split_list(body), self._api.url)
                images = read_with(
                    lambda: [image_of(self._key, entry, raw, self.skew_s) for entry, raw in entries],
                    self._api.url,
                )
                self._replace(self._tables.images, images)
            case Kind.NETWORK:
                body = await self._api.call("GET", "/networks", timeout=LIST_S)
                networks = read_with(
                    lambda: [network_of(self._key, entry, raw) for entry, raw in split_list(body)],
                    self._api.url,
                )
                self._replace(self._tables.networks, networks)
            case Kind.VOLUME:
                found = await self._api.get_object("/volumes", timeout=LIST_S)
                volumes = read_with(
                    lambda: [
                        volume_of(self._key, entry, json.dumps(entry, separators=(",", ":")).encode())
                        for entry in found.get("Volumes") or ()
                    ],
                    self._api.url,
                )
                self._replace(self._tables.volumes, volumes)
            case Kind.ENGINE:
                raise AssertionError("an engine lists no engines")

    async def bring_containers(self, ids: Collection[str] | None = None) -> set[str]:
        """Have these containers, or all, as the engine has them; gives those that are in a passing state. Raises EngineError."""
        query: dict[str, bool | dict[str, list[str]]] = {"all": True}
        if ids is not None:
            query["filters"] = {"id": sorted(ids)}
        table, passing, listed = self._tables.containers, set[str](), set[str]()
        if ids is None:
            self.drift += len(self._unexplained)
            self._unexplained.clear()
        with self._asking() as touched:
            before = set(table.of(self._key)) if ids is None else set(ids)
            body = await self._api.call("GET", "/containers/json", query, timeout=LIST_S)
            rows = read_with(
                lambda: [self._container(entry, raw) for entry, raw in split_list(body)], self._api.url
            )
            for number, container in enumerate(rows, 1):
                listed.add(container.id)
                if container.state in _PASSING:
                    passing.add(container.id)
                is_known = table.get(self._key, container.id) is not None
                if container.id not in touched or not (is_known or touched[container.id]):
                    self._put(container, is_checked=ids is None)
                if number % _BETWEEN_TURNS == 0:
                    await turn()
            for id_ in before - listed:
                if id_ not in touched and table.delete(self._key, id_) and ids is None:
                    self._unexplained.add(id_)
        if ids is None:
            self.whole += 1
            if self._is_first:
                self._is_first = False
                self._unexplained.clear()
        return passing

    def _container(self, entry: dict[str, Any], raw: bytes) -> Container:
        """The record of an entry: the one that is there, where the engine writes what it wrote before and no event changed it since."""
        known = self._tables.containers.get(self._key, entry["Id"])
        if known is not None and known.raw == raw and is_as_listed(known, entry, self.skew_s):
            return known
        return container_of(self._key, entry, raw, self.skew_s)

    def _put(self, container: Container, *, is_checked: bool) -> None:
        table = self._tables.containers
        known = table.get(self._key, container.id)
        if known is container:
            return
        if known is not None:
            container = replace(container, reserved=known.reserved)
        if is_checked and (known is None or _differs(known, container)):
            self._unexplained.add(container.id)
        table.put(container)

    def _replace(self, table: Table[R], records: list[R]) -> None:
        gone = set(table.of(self._key)) - {record.id for record in records}
        for record in records:
            table.put(record)
        for id_ in gone:
            table.delete(self._key, id_)

    @contextmanager
    def _asking(self) -> Iterator[dict[str, bool]]:
        touched: dict[str, bool] = {}
        self._touched.append(touched)
        try:
            yield touched
        finally:
            # By identity: those of two lists may be equal.
            self._touched = [one for one in self._touched if one is not touched]

    async def inspect(self, ids: Collection[str]) -> None:
        """Learn what these containers reserve. Raises EngineError."""
        failures: list[EngineError] = []
        found: dict[str, dict[str, Any]] = {}

        async def one(id_: str) -> None:
            try:
                inspected = await self._api.get_object(f"/containers/{id_}/json")
            except EngineRefused as error:
                if error.status != 404:
                    failures.append(error)
                return  # it is gone, and its event comes
            except EngineError as error:
                failures.append(error)  # raised outside of the group
                return
            found[id_] = inspected

        async with Group() as group:
            for id_ in ids:
                group.spawn(one(id_), name=f"inspect {id_[:12]}")
        for id_, inspected in found.items():
            reserved = self._reserved(inspected)
            known = self._tables.containers.get(self._key, id_)
            if known is not None:
                self._tables.containers.put(replace(known, reserved=reserved))
        if failures:
            raise failures[0]

    def _reserved(self, inspected: dict[str, Any]) -> Reservation:
        return read_with(lambda: reservation_of(inspected, self.engine_cpus), self._api.url)


def _differs(known: Container, listed: Container) -> bool:
    """Whether a list told what events had not: what changes by itself, as the time in a status, does not count."""
    return (known.name, known.state, known.image_id, known.exit_code) != (
        listed.name,
        listed.state,
        listed.image_id,
        listed.exit_code,
    )
