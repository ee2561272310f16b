"""The simulated executor obeys the executor conformance suite and is nearly free."""

import asyncio
import random
from pathlib import Path

import pytest
from swarm_agentd.exec import errors
from swarm_agentd.exec.volumes import PublishedVolume
from swarm_agentd.executors.simulated.executor import Behaviour, Machine, SimulatedExecutor
from swarm_agentd.executors.simulated.log_lines import LINES_KEPT, STDOUT, Form, Story
from swarm_core.api.proto.logbroker_pb2 import LogSubscriptionOptions
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.timestamps import duration, timestamp_ns
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.conformance.executor import (
    CONFIG_ID,
    SECRET_ID,
    ExecutorConformance,
    FixedDependencies,
    Work,
)
from swarm_testkit.factories import make_cluster_mount, make_task, make_task_spec

_ENV = {
    Work.RUNS: ["SIM_OUT=started"],
    Work.STUBBORN: ["SIM_OUT=started", "SIM_STUBBORN=1"],
    Work.ENDS: ["SIM_OUT=one\ntwo\nthree", "SIM_ERR=oops", "SIM_EXIT=0"],
    Work.FAILS: ["SIM_EXIT=3"],
    Work.BROKEN: ["SIM_BROKEN=1"],
}


def machine(behaviour: Behaviour = Behaviour(), seed: int = 1) -> Machine:  # noqa: B008 - frozen
    return Machine(behaviour, SystemClock(), random.Random(seed))


class SimulatedBench:
    def __init__(self) -> None:
        self._machine = machine(
            Behaviour(prepare_s=(0, 0.002), start_s=(0, 0.002), stop_s=(0, 0.002), tells_usage=True)
        )

    def executor(self) -> SimulatedExecutor:
        return SimulatedExecutor(self._machine)

    def task(self, work: Work, task_id: str) -> Task:
        task = make_task(task_id)
        task.spec.container.env.extend(_ENV[work])
        task.spec.container.stop_grace_period.CopyFrom(duration(0.05))
        return task


@pytest.fixture
def bench() -> SimulatedBench:
    return SimulatedBench()


class TestSimulatedExecutor(ExecutorConformance):
    """All rules but files and health checks, which nobody could see."""


async def run_one(executor: SimulatedExecutor, task: Task) -> None:
    controller = executor.controller(task, FixedDependencies())
    await controller.prepare()
    await controller.start()
    await controller.wait()


async def test_tasks_crash_at_the_given_rate() -> None:
    """With a mean life, tasks fail by themselves and the seed decides when."""
    lives = []
    for _ in range(2):
        simulated = machine(Behaviour(mean_life_s=0.001), seed=7)
        with pytest.raises(errors.ExitFailure):
            await run_one(SimulatedExecutor(simulated), make_task("t"))
        work = simulated.works["t"]
        assert work.ends_s is not None and work.started_s is not None
        lives.append(round(work.ends_s - work.started_s, 9))
    assert lives[0] == lives[1]


async def test_failures_at_the_given_rate() -> None:
    """Prepare and start fail as often as they are told to."""
    with pytest.raises(errors.Missing):
        await run_one(SimulatedExecutor(machine(Behaviour(prepare_failure_rate=1))), make_task("t"))
    with pytest.raises(errors.ExitFailure):
        await run_one(SimulatedExecutor(machine(Behaviour(start_failure_rate=1))), make_task("t"))


async def test_refused_secrets_fail_the_task() -> None:
    """A simulated task asks for its secrets and configs as a real one does."""
    task = make_task("t")
    task.spec.container.secrets.add(secret_id=SECRET_ID)
    task.spec.container.configs.add(config_id=CONFIG_ID)
    executor = SimulatedExecutor(machine())
    await executor.controller(task, FixedDependencies()).prepare()
    task.spec.container.secrets.add(secret_id="other")
    task.id = "u"
    with pytest.raises(errors.Missing):
        await executor.controller(task, FixedDependencies()).prepare()


async def test_processes_are_pretended_too() -> None:
    """Tasks of kind process run, and the node offers both runtimes."""
    executor = SimulatedExecutor(machine())
    task = make_task("t", spec=make_task_spec(command=["true"]))
    controller = executor.controller(task, FixedDependencies())
    await controller.prepare()
    await controller.start()
    plugins = [(plugin.type, plugin.name) for plugin in (await executor.describe()).engine.plugins]
    networks = [("Network", driver) for driver in ("bridge", "host", "overlay")]
    assert plugins == [("Runtime", "container"), ("Runtime", "process"), *networks]


async def test_log_lines_come_by_themselves() -> None:
    """With an interval there is a line per interval, in order of time, and tail cuts them."""
    simulated = machine(Behaviour(log_interval_s=0.01))
    controller = SimulatedExecutor(simulated).controller(make_task("t"), FixedDependencies())
    await controller.prepare()
    await controller.start()
    async with asyncio.timeout(40):
        follow = controller.logs(LogSubscriptionOptions(follow=True))
        seen = [await anext(follow) for _ in range(20)]
    assert sorted(seen, key=lambda message: timestamp_ns(message.timestamp)) == seen
    await controller.shutdown()
    whole = [message async for message in controller.logs(LogSubscriptionOptions())]
    last = [message async for message in controller.logs(LogSubscriptionOptions(tail=-4))]
    assert last == whole[-3:]
    assert whole[:20] == seen
    assert whole[-1].data == b"INFO stop signal, closing\n"
    errors_only = LogSubscriptionOptions(tail=-3, streams=[2])  # type: ignore[list-item]
    assert [message async for message in controller.logs(errors_only)] == [
        message for message in whole if message.stream == 2
    ][-2:]


async def test_a_failing_task_has_last_words() -> None:
    """Why it failed is the last line, on standard error, and every reader sees the same lines."""
    executor = SimulatedExecutor(machine(Behaviour(mean_life_s=0.01, log_interval_s=0.001)))
    controller = executor.controller(make_task("t"), FixedDependencies())
    await controller.prepare()
    await controller.start()
    with pytest.raises(errors.ExitFailure):
        await controller.wait()
    whole = [message async for message in controller.logs(LogSubscriptionOptions(follow=True))]
    assert whole[0].data.startswith(b"INFO starting")
    assert (whole[-1].stream, whole[-1].data[:6], whole[-1].data[-9:]) == (2, b"FATAL ", b"; exit 1\n")
    assert [message async for message in controller.logs(LogSubscriptionOptions())] == whole


@pytest.mark.parametrize(
    ("form", "first"),
    [
        (Form.PLAIN, "INFO starting, pid 16099"),
        (
            Form.JSON,
            '{"time": "1970-01-01T00:00:01.000+00:00", "level": "info", "msg": "starting, pid 16099"}',
        ),
        (Form.LOGFMT, 'time=1970-01-01T00:00:01.000+00:00 level=info msg="starting, pid 16099"'),
    ],
)
def test_lines_in_other_forms(form: Form, first: str) -> None:
    """The same line as JSON, in logfmt and plain; its time and stream are the same."""
    story = Story("t1", started_ns=10**9, age_ns=0, interval_ns=10**9, form=form)
    (line,) = story.lines()
    assert (line.at_ns, line.stream, line.text) == (10**9, STDOUT, first)


def test_old_lines_rotate_away() -> None:
    """However long a task has run, reading it costs the same; both streams are used, and tasks differ."""
    year_ns = 365 * 86_400 * 10**9
    story = Story("t", started_ns=1, age_ns=year_ns, interval_ns=10**9)
    lines = list(story.lines())
    assert len(lines) == LINES_KEPT
    assert list(story.lines(story.count() - 3)) == lines[-3:]
    assert {line.stream for line in lines} == {1, 2}
    other = Story("u", started_ns=1, age_ns=year_ns, interval_ns=10**9)
    assert [line.text for line in other.lines()] != [line.text for line in lines]


async def test_a_task_with_lines_of_its_own_writes_no_others() -> None:
    """What the environment says a task writes is all that it writes."""
    task = make_task("t")
    task.spec.container.env.extend(["SIM_OUT=one", "SIM_EXIT=1"])
    executor = SimulatedExecutor(machine(Behaviour(log_interval_s=0.001)))
    controller = executor.controller(task, FixedDependencies())
    await controller.prepare()
    await controller.start()
    with pytest.raises(errors.ExitFailure):
        await controller.wait()
    assert [message.data async for message in controller.logs(LogSubscriptionOptions())] == [b"one\n"]


async def test_running_tasks_use_no_timers() -> None:
    """Thousands of running tasks leave nothing for the loop to do."""
    executor = SimulatedExecutor(machine())
    for number in range(3000):
        controller = executor.controller(make_task(f"t{number}"), FixedDependencies())
        await controller.prepare()
        await controller.start()
    assert len(asyncio.all_tasks()) == 1


async def test_waits_for_its_volumes() -> None:
    """docs/design/volumes.md 12.10.4: a task is not prepared before its cluster volumes are there; when they are, it runs."""

    simulated, places = machine(), dict[str, PublishedVolume]()
    task = make_task("t")
    task.spec.container.mounts.append(make_cluster_mount("data"))
    task.volumes.add(id="v", source="data", target="/data")
    controller = SimulatedExecutor(simulated).controller(task, FixedDependencies(places))
    with pytest.raises(errors.Temporary):
        await controller.prepare()
    assert not simulated.works
    places["v"] = PublishedVolume(Path("/volumes/v"))
    await controller.prepare()
    await controller.start()
    assert simulated.works["t"].started_s is not None


async def test_attachment_runs_until_it_is_taken_away() -> None:
    """A container that was attached by hand is a task that runs from its start to its removal."""
    simulated = machine()
    task = make_task("t")
    task.spec.attachment.container_id = "by-hand"
    controller = SimulatedExecutor(simulated).controller(task, FixedDependencies())
    await controller.prepare()
    await controller.start()
    assert simulated.works["t"].result(SystemClock().monotonic()) is None
    await controller.remove()
    assert not simulated.works
