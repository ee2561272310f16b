"""Logs of containers of several engines, and the figures of one."""

import asyncio
from typing import Any

import pytest
from swarm_core.client.log_query import LogQuery
from swarm_core.client.logs import LogLine
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.engine_clusters import Rig, rig
from swarm_testkit.engine_hands import mirror_of
from swarm_testkit.manual_clock import ManualClock
from swarm_tui.clusters.session import Clock
from swarm_tui.engines.following import records_of
from swarm_tui.engines.logs import EngineLogs, is_over
from swarm_tui.engines.stats import series_of
from swarm_tui.resources.engines.items import ContainerItem


async def said(found: Rig, number: int, name: str, script: str, **more: Any) -> None:
    """A container that says this has run on an engine, or runs."""
    engine = found.fakes[number]
    one = engine.create(name, {"Image": "busybox:local", "Cmd": ["sh", "-c", script], **more})
    engine.running.start(one)
    await found.until(lambda: found.names(number).get(name) == one.status)


def logs_of(found: Rig, clock: Clock) -> tuple[EngineLogs, dict[str, str]]:
    """The logs, and the ids of containers by ENGINE/NAME."""
    mirror = mirror_of(records_of(found.cluster))
    ids = {f"{one.record.engine}/{one.record.name}": one.id for one in mirror.objects(ContainerItem)}
    return EngineLogs(found.cluster, mirror, clock), ids


async def test_lines_of_several_engines_are_one_log_in_time_order() -> None:
    """Each line is its container's, with its stream and without its time."""
    async with rig(2) as found:
        await said(found, 0, "app", "echo one; echo oops >&2")
        await said(found, 1, "box", "echo two", Tty=True)
        # No time passes while lines are held back: however late an engine answers, its lines are put in their order.
        logs, ids = logs_of(found, ManualClock())
        lines: list[LogLine] = []
        await logs.run(LogQuery(task_ids=(ids["e0/app"], ids["e1/box"]), tail=10), lines.extend)
        told = [(one.task_id, one.text, one.is_stderr) for one in lines]
        assert told == [
            (ids["e0/app"], "one", False),
            (ids["e0/app"], "oops", True),
            (ids["e1/box"], "two", False),
        ]
        assert [one.at_ns for one in lines] == sorted(one.at_ns for one in lines)


async def test_a_log_is_followed_and_one_that_is_gone_ends() -> None:
    """What comes later is told once; of a container that is not known any more there is no log."""
    async with rig(1) as found:
        await said(found, 0, "app", "echo one; cat", OpenStdin=True)
        logs, ids = logs_of(found, SystemClock())
        lines: list[LogLine] = []
        came = asyncio.Event()

        def take(batch: Any) -> None:
            lines.extend(batch)
            came.set()

        following = asyncio.ensure_future(logs.run(LogQuery(task_ids=(ids["e0/app"],), follow=True), take))
        async with asyncio.timeout(20):
            await came.wait()
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        assert [one.text for one in lines] == ["one"]
        await logs.run(LogQuery(task_ids=("e0/nobody",), follow=True), lines.extend)
        assert is_over(logs._mirror, LogQuery(task_ids=("e0/nobody",), follow=True))
        assert not is_over(logs._mirror, LogQuery(task_ids=(ids["e0/app"],), follow=True))


def figures(**more: Any) -> dict[str, Any]:
    """One line of an engine's figures: half of two processors, 30 MiB of which 10 are cached files."""
    return {
        "cpu_stats": {"cpu_usage": {"total_usage": 1_500}, "system_cpu_usage": 10_000, "online_cpus": 2},
        "precpu_stats": {"cpu_usage": {"total_usage": 1_000}, "system_cpu_usage": 9_000},
        "memory_stats": {"usage": 30 << 20, "stats": {"inactive_file": 10 << 20}},
    } | more


def test_figures_are_docker_s() -> None:
    """Processors by the two samples of the line, memory without cached files."""
    series = series_of(figures())
    assert series is not None
    assert list(series.cpus) == [1.0]
    assert list(series.memory_bytes) == [20 << 20]


@pytest.mark.parametrize(
    "told",
    [
        figures(precpu_stats={"cpu_usage": {"total_usage": 0}}),
        figures(memory_stats={}),
        {},
        [],
    ],
    ids=["the first line", "it does not run", "nothing", "garbage"],
)
def test_a_line_without_two_samples_says_nothing(told: Any) -> None:
    """Nothing is made up."""
    assert series_of(told) is None
