"""The mirror: the cluster as last seen, told in batches."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.proto.raft_status_pb2 import GetRaftStatusResponse
from swarm_core.client.managers import Managers
from swarm_core.client.watch import Action, Change, Changed, Listed, Lost, Resumed, Update
from swarm_testkit.clock import VirtualClock, in_virtual_time
from swarm_testkit.cluster_fake import START_NS
from swarm_testkit.factories import make_node, make_resources, make_service, make_task, make_task_spec
from swarm_tui.clusters.changes import Changes, Phase
from swarm_tui.clusters.following import follow
from swarm_tui.clusters.mirror import Mirror

MINUTE_NS = 60_000_000_000
Node, Service, Task = objects_pb2.Node, objects_pb2.Service, objects_pb2.Task


class Clock:
    def __init__(self) -> None:
        self.now_ns = START_NS

    def wall_ns(self) -> int:
        return self.now_ns


def clock_at_a_minute() -> Clock:
    """A clock at the beginning of a minute."""
    clock = Clock()
    clock.now_ns -= clock.now_ns % MINUTE_NS
    return clock


def changed(*items: Any, action: Action = Action.UPDATED, version: int = 0) -> Changed:
    return Changed(tuple(Change(action, item) for item in items), version)


def at_version(item: Any, version: int) -> Any:
    item.meta.version.index = version
    return item


def mirror_of(*items: Any) -> Mirror:
    mirror = Mirror(Clock())
    mirror.apply(Listed(tuple(items), 1))
    mirror.flush()
    return mirror


def test_list_replaces_everything() -> None:
    """What is not in a new list is gone."""
    mirror = mirror_of(make_service("s1"), make_task("t1", service_id="s1"))
    mirror.apply(Listed((make_service("s2"),), 2))
    assert list(mirror.ids(Service)) == ["s2"]
    assert not mirror.tasks_of_service("s1") and not mirror.objects(Task)
    assert mirror.service_sums("s1").running == 0


def test_older_version_is_ignored() -> None:
    """A repeated change does not take an object back."""
    mirror = mirror_of()
    mirror.apply(changed(at_version(make_task("t1", state="RUNNING"), 9)))
    mirror.apply(changed(at_version(make_task("t1", state="PENDING"), 5)))
    task = mirror.get(Task, "t1")
    assert task is not None and task.status.state == types_pb2.RUNNING


def test_removal_of_what_is_not_there() -> None:
    """A repeated removal says nothing."""
    mirror = mirror_of()
    mirror.apply(changed(make_task("t1"), action=Action.REMOVED))
    assert not mirror.is_dirty


def test_sums_follow_tasks() -> None:
    """Running, wanted and reserved follow each change of a task, without its old message."""
    spec = make_task_spec(reservations=make_resources(cpus=0.5, memory=1024))
    mirror = mirror_of(make_service("s1"), make_node("n1"), make_node("n2"))

    def put(**fields: Any) -> None:
        mirror.apply(changed(make_task("t1", service_id="s1", spec=spec, **fields)))

    put(state="PENDING")
    assert (mirror.service_sums("s1").wanted, mirror.service_sums("s1").running) == (1, 0)
    put(state="RUNNING", node_id="n1")
    assert mirror.service_sums("s1").running_on == {"n1": 1}
    assert (mirror.node_sums("n1").nano_cpus, mirror.node_sums("n1").memory_bytes) == (500_000_000, 1024)
    put(state="RUNNING", node_id="n2")
    assert (mirror.node_sums("n1").running, mirror.node_sums("n2").running) == (0, 1)
    put(state="FAILED", desired="SHUTDOWN", node_id="n2")
    assert (mirror.service_sums("s1").wanted, mirror.node_sums("n2").nano_cpus) == (0, 0)
    mirror.apply(changed(make_task("t1"), action=Action.REMOVED))
    assert mirror.service_sums("s1").running_on == {} and mirror.node_sums("n2").tasks == 0


def test_tasks_by_service_and_node() -> None:
    """A task is found by its service and its node, and moves with them."""
    mirror = mirror_of(make_node("n1"), make_node("n2"))
    mirror.apply(changed(make_task("t1", service_id="s1", node_id="n1")))
    mirror.apply(changed(make_task("t1", service_id="s1", node_id="n2")))
    assert not mirror.tasks_of_node("n1")
    assert [task.id for task in mirror.tasks_of_node("n2")] == ["t1"]
    mirror.apply(changed(make_task("t1"), action=Action.REMOVED))
    assert not mirror.tasks_of_service("s1") and not mirror.tasks_of_node("n2")


def told(mirror: Mirror) -> list[Changes]:
    out: list[Changes] = []
    mirror.listen(out.append)
    return out


def test_flush_tells_once_what_many_events_changed() -> None:
    """A thousand events are one call, with the rows that look different."""
    mirror = mirror_of(make_service("s1"), make_node("n1"))
    heard = told(mirror)
    for _ in range(1000):
        mirror.apply(changed(make_task("t1", service_id="s1", node_id="n1", state="RUNNING")))
    assert heard == []
    mirror.flush()
    mirror.flush()
    assert len(heard) == 1
    assert (heard[0].of(Task), heard[0].of(Service), heard[0].of(Node)) == ({"t1"}, {"s1"}, {"n1"})


def test_node_going_down_touches_its_tasks() -> None:
    """Rows of tasks and services look different when their node goes down, not at every heartbeat of it."""
    mirror = mirror_of(
        make_node("n1"), make_service("s1"), make_task("t1", service_id="s1", node_id="n1", state="RUNNING")
    )
    heard = told(mirror)
    mirror.apply(changed(make_node("n1", labels={"a": "b"}, hostname="host-of-n1")))
    mirror.flush()
    mirror.apply(changed(make_node("n1", state="DOWN")))
    mirror.flush()
    assert heard[0].of(Task) == frozenset()
    assert heard[1].of(Task) == {"t1"} and heard[1].of(Service) == {"s1"}


def test_listener_can_leave() -> None:
    """After its leave a listener hears nothing."""
    mirror = mirror_of()
    heard: list[Changes] = []
    leave = mirror.listen(heard.append)
    leave()
    mirror.apply(changed(make_service("s1")))
    mirror.flush()
    assert heard == []


def test_stream_phases() -> None:
    """connecting → live → stale → live with what was missed; a refusal means resyncing."""
    clock = Clock()
    mirror = Mirror(clock)
    mirror.apply(Lost("nobody there"))
    assert (mirror.stream.phase, mirror.stream.reason) == (Phase.CONNECTING, "nobody there")
    mirror.apply(Listed((), 1))
    assert mirror.stream.phase is Phase.LIVE
    clock.now_ns += 5
    mirror.apply(Lost("gone"))
    clock.now_ns += 5
    mirror.apply(Lost("still gone"))
    assert mirror.stream.phase is Phase.STALE
    assert (mirror.stream.since_ns, mirror.stream.reason) == (START_NS + 5, "still gone")
    late = make_service("s1")
    late.meta.updated_at.FromNanoseconds(clock.now_ns)
    clock.now_ns += 5
    mirror.apply(Resumed(1))
    mirror.apply(changed(late))
    assert (mirror.stream.phase, mirror.stream.missed) == (Phase.LIVE, 1)
    mirror.apply(Lost("compacted", is_refusal=True))
    assert mirror.stream.phase is Phase.RESYNCING


async def feed(updates: Iterable[Update], waits: VirtualClock, pause_s: float) -> AsyncIterator[Update]:
    for update in updates:
        yield update
        await waits.sleep(pause_s)


@in_virtual_time
async def test_follow_flushes_at_its_pace() -> None:
    """Two hundred events in a second are ten calls, not two hundred; the first comes at once."""
    clock = VirtualClock()
    mirror = Mirror(clock)
    at: list[float] = []
    mirror.listen(lambda changes: at.append(clock.monotonic()))
    start = clock.monotonic()
    updates = [Listed((), 1), *(changed(make_service("s1")) for _ in range(200))]
    await follow(mirror, feed(updates, clock, 0.005))
    assert at[0] == start
    assert 9 <= len(at) <= 12
    assert min(b - a for a, b in itertools.pairwise(at)) > 0.09


@in_virtual_time
async def test_idle_mirror_wakes_nobody() -> None:
    """While nothing changes no timer runs."""
    clock = VirtualClock()
    mirror = Mirror(clock)
    calls: list[Changes] = []
    mirror.listen(calls.append)
    over = asyncio.Event()

    async def silence() -> AsyncIterator[Update]:
        yield Listed((), 1)
        await over.wait()

    following = asyncio.ensure_future(follow(mirror, silence()))
    await clock.sleep(3600)
    assert len(calls) == 1
    over.set()
    await following


def test_history_of_a_service() -> None:
    """The curve shows the lowest share of its goal of each minute and carries the last one on."""
    clock = clock_at_a_minute()
    mirror = Mirror(clock)
    service = make_service("s1", replicas=2)
    tasks = [make_task(f"t{i}", service_id="s1", state="RUNNING") for i in range(2)]
    mirror.apply(Listed((service, *tasks), 1))
    clock.now_ns += 2 * MINUTE_NS
    mirror.apply(changed(make_task("t0", service_id="s1", state="FAILED")))
    mirror.apply(changed(make_task("t0", service_id="s1", state="RUNNING")))
    clock.now_ns += 2 * MINUTE_NS
    curve = mirror.running_history("s1", clock.now_ns)
    assert curve == [None] * 5 + [1.0, 1.0, 0.5, 1.0, 1.0]
    mirror.apply(changed(service, action=Action.REMOVED))
    assert mirror.running_history("s1", clock.now_ns) == [None] * 10


def test_a_list_anew_is_no_dip_in_the_history() -> None:
    """Tasks are counted again from the first; no service ran less for that."""
    clock = clock_at_a_minute()
    mirror = Mirror(clock)
    objects = make_service("s1", replicas=1), make_task("t1", service_id="s1", state="RUNNING")
    mirror.apply(Listed(objects, 1))
    clock.now_ns += MINUTE_NS
    mirror.apply(Listed(objects, 2))
    mirror.apply(changed(make_task("t1", service_id="s1", state="RUNNING", node_id="n1")))
    assert mirror.running_history("s1", clock.now_ns)[-2:] == [1.0, 1.0]


def test_a_dip_before_an_order_is_told_by_the_goal_of_then() -> None:
    """Three of four ran for a moment, then two were enough: the minute had three quarters of its goal."""
    clock = clock_at_a_minute()
    mirror = Mirror(clock)
    tasks = [make_task(f"t{i}", service_id="s1", state="RUNNING") for i in range(4)]
    mirror.apply(Listed((make_service("s1", replicas=4), *tasks), 1))
    clock.now_ns += 2 * MINUTE_NS
    mirror.apply(changed(make_task("t0", service_id="s1", state="FAILED")))
    mirror.apply(changed(tasks[0]))
    mirror.apply(changed(make_service("s1", replicas=2)))
    assert mirror.running_history("s1", clock.now_ns)[-2:] == [1.0, 0.75]


def test_a_long_flood_is_recorded_in_its_minutes() -> None:
    """What is read at once although it came over a second is kept in the minute in which it came."""
    clock = clock_at_a_minute()
    mirror = Mirror(clock)
    tasks = [make_task(f"t{i}", service_id="s1", state="RUNNING") for i in range(2)]
    mirror.apply(Listed((make_service("s1", replicas=2), *tasks), 1))
    mirror.flush()
    clock.now_ns += 3 * MINUTE_NS - 400_000_000
    for number in range(8):
        is_dip = number == 1
        mirror.queue(changed(make_task("t0", service_id="s1", state="FAILED" if is_dip else "RUNNING")))
        mirror.queue(changed(make_task("t1", service_id="s1", state="STARTING")))
        mirror.queue(changed(tasks[1]))
        clock.now_ns += 99_000_000
    mirror.flush()
    assert mirror.running_history("s1", clock.now_ns)[-3:] == [1.0, 0.0, 0.5]


def test_which_nodes_are_down() -> None:
    """As nodes go down, come back, go for good and are listed anew."""
    mirror = mirror_of(make_node("n1", state="DOWN"), make_node("n2", state="READY"))
    assert set(mirror.down_nodes) == {"n1"}
    mirror.apply(changed(make_node("n1", state="READY"), make_node("n2", state="DOWN")))
    assert set(mirror.down_nodes) == {"n2"}
    mirror.apply(changed(make_node("n2", state="DOWN"), action=Action.REMOVED))
    assert not mirror.down_nodes
    mirror.apply(Listed((make_node("n3", state="DOWN"),), 2))
    assert set(mirror.down_nodes) == {"n3"}


def test_a_kind_that_it_does_not_keep() -> None:
    """An object of a kind that is not kept is passed over."""
    mirror = mirror_of()
    mirror.apply(changed(objects_pb2.Extension(id="x")))
    assert not mirror.is_dirty


def manager(number: int, **status: Any) -> objects_pb2.Node:
    node = at_version(make_node(f"m{number}", hostname=f"m{number}", role="MANAGER"), number)
    node.manager_status.raft_id = number
    for field, value in status.items():
        setattr(node.manager_status, field, value)
    return node


def event_of(node: objects_pb2.Node) -> Changed:
    """What a watch says of a node: everything but what is computed."""
    item = objects_pb2.Node()
    item.CopyFrom(node)
    item.ClearField("manager_status")
    return changed(item)


def status_in(mirror: Mirror, node_id: str) -> types_pb2.ManagerStatus | None:
    node = mirror.get(Node, node_id)
    return node.manager_status if node is not None and node.HasField("manager_status") else None


def test_a_manager_s_status_outlives_events() -> None:
    """No event holds a manager's status: the node keeps the one last listed or told."""
    mirror = mirror_of(manager(1, leader=True), manager(2))
    mirror.apply(event_of(manager(1)))
    assert status_in(mirror, "m1") == types_pb2.ManagerStatus(raft_id=1, leader=True)
    told = types_pb2.ManagerStatus(raft_id=1, reachability=types_pb2.RaftMemberStatus.UNREACHABLE)
    mirror.apply(Managers({"m1": told}, None))
    mirror.apply(event_of(manager(1)))
    assert status_in(mirror, "m1") == told


def test_told_statuses_touch_what_is_different() -> None:
    """A status that is news touches its node; who is told of no more is no manager any more."""
    mirror = mirror_of(manager(1), manager(2), make_node("w1"))
    heard: list[Changes] = []
    mirror.listen(heard.append)
    one, two = (manager(number).manager_status for number in (1, 2))
    mirror.apply(Managers({"m1": one, "m2": two}, None))
    assert not mirror.is_dirty
    mirror.apply(Managers({"m1": one}, None))
    mirror.flush()
    assert heard[0].of(Node) == {"m2"}
    assert status_in(mirror, "m2") is None and status_in(mirror, "m1") == one


def test_without_an_answer_statuses_stay_and_positions_go() -> None:
    """While nobody answers the last statuses are the best there is; positions in a log would mislead."""
    mirror = mirror_of(manager(1), make_node("w1"))
    mirror.apply(Managers({"m1": manager(1).manager_status}, GetRaftStatusResponse(term=7)))
    mirror.flush()
    heard: list[Changes] = []
    mirror.listen(heard.append)
    mirror.apply(Managers(None, None))
    mirror.flush()
    assert mirror.raft is None and status_in(mirror, "m1") is not None
    assert heard[0].of(Node) == {"m1"}


@in_virtual_time
async def test_a_flood_is_told_in_longer_steps() -> None:
    """Of a thousand events a second and more listeners hear three times a second; afterwards as before."""
    clock = VirtualClock()
    mirror = Mirror(clock)
    at: list[float] = []
    mirror.listen(lambda changes: at.append(clock.monotonic()))
    updates = [Listed((), 1), *(changed(make_service("s1")) for _ in range(5000))]
    await follow(mirror, feed(updates, clock, 0.0005))
    assert 8 <= len(at) <= 12
    at.clear()
    await clock.sleep(1)
    await follow(mirror, feed(updates[:41], clock, 0.05))
    assert len(at) >= 18


@in_virtual_time
async def test_what_comes_is_read_with_the_next_flush_and_at_the_end() -> None:
    """A flush of somebody else reads it too; what is left when the watch ends is read then."""
    clock = VirtualClock()
    mirror = Mirror(clock)
    goes_on = asyncio.Event()

    async def updates() -> AsyncIterator[Update]:
        yield Listed((make_service("s1"),), 1)
        await clock.sleep(0.01)
        yield changed(make_service("s2"))
        await goes_on.wait()
        yield changed(make_service("s3"))

    following = asyncio.ensure_future(follow(mirror, updates()))
    await clock.sleep(0.02)
    assert set(mirror.ids(Service)) == {"s1"} and mirror.is_dirty
    mirror.flush()
    assert set(mirror.ids(Service)) == {"s1", "s2"} and not mirror.is_dirty
    goes_on.set()
    await following
    assert set(mirror.ids(Service)) == {"s1", "s2", "s3"}


@in_virtual_time
async def test_what_cannot_be_read_ends_the_following() -> None:
    """As it is, although it is read outside of the task that follows; cancelled by somebody else it is cancelled."""
    mirror = Mirror(VirtualClock())

    async def updates(*told: Any) -> AsyncIterator[Update]:
        for one in told:
            yield one
        await asyncio.Event().wait()

    with pytest.raises(AttributeError):
        await follow(mirror, updates(Changed((None,), 1)))  # type: ignore[arg-type]
    following = asyncio.ensure_future(follow(mirror, updates(Listed((), 1))))
    await asyncio.sleep(0)
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
