"""The Dispatcher service as agents of any make see it, in virtual time."""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import replace
from typing import Any

import pytest
from swarm_core.api.proto.dispatcher_pb2 import (
    AssignmentChange,
    AssignmentsMessage,
    AssignmentsRequest,
    HeartbeatRequest,
    SessionMessage,
    SessionRequest,
    TasksMessage,
    TasksRequest,
    UpdateTaskStatusRequest,
    UpdateVolumeStatusRequest,
)
from swarm_core.api.proto.objects_pb2 import Cluster, Node, Task, Volume
from swarm_core.api.proto.types_pb2 import (
    FAILED,
    ORPHANED,
    RUNNING,
    SHUTDOWN,
    STARTING,
    NodeStatus,
    Peer,
    TaskState,
    VolumePublishStatus,
    WeightedPeer,
)
from swarm_core.api.timestamps import duration, duration_s
from swarm_core.manager.dispatcher.config import DispatcherConfig
from swarm_core.manager.dispatcher.dispatcher import Dispatcher
from swarm_core.manager.dispatcher.periods import Periods
from swarm_core.raft_node.errors import LostLeadership
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import (
    Aborted,
    Code,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    RpcFailure,
    Unavailable,
    Unknown,
)
from swarm_core.runtime.tasks import Group
from swarm_core.store.errors import StoreError
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Step
from swarm_testkit.clock import VirtualClock, in_virtual_time, until
from swarm_testkit.factories import make_cluster, make_node, make_task

DAY_S = 24 * 3600


class FlakyStore(MemoryStore):
    """A store whose batches fail while `refuse` is set; counts its batches."""

    refuse = False
    batches = 0

    async def batch(self, steps: Any) -> list[StoreError | None]:
        if self.refuse:
            raise LostLeadership
        self.batches += 1
        todo: list[Step] = list(steps)
        await asyncio.sleep(0.01)  # a commit takes its time
        return await super().batch(todo)


class Rig:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.store = FlakyStore(clock=self.clock)
        self.peers = [WeightedPeer(peer=Peer(node_id="m1", addr="192.0.2.1:4242"), weight=10)]
        self.managers_are_ours = True
        self.dispatcher = Dispatcher(
            self.store,
            self.clock,
            random.Random(3),
            node_id="m1",
            managers=lambda: self.peers,
            managers_are_ours=lambda: self.managers_are_ours,
        )

    async def put(self, *items: Any) -> None:
        def change(transaction: Any) -> None:
            for item in items:
                stored = transaction.get(type(item), item.id)
                if stored is None:
                    transaction.create(item)
                else:
                    item.meta.CopyFrom(stored.meta)
                    transaction.update(item)

        await self.store.update(change)

    def node(self, node_id: str = "n1") -> Node:
        node = self.store.get(Node, node_id)
        assert node is not None
        return node

    def state(self, task_id: str) -> TaskState.ValueType:
        task = self.store.get(Task, task_id)
        assert task is not None
        return task.status.state

    async def report(
        self, session_id: str, *states: tuple[str, TaskState.ValueType], node: str = "n1"
    ) -> None:
        request = UpdateTaskStatusRequest(session_id=session_id)
        for task_id, state in states:
            request.updates.add(task_id=task_id).status.state = state
        await self.dispatcher.update_task_status(request, caller(node))

    async def beat(self, session_id: str) -> float:
        answer = await self.dispatcher.heartbeat(HeartbeatRequest(session_id=session_id), caller())
        return duration_s(answer.period)


def caller(node_id: str = "n1") -> Caller:
    return Caller(node_id, frozenset({"swarm-worker"}), "cluster", "[2001:db8::7]:5555")


@contextlib.asynccontextmanager
async def serving(dispatcher: Dispatcher) -> AsyncIterator[Group]:
    async with Group() as group:
        group.spawn(dispatcher.run(), name="dispatcher")
        await asyncio.sleep(0.02)
        try:
            yield group
        finally:
            group.cancel_all()


@contextlib.contextmanager
def logged(logger: logging.Logger) -> Iterator[list[str]]:
    """What is logged within the block."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def rigged(test: Callable[[Rig], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A rig with nodes n1 and n2 whose dispatcher serves, in virtual time."""

    async def run() -> None:
        rig = Rig()
        await rig.put(make_cluster("c1"), make_node("n1", state="UNKNOWN", addr=""), make_node("n2"))
        async with serving(rig.dispatcher):
            await test(rig)

    def wrapper() -> None:
        in_virtual_time(run)()

    wrapper.__doc__ = test.__doc__
    return wrapper


@contextlib.asynccontextmanager
async def session(
    rig: Rig, node_id: str = "n1", session_id: str = ""
) -> AsyncIterator[tuple[str, AsyncIterator[SessionMessage]]]:
    """An open Session call, after its first message; the node describes the engine that is stored of it."""
    request = SessionRequest(session_id=session_id)
    request.description.hostname = f"host-{node_id}"
    if (stored := rig.store.get(Node, node_id)) is not None:
        request.description.engine.CopyFrom(stored.description.engine)
    async with contextlib.aclosing(rig.dispatcher.session(request, caller(node_id))) as stream:  # type: ignore[type-var]
        first = await anext(stream)
        yield first.session_id, stream


@contextlib.asynccontextmanager
async def assignments(rig: Rig, session_id: str) -> AsyncIterator[AsyncIterator[AssignmentsMessage]]:
    async def decoded(stream: AsyncIterator[bytes]) -> AsyncIterator[AssignmentsMessage]:
        async for data in stream:
            yield AssignmentsMessage.FromString(data)

    stream = rig.dispatcher.assignments(AssignmentsRequest(session_id=session_id), caller())
    async with contextlib.aclosing(stream):  # type: ignore[type-var]
        yield decoded(stream)


def assigned(task_id: str, *, state: str = "ASSIGNED", desired: str = "RUNNING", node_id: str = "n1") -> Task:
    return make_task(task_id, node_id=node_id, state=state, desired=desired)


# sessions


@rigged
async def test_first_session_message_is_whole(rig: Rig) -> None:
    """The first message holds session id, node, managers, keys and root CA; the node is READY by then."""
    cluster = make_cluster("c1")
    cluster.root_ca.ca_cert = b"root"
    cluster.network_bootstrap_keys.add(subsystem="networking:gossip", key=b"k", lamport_time=4)
    await rig.put(cluster)
    stream = rig.dispatcher.session(SessionRequest(), caller())
    message = await anext(stream)
    assert len(message.session_id) == 25
    assert message.node.id == "n1" and message.node.status.state == NodeStatus.READY
    assert message.node.status.addr == "2001:db8::7"
    assert list(message.managers) == rig.peers
    assert message.RootCA == b"root" and message.network_bootstrap_keys[0].lamport_time == 4
    await stream.aclose()


@rigged
async def test_a_managers_own_agent_is_where_the_manager_is(rig: Rig) -> None:
    """It comes by no network, so its address is the manager's; of a worker that comes so nothing is known (5.3.9)."""
    await rig.put(make_node("m1", addr=""), make_node("w1", addr=""))
    for node_id, addr in (("m1", "192.0.2.1"), ("w1", "")):
        own = replace(caller(node_id), remote_addr="")
        stream = rig.dispatcher.session(SessionRequest(), own)
        assert (await anext(stream)).node.status.addr == addr
        await stream.aclose()


@rigged
async def test_changes_are_told_with_all_fields(rig: Rig) -> None:
    """A change of managers, cluster or own node is told at once, each time with every field."""
    async with session(rig) as (session_id, stream):
        rig.peers.append(WeightedPeer(peer=Peer(node_id="m2", addr="192.0.2.2:4242"), weight=10))
        rig.dispatcher.managers_changed()
        message = await anext(stream)
        assert len(message.managers) == 2 and message.node.id == "n1"
        cluster = make_cluster("c1")
        cluster.root_ca.ca_cert = b"new root"
        await rig.put(cluster)
        message = await anext(stream)
        assert message.RootCA == b"new root" and len(message.managers) == 2
        node = Node()
        node.CopyFrom(rig.node())
        node.spec.annotations.labels["a"] = "b"
        await rig.put(node)
        message = await anext(stream)
        assert message.node.spec.annotations.labels["a"] == "b" and message.session_id == session_id


@rigged
async def test_who_registers_is_logged_with_the_manager_in_between(rig: Rig) -> None:
    """A forwarded caller is told with its own address and its forwarder; a session that goes on is not told again."""
    passed_on = replace(caller(), forwarder="m2")
    logger = logging.getLogger("swarm_core.manager.dispatcher.dispatcher")
    with logged(logger) as lines:
        async with contextlib.aclosing(rig.dispatcher.session(SessionRequest(), passed_on)) as stream:  # type: ignore[type-var]
            first = await anext(stream)
        again = SessionRequest(session_id=first.session_id)
        async with contextlib.aclosing(rig.dispatcher.session(again, passed_on)) as stream:  # type: ignore[type-var]
            await anext(stream)
    assert lines == ["node n1 at [2001:db8::7]:5555 through manager m2 has registered"]


@rigged
async def test_known_session_is_kept(rig: Rig) -> None:
    """Offering the present session id keeps it; the description is refreshed."""
    async with session(rig) as (first, _), session(rig, session_id=first) as (second, _):
        assert second == first
    assert rig.node().description.hostname == "host-n1"


@rigged
async def test_new_session_ends_the_old(rig: Rig) -> None:
    """A new registration ends the streams of the previous session with InvalidArgument."""
    async with session(rig) as (old, stream), assignments(rig, old) as assigned_to_old:
        await anext(assigned_to_old)
        async with session(rig) as (new, _):
            assert new != old
            for ended in (stream, assigned_to_old):
                with pytest.raises(InvalidArgument):
                    await anext(ended)
            with pytest.raises(InvalidArgument):
                await rig.beat(old)
            await rig.beat(new)


@rigged
async def test_registration_is_limited(rig: Rig) -> None:
    """More than three further registrations within eight seconds are Unavailable."""
    for _ in range(4):
        async with session(rig):
            pass
    with pytest.raises(Unavailable):
        async with session(rig):
            pass
    await rig.clock.sleep(9)
    async with session(rig):
        pass


@rigged
async def test_unknown_node_is_refused(rig: Rig) -> None:
    """A node without an object gets a plain error; calls of nodes without a session get NotFound or InvalidArgument."""
    with pytest.raises(Unknown):
        async with session(rig, "stranger"):
            pass
    with pytest.raises(NotFound):
        await rig.dispatcher.heartbeat(HeartbeatRequest(session_id="x"), caller("stranger"))
    with pytest.raises(InvalidArgument):
        await rig.dispatcher.heartbeat(HeartbeatRequest(session_id="x"), caller("n2"))
    with pytest.raises(InvalidArgument):
        async with assignments(rig, "x") as stream:
            await anext(stream)


@rigged
async def test_deleted_node_is_not_registered(rig: Rig) -> None:
    """When its node object is deleted a session ends with NotFound."""
    async with session(rig) as (session_id, stream):
        await rig.store.update(lambda transaction: transaction.delete(Node, "n1"))
        with pytest.raises(NotFound):
            await anext(stream)
        with pytest.raises(NotFound):
            await rig.beat(session_id)


@in_virtual_time
async def test_stopped_dispatcher_aborts() -> None:
    """Outside run calls are Aborted; when it ends, sessions end Aborted and assignments Cancelled."""
    rig = Rig()
    await rig.put(make_node("n1"))
    with pytest.raises(Aborted):
        async with session(rig):
            pass
    with pytest.raises(Aborted):
        await rig.report("x")
    async with contextlib.AsyncExitStack() as stack:
        async with serving(rig.dispatcher):
            session_id, stream = await stack.enter_async_context(session(rig))
            sets = await stack.enter_async_context(assignments(rig, session_id))
            await anext(sets)
        assert (await anext(stream)).session_id == session_id
        with pytest.raises(Aborted):
            await anext(stream)
        with pytest.raises(RpcFailure) as failure:
            await anext(sets)
        assert failure.value.code is Code.CANCELLED


@rigged
async def test_registration_fails_when_it_cannot_be_written(rig: Rig) -> None:
    """A registration waits for its commit and fails with it; the next one goes through."""
    rig.store.refuse = True
    with pytest.raises(LostLeadership):
        async with session(rig):
            pass
    rig.store.refuse = False
    async with session(rig):
        assert rig.node().status.state == NodeStatus.READY


# heartbeats


@rigged
async def test_heartbeats_keep_a_node_up(rig: Rig) -> None:
    """With heartbeats in time a node stays READY; the period is five seconds, give or take half a second."""
    async with session(rig) as (session_id, _):
        for _ in range(30):
            period = await rig.beat(session_id)
            assert 4.5 <= period <= 5.5
            await rig.clock.sleep(period)
        assert rig.node().status.state == NodeStatus.READY


@rigged
async def test_missed_heartbeats_mean_down(rig: Rig) -> None:
    """After three periods without a heartbeat: DOWN, no longer registered, streams ended."""
    async with session(rig) as (session_id, stream):
        await rig.clock.sleep(13)
        assert rig.node().status.state == NodeStatus.READY
        await rig.clock.sleep(4)
        assert rig.node().status.state == NodeStatus.DOWN
        assert rig.node().status.message
        with pytest.raises(NotFound):
            await rig.beat(session_id)
        with pytest.raises(NotFound):
            while True:
                await anext(stream)


@rigged
async def test_period_follows_the_cluster(rig: Rig) -> None:
    """The cluster object's heartbeat period counts from the next heartbeat on."""
    async with session(rig) as (session_id, _):
        cluster = make_cluster("c1")
        cluster.spec.dispatcher.heartbeat_period.CopyFrom(duration(1))
        await rig.put(cluster)
        await until(lambda: rig.dispatcher._liveness.periods.base_s == 1)
        assert await rig.beat(session_id) <= 1.5
        await rig.clock.sleep(5)
        assert rig.node().status.state == NodeStatus.DOWN


def ours(node_id: str = "n1") -> Node:
    return make_node(node_id, plugins=[("Runtime", "container")])


@rigged
async def test_a_node_of_ours_is_missed_sooner(rig: Rig) -> None:
    """5.5.2: a node that runs our daemon shows each second that it lives, and is DOWN after four without."""
    await rig.put(ours())
    async with session(rig) as (session_id, _):
        for _ in range(20):
            period = await rig.beat(session_id)
            assert 0.9 <= period <= 1.1
            await rig.clock.sleep(period)
        await rig.clock.sleep(2.5)
        assert rig.node().status.state == NodeStatus.READY
        await rig.clock.sleep(1)
        assert rig.node().status.state == NodeStatus.DOWN


@rigged
async def test_quick_heartbeats_have_conditions(rig: Rig) -> None:
    """5.5.2: SwarmKit's period serves Docker Engines, all nodes while a manager is not ours, and whoever the cluster's own
    period is for."""
    async with session(rig) as (session_id, _):
        assert await rig.beat(session_id) >= 4.5
        await rig.put(ours())
        assert await rig.beat(session_id) <= 1.1
        rig.managers_are_ours = False
        assert await rig.beat(session_id) >= 4.5
        rig.managers_are_ours = True
        cluster = make_cluster("c1")
        cluster.spec.dispatcher.heartbeat_period.CopyFrom(duration(7))
        await rig.put(cluster)
        await until(lambda: rig.dispatcher._liveness.periods.base_s == 7)
        assert await rig.beat(session_id) >= 6.5


def test_many_nodes_have_longer_periods() -> None:
    """5.5.2: the leader hears at most two hundred quick heartbeats a second; a thousand nodes have SwarmKit's period."""
    periods = Periods(DispatcherConfig(), random.Random(1))
    drawn = {count: periods.draw(is_quick=True, nodes=count) for count in (1, 200, 400, 1000, 5000)}
    assert [round(period.seconds) for period in drawn.values()] == [1, 1, 2, 5, 5]
    assert [round(period.silence_s / period.seconds) for period in drawn.values()] == [4, 4, 4, 3, 3]


async def cut(stream: AsyncIterator[SessionMessage]) -> None:
    """The connection of a session is lost: the server ends its handler."""
    await stream.aclose()  # type: ignore[attr-defined]


@rigged
async def test_a_lost_connection_is_a_hint(rig: Rig) -> None:
    """5.5.3: a node of ours whose connection is lost is DOWN after three seconds, however long its period is."""
    await rig.put(ours())
    async with session(rig) as (_, stream):
        await cut(stream)
        await rig.clock.sleep(2.5)
        assert rig.node().status.state == NodeStatus.READY
        await rig.clock.sleep(1)
        assert rig.node().status.state == NodeStatus.DOWN


@rigged
async def test_who_comes_back_in_time_is_not_lost(rig: Rig) -> None:
    """5.5.3: a node that registers again within three seconds stays READY, and its tasks where they are."""
    await rig.put(ours())
    async with session(rig) as (_, stream):
        await cut(stream)
        await rig.clock.sleep(2.5)
        async with session(rig) as (session_id, _):
            for _ in range(5):
                await rig.clock.sleep(await rig.beat(session_id))
            assert rig.node().status.state == NodeStatus.READY


@rigged
async def test_an_older_stream_that_ends_is_no_hint(rig: Rig) -> None:
    """5.5.3: a node that has a newer stream open is not looked at sooner when the server notices the end of the older one."""
    await rig.put(ours(), *(ours(f"more-{number}") for number in range(3)))
    async with session(rig) as (session_id, older):
        request = SessionRequest(session_id=session_id)
        newer = rig.dispatcher.session(request, caller())
        await anext(newer)
        await cut(older)
        assert rig.dispatcher._liveness._heartbeats.due("n1") == pytest.approx(
            rig.clock.monotonic() + 15, abs=2
        )
        await cut(newer)
        assert rig.dispatcher._liveness._heartbeats.due("n1") == pytest.approx(rig.clock.monotonic() + 3)


@rigged
async def test_a_lost_connection_of_an_engine_is_no_hint(rig: Rig) -> None:
    """5.5.3: a Docker Engine has its three periods, also when its connection is lost."""
    async with session(rig) as (_, stream):
        await cut(stream)
        await rig.clock.sleep(12)
        assert rig.node().status.state == NodeStatus.READY


@rigged
async def test_a_lost_connection_is_no_hint_where_a_period_was_chosen(rig: Rig) -> None:
    """5.5.3: an upgrade makes the period long, and a node of ours may then be away for three of them."""
    await rig.put(ours())
    cluster = make_cluster("c1")
    cluster.spec.dispatcher.heartbeat_period.CopyFrom(duration(60))
    await rig.put(cluster)
    await until(lambda: rig.dispatcher._liveness.periods.base_s == 60)
    async with session(rig) as (session_id, stream):
        await rig.beat(session_id)
        await cut(stream)
        await rig.clock.sleep(120)
        assert rig.node().status.state == NodeStatus.READY
        await rig.clock.sleep(70)
        assert rig.node().status.state == NodeStatus.DOWN


@rigged
async def test_a_leader_that_was_held_up_blames_nobody(rig: Rig) -> None:
    """5.5.4: what a leader could not hear while it was held up itself is not missed: nodes get as long again."""
    await rig.put(ours())
    async with session(rig) as (session_id, _):
        await rig.beat(session_id)
        rig.clock.stall(9)
        await asyncio.sleep(0)
        await rig.clock.sleep(4)
        assert rig.node().status.state == NodeStatus.READY
        await rig.beat(session_id)
        await rig.clock.sleep(3)
        assert rig.node().status.state == NodeStatus.READY
        await rig.clock.sleep(2)
        assert rig.node().status.state == NodeStatus.DOWN


@rigged
async def test_tasks_of_a_lost_node_are_orphaned(rig: Rig) -> None:
    """A day after its node went down a task that ran is ORPHANED; one that had ended is not touched."""
    async with session(rig):
        await rig.put(
            assigned("t1", state="RUNNING"), assigned("t2", state="FAILED"), assigned("t3", state="PENDING")
        )
    await rig.clock.sleep(DAY_S)
    assert rig.state("t1") == RUNNING
    await rig.clock.sleep(60)
    assert rig.state("t1") == ORPHANED
    assert rig.state("t2") == FAILED
    assert rig.state("t3") < RUNNING


@rigged
async def test_node_that_comes_back_is_not_orphaned(rig: Rig) -> None:
    """A node that registers again within the day keeps its tasks."""
    async with session(rig):
        await rig.put(assigned("t1", state="RUNNING"))
    await rig.clock.sleep(DAY_S / 2)
    assert rig.node().status.state == NodeStatus.DOWN
    async with session(rig) as (session_id, _):
        for _ in range(DAY_S // 5):
            await rig.beat(session_id)
            await rig.clock.sleep(5)
    assert rig.state("t1") == RUNNING


@in_virtual_time
async def test_leader_change_gives_nodes_time() -> None:
    """A new leader's nodes are UNKNOWN and have six periods to register; nodes that were DOWN get a fresh day."""
    rig = Rig()
    await rig.put(
        make_node("n1"), make_node("n2", state="DOWN"), assigned("t2", state="RUNNING", node_id="n2")
    )
    async with serving(rig.dispatcher):
        await until(lambda: rig.node().status.state == NodeStatus.UNKNOWN)
        assert rig.node("n2").status.state == NodeStatus.DOWN
        await rig.clock.sleep(26)
        assert rig.node().status.state == NodeStatus.UNKNOWN
        await rig.clock.sleep(8)
        assert rig.node().status.state == NodeStatus.DOWN
        await rig.clock.sleep(DAY_S)
        assert rig.state("t2") == ORPHANED


# reports


@rigged
async def test_report_is_written(rig: Rig) -> None:
    """A reported status replaces the stored one, marked with who applied it and when."""
    await rig.put(assigned("t1"))
    async with session(rig) as (session_id, _):
        await rig.report(session_id, ("t1", RUNNING), ("unknown", RUNNING))
        await until(lambda: rig.state("t1") == RUNNING)
        task = rig.store.get(Task, "t1")
        assert task is not None
        assert task.status.applied_by == "m1" and task.status.applied_at.seconds


@rigged
async def test_states_are_never_lowered(rig: Rig) -> None:
    """A lower state than stored is dropped, an equal one with news is written, an equal one without is not."""
    await rig.put(assigned("t1"))
    async with session(rig) as (session_id, _):
        await rig.report(session_id, ("t1", RUNNING))
        await until(lambda: rig.state("t1") == RUNNING)
        version = rig.store.version
        await rig.report(session_id, ("t1", STARTING))
        await rig.report(session_id, ("t1", RUNNING))
        await rig.clock.sleep(1)
        assert rig.store.version == version
        request = UpdateTaskStatusRequest(session_id=session_id)
        update = request.updates.add(task_id="t1")
        update.status.state, update.status.message = RUNNING, "news"
        await rig.dispatcher.update_task_status(request, caller())
        await until(lambda: rig.store.version > version)


@rigged
async def test_foreign_task_fails_the_whole_report(rig: Rig) -> None:
    """A status for another node's task is PermissionDenied, and nothing of that call is written."""
    await rig.put(assigned("t1"), assigned("t2", node_id="n2"))
    async with session(rig) as (session_id, _):
        with pytest.raises(PermissionDenied):
            await rig.report(session_id, ("t1", RUNNING), ("t2", RUNNING))
        await rig.clock.sleep(1)
        assert rig.state("t1") < RUNNING and rig.state("t2") < RUNNING


@rigged
async def test_reports_share_commits(rig: Rig) -> None:
    """What comes while a commit is in flight shares the next one; the newest status of a task wins."""
    await rig.put(*(assigned(f"t{number}") for number in range(200)))
    async with session(rig) as (session_id, _):
        before = rig.store.batches
        for number in range(200):
            await rig.report(session_id, (f"t{number}", STARTING))
            await rig.report(session_id, (f"t{number}", RUNNING))
            await asyncio.sleep(0.0002)
        await until(lambda: all(rig.state(f"t{number}") == RUNNING for number in range(200)))
        assert rig.store.batches - before <= 8


@rigged
async def test_reports_survive_a_failed_commit(rig: Rig) -> None:
    """A report whose commit failed is written with a later one."""
    await rig.put(assigned("t1"))
    async with session(rig) as (session_id, _):
        rig.store.refuse = True
        await rig.report(session_id, ("t1", RUNNING))
        await rig.clock.sleep(2)
        rig.store.refuse = False
        await until(lambda: rig.state("t1") == RUNNING)


@rigged
async def test_unpublished_volume(rig: Rig) -> None:
    """A volume that the node no longer uses waits for its unpublishing; an unknown one is ignored."""
    volume = Volume(id="v1")
    volume.spec.annotations.name = "v"
    volume.publish_status.add(node_id="n1", state=VolumePublishStatus.PENDING_NODE_UNPUBLISH)
    volume.publish_status.add(node_id="n2", state=VolumePublishStatus.PUBLISHED)
    await rig.put(volume)

    def states() -> list[int]:
        stored = rig.store.get(Volume, "v1")
        assert stored is not None
        return [status.state for status in stored.publish_status]

    async with session(rig) as (session_id, _):
        request = UpdateVolumeStatusRequest(session_id=session_id)
        request.updates.add(id="v1", unpublished=True)
        request.updates.add(id="v2", unpublished=True)
        await rig.dispatcher.update_volume_status(request, caller())
        expected = [VolumePublishStatus.PENDING_UNPUBLISH, VolumePublishStatus.PUBLISHED]
        await until(lambda: states() == expected)


# assignments


@rigged
async def test_assignments_form_a_chain(rig: Rig) -> None:
    """First the full set, then changes, each applying to the one before."""
    await rig.put(
        assigned("t1"),
        assigned("t2", state="FAILED"),
        assigned("t3", state="PENDING"),
        assigned("t4", node_id="n2"),
    )
    async with session(rig) as (session_id, _), assignments(rig, session_id) as stream:
        first = await anext(stream)
        assert first.type == AssignmentsMessage.COMPLETE
        assert (first.applies_to, first.results_in) == ("", "1")
        assert [change.assignment.task.id for change in first.changes] == ["t1", "t2"]
        await rig.put(assigned("t3"))
        second = await anext(stream)
        assert second.type == AssignmentsMessage.INCREMENTAL
        assert (second.applies_to, second.results_in) == ("1", "2")
        assert [change.assignment.task.id for change in second.changes] == ["t3"]
        await rig.store.update(lambda transaction: transaction.delete(Task, "t1"))
        third = await anext(stream)
        assert (third.applies_to, third.results_in) == ("2", "3")
        assert third.changes[0].assignment.task == Task(id="t1")
        assert third.changes[0].action == AssignmentChange.REMOVE


@rigged
async def test_empty_set_is_told(rig: Rig) -> None:
    """A node without tasks gets an empty full set at once."""
    async with session(rig) as (session_id, _), assignments(rig, session_id) as stream:
        first = await anext(stream)
        assert first.type == AssignmentsMessage.COMPLETE and not first.changes


@rigged
async def test_status_alone_is_not_sent_back(rig: Rig) -> None:
    """What the agent reported itself is not sent to it; a change of the desired state is."""
    await rig.put(assigned("t1"))
    async with session(rig) as (session_id, _), assignments(rig, session_id) as stream:
        await anext(stream)
        await rig.report(session_id, ("t1", RUNNING))
        await until(lambda: rig.state("t1") == RUNNING)
        wanted = Task()
        stored = rig.store.get(Task, "t1")
        assert stored is not None
        wanted.CopyFrom(stored)
        wanted.desired_state = SHUTDOWN
        await rig.put(wanted)
        message = await anext(stream)
        assert message.results_in == "2"
        assert message.changes[0].assignment.task.desired_state == SHUTDOWN


@rigged
async def test_sent_bytes_are_the_stored_ones(rig: Rig) -> None:
    """A task arrives as it is stored, version included."""
    async with session(rig) as (session_id, _), assignments(rig, session_id) as stream:
        await anext(stream)
        await rig.put(assigned("t1"))
        message = await anext(stream)
        assert message.changes[0].assignment.task == rig.store.get(Task, "t1")


@rigged
async def test_slow_dispatcher_starts_anew(rig: Rig) -> None:
    """When the dispatcher itself falls behind the store, streams go on with a full set in the same chain."""
    async with session(rig) as (session_id, _), assignments(rig, session_id) as stream:
        await anext(stream)
        events = rig.dispatcher._events
        assert events is not None
        events._items_max = 1
        await rig.put(assigned("t1"), assigned("t2"), assigned("t3"))
        message = await anext(stream)
        assert message.type == AssignmentsMessage.COMPLETE
        assert (message.applies_to, message.results_in) == ("1", "2")
        assert len(message.changes) == 3
        await rig.put(assigned("t4"))
        assert len((await anext(stream)).changes) == 1


@rigged
async def test_deprecated_tasks_stream(rig: Rig) -> None:
    """Tasks gives the full list of assigned tasks, again after each change."""
    await rig.put(assigned("t1"))
    async with session(rig) as (session_id, _):
        stream = rig.dispatcher.tasks(TasksRequest(session_id=session_id), caller())
        async with contextlib.aclosing(stream):  # type: ignore[type-var]
            assert [task.id for task in TasksMessage.FromString(await anext(stream)).tasks] == ["t1"]
            await rig.put(assigned("t2"))
            tasks = TasksMessage.FromString(await anext(stream)).tasks
            assert [task.id for task in tasks] == ["t1", "t2"]


@rigged
async def test_nothing_is_left_behind(rig: Rig) -> None:
    """Closed streams leave no trace in the dispatcher."""
    async with session(rig) as (session_id, _), assignments(rig, session_id) as stream:
        await anext(stream)
    assert not rig.dispatcher._sessions and not rig.dispatcher._feed._streams
    assert rig.store.get(Cluster, "c1") is not None
