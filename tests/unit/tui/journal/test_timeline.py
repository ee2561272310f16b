"""The longer past of one object, from its journal (docs/design/journal.md 5)."""

from contextlib import closing
from pathlib import Path
from typing import Any

from swarm_core.api.proto import objects_pb2
from swarm_core.client.watch import Action, Change, Changed, Listed
from swarm_testkit.factories import make_cluster, make_node, make_service, make_task
from swarm_tui.clusters.event_log import EventLog
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.journal.file import JournalFile
from swarm_tui.journal.timeline import timeline
from swarm_tui.journal.writer import Writer
from swarm_tui.resources.events import EVENTS_MAX, Event
from swarm_tui.resources.refs import ONLY_CLUSTER, ObjectRef

S = 1_000_000_000
START = 1_760_000_000 * S
WEB = ObjectRef(ONLY_CLUSTER, "service", "s-web")


def _service(name: str, version: int, replicas: int) -> objects_pb2.Service:
    service = make_service(f"s-{name}", name=name, replicas=replicas)
    service.meta.version.index = version
    return service


def _task(version: int, slot: int, state: str) -> objects_pb2.Task:
    task = make_task(f"t-{slot}", service=_service("web", 1, 3), slot=slot, node_id="n", state=state)
    task.meta.version.index = version
    return task


def _changed(action: Action, item: Any) -> Changed:
    return Changed((Change(action, item),), 1)


def _journal(path: Path) -> None:
    writer = Writer(path, title="t")
    node = make_node("n", hostname="w1", state="READY")
    everything = (
        make_cluster("c"),
        node,
        _service("web", 1, 3),
        _service("api", 1, 3),
        _task(1, 1, "RUNNING"),
    )
    writer.take([(START, Listed(everything, 1))])
    updates = [
        _changed(Action.UPDATED, _service("web", 2, 5)),
        _changed(Action.UPDATED, _service("api", 2, 9)),
        _changed(Action.UPDATED, _service("web", 3, 7)),
        _changed(Action.UPDATED, _task(4, 1, "FAILED")),
        _changed(Action.CREATED, _task(5, 2, "RUNNING")),
        _changed(Action.REMOVED, _service("web", 6, 7)),
    ]
    for second, update in enumerate(updates, 1):
        writer.take([(START + second * S, update)])
    writer.close()


def test_what_happened_to_it_and_its_tasks(tmp_path: Path) -> None:
    """Its own changes and its tasks' failures, until the moment asked for, and nothing of another object. What the first
    record changed is not known, and not told."""
    _journal(tmp_path / "c.journal")
    with closing(JournalFile.open_for_reading(tmp_path / "c.journal")) as file:
        found = timeline(file, WEB, Snapshot(()), START + 100 * S)
        before = timeline(file, WEB, Snapshot(()), START + 4 * S)
    assert [
        ((one.at_ns - START) // S, one.name, one.text.partition(":")[0], one.is_failure) for one in found
    ] == [
        (3, "web", "scaled 5 → 7", False),
        (4, "web", "task failed", True),
        (6, "web", "removed", False),
    ]
    assert before == found[:1]
    assert {one.ref for one in found} == {WEB}


def _events(count: int, ref: ObjectRef = WEB) -> list[Event]:
    return [Event("", START + number * S, ref, "web", f"change {number}") for number in range(count)]


def test_recalled_events_stand_before_all_others() -> None:
    """What is recalled comes first, each once however often it is recalled, and what the log itself saw stays as it was."""
    log = EventLog()
    log._add(START + 50 * S, WEB, "web", "seen here")
    other = ObjectRef(ONLY_CLUSTER, "service", "s-api")
    log._add(START + 60 * S, other, "api", "seen here too")
    for _ in range(2):
        touched = log.recall(WEB, _events(90))
        assert {one for one in touched if one in log.events} == {id_ for id_ in log.events if int(id_) < 0}
    texts = [event.text for event in log.events.values()]
    assert texts == [f"change {number}" for number in range(50)] + ["seen here", "seen here too"]
    assert all(id_ == event.id for id_, event in log.events.items())


def test_recalled_events_have_room_or_are_not_kept() -> None:
    """The log never holds more than it may; of what is recalled the newest stay, and they are forgotten first."""
    log = EventLog()
    log.recall(WEB, _events(EVENTS_MAX + 100))
    assert len(log.events) == EVENTS_MAX
    assert next(iter(log.events.values())).text == "change 100"
    log._add(START + 9000 * S, WEB, "web", "new")
    assert len(log.events) == EVENTS_MAX
    assert next(iter(log.events.values())).text == "change 101"
