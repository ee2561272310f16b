"""What nodes and tasks use, as a client holds it (docs/design/usage.md 14.3)."""

import asyncio
from collections.abc import AsyncIterator

from swarm_core.api.proto.usage_pb2 import NodeUsage, TaskUsage, UsageSeries, WatchUsageMessage
from swarm_core.client.errors import Unreachable
from swarm_tui.clusters import usage
from swarm_tui.clusters.usage import UsageFigures, UsageNews

NS = 1_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.slept: list[float] = []

    def wall_ns(self) -> int:
        return int(self.now_s * NS)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


def told(node_id: str, *tasks: str, cpus: tuple[float, ...] = (1.0,)) -> WatchUsageMessage:
    ago = [3000 * place for place in reversed(range(len(cpus)))]
    series = UsageSeries(ago_ms=ago, cpus=cpus, memory_bytes=[5] * len(cpus))
    node = NodeUsage(node_id=node_id, machine=series)
    node.tasks.extend(TaskUsage(task_id=task_id, series=series) for task_id in tasks)
    return WatchUsageMessage(every_ms=3000, nodes=[node])


def latest(figures: UsageFigures, id_: str) -> float | None:
    found = figures.get(id_)
    return None if found is None or found.last is None else found.last.cpus


def test_the_newest_report_of_a_node_counts() -> None:
    """A task that the node tells of no more is forgotten; other nodes' tasks stay."""
    figures = UsageFigures(Clock())
    figures.take(told("n1", "t1", "t2"))
    figures.take(told("n2", "t3"))
    figures.take(told("n1", "t2", cpus=(2.0,)))
    assert [latest(figures, id_) for id_ in ("n1", "n2", "t1", "t2", "t3")] == [2.0, 1.0, None, 2.0, 1.0]


def test_a_silent_node_tells_nothing_any_more() -> None:
    """14.3.2: after three intervals its figures are old."""
    clock = Clock()
    figures = UsageFigures(clock)
    figures.take(told("n1", "t1"))
    clock.now_s += 9
    assert latest(figures, "t1") == 1.0
    clock.now_s += 0.1
    assert latest(figures, "t1") is None and latest(figures, "n1") is None


def test_a_clock_that_was_set_back_keeps_nothing_from_coming() -> None:
    """What is told counts by the clock of now."""
    clock = Clock()
    figures = UsageFigures(clock)
    figures.take(told("n1", "t1"))
    clock.now_s -= 500
    figures.take(told("n1", "t1", cpus=(7.0,)))
    assert latest(figures, "t1") == 7.0


async def test_figures_end_with_the_stream() -> None:
    """14.3.3: while nothing is heard nothing is shown; where it is not told it is asked again after a while."""
    clock, heard = Clock(), asyncio.Event()
    figures = UsageFigures(clock)
    seen: list[float | None] = []

    class Calls:
        def __init__(self) -> None:
            self.turn = 0

        async def watch_usage(self) -> AsyncIterator[WatchUsageMessage]:
            self.turn += 1
            seen.append(latest(figures, "t1"))
            if self.turn == 1:
                yield told("n1", "t1")
                seen.append(latest(figures, "t1"))
                raise Unreachable("gone")
            if self.turn == 3:
                heard.set()

    running = asyncio.ensure_future(UsageNews(figures, Calls(), clock).run())  # type: ignore[arg-type]
    await heard.wait()
    running.cancel()
    await asyncio.wait([running])
    assert seen == [None, 1.0, None, None]
    assert clock.slept[:2] == [usage.AGAIN_S, usage.UNTOLD_S]
