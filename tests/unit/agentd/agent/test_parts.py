"""The agent's smaller parts by themselves: task manager, status buffer, reporter, session loop, log publisher."""

import asyncio
import contextlib
import itertools
import logging
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

import pytest
from swarm_agentd.agent.logs import LogPublisher
from swarm_agentd.agent.progress import ProgressReporter
from swarm_agentd.agent.reporter import Reporter
from swarm_agentd.agent.session import SessionLoop
from swarm_agentd.agent.status_buffer import StatusBuffer
from swarm_agentd.agent.task_manager import TaskManager
from swarm_agentd.agent.task_ports import NoPorts
from swarm_agentd.config import AgentConfig
from swarm_agentd.exec.progress import ProgressBoard
from swarm_core.api.proto.dispatcher_pb2 import (
    AssignmentsMessage,
    AssignmentsRequest,
    HeartbeatRequest,
    HeartbeatResponse,
    SessionMessage,
    SessionRequest,
    TasksMessage,
    TasksRequest,
    UpdateTaskStatusRequest,
    UpdateTaskStatusResponse,
    UpdateVolumeStatusRequest,
    UpdateVolumeStatusResponse,
)
from swarm_core.api.proto.logbroker_pb2 import SubscribeLogsRequest
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.types_pb2 import (
    PREPARING,
    READY,
    RUNNING,
    SHUTDOWN,
    STARTING,
    NodeDescription,
    TaskState,
    TaskStatus,
)
from swarm_core.api.task_changes import differ
from swarm_core.api.timestamps import duration
from swarm_core.client.dispatch import AgentConnection, Dispatch
from swarm_core.client.errors import CallFailed, Unreachable
from swarm_core.manager.log_broker.broker import LogBroker
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import NotFound, PermissionDenied, Unavailable, Unimplemented
from swarm_core.runtime import log
from swarm_core.runtime.tasks import Group
from swarm_core.store.memory import MemoryStore
from swarm_testkit.clock import VirtualClock, in_virtual_time, until
from swarm_testkit.conformance.executor import FixedDependencies
from swarm_testkit.factories import make_task, make_task_spec
from swarm_testkit.fakes import FakeController, LocalConnection, LocalManagers, World

CALLER = Caller("n1", frozenset({"swarm-worker"}), "cluster", "")


def make(
    task_id: str = "t1", image: str = "runs", *, state: str = "ASSIGNED", desired: str = "RUNNING"
) -> Task:
    spec = make_task_spec(image=image)
    return make_task(task_id, node_id="n1", service_id="s1", state=state, desired=desired, spec=spec)


def with_desired(task: Task, desired: str) -> Task:
    new = Task()
    new.CopyFrom(task)
    new.desired_state = TaskState.Value(desired)
    return new


def test_differ() -> None:
    """Status and version do not count, everything else does."""
    old, new = make(), make(state="RUNNING")
    new.meta.version.index = 9
    assert not differ(old, new)
    assert differ(old, with_desired(old, "SHUTDOWN"))
    new.service_annotations.labels["a"] = "b"
    assert differ(old, new)
    assert differ(old, make(image="ends"))


# the task manager


class Managed:
    """A running TaskManager over a fake work; `states` are those it told."""

    def __init__(self, task: Task, world: World) -> None:
        self.states: list[int] = []
        self.world = world
        self.manager = TaskManager(
            task,
            FakeController(task, FixedDependencies(), world),
            VirtualClock(),
            retry_s=1.0,
            changed=lambda _, status: self.states.append(status.state),
            expand=lambda newer: newer,
        )


@contextlib.asynccontextmanager
async def managed(task: Task, world: World | None = None) -> AsyncIterator[Managed]:
    rig = Managed(task, world or World())
    async with Group() as group:
        group.spawn(rig.manager.run(), name="task")
        yield rig
        group.cancel_all()


@in_virtual_time
async def test_task_walks_to_running() -> None:
    """A task passes every state on its way, in order, and waits in RUNNING."""
    async with managed(make()) as rig:
        await until(lambda: rig.world.calls["wait", "t1"])
        assert rig.states == [256, PREPARING, READY, STARTING, RUNNING]


@in_virtual_time
async def test_what_is_logged_for_a_task_names_it(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever works for it, its controller too, need not say so; the work of others is not about it (docs/design/logging.md L.2)."""
    seen: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda _: seen.append(log.TASK.get())  # type: ignore[method-assign]
    task = make()
    rig = Managed(task, World())
    rig.manager.controller.update = _refusing  # type: ignore[method-assign]
    rig.manager.update(with_desired(task, "SHUTDOWN"))
    logger = logging.getLogger("swarm_agentd.agent.task_manager")
    logger.addHandler(handler)
    try:
        async with Group() as group:
            group.spawn(rig.manager.run(), name="task")
            await until(lambda: rig.states[-1:] == [SHUTDOWN])
            group.cancel_all()
    finally:
        logger.removeHandler(handler)
    assert seen == ["t1"] and log.TASK.get() == "" and "did not take its update" in caplog.text


async def _refusing(task: Task) -> None:
    raise RuntimeError("not this one")


@in_virtual_time
async def test_update_interrupts_at_once() -> None:
    """An update during an operation interrupts it, reaches the controller, and is acted on without delay."""
    world = World()
    world.hold["start"] = asyncio.Event()
    task = make()
    async with managed(task, world) as rig:
        await until(lambda: world.calls["start", "t1"])
        before = asyncio.get_running_loop().time()
        rig.manager.update(with_desired(task, "SHUTDOWN"))
        rig.manager.update(with_desired(task, "REMOVE"))
        await until(lambda: rig.states[-1] == SHUTDOWN)
        assert asyncio.get_running_loop().time() - before < 0.1
        assert world.calls["update", "t1"] == 1
        assert rig.manager.task.desired_state == 800


@in_virtual_time
async def test_desired_state_never_goes_down() -> None:
    """An update that lowers the desired state, or changes nothing, is ignored."""
    task = make(state="RUNNING", desired="SHUTDOWN")
    async with managed(task) as rig:
        await until(lambda: rig.states == [SHUTDOWN])
        rig.manager.update(with_desired(task, "RUNNING"))
        rig.manager.update(make(state="NEW", desired="SHUTDOWN"))
        await asyncio.sleep(5)
        assert rig.states == [SHUTDOWN] and not rig.world.calls["update", "t1"]


@in_virtual_time
async def test_temporary_failures_are_retried_each_second() -> None:
    """A temporary failure is told once and tried again after a second, or at once after an update."""
    task = make(image="flaky")
    async with managed(task) as rig:
        before = asyncio.get_running_loop().time()
        await until(lambda: RUNNING in rig.states)
        assert 2 <= asyncio.get_running_loop().time() - before < 2.2
        assert rig.states == [256, PREPARING, PREPARING, READY, STARTING, RUNNING]


@in_virtual_time
async def test_refused_update_does_not_end_the_task() -> None:
    """When the controller does not take an update the task goes on."""
    task = make()
    async with managed(task) as rig:
        await until(lambda: rig.world.calls["wait", "t1"])
        await rig.manager.controller.close()
        rig.manager.update(with_desired(task, "COMPLETE"))
        await until(lambda: rig.manager.task.desired_state == 576)


# the status buffer


def status(state: TaskState.ValueType, message: str = "") -> TaskStatus:
    return TaskStatus(state=state, message=message)


def test_settled_statuses_leave_at_once() -> None:
    """A settled status is due at once and replaces the passing one."""
    buffer = StatusBuffer(0.1)
    assert buffer.wait_s(0) is None
    assert buffer.put("t", status(PREPARING), is_settled=False, now=0)
    assert buffer.wait_s(0.04) == pytest.approx(0.06)
    assert not buffer.take(0.05)
    assert not buffer.put("u", status(STARTING), is_settled=False, now=0.05)
    assert buffer.put("t", status(RUNNING), is_settled=True, now=0.05)
    assert buffer.wait_s(0.05) == 0
    assert {key: value.state for key, value in buffer.take(0.05).items()} == {"t": RUNNING}
    assert set(buffer.take(0.11)) == {"u"}
    assert buffer.wait_s(1) is None


def test_discarded_statuses_are_gone() -> None:
    """Nothing is told of a task that is gone."""
    buffer = StatusBuffer(0.1)
    buffer.put("t", status(RUNNING), is_settled=True, now=0)
    buffer.put("u", status(PREPARING), is_settled=False, now=0)
    buffer.discard("t")
    buffer.discard("u")
    assert buffer.wait_s(9) is None and not buffer.take(9)


# the reporter


class ReportHandler:
    """A Dispatcher that keeps what is reported; `hold` delays answers, `failures` are raised first."""

    def __init__(self) -> None:
        self.calls: list[dict[str, int]] = []
        self.hold: asyncio.Event | None = None
        self.failures: list[Exception] = []
        self.foreign: set[str] = set()
        self.unpublished: list[list[str]] = []

    async def update_volume_status(
        self, request: UpdateVolumeStatusRequest, _: Caller
    ) -> UpdateVolumeStatusResponse:
        assert all(update.unpublished for update in request.updates)
        self.unpublished.append([update.id for update in request.updates])
        if self.failures:
            raise self.failures.pop(0)
        return UpdateVolumeStatusResponse()

    async def update_task_status(
        self, request: UpdateTaskStatusRequest, _: Caller
    ) -> UpdateTaskStatusResponse:
        reported = {update.task_id: update.status.state for update in request.updates}
        self.calls.append(reported)  # type: ignore[arg-type]
        if self.hold is not None:
            await self.hold.wait()
        if self.failures:
            raise self.failures.pop(0)
        if self.foreign & reported.keys():
            raise PermissionDenied("not yours")
        return UpdateTaskStatusResponse()


@contextlib.asynccontextmanager
async def reporting(reporter: Reporter, handler: ReportHandler) -> AsyncIterator[asyncio.Task[None]]:
    connection = LocalConnection({"Dispatcher": handler}, CALLER)
    async with Group() as group:
        work = group.spawn(reporter.run(Dispatch(connection, call_s=5), "session"), name="reporter")
        yield work
        group.cancel_all()


@in_virtual_time
async def test_reports_are_grouped_and_the_newest_wins() -> None:
    """While a call is under way statuses gather; lower states are dropped; a call has a size limit."""
    reporter, handler = Reporter(3), ReportHandler()
    handler.hold = asyncio.Event()
    async with reporting(reporter, handler):
        reporter.report({"t1": status(STARTING)})
        await until(lambda: handler.calls)
        reporter.report({"t1": status(RUNNING), "t2": status(RUNNING)})
        reporter.report({"t2": status(STARTING), "t3": status(RUNNING), "t4": status(RUNNING)})
        handler.hold.set()
        await until(lambda: len(handler.calls) == 3)
    assert handler.calls == [
        {"t1": STARTING},
        {"t1": RUNNING, "t2": RUNNING, "t3": RUNNING},
        {"t4": RUNNING},
    ]


@in_virtual_time
async def test_failed_report_is_kept_for_the_next_session() -> None:
    """What a failed call carried is told in the next session, unless something newer came."""
    reporter, handler = Reporter(9), ReportHandler()
    connection = LocalConnection({"Dispatcher": handler}, CALLER)
    connection.cut()
    reporter.report({"t1": status(STARTING), "t2": status(RUNNING)})
    with pytest.raises(Exception, match="lost"):
        await reporter.run(Dispatch(connection, call_s=5), "session")
    reporter.report({"t1": status(RUNNING)})
    async with reporting(reporter, handler):
        await until(lambda: handler.calls)
    assert handler.calls == [{"t1": RUNNING, "t2": RUNNING}]


@in_virtual_time
async def test_foreign_task_does_not_hold_up_others() -> None:
    """When the manager refuses one task's status, the others of that call are told one by one."""
    reporter, handler = Reporter(9), ReportHandler()
    handler.foreign = {"t2"}
    async with reporting(reporter, handler):
        reporter.report({f"t{number}": status(RUNNING) for number in range(4)})
        await until(lambda: len(handler.calls) == 5)
        reporter.report({"t9": status(RUNNING)})
        await until(lambda: handler.calls[-1] == {"t9": RUNNING})


@in_virtual_time
async def test_unpublished_volumes_are_reported() -> None:
    """docs/design/volumes.md 12.7.2: what is not here any more is told with the next call, and again after a failure; a manager that
    does not know the node asks by itself."""
    reporter, handler = Reporter(9), ReportHandler()
    for volume_id in ("v1", "v2", "v1"):
        reporter.report_unpublished(volume_id)
    handler.failures = [Unavailable("not now")]
    with pytest.raises(Unreachable):
        await reporter.run(Dispatch(LocalConnection({"Dispatcher": handler}, CALLER), call_s=5), "session")
    reporter.report_unpublished("v3")
    handler.failures = [NotFound("node not registered")]
    async with reporting(reporter, handler):
        await until(lambda: len(handler.unpublished) == 2)
        reporter.report_unpublished("v4")
        await until(lambda: len(handler.unpublished) == 3)
    assert handler.unpublished == [["v1", "v2"], ["v1", "v2", "v3"], ["v4"]]


# the session loop


class ScriptedDispatcher:
    """A Dispatcher whose assignment streams are scripted: each call takes the next list of messages."""

    def __init__(self, *streams: Sequence[AssignmentsMessage]) -> None:
        self.streams = list(streams)
        self.opened = 0
        self.sessions: list[str] = []

    async def session(self, request: SessionRequest, _: Caller) -> AsyncIterator[SessionMessage]:
        self.sessions.append(request.session_id)
        yield SessionMessage(session_id="session")
        await asyncio.Event().wait()

    async def heartbeat(self, request: HeartbeatRequest, _: Caller) -> HeartbeatResponse:
        return HeartbeatResponse(period=duration(5))

    async def assignments(self, request: AssignmentsRequest, _: Caller) -> AsyncIterator[AssignmentsMessage]:
        self.opened += 1
        for message in self.streams.pop(0) if self.streams else ():
            yield message
        await asyncio.Event().wait()


class Handler:
    """What a SessionLoop drives."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.registrations = 0

    def description(self) -> NodeDescription:
        return NodeDescription(hostname="h")

    async def adopt(self, message: SessionMessage) -> None:
        """Nothing to adopt."""

    async def assign(self, message: AssignmentsMessage) -> None:
        self.got.append(message.results_in)

    def registered(self) -> None:
        self.registrations += 1


class NoTasks:
    """A LogSource without tasks."""

    def managers(self) -> list[TaskManager]:
        return []

    def observe(self, started: Callable[[TaskManager], None]) -> Callable[[], None]:
        return lambda: None


@contextlib.asynccontextmanager
async def session_loop(managers: LocalManagers, handler: Handler) -> AsyncIterator[SessionLoop]:
    clock = VirtualClock()
    loop = SessionLoop(
        ports=NoPorts(),
        managers=managers,
        handler=handler,
        reporter=Reporter(9),
        logs=LogPublisher("n1", NoTasks(), clock, AgentConfig()),
        progress=ProgressReporter(ProgressBoard(), clock, AgentConfig()),
        clock=clock,
        rng=random.Random(5),
        config=AgentConfig(),
    )
    async with Group() as group:
        group.spawn(loop.run(), name="sessions")
        yield loop
        group.cancel_all()


class Silent(LocalManagers):
    """Three managers, none of which answers; notes when each is tried."""

    def __init__(self) -> None:
        super().__init__({}, "n1")
        self.tried_at: list[float] = []

    async def connect(self) -> AgentConnection:
        self.tried_at.append(asyncio.get_running_loop().time())
        self.untried = (self.untried or 3) - 1
        raise Unreachable("no manager answers")


@in_virtual_time
async def test_every_known_manager_is_tried_before_an_agent_waits_longer() -> None:
    """Who lost its manager is soon at another one; only a round in which all failed makes the next one wait longer."""
    managers = Silent()
    async with session_loop(managers, Handler()):
        await until(lambda: len(managers.tried_at) == 30)
    waits = [later - earlier for earlier, later in itertools.pairwise(managers.tried_at)]
    within = [wait for at, wait in enumerate(waits, 1) if at % 3]
    between = [wait for at, wait in enumerate(waits, 1) if not at % 3]
    assert all(wait <= AgentConfig().switch_s for wait in within)
    assert len(set(within)) == len(within), "each agent waits another time"
    assert max(between) > 1.0
    assert all(wait <= 0.1 * (2**round_ - 1) for round_, wait in enumerate(between, 1))


def message(applies_to: str, results_in: str, kind: str = "INCREMENTAL") -> AssignmentsMessage:
    return AssignmentsMessage(
        type=AssignmentsMessage.Type.Value(kind), applies_to=applies_to, results_in=results_in
    )


@in_virtual_time
async def test_gap_opens_the_stream_anew() -> None:
    """After a gap the odd message is delivered, the stream opened again once, and the new chain followed."""
    dispatcher = ScriptedDispatcher(
        [message("", "1", "COMPLETE"), message("1", "2"), message("3", "4")],
        [message("", "1", "COMPLETE"), message("1", "2"), message("2", "3")],
    )
    handler = Handler()
    async with session_loop(LocalManagers({"Dispatcher": dispatcher}, "n1"), handler):
        await until(lambda: len(handler.got) == 6)
    assert handler.got == ["1", "2", "4", "1", "2", "3"]
    assert dispatcher.opened == 2 and handler.registrations == 1


@in_virtual_time
async def test_renewal_keeps_the_session_id() -> None:
    """renew registers again at once with the same id, and counts as no failure."""
    dispatcher, handler = ScriptedDispatcher(), Handler()
    managers = LocalManagers({"Dispatcher": dispatcher}, "n1")
    async with session_loop(managers, handler) as loop:
        await until(lambda: handler.registrations == 1)
        loop.renew()
        await until(lambda: handler.registrations == 2)
    assert dispatcher.sessions == ["", "session"]
    assert managers.observations == [True, True]
    assert all(connection.is_closed for connection in managers.connections)


@in_virtual_time
async def test_failures_back_off() -> None:
    """Without a manager the tries grow rarer, up to eight seconds apart."""
    tries: list[float] = []

    class Counting(LocalManagers):
        async def connect(self) -> Any:
            tries.append(asyncio.get_running_loop().time())
            return await super().connect()

    managers = Counting({}, "n1")
    managers.is_reachable = False
    async with session_loop(managers, Handler()):
        await asyncio.sleep(120)
    pauses = [later - earlier for earlier, later in itertools.pairwise(tries)]
    bounds = [0.1, 0.3, 0.7, 1.5, 3.1, 6.3] + [8.0] * len(pauses)
    assert all(pause < bound for pause, bound in zip(pauses, bounds, strict=False))
    assert 20 <= len(tries) <= 60


@in_virtual_time
async def test_the_first_heartbeat_comes_with_the_registration() -> None:
    """6.1: at once, and then as the manager says."""
    beats: list[float] = []

    class Beating(ScriptedDispatcher):
        async def heartbeat(self, request: HeartbeatRequest, _: Caller) -> HeartbeatResponse:
            beats.append(asyncio.get_running_loop().time())
            return HeartbeatResponse(period=duration(4))

    handler = Handler()
    began = asyncio.get_running_loop().time()
    async with session_loop(LocalManagers({"Dispatcher": Beating()}, "n1"), handler):
        await until(lambda: len(beats) == 3)
    assert beats[0] - began < 1.0
    assert [later - earlier for earlier, later in itertools.pairwise(beats)] == pytest.approx(
        [4.0, 4.0], abs=0.5
    )


@in_virtual_time
async def test_a_manager_that_knows_tasks_alone() -> None:
    """Without assignments the older stream is followed: each message is a full set."""

    class Old(ScriptedDispatcher):
        async def assignments(
            self, request: AssignmentsRequest, _: Caller
        ) -> AsyncIterator[AssignmentsMessage]:
            raise Unimplemented("unknown method Assignments")
            yield AssignmentsMessage()

        async def tasks(self, request: TasksRequest, _: Caller) -> AsyncIterator[TasksMessage]:
            yield TasksMessage(tasks=[Task(id="a"), Task(id="b")])
            yield TasksMessage(tasks=[Task(id="b")])
            await asyncio.Event().wait()

    class Taking(Handler):
        async def assign(self, message: AssignmentsMessage) -> None:
            assert message.type == AssignmentsMessage.COMPLETE
            self.got.append(" ".join(change.assignment.task.id for change in message.changes))

    handler = Taking()
    async with session_loop(LocalManagers({"Dispatcher": Old()}, "n1"), handler):
        await until(lambda: len(handler.got) == 2)
    assert handler.got == ["a b", "b"] and handler.registrations == 1


@in_virtual_time
async def test_silent_manager_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    """A manager that sends no first message within five seconds is left, and it is said what was waited for."""

    class Silent(ScriptedDispatcher):
        async def session(self, request: SessionRequest, _: Caller) -> AsyncIterator[SessionMessage]:
            self.sessions.append(request.session_id)
            await asyncio.Event().wait()
            yield SessionMessage()

    dispatcher = Silent()
    managers = LocalManagers({"Dispatcher": dispatcher}, "n1")
    async with session_loop(managers, Handler()):
        await until(lambda: len(dispatcher.sessions) == 2)
    assert managers.observations[0] is False
    assert "session ended: the manager did not answer the registration within 5 s" in caplog.messages


# logs


class Source:
    """A LogSource over given managers."""

    def __init__(self, *managers: TaskManager) -> None:
        self.list = list(managers)
        self.observers: list[Callable[[TaskManager], None]] = []

    def managers(self) -> list[TaskManager]:
        return self.list

    def observe(self, started: Callable[[TaskManager], None]) -> Callable[[], None]:
        self.observers.append(started)
        return lambda: self.observers.remove(started)


def logged(fn: Callable[["LogRig"], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A log broker, and a publisher for a node with tasks t1 (ended, has spoken) and t2 (runs), in virtual time."""

    async def run() -> None:
        world = World()
        one, two = Managed(make("t1", "ends"), world).manager, Managed(make("t2"), world).manager
        for manager in (one, two):
            await manager.controller.prepare()
            await manager.controller.start()
        rig = LogRig(world, Source(one, two))
        async with Group() as group:
            group.spawn(rig.broker.run(), name="broker")
            await asyncio.sleep(0)
            connection = LocalConnection({"LogBroker": rig.broker}, CALLER)
            rig.publishing = group.spawn(rig.publisher.run(Dispatch(connection, call_s=5)), name="publisher")
            await asyncio.sleep(0.01)
            await fn(rig)
            group.cancel_all()

    def wrapper() -> None:
        in_virtual_time(run)()

    wrapper.__doc__ = fn.__doc__
    return wrapper


class LogRig:
    publishing: asyncio.Task[None]

    def __init__(self, world: World, source: Source) -> None:
        self.world = world
        self.source = source
        clock = VirtualClock()
        self.broker = LogBroker(MemoryStore(clock=clock), clock, random.Random(1))
        self.publisher = LogPublisher("n1", source, clock, AgentConfig())

    def subscribe(self, **options: Any) -> AsyncIterator[Any]:
        request = SubscribeLogsRequest()
        request.selector.node_ids.append("n1")
        for name, value in options.items():
            setattr(request.options, name, value)
        return self.broker.subscribe_logs(request, CALLER)

    async def read(self, **options: Any) -> list[str]:
        return [
            f"{record.context.task_id} {record.data.decode().strip()}"
            async for batch in self.subscribe(**options)
            for record in batch.messages
        ]


@logged
async def test_present_logs_of_all_matching_tasks(rig: LogRig) -> None:
    """Without following, every matching task's lines come with their context, then the end."""
    assert sorted(await rig.read()) == ["t1 one", "t1 oops", "t1 three", "t1 two", "t2 started"]
    assert sorted(await rig.read(tail=-2)) == ["t1 oops", "t2 started"]


@logged
async def test_followed_logs_reach_later_tasks(rig: LogRig) -> None:
    """Following gives new lines, also of tasks that start later, until the client goes away."""
    lines: list[str] = []
    stream = rig.subscribe(follow=True)

    async def collect() -> None:
        async with contextlib.aclosing(stream) as batches:  # type: ignore[type-var]
            async for batch in batches:
                lines.extend(record.data.decode().strip() for record in batch.messages)

    async with Group() as group:
        group.spawn(collect(), name="client")
        await until(lambda: "started" in lines)
        rig.world.works["t2"].write("more")
        await until(lambda: "more" in lines)
        later = Managed(make("t3", "ends"), rig.world).manager
        await later.controller.prepare()
        await later.controller.start()
        rig.source.observers[0](later)
        await until(lambda: lines.count("three") == 2)
        group.cancel_all()
    await until(lambda: not rig.source.observers)
    assert not rig.publishing.done()


@logged
async def test_failing_logs_end_themselves_alone(rig: LogRig) -> None:
    """A task whose logs cannot be read does not keep the others' from coming; a positive tail gives nothing."""

    class Broken(FakeController):
        def logs(self, options: object) -> AsyncIterator[Any]:
            raise RuntimeError("no logs here")

    rig.source.list[1].controller = Broken(make("t2"), FixedDependencies(), rig.world)
    assert sorted(await rig.read()) == ["t1 one", "t1 oops", "t1 three", "t1 two"]
    assert await rig.read(tail=3) == []


@in_virtual_time
async def test_manager_without_log_broker_is_tolerated() -> None:
    """An unimplemented ListenSubscriptions leaves the publisher idle; other failures end it."""

    class Old:
        async def listen_subscriptions(self, request: object, _: Caller) -> AsyncIterator[Any]:
            raise PermissionDenied("no")
            yield

    publisher = LogPublisher("n1", NoTasks(), VirtualClock(), AgentConfig())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(publisher.run(Dispatch(LocalConnection({}, CALLER), call_s=5)), 60)
    with pytest.raises(CallFailed):
        await publisher.run(Dispatch(LocalConnection({"LogBroker": Old()}, CALLER), call_s=5))


@in_virtual_time
async def test_rate_of_logs_is_limited() -> None:
    """A task that writes without end gives a burst and then the rate per second."""
    world = World()
    manager = Managed(make(), world).manager
    await manager.controller.prepare()
    await manager.controller.start()
    for _ in range(40):
        world.works["t1"].write("x" * 999)
    world.works["t1"].end(0)
    rig = LogRig(world, Source(manager))
    rig.publisher = LogPublisher("n1", rig.source, VirtualClock(), AgentConfig(log_bytes_per_s=10_000))
    async with Group() as group:
        group.spawn(rig.broker.run(), name="broker")
        await asyncio.sleep(0)
        dispatch = Dispatch(LocalConnection({"LogBroker": rig.broker}, CALLER), call_s=5)
        group.spawn(rig.publisher.run(dispatch), name="publisher")
        await asyncio.sleep(0.01)
        before = asyncio.get_running_loop().time()
        assert len(await rig.read()) == 41
        assert 2.9 < asyncio.get_running_loop().time() - before < 3.3
        group.cancel_all()
