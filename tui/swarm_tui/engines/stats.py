"""What containers use, by their engines' streams of figures: only of those that somebody looks at (docs/design/engine-views.md 18.4).

One stream is open for each container that is looked at and runs; a container that leaves the screen ends its stream, and is told no more.
"""

import asyncio
from collections.abc import Callable, Collection
from contextlib import aclosing
from typing import Any, Final

from swarm_core.api.json_text import json_of
from swarm_core.api.proto.usage_pb2 import NodeUsage, TaskUsage, UsageSeries, WatchUsageMessage
from swarm_core.engines.cluster import EngineCluster
from swarm_core.engines.errors import EngineError

from swarm_tui.clusters.session import Clock
from swarm_tui.engines.mirror import EngineMirror
from swarm_tui.resources.engines.items import ContainerItem

LOOK_S: Final = 1.0
EVERY_MS: Final = 2_000
"""An engine tells every second; who is silent for three times this long tells nothing any more."""
_NS: Final = 1_000_000_000


class ContainerStats:
    """See the module's text. Implements `engine_hands.Stats`."""

    def __init__(self, cluster: EngineCluster, mirror: EngineMirror, clock: Clock) -> None:
        self._cluster, self._mirror, self._clock = cluster, mirror, clock
        self._looked_at: Callable[[], Collection[str]] | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def is_on(self) -> bool:
        """Whether figures are asked for."""
        return self._looked_at is not None

    def watch(self, looked_at: Callable[[], Collection[str]] | None) -> None:
        """Ask for the figures of what `looked_at` gives, each time it is asked; of nothing with None."""
        self._looked_at = looked_at

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._follow(group)
                await self._clock.sleep(LOOK_S)

    def _follow(self, group: asyncio.TaskGroup) -> None:
        wanted = set(self._looked_at()) if self._looked_at is not None else set()
        for id_ in [id_ for id_, task in self._tasks.items() if task.done() or id_ not in wanted]:
            self._tasks.pop(id_).cancel()
            self._tell(id_, None)
        if not wanted and self._mirror.figures.is_told:
            self._mirror.figures.forget()
        for id_ in wanted - set(self._tasks):
            item = self._mirror.get(ContainerItem, id_)
            if item is not None and item.record.is_running:
                self._tasks[id_] = group.create_task(self._read(item))

    async def _read(self, item: ContainerItem) -> None:
        """To the end of its stream, which is looked for again while the container is looked at."""
        one = item.record
        try:
            lines = self._cluster.api(one.engine).lines(
                "GET", f"/containers/{one.id}/stats", {"stream": True}
            )
            async with aclosing(lines) as told:
                async for line in told:
                    self._tell(item.id, series_of(json_of(line)))
        except (EngineError, ValueError):
            # The engine's row says what is wrong with it; without figures the cells are empty.
            return

    def _tell(self, id_: str, series: UsageSeries | None) -> None:
        tasks = [] if series is None else [TaskUsage(task_id=id_, series=series)]
        # Each container reports for itself, so that one that is silent takes no other's figures along.
        self._mirror.figures.take(
            WatchUsageMessage(every_ms=EVERY_MS, nodes=[NodeUsage(node_id=f"stats {id_}", tasks=tasks)])
        )


def series_of(told: Any) -> UsageSeries | None:
    """What an engine's line of figures says; None where it says nothing: of its first line, and of what does not run."""
    if not isinstance(told, dict):
        return None
    memory, cpu, before = (told.get(key) or {} for key in ("memory_stats", "cpu_stats", "precpu_stats"))
    held = memory.get("usage")
    system = (cpu.get("system_cpu_usage") or 0) - (before.get("system_cpu_usage") or 0)
    if held is None or not before.get("system_cpu_usage") or system <= 0:
        return None
    kept = memory.get("stats") or {}
    # As docker stats shows it: without files that are only cached. The first name is of version 1 of control groups.
    cached = kept.get("total_inactive_file", kept.get("inactive_file", 0))
    used = cpu["cpu_usage"]["total_usage"] - before["cpu_usage"]["total_usage"]
    processors = cpu.get("online_cpus") or len(cpu["cpu_usage"].get("percpu_usage") or ()) or 1
    return UsageSeries(
        ago_ms=[0], cpus=[max(used, 0) / system * processors], memory_bytes=[max(held - cached, 0)]
    )
