"""How the managers stand: who leads, who is reached, how far each has come with raft's log.

No event tells any of it: it is computed when somebody asks. This is the one place that asks.

- `ask` asks once.
- `ManagerWatch` asks again and again, with a rhythm: once a second where the leader tells raft's positions, less often
  where it does not (a Docker Engine leads, or an older manager; the next leader may tell), at once when `ask_now` says
  that something happened to a manager, and not at all while nobody looks.
- `with_statuses` is for whoever prints a watch: nodes have their status as last asked, and a status that became
  different is an update.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.proto.raft_status_pb2 import GetRaftStatusResponse
from swarm_core.client.control import Control
from swarm_core.client.errors import NO_LEADER, CallFailed, ClientError
from swarm_core.client.watch import Action, Change, Changed, Listed, Resumed, Update
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.waiting import event_or_time

TOLD_S: Final = 1.0
UNTOLD_S: Final = 5.0
_LEADERLESS: Final = (NO_LEADER, "UNAVAILABLE", "DEADLINE_EXCEEDED")

Statuses = Mapping[str, types_pb2.ManagerStatus]


@dataclass(frozen=True, slots=True)
class Managers:
    """What an answer told."""

    statuses: Statuses | None
    """By node id, every manager's; None when nobody answered: what was told before is the best there is."""
    raft: GetRaftStatusResponse | None
    """None where it is not told, or nobody leads."""
    is_leaderless: bool = False
    """A manager answered that nobody leads. Its watch goes on all the same, and tells nothing of it."""


async def ask(control: Control) -> Managers:
    """How the managers stand now. Raises ClientError while nobody answers for the cluster."""
    raft = await raft_now(control)
    nodes = await control.find(objects_pb2.Node, roles=[types_pb2.MANAGER])
    return Managers(statuses_of(nodes), raft)


async def raft_now(control: Control) -> GetRaftStatusResponse | None:
    """Positions in raft's log; None while nobody leads, and where they are not told. Raises the other failures of a call."""
    try:
        return await control.raft_status()
    except CallFailed as error:
        if error.code not in _LEADERLESS:
            raise
        return None


def statuses_of(objects: Any) -> dict[str, types_pb2.ManagerStatus]:
    """The statuses that nodes among freshly listed objects have."""
    return {
        item.id: item.manager_status
        for item in objects
        if isinstance(item, objects_pb2.Node) and item.HasField("manager_status")
    }


def with_status(node: objects_pb2.Node, statuses: Statuses) -> objects_pb2.Node:
    """The node with its status among `statuses`, or without any."""
    shown = objects_pb2.Node()
    shown.CopyFrom(node)
    shown.ClearField("manager_status")
    if node.id in statuses:
        shown.manager_status.CopyFrom(statuses[node.id])
    return shown


class ManagerWatch:
    """Asks for as long as it runs; `tell` gets every answer."""

    def __init__(self, control: Control, *, clock: Clock, tell: Callable[[Managers], None]) -> None:
        self._control = control
        self._clock = clock
        self._tell = tell
        self._is_looked_at = asyncio.Event()
        self._is_looked_at.set()
        self._has_news = asyncio.Event()

    def ask_now(self) -> None:
        """Something happened to a manager: do not wait for the next beat."""
        self._has_news.set()

    def set_looked_at(self, is_looked_at: bool) -> None:
        """Whether somebody looks; the first question after a while of nobody comes at once."""
        if is_looked_at:
            self._is_looked_at.set()
            self._has_news.set()
        else:
            self._is_looked_at.clear()

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            await self._is_looked_at.wait()
            self._has_news.clear()
            told, rest_s = await self._answer()
            self._tell(told)
            await event_or_time(self._clock, self._has_news, rest_s)

    async def _answer(self) -> tuple[Managers, float]:
        try:
            told = await ask(self._control)
        except ClientError as error:
            # Old positions would mislead. Of a lost connection the stream's state tells.
            is_leaderless = isinstance(error, CallFailed) and error.code == NO_LEADER
            return Managers(None, None, is_leaderless), TOLD_S
        return told, UNTOLD_S if told.raft is None else TOLD_S


async def with_statuses(updates: AsyncIterable[Update], control: Control) -> AsyncGenerator[Update]:
    """The updates of a watch that has nodes among its kinds, with every manager's status."""
    known: Statuses = {}
    version = 0
    async for update in updates:
        is_due = isinstance(update, Resumed)
        match update:
            case Listed(objects=objects, version=version):
                known = statuses_of(objects)
            case Changed(changes=changes, version=version):
                is_due = any(map(_touches_manager, changes))
                update = Changed(tuple(_filled(change, known) for change in changes), version)
        yield update
        if is_due:
            nodes = await _managers_or_none(control)
            different = [node for node in nodes if known.get(node.id) != node.manager_status]
            known = {**known, **statuses_of(nodes)}
            if different:
                yield Changed(tuple(Change(Action.UPDATED, node) for node in different), version)


async def _managers_or_none(control: Control) -> list[objects_pb2.Node]:
    try:
        return await control.find(objects_pb2.Node, roles=[types_pb2.MANAGER])
    except ClientError:
        # The stream itself tells that nobody answers.
        return []


def _filled(change: Change, known: Statuses) -> Change:
    item = change.object
    if isinstance(item, objects_pb2.Node) and item.id in known and not item.HasField("manager_status"):
        return Change(change.action, with_status(item, known))
    return change


def _touches_manager(change: Change) -> bool:
    item = change.object
    return isinstance(item, objects_pb2.Node) and types_pb2.MANAGER in (item.role, item.spec.desired_role)
