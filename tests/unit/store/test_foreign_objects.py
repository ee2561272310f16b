"""Whatever any leader replicates, of every kind and with every type of message inside: the store takes it.

Nothing raises in apply, in an index, in a query, in a snapshot, in the watch service or in an agent's assignments.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from swarm_core.api.proto import watch_pb2
from swarm_core.api.proto.objects_pb2 import Config, Node, Secret, Task
from swarm_core.api.tolerant import decode_tolerantly
from swarm_core.manager.dispatcher import wire
from swarm_core.manager.dispatcher.assignments import AssignmentSet
from swarm_core.manager.watch_api import WatchApi
from swarm_core.rpc.caller import Caller
from swarm_core.runtime.clock import SystemClock
from swarm_core.store import by
from swarm_core.store.actions import CREATE, REMOVE, UPDATE, encode_action
from swarm_core.store.memory import MemoryStore
from swarm_core.store.tables import SCHEMAS, TableSchema
from swarm_testkit.foreign_objects import Path, encoded_objects, path_id, paths

CASES = [
    pytest.param(schema, path, id=f"{schema.name}-{path_id(path)}")
    for schema in SCHEMAS
    for path in paths(schema.kind)
]
CALLER = Caller("n", frozenset({"swarm-manager"}), "org", "", is_local=True)
WATCHED = {schema.name: schema for schema in SCHEMAS if schema.name != "resource"}
MARK = "the last one"

Step = tuple[int, bytes]


def entries(schema: TableSchema[Any], path: Path) -> st.SearchStrategy[list[list[Step]]]:
    """A few log entries, each of a few actions."""
    actions = st.sampled_from((CREATE, CREATE, UPDATE, REMOVE))
    step = st.tuples(actions, encoded_objects(schema.kind, path))
    return st.lists(st.lists(step, min_size=1, max_size=3), min_size=1, max_size=3)


def encoded(schema: TableSchema[Any], steps: Sequence[Step]) -> bytes:
    return b"\x08\x07" + b"".join(encode_action(schema.kind, action, item) for action, item in steps)


def terms(schema: TableSchema[Any]) -> list[by.By]:
    """One term of every sort that the kind takes."""
    numbers = (by.Role, by.Membership, by.DesiredState, by.TaskState)
    texts = (
        by.Runtime,
        by.ByNode,
        by.ByService,
        by.ReferencedNetwork,
        by.ReferencedSecret,
        by.ReferencedConfig,
    )
    texts += (by.VolumeAttachment, by.Kind, by.Group, by.Driver)
    every: list[by.By] = [by.IdPrefix("a"), by.Name("A"), by.NamePrefix("a"), by.Slot("a", 1)]
    every += [
        by.Custom("a", "b"),
        by.CustomPrefix("a", ""),
        *(term(1) for term in numbers),
        *(term("a") for term in texts),
    ]
    return [term for term in every if term.index in ("id", "name", *schema.indexes)]


def content(store: MemoryStore) -> list[bytes]:
    return [
        item.SerializeToString(deterministic=True) for schema in SCHEMAS for item in store.find(schema.kind)
    ]


def store_after(schema: TableSchema[Any], log: Sequence[Sequence[Step]]) -> MemoryStore:
    """A store whose every index stood before the first entry came."""
    store = MemoryStore(clock=SystemClock())
    for term in terms(schema):
        store.find(schema.kind, term)
    for index, steps in enumerate(log, 1):
        store.apply(index, encoded(schema, steps))
    return store


@pytest.mark.parametrize(("schema", "path"), CASES)
@settings(max_examples=12)
@given(data=st.data())
def test_applied_found_and_restored(schema: TableSchema[Any], path: Path, data: st.DataObject) -> None:
    """Entries are applied, every query answers as on a store that built its indexes later, snapshots keep all."""
    log = data.draw(entries(schema, path))
    store = store_after(schema, log)
    assert {item.id for item in store.find(schema.kind)} == _ids_left(schema, log)
    restored = MemoryStore(clock=SystemClock())
    restored.restore(len(log), store.snapshot()())
    assert content(restored) == content(store)
    for term in terms(schema):
        found = [item.id for item in store.find(schema.kind, term)]
        assert found == [item.id for item in restored.find(schema.kind, term)]
        assert store.count(schema.kind, term) == len(found)
    for item in store.find(schema.kind):
        store.apply(len(log) + 1, encoded(schema, [(REMOVE, item.SerializeToString())]))
    assert content(store) == [] and not any(store.find(schema.kind, term) for term in terms(schema))


def _ids_left(schema: TableSchema[Any], log: Sequence[Sequence[Step]]) -> set[str]:
    left: set[str] = set()
    for action, item in (step for steps in log for step in steps):
        # The id was appended last and is text, so that even a message with other text in it says it.
        id_ = item[item.rindex(b"\x0a") + 2 :].decode()
        (left.discard if action == REMOVE else left.add)(id_)
    return left


@pytest.mark.parametrize("schema", [pytest.param(schema, id=schema.name) for schema in SCHEMAS])
@settings(max_examples=60)
@given(data=st.data())
def test_watched(schema: TableSchema[Any], data: st.DataObject) -> None:
    """The watch service tells of every change, in messages that protobuf reads."""
    log = data.draw(st.sampled_from(paths(schema.kind)).flatmap(lambda path: entries(schema, path)))
    asyncio.run(_watch(schema, log))


async def _watch(schema: TableSchema[Any], log: Sequence[Sequence[Step]]) -> None:
    store = MemoryStore(clock=SystemClock())
    request = watch_pb2.WatchRequest(include_old_object=True)
    every = watch_pb2.WATCH_ACTION_CREATE | watch_pb2.WATCH_ACTION_UPDATE | watch_pb2.WATCH_ACTION_REMOVE
    if schema.name in WATCHED:
        request.entries.add(kind=schema.name, action=every)
        for filter_ in _filters():
            request.entries.add(kind=schema.name, action=every, filters=[filter_])
    request.entries.add(kind="node", action=every, filters=[watch_pb2.SelectBy(id=MARK)])
    stream = WatchApi(store).watch(request, CALLER)
    await anext(stream)
    for index, steps in enumerate(log, 1):
        store.apply(index, encoded(schema, steps))
    store.apply(len(log) + 1, encode_action(Node, CREATE, Node(id=MARK).SerializeToString()))
    told = 0
    async for message in stream:
        assert isinstance(message, bytes)
        events = watch_pb2.WatchMessage.FromString(message).events
        if any(event.object.node.id == MARK for event in events):
            break
        told += len(events)
    await stream.aclose()  # type: ignore[attr-defined]
    changes = sum(action != REMOVE for steps in log for action, _ in steps)
    assert told >= changes if schema.name in WATCHED else told == 0


def _filters() -> list[watch_pb2.SelectBy]:
    custom = {"kind": "", "index": "a", "value": "b"}
    slot = {"service_id": "a", "slot": 1}
    return [
        watch_pb2.SelectBy(id_prefix="a"),
        watch_pb2.SelectBy(name="a"),
        watch_pb2.SelectBy(name_prefix="a"),
        watch_pb2.SelectBy(custom=custom),
        watch_pb2.SelectBy(custom_prefix=custom),
        watch_pb2.SelectBy(service_id="a"),
        watch_pb2.SelectBy(node_id="a"),
        watch_pb2.SelectBy(slot=slot),
        watch_pb2.SelectBy(desired_state=1),
        watch_pb2.SelectBy(role=1),
        watch_pb2.SelectBy(membership=1),
    ]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(paths(Task)).flatmap(lambda path: encoded_objects(Task, path)), max_size=3))
def test_assigned(replicated: list[bytes]) -> None:
    """An agent's assignments are made of any tasks, and taken back."""
    tasks = [decode_tolerantly(Task, item)[0] for item in replicated]

    def lookup(item: int, id_: str) -> Secret | Config | None:
        return {wire.SECRET: Secret(id=id_), wire.CONFIG: Config(id=id_)}[item] if id_ else None

    assignments = AssignmentSet("n1", lookup)
    assignments.reset(tasks[:1])
    for task in tasks:
        assignments.put(task, task.SerializeToString())
    assert all(isinstance(change, bytes) for change in assignments.take())
    for task in tasks:
        assignments.remove(task.id)
    assignments.take()
    assert not assignments
