"""Clients that write and read through random managers, and remember what they were told.

Configs are the registers of the linearizability check: a name holds a config, the label `tag` says which creation and change
of it is there. Services are for the leader's loops. A client waits for one answer before it asks again.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.message import Message
from swarm_core.api.proto import control_pb2, objects_pb2, specs_pb2
from swarm_core.client.errors import CallFailed, ClientError
from swarm_core.store.tables import StoreObject

from swarm_testkit.simulation.calls import NotDone, SimulatedConnection
from swarm_testkit.simulation.checkers import Findings, Ledger
from swarm_testkit.simulation.history import Operation, State, Tag
from swarm_testkit.simulation.host import Host
from swarm_testkit.simulation.nodes import NodeMachine
from swarm_testkit.simulation.orders import Orders
from swarm_testkit.simulation.supplied_orders import SuppliedOrders
from swarm_testkit.simulation.supplies import Supplies
from swarm_testkit.simulation.ways import SimulatedDial

_CROWD_CHANCE = 0.5
_CALL_S = 8.0
_NAMES = 4
# A name with more open ends than this makes the check slow: the clients go on to another name.
_UNKNOWN_MAX = 6
# Answers from the leader's copy: nothing was changed, and the copy was as the answer says.
_REFUSALS = frozenset(("NOT_FOUND", "ALREADY_EXISTS"))
_OUT_OF_SEQUENCE = "update out of sequence"


class Histories:
    """What all clients saw, by name. `lease` gives the time from which on an answer of a host may be.

    What is acknowledged must be committed by then: `ledger` knows.
    """

    def __init__(self, lease: Callable[[Host, float], float], ledger: Ledger, findings: Findings) -> None:
        self._lease = lease
        self._ledger = ledger
        self._findings = findings
        self.by_name: dict[str, list[Operation]] = {}
        self._generation = [0] * _NAMES
        self.creations = 0

    def name(self, number: int) -> str:
        """The name that register `number` has now."""
        name = f"config-{number}-{self._generation[number]}"
        unknown = sum(one.ok is None for one in self.by_name.get(name, ()))
        if unknown > _UNKNOWN_MAX:
            self._generation[number] += 1
            return self.name(number)
        return name

    def add(self, name: str, operation: Operation) -> None:
        self.by_name.setdefault(name, []).append(operation)

    def acknowledged(self, item: StoreObject) -> None:
        """A client was given this object as committed."""
        key, version = (type(item).__name__, item.id), item.meta.version.index
        if (key, version) not in self._ledger.contents:
            self._findings.add(f"version {version} of {key} was acknowledged and is not committed")

    def removed(self, config: objects_pb2.Config) -> None:
        """A client was told that this object is gone."""
        if ("Config", config.id) not in self._ledger.removed:
            self._findings.add(f"config {config.id} was acknowledged as removed, and is not")

    def since(self, host: Host | None, start: float) -> float:
        return start if host is None else min(start, self._lease(host, start))


class Client:
    """One writer. `managers` are those that people would ask now. `pause_s` is the mean time between its operations, of which
    `service_share` are about services, `supply_share` of these about what services use."""

    def __init__(
        self,
        host: Host,
        managers: Callable[[], Sequence[NodeMachine]],
        dial: SimulatedDial,
        rng: random.Random,
        histories: Histories,
        findings: Findings,
        *,
        pause_s: float,
        service_share: float,
        supply_share: float,
    ) -> None:
        self._host = host
        self._managers = managers
        self._dial = dial
        self._rng = rng
        self._histories = histories
        self._findings = findings
        self._pause_s = pause_s
        self._service_share = service_share
        self._supply_share = supply_share
        self._supplies = Supplies(rng)
        self._orders = SuppliedOrders(rng, self._supplies.stock) if supply_share else Orders(rng)
        self._known: dict[str, objects_pb2.Config] = {}
        self.answered = 0

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await asyncio.sleep(self._rng.expovariate(1 / self._pause_s))
            try:
                if self._rng.random() < self._service_share:
                    await self._work_on_services()
                elif self._rng.random() < _CROWD_CHANCE:
                    await self._until_next_beat()
                    await self._work_on_config(0)
                else:
                    await self._work_on_config(self._rng.randrange(_NAMES))
            except ClientError:
                continue

    async def _until_next_beat(self) -> None:
        """Act at the same moment as the others who wait for it."""
        await asyncio.sleep(self._pause_s - self._host.loop.now % self._pause_s)

    # configs

    async def _work_on_config(self, number: int) -> None:
        name = self._histories.name(number)
        known = self._known.get(name)
        if known is None or self._rng.random() < 0.3:
            await self._read(name)
            if name not in self._known:
                await self._create(name)
        elif self._rng.random() < 0.7:
            await self._change(name, known)
        else:
            await self._remove(name, known)

    async def _read(self, name: str) -> None:
        request = control_pb2.ListConfigsRequest(filters=control_pb2.ListConfigsRequest.Filters(names=[name]))
        start = self._host.loop.now
        answer, host, _ = await self._ask("Control.ListConfigs", request)
        if answer is None:
            return
        self._known.pop(name, None)
        for config in answer.configs:
            self._known[name] = config
        seen = _tag(self._known[name]) if name in self._known else None
        self._note(name, "read", start, True, host, seen=seen)

    async def _create(self, name: str) -> None:
        self._histories.creations += 1
        tag = (self._histories.creations, 0)
        spec = specs_pb2.ConfigSpec(data=b"x" * self._rng.choice((10, 100, 3000)))
        spec.annotations.name = name
        spec.annotations.labels["tag"] = _text(tag)
        request = control_pb2.CreateConfigRequest(spec=spec)
        answer, _ = await self._write_config("create", name, "Control.CreateConfig", request, new=tag)
        self._learn(name, answer)

    async def _change(self, name: str, known: objects_pb2.Config) -> None:
        old = _tag(known)
        self._histories.creations += 1
        new = (old[0], self._histories.creations)
        request = control_pb2.UpdateConfigRequest(
            config_id=known.id, config_version=known.meta.version, spec=known.spec
        )
        request.spec.annotations.labels["tag"] = _text(new)
        del self._known[name]
        answer, _ = await self._write_config(
            "change", name, "Control.UpdateConfig", request, expected=old, new=new
        )
        self._learn(name, answer)

    async def _remove(self, name: str, known: objects_pb2.Config) -> None:
        del self._known[name]
        request = control_pb2.RemoveConfigRequest(config_id=known.id)
        _, ok = await self._write_config(
            "remove", name, "Control.RemoveConfig", request, expected=_tag(known)
        )
        if ok:
            self._histories.removed(known)

    async def _write_config(
        self, verb: str, name: str, method: str, request: Message, **states: State
    ) -> tuple[Any, bool | None]:
        start = self._host.loop.now
        try:
            answer, host, ok = await self._ask(method, request)
        except asyncio.CancelledError:
            # The clients end first: what is still on its way may be done or not.
            self._note(name, verb, start, None, None, **states)
            raise
        self._note(name, verb, start, ok, host, **states)
        return answer, ok

    def _learn(self, name: str, answer: Any) -> None:
        if answer is None:
            return
        config: objects_pb2.Config = answer.config
        self._known[name] = config
        self._histories.acknowledged(config)

    def _note(
        self, name: str, verb: str, start: float, ok: bool | None, host: Host | None, **states: State
    ) -> None:
        if ok is False or verb == "read":
            # A refusal and a read come from the leader's copy.
            start = self._histories.since(host, start)
        self._host.trace.note(f"{self._host.name} {verb} {name} {states} {ok}")
        self._histories.add(name, Operation(verb, start, self._host.loop.now, ok, **states))

    # services

    async def _work_on_services(self) -> None:
        if self._supply_share and self._rng.random() < self._supply_share:
            await self._work_on_supply()
        else:
            await self._work_on_service()

    async def _work_on_supply(self) -> None:
        sort, look = self._supplies.look()
        answer, _, _ = await self._ask(*look)
        if answer is None:
            return
        self._supplies.seen(sort, answer)
        answer, _, _ = await self._ask(*self._supplies.next(sort))
        if answer is not None and answer.DESCRIPTOR.fields_by_name:
            self._histories.acknowledged(getattr(answer, sort))

    async def _work_on_service(self) -> None:
        answer, _, _ = await self._ask("Control.ListServices", control_pb2.ListServicesRequest())
        if answer is None:
            return
        method, request = self._orders.next(answer.services)
        if isinstance(request, control_pb2.RemoveServiceRequest):
            await self._ask(method, request)
        else:
            await self._write(method, request)

    async def _write(self, method: str, request: Message) -> None:
        answer, _, _ = await self._ask(method, request)
        if answer is not None:
            self._histories.acknowledged(answer.service)

    # calls

    async def _ask(self, method: str, request: Message) -> tuple[Any, Host | None, bool | None]:
        """The answer, who gave it, and whether it was done: None when nobody knows."""
        connection: SimulatedConnection | None = None
        try:
            connection = self._dial.open_control(self._rng.choice(self._managers()))
            answer = await connection.call(method, request, timeout=_CALL_S)
        except NotDone:
            # Left out of the history: if it was done after all, somebody will see what nobody wrote.
            self._host.trace.note(f"{self._host.name} {method}: not done")
            raise
        except CallFailed as failure:
            self._host.trace.note(f"{self._host.name} {method}: {failure.code} {failure}")
            refused = failure.code in _REFUSALS or str(failure) == _OUT_OF_SEQUENCE
            assert connection is not None
            return None, connection.served_by, False if refused else None
        except (ClientError, TimeoutError) as failure:
            self._host.trace.note(f"{self._host.name} {method}: {type(failure).__name__} {failure}")
            return None, None, None
        self.answered += 1
        return answer, connection.served_by, True


def _text(tag: Tag) -> str:
    return f"{tag[0]}.{tag[1]}"


def _tag(config: objects_pb2.Config) -> Tag:
    creation, _, change = config.spec.annotations.labels["tag"].partition(".")
    return int(creation), int(change)
