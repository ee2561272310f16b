"""The cluster in memory answers as a manager does; and what tests script around it."""

import asyncio

import pytest
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2, watch_pb2
from swarm_core.client.calls import opened
from swarm_core.client.control import Control
from swarm_core.client.errors import CallFailed, IncompleteLogs, Unreachable
from swarm_core.client.log_query import LogQuery
from swarm_core.client.logs import LogLine, LogReader
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.cluster_fake import FakeCluster, log_line
from swarm_testkit.conformance.control import ControlConformance
from swarm_testkit.factories import make_cluster, make_node, make_service, make_task

Config = objects_pb2.Config


class TestClusterInMemory(ControlConformance):
    """The cluster that most tests of the client and the dashboard look at."""

    @pytest.fixture
    def calls(self) -> FakeCluster:
        return FakeCluster([make_cluster("c1")])


def spec(name: str) -> specs_pb2.ConfigSpec:
    return specs_pb2.ConfigSpec(annotations=types_pb2.Annotations(name=name), data=b"x")


def test_content_outlives_an_event_loop() -> None:
    """Each command of a test runs in a loop of its own: the next one finds what was there, and makes other ids."""
    fake = FakeCluster()
    first = asyncio.run(Control(fake).create(Config, spec("first")))
    fake.put(make_service("s1"))
    second = asyncio.run(Control(fake).create(Config, spec("second")))
    assert first.id != second.id and second.meta.version.index == first.meta.version.index + 2
    assert asyncio.run(Control(fake).get(Config, first.id)) == first
    assert {item.id for item in fake.all(Config)} == {first.id, second.id}


async def test_nothing_runs_between_calls() -> None:
    """No loop of the manager outlives the last call or stream."""
    fake = FakeCluster([make_cluster("c1")])
    before = asyncio.all_tasks()
    await Control(fake).find(Config)
    async with opened(fake.stream("Watch.Watch", watch_of_clusters())) as stream:
        await anext(stream)
        assert asyncio.all_tasks() != before
    assert asyncio.all_tasks() == before


async def test_a_call_while_the_loops_of_the_last_one_end() -> None:
    """Whoever comes while the manager's loops are being ended gets loops of its own."""
    fake = FakeCluster([make_node("n1"), make_service("s1")])

    async def read() -> None:
        await LogReader(fake, clock=SystemClock()).run(LogQuery(service_ids=("s1",)), lambda lines: None)

    async def read_after(turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        await read()

    await asyncio.gather(*(read_after(turns) for turns in range(0, 200, 7)))


def watch_of_clusters(since: int | None = None) -> watch_pb2.WatchRequest:
    request = watch_pb2.WatchRequest()
    request.entries.add(kind="cluster", action=watch_pb2.WATCH_ACTION_UPDATE)
    if since is not None:
        request.resume_from.index = since
    return request


async def test_a_compacted_history_cannot_be_resumed() -> None:
    """What was forgotten is refused; what came later is given."""
    fake = FakeCluster([make_cluster("c1")])
    seen = fake.version
    fake.update(objects_pb2.Cluster, "c1", lambda cluster: None)
    fake.compact()
    kept = fake.version
    fake.update(objects_pb2.Cluster, "c1", lambda cluster: None)
    with pytest.raises(CallFailed, match="compaction") as refused:
        async with opened(fake.stream("Watch.Watch", watch_of_clusters(seen))) as stream:
            await anext(stream)
    assert refused.value.code == "UNKNOWN"
    async with opened(fake.stream("Watch.Watch", watch_of_clusters(kept))) as stream:
        await anext(stream)
        assert (await anext(stream)).version.index == fake.version


async def test_a_call_under_way_is_cut() -> None:
    """Who waits for an answer when the connection breaks hears of it, and may call again."""
    fake = FakeCluster([make_cluster("c1")])
    async with opened(fake.stream("Watch.Watch", watch_of_clusters())) as stream:
        await anext(stream)
        fake.cut("gone")
        with pytest.raises(Unreachable, match="gone"):
            await anext(stream)
    assert await Control(fake).find(Config) == []


async def test_logs_of_a_task_that_comes_later() -> None:
    """Whoever follows a service's logs gets the lines of a task that is placed meanwhile, on whatever node."""
    service = make_service("s1")
    fake = FakeCluster([make_node("n1"), make_node("n2"), service])
    got: asyncio.Queue[LogLine] = asyncio.Queue()
    reader = LogReader(fake, clock=SystemClock(), window_s=0.01)

    def take(lines: list[LogLine]) -> None:
        for line in lines:
            got.put_nowait(line)

    async with asyncio.TaskGroup() as group:
        reading = group.create_task(reader.run(LogQuery(service_ids=("s1",), follow=True), take))
        while not fake.streams_open:
            await asyncio.sleep(0)
        for number in (1, 2):
            task = make_task(f"t{number}", service=service, node_id=f"n{number}", state="RUNNING")
            fake.put(task)
            fake.log_lines(log_line(task, f"from {number}"))
            assert (await got.get()).text == f"from {number}"
        reading.cancel()


async def test_logs_of_a_node_that_is_down() -> None:
    """A node that is not ready listens to nobody: its logs are said to be incomplete."""
    service = make_service("s1")
    task = make_task("t1", service=service, node_id="n1", state="RUNNING")
    fake = FakeCluster([make_node("n1", state="DOWN"), service, task])
    fake.log_lines(log_line(task, "unread"))
    with pytest.raises(IncompleteLogs, match="node n1: not available"):
        await LogReader(fake, clock=SystemClock(), window_s=0.01).run(
            LogQuery(service_ids=("s1",)), lambda lines: None
        )
