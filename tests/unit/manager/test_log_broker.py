"""The log broker between clients and agents, in virtual time."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

import pytest
from swarm_core.api.proto.logbroker_pb2 import (
    LOG_STREAM_STDOUT,
    ListenSubscriptionsRequest,
    LogMessage,
    PublishLogsMessage,
    SubscribeLogsMessage,
    SubscribeLogsRequest,
    SubscriptionMessage,
)
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.manager.log_broker.broker import LogBroker
from swarm_core.manager.log_broker.subscription import BATCHES_MAX
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import Aborted, InvalidArgument, NotFound, PermissionDenied, Unknown
from swarm_core.runtime.tasks import Group
from swarm_core.store.memory import MemoryStore
from swarm_testkit.clock import VirtualClock, in_virtual_time, until
from swarm_testkit.factories import make_task


class Rig:
    def __init__(self) -> None:
        self.store = MemoryStore(clock=VirtualClock())
        self.broker = LogBroker(self.store, VirtualClock(), random.Random(1))

    async def put(self, *tasks: Task) -> None:
        def change(transaction: Any) -> None:
            for task in tasks:
                stored = transaction.get(Task, task.id)
                if stored is None:
                    transaction.create(task)
                else:
                    task.meta.CopyFrom(stored.meta)
                    transaction.update(task)

        await self.store.update(change)

    async def publish(self, node_id: str, *messages: PublishLogsMessage) -> None:
        async def stream() -> AsyncIterator[PublishLogsMessage]:
            for message in messages:
                yield message

        await self.broker.publish_logs(stream(), caller(node_id))


def caller(node_id: str) -> Caller:
    return Caller(node_id, frozenset({"swarm-worker"}), "cluster", "192.0.2.1:1")


def rigged(test: Callable[[Rig], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A rig whose broker serves: task t1 of s1 runs on n1, t2 on n2, t3 has no node, in virtual time."""

    async def run() -> None:
        rig = Rig()
        await rig.put(task("t1", "n1"), task("t2", "n2"), task("t3", "", state="PENDING", service_id="s3"))
        async with Group() as group:
            group.spawn(rig.broker.run(), name="broker")
            await asyncio.sleep(0)
            await test(rig)
            group.cancel_all()

    def wrapper() -> None:
        in_virtual_time(run)()

    wrapper.__doc__ = test.__doc__
    return wrapper


def task(task_id: str, node_id: str, *, state: str = "RUNNING", service_id: str = "s1") -> Task:
    return make_task(task_id, node_id=node_id, state=state, service_id=service_id)


class Listener:
    """One node's ListenSubscriptions stream; `heard` grows."""

    def __init__(self) -> None:
        self.heard: list[SubscriptionMessage] = []

    @property
    def id(self) -> str:
        return self.heard[-1].id


@contextlib.asynccontextmanager
async def listening(rig: Rig, node_id: str) -> AsyncIterator[Listener]:
    listener = Listener()

    async def read() -> None:
        async for message in rig.broker.listen_subscriptions(ListenSubscriptionsRequest(), caller(node_id)):
            listener.heard.append(message)

    async with Group() as group:
        group.spawn(read(), name="listener")
        await asyncio.sleep(0.01)
        yield listener
        group.cancel_all()


class Reader:
    """One client's SubscribeLogs stream: the lines that came, and how it ended."""

    def __init__(self, rig: Rig, request: SubscribeLogsRequest) -> None:
        self._stream = rig.broker.subscribe_logs(request, caller("client"))
        self.lines: list[str] = []
        self.end: str | None = None

    async def read(self) -> None:
        try:
            async with contextlib.aclosing(self._stream) as stream:  # type: ignore[type-var]
                async for message in stream:
                    assert isinstance(message, SubscribeLogsMessage)
                    self.lines += [item.data.decode() for item in message.messages]
            self.end = ""
        except (Unknown, Aborted) as error:
            self.end = str(error)


@contextlib.asynccontextmanager
async def reading(rig: Rig, *, follow: bool = False, **selector: Sequence[str]) -> AsyncIterator[Reader]:
    request = SubscribeLogsRequest()
    for field, ids in selector.items():
        getattr(request.selector, field).extend(ids)
    request.options.follow = follow
    reader = Reader(rig, request)
    async with Group() as group:
        group.spawn(reader.read(), name="reader")
        await asyncio.sleep(0.01)
        yield reader
        group.cancel_all()


def lines(subscription_id: str, node_id: str, *texts: str) -> PublishLogsMessage:
    message = PublishLogsMessage(subscription_id=subscription_id)
    for text in texts:
        record = LogMessage(stream=LOG_STREAM_STDOUT, data=text.encode())
        record.context.node_id = node_id
        message.messages.append(record)
    return message


def close(subscription_id: str) -> PublishLogsMessage:
    return PublishLogsMessage(subscription_id=subscription_id, close=True)


@rigged
async def test_logs_of_a_service_are_collected(rig: Rig) -> None:
    """Without following, every node of the service is asked, and the stream ends when all are done."""
    async with listening(rig, "n1") as one, listening(rig, "n2") as two:
        async with reading(rig, service_ids=["s1"]) as reader:
            await until(lambda: one.heard and two.heard)
            assert one.heard[0].HasField("options") and list(one.heard[0].selector.service_ids) == ["s1"]
            await rig.publish("n1", lines(one.id, "n1", "a", "b"), close(one.id))
            assert reader.end is None
            await rig.publish("n2", lines(two.id, "n2", "c"), close(two.id))
            await until(lambda: reader.end is not None)
        assert reader.end == "" and reader.lines == ["a", "b", "c"]
        await until(lambda: one.heard[-1].close and two.heard[-1].close)
        assert [message.close for message in one.heard] == [False, True]


@rigged
async def test_named_nodes_are_waited_for(rig: Rig) -> None:
    """A subscription by node id ends when that node is done, not before."""
    async with listening(rig, "n1") as one, reading(rig, node_ids=["n1"]) as reader:
        await until(lambda: one.heard)
        assert reader.end is None
        await rig.publish("n1", lines(one.id, "n1", "a"), close(one.id))
        await until(lambda: reader.end == "")
        assert reader.lines == ["a"]


@rigged
async def test_what_is_missing_is_named(rig: Rig) -> None:
    """Nodes that do not listen or go away, and tasks without a node, are named in the final error."""
    async with reading(rig, service_ids=["s1"], task_ids=["t3"]) as reader:
        await until(lambda: reader.end is not None)
    assert reader.end is not None and reader.end.startswith("warning: incomplete log stream")
    assert "node n1" in reader.end and "node n2" in reader.end and "task t3" in reader.end
    async with reading(rig, task_ids=["t1"]) as other:
        await until(lambda: other.end is not None)
    async with listening(rig, "n1"), reading(rig, task_ids=["t1"]) as other:
        assert other.end is None
        leaving = other
    assert leaving.end is None or "n1" in leaving.end


@rigged
async def test_node_that_disconnects_is_named(rig: Rig) -> None:
    """When the stream of a node that owes logs ends, the subscription ends with that node named."""
    async with contextlib.AsyncExitStack() as stack:
        async with listening(rig, "n1") as one:
            reader = await stack.enter_async_context(reading(rig, task_ids=["t1"]))
            await until(lambda: one.heard)
        await until(lambda: reader.end is not None)
        assert reader.end is not None and "node n1: disconnected" in reader.end


@rigged
async def test_following_reaches_new_nodes(rig: Rig) -> None:
    """A following subscription goes on, and reaches nodes on which matching tasks land later."""
    async with listening(rig, "n1") as one, listening(rig, "n9") as nine:
        async with reading(rig, follow=True, service_ids=["s1"]) as reader:
            await until(lambda: one.heard)
            await rig.publish("n1", lines(one.id, "n1", "a"), close(one.id))
            assert not nine.heard
            await rig.put(task("t9", "n9", state="ASSIGNED"))
            await until(lambda: nine.heard)
            await rig.put(task("t9", "n9"))
            await rig.publish("n9", lines(nine.id, "n9", "b"))
            await until(lambda: reader.lines == ["a", "b"])
            assert reader.end is None
        await until(lambda: nine.heard[-1].close)
        assert len(nine.heard) == 2


@rigged
async def test_late_listener_hears_of_following(rig: Rig) -> None:
    """A node that connects later is told of the subscriptions that follow it."""
    async with reading(rig, follow=True, node_ids=["n1"]), listening(rig, "n1") as one:
        await until(lambda: len(one.heard) == 1)


@rigged
async def test_a_node_that_comes_back_gives_nothing_twice(rig: Rig) -> None:
    """It is asked from its last records on, without the tail that was asked for first; records of one moment are counted."""

    def timed(subscription_id: str, *seconds: int) -> PublishLogsMessage:
        message = lines(
            subscription_id, "n1", *(f"{number}:{second}" for number, second in enumerate(seconds))
        )
        for record, second in zip(message.messages, seconds, strict=True):
            record.context.task_id = "t1"
            record.timestamp.seconds = second
        return message

    async with reading(rig, follow=True, node_ids=["n1"]) as reader:
        async with listening(rig, "n1") as one:
            await until(lambda: one.heard)
            assert not one.heard[0].options.HasField("since")
            await rig.publish("n1", timed(one.id, 10, 20, 20))
        async with listening(rig, "n1") as again:
            await until(lambda: again.heard)
            assert (again.heard[0].options.since.seconds, again.heard[0].options.tail) == (19, 0)
            await rig.publish("n1", timed(again.id, 20, 20, 20, 30))
        await until(lambda: len(reader.lines) >= 5)
        assert reader.lines == ["0:10", "1:20", "2:20", "2:20", "3:30"]


@rigged
async def test_full_queue_makes_publishers_wait(rig: Rig) -> None:
    """A client that does not read stops the publisher; when it goes away the publisher is let go."""
    request = SubscribeLogsRequest()
    request.selector.node_ids.append("n1")
    request.options.follow = True
    async with listening(rig, "n1") as one:
        stream = rig.broker.subscribe_logs(request, caller("client"))
        async with Group() as group:
            first = group.spawn(anext(stream), name="first read")  # type: ignore[arg-type]
            await until(lambda: one.heard)
            sent = 0

            async def endless() -> AsyncIterator[PublishLogsMessage]:
                nonlocal sent
                while sent < 10 * BATCHES_MAX:
                    sent += 1
                    yield lines(one.id, "n1", "x")

            publishing = group.spawn(rig.broker.publish_logs(endless(), caller("n1")), name="publisher")
            await first
            await asyncio.sleep(5)
            assert sent <= 2 * BATCHES_MAX + 2 and not publishing.done()
            await stream.aclose()  # type: ignore[attr-defined]
            await publishing
            assert sent == 10 * BATCHES_MAX


@rigged
async def test_bad_requests_are_refused(rig: Rig) -> None:
    """Empty selectors, missing, unknown and changing ids, and foreign node ids have their codes."""
    with pytest.raises(InvalidArgument):
        await anext(rig.broker.subscribe_logs(SubscribeLogsRequest(), caller("client")))
    with pytest.raises(InvalidArgument):
        await rig.publish("n1", PublishLogsMessage())
    with pytest.raises(NotFound):
        await rig.publish("n1", lines("unknown", "n1", "x"))
    async with listening(rig, "n1") as one, reading(rig, follow=True, node_ids=["n1"]) as reader:
        await until(lambda: one.heard)
        with pytest.raises(InvalidArgument):
            await rig.publish("n1", lines(one.id, "n1", "x"), close("another"))
        with pytest.raises(PermissionDenied):
            await rig.publish("n1", lines(one.id, "n2", "forged"))
        await until(lambda: reader.lines == ["x"])


@in_virtual_time
async def test_stopped_broker_aborts() -> None:
    """Outside run every call is Aborted, and open streams end so."""
    rig = Rig()
    for stream in (
        rig.broker.subscribe_logs(SubscribeLogsRequest(), caller("client")),
        rig.broker.listen_subscriptions(ListenSubscriptionsRequest(), caller("n1")),
    ):
        with pytest.raises(Aborted):
            await anext(stream)
    with pytest.raises(Aborted):
        await rig.publish("n1")
    async with Group() as group:
        running = group.spawn(rig.broker.run(), name="broker")
        await asyncio.sleep(0)
        request = SubscribeLogsRequest()
        request.selector.node_ids.append("n1")
        request.options.follow = True
        reader = Reader(rig, request)
        group.spawn(reader.read(), name="reader")
        listen = rig.broker.listen_subscriptions(ListenSubscriptionsRequest(), caller("n1"))
        await anext(listen)
        running.cancel()
        with pytest.raises(Aborted):
            await anext(listen)
        await until(lambda: reader.end)
        assert reader.end == "log broker is stopped"
