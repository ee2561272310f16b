"""What nodes and tasks use, from nodes to watchers (docs/design/usage.md 14.2)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial

import pytest
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.usage_pb2 import (
    ListenUsageRequest,
    NodeUsage,
    ReportUsageRequest,
    TaskUsage,
    UsageSeries,
    UsageWanted,
    WatchUsageMessage,
    WatchUsageRequest,
)
from swarm_core.manager.usage import EVERY_S, REST_S, SAMPLES_MAX, TASKS_MAX, TASKS_PER_S, Usage
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import Aborted, InvalidArgument
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Transaction
from swarm_testkit.factories import make_task
from swarm_testkit.manual_clock import ManualClock, settle
from swarm_testkit.sole_manager import CommitLog

_PLACES = (("t1", "n1"), ("t2", "n1"), ("t3", "n2"))
EVERY_MS = int(EVERY_S * 1000)


def series(*cpus: float) -> UsageSeries:
    return UsageSeries(ago_ms=[0] * len(cpus), cpus=cpus, memory_bytes=[1] * len(cpus))


def usage(*tasks: str, cpus: float = 1.0, has_history: bool = False) -> NodeUsage:
    told = NodeUsage(machine=series(cpus), has_history=has_history)
    told.tasks.extend(TaskUsage(task_id=task_id, series=series(cpus)) for task_id in tasks)
    return told


def node(node_id: str) -> Caller:
    return Caller(node_id, frozenset({"swarm-worker"}), "cluster", "192.0.2.1:1")


class Bench:
    """A leader with tasks t1 and t2 on node n1, and t3 on node n2."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(clock=self.clock, proposer=CommitLog(1))
        self.usage = Usage(self.store, self.clock)

    async def report(self, node_id: str, told: NodeUsage) -> None:
        await self.usage.report_usage(ReportUsageRequest(usage=told), node(node_id))

    def watch(self) -> AsyncIterator[WatchUsageMessage]:
        return self.usage.watch_usage(WatchUsageRequest(), node("m1"))

    def listen(self, node_id: str) -> AsyncIterator[UsageWanted]:
        return self.usage.listen_usage(ListenUsageRequest(), node(node_id))


def _create(task: Task, transaction: Transaction) -> None:
    transaction.create(task)


@contextlib.asynccontextmanager
async def leading() -> AsyncIterator[Bench]:
    bench = Bench()
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(bench.store.run()), group.create_task(bench.usage.run())]
        tasks = [make_task(task_id, node_id=node_id) for task_id, node_id in _PLACES]
        await bench.store.batch([partial(_create, task) for task in tasks])
        await settle()
        yield bench
        for each in running:
            each.cancel()


async def test_nodes_are_asked_only_while_somebody_watches() -> None:
    """14.2.1: nothing is wanted, then a report every few seconds, then nothing again; each new watcher is told apart."""
    async with leading() as bench:
        wanted = bench.listen("n1")
        assert await anext(wanted) == UsageWanted()
        first = bench.watch()
        waiting = asyncio.ensure_future(anext(first))
        assert await anext(wanted) == UsageWanted(every_ms=EVERY_MS, watchers=1)
        second = bench.watch()
        other = asyncio.ensure_future(anext(second))
        assert await anext(wanted) == UsageWanted(every_ms=EVERY_MS, watchers=2)
        for task in (waiting, other):
            task.cancel()
        await asyncio.wait((waiting, other))
        assert await anext(wanted) == UsageWanted()
        await wanted.aclose()


async def test_a_report_reaches_who_watches() -> None:
    """14.2.2: with the name of the node that called, and of its own tasks alone."""
    async with leading() as bench:
        watch = bench.watch()
        reading = asyncio.ensure_future(anext(watch))
        await settle()
        await bench.report("n1", usage("t1", "t2", "t3", "gone"))
        message = await reading
        assert message.every_ms == EVERY_MS
        (told,) = message.nodes
        assert (told.node_id, [each.task_id for each in told.tasks]) == ("n1", ["t1", "t2"])
        await watch.aclose()


async def test_a_slow_watcher_gets_the_newest_and_the_past() -> None:
    """14.2.3: reports that were not read are replaced; one that tells the past is not."""
    async with leading() as bench:
        watch = bench.watch()
        reading = asyncio.ensure_future(anext(watch))
        await settle()
        await bench.report("n1", usage("t1", cpus=1.0))
        await reading
        await bench.report("n1", usage("t1", cpus=2.0))
        await bench.report("n1", usage("t1", cpus=3.0))
        await bench.report("n2", usage("t3", cpus=4.0, has_history=True))
        await bench.report("n2", usage("t3", cpus=5.0))
        reading = asyncio.ensure_future(anext(watch))
        await bench.clock.advance(REST_S)
        told = {each.node_id: each.machine.cpus[0] for each in (await reading).nodes}
        assert told == {"n1": 3.0, "n2": 4.0}
        await watch.aclose()


async def test_many_tasks_are_told_of_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """14.2.4: the leader takes no more than so many samples a second."""
    monkeypatch.setattr("swarm_core.manager.usage.TASKS_PER_S", 2 / EVERY_S)
    async with leading() as bench:
        watch = bench.watch()
        reading = asyncio.ensure_future(anext(watch))
        await settle()
        wanted = bench.listen("n1")
        assert (await anext(wanted)).every_ms == EVERY_MS
        await bench.report("n1", usage("t1", "t2"))
        assert (await anext(wanted)).every_ms == 2 * EVERY_MS
        await bench.report("n1", usage("t1"))
        assert (await anext(wanted)).every_ms == EVERY_MS
        await wanted.aclose()
        await reading
        await watch.aclose()
    assert TASKS_PER_S > 2 / EVERY_S


async def test_who_tells_too_much_is_refused() -> None:
    """14.2.2: more tasks or samples than a node may tell of are refused with their number."""
    async with leading() as bench:
        with pytest.raises(InvalidArgument, match=str(TASKS_MAX + 1)):
            await bench.report("n1", usage(*map(str, range(TASKS_MAX + 1))))
        many = NodeUsage(tasks=[TaskUsage(task_id="t1", series=series(*[1.0] * (SAMPLES_MAX + 1)))])
        with pytest.raises(InvalidArgument, match="samples"):
            await bench.report("n1", many)


async def test_who_does_not_lead_answers_nothing() -> None:
    """14.2.5: before and after the lead every call is aborted, and open streams end so."""
    bench = Bench()
    for call in (anext(bench.watch()), anext(bench.listen("n1")), bench.report("n1", usage())):
        with pytest.raises(Aborted):
            await call
    async with leading() as led:
        watch, wanted = led.watch(), led.listen("n1")
        waiting = [asyncio.ensure_future(anext(watch))]
        await settle()
        await anext(wanted)
        waiting.append(asyncio.ensure_future(anext(wanted)))
        await settle()
    for each in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(each, Aborted)
