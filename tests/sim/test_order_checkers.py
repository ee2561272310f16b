"""The checkers of services see what they are for: each rule is broken once."""

import pytest
from swarm_core.api.proto.types_pb2 import UpdateConfig, UpdateStatus
from swarm_core.store.events import Created, Event, Updated
from swarm_testkit.factories import (
    make_job,
    make_node,
    make_service,
    make_task,
)
from swarm_testkit.simulation.checkers import Findings
from swarm_testkit.simulation.order_checkers import OrderLedger
from swarm_testkit.simulation.trace import Trace


class Watch:
    """A ledger at a time that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.findings = Findings(Trace(lambda: self.now, keep_all=True))
        self._ledger = OrderLedger(self.findings, lambda: self.now)

    def entry(self, *events: Event) -> list[str]:
        """What was found until after this entry."""
        for event in events:
            self._ledger.take(event)
        self._ledger.entry_ends()
        return self.findings.texts


def created(*items: object) -> list[Event]:
    return [Created(item, b"") for item in items]  # type: ignore[arg-type]


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_more_slots_than_asked_for(watch: Watch) -> None:
    """Rule 1: after a scale down what was asked for before still counts until it is gone, and not again."""
    service = make_service("s", replicas=2)
    tasks = [make_task(f"t{slot}", service=service, slot=slot) for slot in (1, 2, 3)]
    assert not watch.entry(*created(service, *tasks[:2]))
    fewer = make_service("s", replicas=1)
    assert not watch.entry(Updated(fewer, service, b""))
    assert watch.entry(*created(tasks[2]))


@pytest.mark.parametrize(("order", "is_wrong"), [("STOP_FIRST", True), ("START_FIRST", False)])
def test_a_slot_twice(watch: Watch, order: str, is_wrong: bool) -> None:
    """Rule 2: a slot has two tasks to run only where an update said START_FIRST."""
    service = make_service("s", replicas=1)
    service.spec.update.order = UpdateConfig.UpdateOrder.Value(order)
    tasks = [make_task(id_, service=service, slot=1) for id_ in ("a", "b")]
    assert bool(watch.entry(*created(service, *tasks))) is is_wrong


@pytest.mark.parametrize(
    ("node_state", "waited_s", "is_wrong"), [("READY", 1, True), ("READY", 61, False), ("DOWN", 1, False)]
)
def test_started_too_early(watch: Watch, node_state: str, waited_s: float, is_wrong: bool) -> None:
    """Rule 3: a task is not let run while the one before it still has to stop, unless that is lost or was waited for a minute."""
    watch.now = 100.0
    service = make_service("s", replicas=1)
    old = make_task("a", service=service, slot=1, node_id="n", state="RUNNING", desired="SHUTDOWN")
    new = make_task("b", service=service, slot=1, state="PENDING", desired="READY")
    assert not watch.entry(*created(make_node("n", state=node_state), service, old, new))
    watch.now += waited_s
    running = make_task("b", service=service, slot=1, state="PENDING", desired="RUNNING")
    assert bool(watch.entry(Updated(running, new, b""))) is is_wrong


def test_jobs(watch: Watch) -> None:
    """Rule 4: no more open tasks than may be, no slot completed twice or filled again after that."""
    service = make_job("s", completions=3, max_concurrent=1)
    open_tasks = [make_task(f"o{slot}", service=service, slot=slot, desired="COMPLETE") for slot in (1, 2)]
    assert len(watch.entry(*created(service, *open_tasks))) == 1
    done = make_task("o1", service=service, slot=1, desired="COMPLETE", state="COMPLETE")
    assert len(watch.entry(Updated(done, open_tasks[0], b""))) == 1
    again = make_task("p1", service=service, slot=1, desired="COMPLETE")
    assert len(watch.entry(*created(again))) == 2
    twice = make_task("p1", service=service, slot=1, desired="COMPLETE", state="COMPLETE")
    assert len(watch.entry(Updated(twice, again, b""))) == 3


def test_status_of_an_update(watch: Watch) -> None:
    """Rule 5: a rollback that pauses is not complete afterwards, unless somebody updates the service."""
    paused, done, updated = make_service("s"), make_service("s"), make_service("s", spec_version=9)
    paused.update_status.state = UpdateStatus.ROLLBACK_PAUSED
    done.update_status.state = updated.update_status.state = UpdateStatus.ROLLBACK_COMPLETED
    assert not watch.entry(*created(paused))
    assert not watch.entry(Updated(updated, paused, b""))
    other = Watch()
    other.entry(*created(paused))
    assert other.entry(Updated(done, paused, b""))


def test_end_of_an_update(watch: Watch) -> None:
    """Rule 5: an update that is said to be complete has left no task of an older spec to run."""
    before = make_service("s", replicas=2, spec_version=1)
    before.update_status.state = UpdateStatus.UPDATING
    service = make_service("s", replicas=2, spec_version=1)
    service.update_status.state = UpdateStatus.COMPLETED
    tasks = [make_task(id_, service=service, slot=slot) for slot, id_ in enumerate("ab", 1)]
    assert not watch.entry(*created(before, *tasks), Updated(service, before, b""))
    tasks[0].spec_version.index, tasks[0].spec.force_update = 0, 7
    other = Watch()
    assert not other.entry(*created(before, *tasks))
    assert other.entry(Updated(service, before, b""))


def test_failed_update_says_why(watch: Watch) -> None:
    """Rule 5: an update that pauses says why."""
    before, paused = make_service("s", spec_version=1), make_service("s", spec_version=1)
    before.update_status.state = UpdateStatus.UPDATING
    paused.update_status.state = UpdateStatus.PAUSED
    paused.update_status.message = "update paused due to failure or early termination of task t"
    assert not watch.entry(*created(before), Updated(paused, before, b""))
    paused.update_status.message = ""
    other = Watch()
    assert other.entry(*created(before), Updated(paused, before, b""))
