"""The Watch service: mark, filters, resume, bounds (docs/design/store.md 1.9)."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from swarm_core.api.proto import objects_pb2, types_pb2, watch_pb2
from swarm_core.manager.watch_api import WatchApi
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import Aborted, InvalidArgument, Unknown
from swarm_core.runtime.clock import SystemClock
from swarm_core.store.memory import MemoryStore
from swarm_testkit.factories import make_node, make_service, make_task

CALLER = Caller("operator", frozenset(), "org", "", is_local=True)
Request, Entry, By = watch_pb2.WatchRequest, watch_pb2.WatchRequest.WatchEntry, watch_pb2.SelectBy


class Client:
    """Reads one watch as a client would: decoded messages, one by one."""

    def __init__(self, api: WatchApi, *entries: watch_pb2.WatchRequest.WatchEntry, **fields: object) -> None:
        request = Request(entries=entries, **fields)  # type: ignore[arg-type]
        self.stream: AsyncIterator[watch_pb2.WatchMessage | bytes] = api.watch(request, CALLER)

    async def next(self) -> watch_pb2.WatchMessage:
        async with asyncio.timeout(40):
            message = await anext(self.stream)
        return watch_pb2.WatchMessage.FromString(message) if isinstance(message, bytes) else message


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(clock=SystemClock())


async def put(store: MemoryStore, *items: object) -> None:
    await store.update(lambda tx: [tx.create(item) for item in items])  # type: ignore[arg-type]


async def test_mark_then_changes(store: MemoryStore) -> None:
    """The first message is empty; then each commit is one message with its version and whole objects."""
    client = Client(WatchApi(store), Entry(kind="service", action=7), include_old_object=True)
    assert await client.next() == watch_pb2.WatchMessage()
    first, second = make_service("s1"), make_service("s2")
    await put(store, first, second)
    message = await client.next()
    assert [e.object.service.id for e in message.events] == ["s1", "s2"]
    assert [e.action for e in message.events] == [watch_pb2.WATCH_ACTION_CREATE] * 2
    assert message.version.index == store.version
    changed = objects_pb2.Service()
    changed.CopyFrom(first)
    changed.spec.replicated.replicas = 9
    await store.update(lambda tx: tx.update(changed))
    (event,) = (await client.next()).events
    assert (
        event.object.service.spec.replicated.replicas,
        event.old_object.service.spec.replicated.replicas,
    ) == (9, 1)
    await store.update(lambda tx: tx.delete(objects_pb2.Service, "s2"))
    (event,) = (await client.next()).events
    assert (event.action, event.object.service.id) == (watch_pb2.WATCH_ACTION_REMOVE, "s2")


@pytest.mark.parametrize(
    ("filters", "want"),
    [
        ([By(service_id="s1")], ["t1", "t2"]),
        ([By(node_id="n1"), By(service_id="s1")], ["t1"]),
        ([By(id_prefix="t")], ["t1", "t2", "t3"]),
        ([By(slot=watch_pb2.SelectBySlot(service_id="s1", slot=2))], ["t2"]),
        ([By(desired_state=types_pb2.SHUTDOWN)], ["t3"]),
        ([By(role=types_pb2.MANAGER)], ["t1", "t2", "t3"]),
    ],
)
async def test_task_filters(store: MemoryStore, filters: list[watch_pb2.SelectBy], want: list[str]) -> None:
    """Filters are AND-ed; those of another kind are ignored."""
    client = Client(WatchApi(store), Entry(kind="task", action=7, filters=filters))
    await client.next()
    third = make_task("t3", service_id="s2")
    third.desired_state = types_pb2.SHUTDOWN
    await put(
        store,
        make_node("n1"),
        make_task("t1", service_id="s1", node_id="n1", slot=1),
        make_task("t2", service_id="s1", slot=2),
        third,
    )
    assert [e.object.task.id for e in (await client.next()).events] == want


async def test_actions_are_masked(store: MemoryStore) -> None:
    """Only the asked-for actions come through."""
    client = Client(WatchApi(store), Entry(kind="node", action=watch_pb2.WATCH_ACTION_REMOVE))
    await client.next()
    await put(store, make_node("n1"))
    await store.update(lambda tx: tx.delete(objects_pb2.Node, "n1"))
    (event,) = (await client.next()).events
    assert event.action == watch_pb2.WATCH_ACTION_REMOVE


@pytest.mark.parametrize(
    "entry",
    [
        Entry(action=7),
        Entry(kind="task"),
        Entry(kind="task", action=8),
        Entry(kind="task", action=7, filters=[By(id="a"), By(id_prefix="a")]),
    ],
)
async def test_bad_requests(store: MemoryStore, entry: watch_pb2.WatchRequest.WatchEntry) -> None:
    """No kind, no action, or one dimension twice is INVALID_ARGUMENT."""
    with pytest.raises(InvalidArgument):
        await Client(WatchApi(store), entry).next()


async def test_resume_without_a_log(store: MemoryStore) -> None:
    """A version that cannot be replayed is refused, so that the client lists anew."""
    client = Client(WatchApi(store), Entry(kind="task", action=7), resume_from=types_pb2.Version(index=3))
    with pytest.raises(Unknown):
        await client.next()


async def test_large_commit_comes_in_parts(store: MemoryStore) -> None:
    """Messages stay well below the receive limit; only the last of a commit carries the version."""
    client = Client(WatchApi(store), Entry(kind="config", action=7))
    await client.next()
    configs = []
    for n in range(3):
        config = objects_pb2.Config(id=f"c{n}")
        config.spec.annotations.name, config.spec.data = f"c{n}", b"d" * 500_000
        configs.append(config)
    await put(store, *configs)
    first, second = await client.next(), await client.next()
    assert not first.HasField("version") and second.version.index == store.version
    assert [e.object.config.id for m in (first, second) for e in m.events] == ["c0", "c1", "c2"]


async def test_slow_client_is_told(store: MemoryStore) -> None:
    """A client that falls behind its bound gets ABORTED instead of growing memory."""
    client = Client(WatchApi(store, events_max=3), Entry(kind="node", action=7))
    await client.next()
    for n in range(5):
        await put(store, make_node(f"n{n}"))
    with pytest.raises(Aborted):
        await client.next()
