"""Clients that create, change, read and remove a few names through every manager, and write down what each of them saw.

`simulation.history` says whether one order of one register explains it. Answers that a leader gives from its own copy, which are reads and
refusals, are written down as if they had begun `lease_s` earlier: so old they may be.
"""

import asyncio
import contextlib
import itertools
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swarm_core.api.proto import objects_pb2
from swarm_core.client.connection import Connection
from swarm_core.client.control import Control
from swarm_core.client.errors import CallFailed, ClientError

from swarm_testkit.managers import config_spec
from swarm_testkit.simulation.history import Operation, State, Tag, explain

# What refuses a call because of what is stored.
_REFUSALS = {
    "create": ("ALREADY_EXISTS",),
    "change": ("NOT_FOUND", "out of sequence"),
    "remove": ("NOT_FOUND",),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """A config as a client read it."""

    tag: Tag
    item: objects_pb2.Config


class RegisterClients:
    """`count` clients of the managers behind `sockets`, with up to `pause_s` between two of their operations. `names` are those that they work on now; `histories` what they saw of each name."""

    def __init__(
        self,
        sockets: Sequence[Path],
        names: list[str],
        *,
        count: int,
        call_s: float,
        lease_s: float,
        pause_s: float = 0.06,
    ) -> None:
        self.sockets = sockets
        self.names = names
        self.lease_s = lease_s
        self.histories: dict[str, list[Operation]] = defaultdict(list)
        self.stopping = asyncio.Event()
        self._count = count
        self._call_s = call_s
        self._pause_s = pause_s
        self._numbers = itertools.count(1)

    async def run(self) -> None:
        """Until `stopping` is set."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._count):
                group.create_task(self._client(number))

    def unexplained(self) -> dict[str, list[Operation]]:
        """The names whose history no order explains."""
        return {name: found for name, found in self.histories.items() if not explain(found)}

    async def read(self, control: Control, name: str) -> Seen | None:
        """What the leader shows, written down. Raises ClientError, TimeoutError."""
        start = time.monotonic()
        async with asyncio.timeout(self._call_s):
            found = await control.find(objects_pb2.Config, names=[name])
        seen = _seen(found[0]) if found else None
        self._note_read(name, start - self.lease_s, seen)
        return seen

    async def read_all(self, control: Control) -> None:
        """What a manager that is known to lead shows of every name, written down as of now. Raises ClientError, TimeoutError."""
        start = time.monotonic()
        async with asyncio.timeout(self._call_s):
            found = await control.find(objects_pb2.Config)
        there = {one.spec.annotations.name: _seen(one) for one in found}
        for name in list(self.histories):
            self._note_read(name, start, there.get(name))

    async def _client(self, number: int) -> None:
        rng = random.Random(number)
        while not self.stopping.is_set():
            with contextlib.suppress(ClientError, TimeoutError):
                socket = self.sockets[number % len(self.sockets)]
                async with await Connection.open(socket) as connection:
                    control = Control(connection)
                    while not self.stopping.is_set():
                        await self._operate(control, rng.choice(self.names), rng)
                        await asyncio.sleep(rng.uniform(self._pause_s / 6, self._pause_s))
            await asyncio.sleep(0.05)

    async def _operate(self, control: Control, name: str, rng: random.Random) -> None:
        seen = await self.read(control, name)
        new = next(self._numbers)
        if seen is None:
            spec = config_spec(name)
            spec.annotations.labels["tag"] = f"{new} 0"
            await self._attempt(name, "create", control.create(objects_pb2.Config, spec), new=(new, 0))
        elif rng.random() < 0.6:
            spec = type(seen.item.spec)()
            spec.CopyFrom(seen.item.spec)
            spec.annotations.labels["tag"] = f"{seen.tag[0]} {new}"
            work = control.update(objects_pb2.Config, seen.item, spec)
            await self._attempt(name, "change", work, expected=seen.tag, new=(seen.tag[0], new))
        else:
            await self._attempt(
                name, "remove", control.remove(objects_pb2.Config, seen.item.id), expected=seen.tag
            )

    async def _attempt(
        self, name: str, verb: str, work: Awaitable[Any], *, expected: State = None, new: State = None
    ) -> None:
        def note(begun: float, ok: bool | None) -> None:
            self.histories[name].append(Operation(verb, begun, time.monotonic(), ok, expected, new))

        start = time.monotonic()
        try:
            async with asyncio.timeout(self._call_s):
                await work
        except CallFailed as error:
            if any(text in f"{error.code} {error}" for text in _REFUSALS[verb]):
                note(start - self.lease_s, False)
                return
            note(start, None)
            raise
        except (ClientError, TimeoutError, asyncio.CancelledError):
            note(start, None)
            raise
        note(start, True)

    def _note_read(self, name: str, start: float, seen: Seen | None) -> None:
        tag = None if seen is None else seen.tag
        self.histories[name].append(Operation("read", start, time.monotonic(), ok=True, seen=tag))


def _seen(item: objects_pb2.Config) -> Seen:
    creation, change = item.spec.annotations.labels["tag"].split()
    return Seen((int(creation), int(change)), item)
