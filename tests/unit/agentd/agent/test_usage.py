"""What an agent tells of what its machine and tasks use (docs/design/usage.md 14.1)."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from swarm_agentd.agent.task_manager import TaskManager
from swarm_agentd.agent.usage import UsageReporter, UsageSampler
from swarm_agentd.config import AgentConfig
from swarm_agentd.exec.errors import Temporary
from swarm_agentd.exec.usage import NS_PER_S, Reading
from swarm_core.api.proto.usage_pb2 import NodeUsage, UsageWanted
from swarm_core.client.dispatch import Dispatch
from swarm_core.client.errors import CallFailed, ClientError, Unreachable
from swarm_testkit.factories import make_task
from swarm_testkit.manual_clock import ManualClock, settle

CONFIG = AgentConfig()


class Controllers:
    """Running tasks, each of which uses so many processors from the clock's zero on; None cannot be measured."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.cpus: dict[str, float | None] = {}
        self.states: dict[str, str] = {}

    def tasks(self) -> list[TaskManager]:
        return [cast(TaskManager, self._manager(task_id)) for task_id in self.cpus]

    def _manager(self, task_id: str) -> Any:
        async def usage() -> Reading:
            cpus = self.cpus[task_id]
            if cpus is None:
                raise Temporary("the engine is away")
            return Reading(int(cpus * self._clock.monotonic() * NS_PER_S), 64)

        task = make_task(task_id, state=self.states.get(task_id, "RUNNING"))
        return SimpleNamespace(task=task, controller=SimpleNamespace(usage=usage))


class Machine:
    """A machine that uses three processors; without memory figures while `broken`."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock, self.is_broken = clock, False

    def read(self) -> Reading:
        if self.is_broken:
            raise OSError("no /proc")
        return Reading(int(3 * self._clock.monotonic() * NS_PER_S), 1 << 30)


class Recording(Dispatch):
    """A manager that wants what is put into `wishes`, and notes what it is told."""

    def __init__(self) -> None:
        self.told: list[NodeUsage] = []
        self.wishes: asyncio.Queue[UsageWanted | ClientError] = asyncio.Queue()
        self.refusals: list[ClientError] = []

    async def _wanted(self) -> AsyncIterator[UsageWanted]:
        while True:
            wish = await self.wishes.get()
            if isinstance(wish, ClientError):
                raise wish
            yield wish

    def usage_wanted(self) -> AsyncIterator[UsageWanted]:
        return self._wanted()

    async def report_usage(self, usage: NodeUsage) -> None:
        self.told.append(usage)
        if self.refusals:
            raise self.refusals.pop(0)


class Bench:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.controllers, self.machine = Controllers(self.clock), Machine(self.clock)
        self.sampler = UsageSampler(self.controllers.tasks, self.machine, self.clock)
        self.manager = Recording()

    def want(self, every_ms: int, watchers: int = 1) -> None:
        self.manager.wishes.put_nowait(UsageWanted(every_ms=every_ms, watchers=watchers))


@contextlib.asynccontextmanager
async def reporting() -> AsyncIterator[Bench]:
    bench = Bench()
    reporter = UsageReporter(bench.sampler, bench.clock, random.Random(1), CONFIG)
    async with asyncio.TaskGroup() as group:
        running = [
            group.create_task(bench.sampler.run(CONFIG.usage_apart_s)),
            group.create_task(reporter.run(bench.manager)),
        ]
        await settle()
        yield bench
        for each in running:
            each.cancel()


def cpus(usage: NodeUsage) -> dict[str, list[float]]:
    return {each.task_id: [round(one, 3) for one in each.series.cpus] for each in usage.tasks}


async def test_nothing_is_told_while_nobody_watches() -> None:
    """14.1.1: samples are taken, and no call is made."""
    async with reporting() as bench:
        bench.controllers.cpus["t1"] = 0.5
        await bench.clock.advance(10 * CONFIG.usage_apart_s)
        assert bench.manager.told == []
        assert cpus(bench.sampler.report(with_history=True)) == {"t1": [0.5] * 9}


async def test_the_first_report_tells_the_past_the_next_ones_the_present() -> None:
    """14.1.3: who comes sees ten minutes at once; then each report is of now; a new watcher is told the past again."""
    async with reporting() as bench:
        bench.controllers.cpus["t1"] = 0.5
        await bench.clock.advance(4 * CONFIG.usage_apart_s)
        bench.want(3000)
        await bench.clock.advance(1)
        assert [one.has_history for one in bench.manager.told] == [True]
        assert len(cpus(bench.manager.told[0])["t1"]) >= 3
        assert [round(one, 3) for one in bench.manager.told[0].machine.cpus][-1] == 3.0
        for _ in range(3):
            await bench.clock.advance(3)
        assert [one.has_history for one in bench.manager.told] == [True, False, False, False]
        assert cpus(bench.manager.told[-1]) == {"t1": [0.5]}
        bench.want(3000, watchers=2)
        await bench.clock.advance(1)
        assert bench.manager.told[-1].has_history
        bench.want(0)
        await settle()
        count = len(bench.manager.told)
        await bench.clock.advance(60)
        assert len(bench.manager.told) == count


async def test_what_cannot_be_measured_is_left_out() -> None:
    """14.1.4: an executor's failure, a task that does not run and a machine without figures cost the others nothing."""
    async with reporting() as bench:
        bench.controllers.cpus |= {"t1": 1.0, "t2": None, "t3": 1.0}
        bench.controllers.states["t3"] = "COMPLETE"
        bench.machine.is_broken = True
        bench.want(3000)
        await bench.clock.advance(1)
        await bench.clock.advance(3)
        assert cpus(bench.manager.told[-1]) == {"t1": [1.0]}
        assert not bench.manager.told[-1].HasField("machine")
        del bench.controllers.cpus["t1"]
        await bench.clock.advance(3)
        assert cpus(bench.manager.told[-1]) == {}


async def test_a_refused_report_is_met_by_the_next_one() -> None:
    """14.1.5: the session goes on, and the past is told with the report that is taken."""
    async with reporting() as bench:
        bench.manager.refusals += [CallFailed("ABORTED", "not the leader"), Unreachable("the leader is lost")]
        bench.want(3000)
        for _ in range(6):
            await bench.clock.advance(3)
        assert [one.has_history for one in bench.manager.told][:4] == [True, True, True, False]


@pytest.mark.parametrize("lost", [Unreachable("gone"), CallFailed("ABORTED", "not the leader any more")])
async def test_a_lost_manager_ends_the_session_and_nothing_else(lost: ClientError) -> None:
    """It is the failure itself that is raised, which the session knows, and no group of failures."""
    bench = Bench()
    bench.manager.wishes.put_nowait(lost)
    with pytest.raises(type(lost)):
        await UsageReporter(bench.sampler, bench.clock, random.Random(1), CONFIG).run(bench.manager)


async def test_a_docker_engine_is_not_asked_again() -> None:
    """14.1.5: where the call is unknown the session goes on without it."""
    async with reporting() as bench:
        bench.manager.wishes.put_nowait(CallFailed("UNIMPLEMENTED", "unknown service"))
        await bench.clock.advance(120)
        assert bench.manager.told == []


async def test_without_a_meter_the_machine_uses_what_its_tasks_use() -> None:
    """14.1.4: so it is with simulated machines."""
    clock = ManualClock()
    controllers = Controllers(clock)
    controllers.cpus |= {"t1": 1.0, "t2": 0.5}
    sampler = UsageSampler(controllers.tasks, None, clock)
    await sampler.look()
    assert not sampler.report(with_history=False).HasField("machine")
    await clock.advance(3)
    await sampler.look()
    told = sampler.report(with_history=False)
    assert [round(one, 3) for one in told.machine.cpus] == [1.5]
    assert list(told.machine.memory_bytes) == [128]
    controllers.cpus.clear()
    await clock.advance(3)
    await sampler.look()
    assert list(sampler.report(with_history=False).machine.cpus) == [0.0]
