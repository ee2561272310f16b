"""What nodes and tasks use now, and did over the last minutes, as nodes tell it (docs/design/usage.md 14.3).

`UsageFigures` is what a mirror answers with; `UsageNews` keeps it told for as long as it runs. Figures change often and no problem depends on
them, so views look when they paint: nobody is told of a change.
"""

from contextlib import aclosing
from typing import Final, Protocol

from swarm_core.api.proto.usage_pb2 import NodeUsage, UsageSeries, WatchUsageMessage
from swarm_core.client.control import Control
from swarm_core.client.errors import ClientError
from swarm_core.rules.usage import UsageHistory

AGAIN_S: Final = 1.0
UNTOLD_S: Final = 30.0
_SILENT_INTERVALS: Final = 3
_DEFAULT_EVERY_S: Final = 3.0
_NS: Final = 1_000_000_000


class WallClock(Protocol):
    def wall_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC."""


class Sleeper(Protocol):
    async def sleep(self, seconds: float) -> None:
        """Wait."""


class UsageFigures:
    """By the id of a node or task. `revision` is another number after every change."""

    def __init__(self, clock: WallClock) -> None:
        self._clock = clock
        self._held: dict[str, UsageHistory] = {}
        self._of_node: dict[str, set[str]] = {}
        self._every_s = _DEFAULT_EVERY_S
        self.revision = 0

    def get(self, id_: str) -> UsageHistory | None:
        """None where nothing is told, or nothing any more."""
        found = self._held.get(id_)
        if found is None or found.last is None:
            return None
        is_silent = self._now_s - found.last_s > _SILENT_INTERVALS * self._every_s
        return None if is_silent else found

    @property
    def is_told(self) -> bool:
        """Whether anything is."""
        return bool(self._held)

    def take(self, message: WatchUsageMessage) -> None:
        """Take in what nodes reported."""
        self._every_s = message.every_ms / 1_000 or _DEFAULT_EVERY_S
        for node in message.nodes:
            self._take_node(node)
        self.revision += 1

    def forget(self) -> None:
        """Nothing is told any more."""
        self._held.clear()
        self._of_node.clear()
        self.revision += 1

    @property
    def _now_s(self) -> float:
        return self._clock.wall_ns() / _NS

    def _take_node(self, node: NodeUsage) -> None:
        now = {task.task_id for task in node.tasks}
        for ended in self._of_node.get(node.node_id, set()) - now:
            self._held.pop(ended, None)
        self._of_node[node.node_id] = now
        if node.HasField("machine"):
            self._take_series(node.node_id, node.machine)
        for task in node.tasks:
            self._take_series(task.task_id, task.series)

    def _take_series(self, id_: str, series: UsageSeries) -> None:
        history = self._held.get(id_)
        if history is None or self._now_s < history.last_s:
            # New, or the clock was set back.
            history = self._held[id_] = UsageHistory()
        history.take(series, self._now_s)


class UsageNews:
    """A cluster that does not tell (a Docker Engine leads) is asked again after UNTOLD_S, as the next leader may tell. When the stream
    breaks what it told is dropped."""

    def __init__(self, figures: UsageFigures, control: Control, clock: Sleeper) -> None:
        self._figures, self._control, self._clock = figures, control, clock

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            pause_s = UNTOLD_S
            try:
                async with aclosing(self._control.watch_usage()) as messages:  # type: ignore[type-var]
                    async for message in messages:
                        self._figures.take(message)
            except ClientError:
                pause_s = AGAIN_S
            finally:
                self._figures.forget()
            await self._clock.sleep(pause_s)
