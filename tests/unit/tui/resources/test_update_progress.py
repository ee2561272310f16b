"""An update slot by slot (docs/design/terminal.md 11.8)."""

from google.protobuf.message import Message
from swarm_core.api.proto.objects_pb2 import Service
from swarm_core.api.proto.types_pb2 import UpdateStatus
from swarm_core.api.timestamps import timestamp
from swarm_core.client.watch import Listed
from swarm_testkit.cluster_fake import START_NS, FakeCluster
from swarm_testkit.factories import make_node, make_service, make_task, make_task_spec
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.resources.update_progress import ADVANCE_TASKS_MAX, advance, left, update_section

OLD, NEW = make_task_spec(image="web:1"), make_task_spec(image="web:2")


def service(state: str, *, replicas: int = 3) -> Service:
    made = make_service("s", replicas=replicas, task=NEW, spec_version=5)
    made.update_status.state = UpdateStatus.UpdateState.Value(state)
    return made


def mirror_of(*objects: Message) -> Mirror:
    mirror = Mirror(FakeCluster())
    mirror.apply(Listed(list(objects), version=1))
    return mirror


def page(shown: Service, *others: Message) -> list[tuple[str, str]]:
    mirror = mirror_of(shown, *others)
    return [
        (label, " ".join(value.text.split()))
        for one in update_section(shown, mirror)
        for label, value in one.lines
    ]


def task(
    id_: str, slot: int, spec: object, *, state: str = "RUNNING", desired: str = "RUNNING", err: str = ""
) -> Message:
    version = 5 if spec is NEW else 1
    return make_task(
        id_, service_id="s", slot=slot, spec=spec, spec_version=version, state=state, desired=desired, err=err
    )  # type: ignore[arg-type]


def test_slot_by_slot() -> None:
    """11.8.5: slots that are worked at come first, then those that are done, then those that wait; old tasks that ended are left out."""
    tasks = [
        task("a", 1, NEW),
        task("z", 1, OLD, state="SHUTDOWN", desired="SHUTDOWN"),
        task("b", 2, OLD, desired="SHUTDOWN"),
        task("c", 2, NEW, state="READY", desired="READY"),
        task("d", 3, OLD),
    ]
    assert page(service("UPDATING"), *tasks) == [
        ("Slots", "1 of 3 slots done"),
        ("slot 2", "new ready old stopping"),
        ("slot 1", "new running"),
        ("slot 3", "old running"),
    ]


def test_a_failure_and_its_cause() -> None:
    """11.8.5: a new task that failed says why, also when the update is paused."""
    failed = task("a", 1, NEW, state="FAILED", err="exit code 3")
    assert page(service("PAUSED", replicas=1), failed)[1] == ("slot 1", "new failed exit code 3")


def test_nodes_are_the_slots_of_a_global_service() -> None:
    """11.8.5: a global service has a slot per node, called by the node's name."""
    shown = make_service("s", is_global=True, task=NEW, spec_version=5)
    shown.update_status.state = UpdateStatus.ROLLBACK_STARTED
    running = make_task("a", service=shown, node_id="n", state="RUNNING")
    assert page(shown, make_node("n", hostname="east"), running)[1] == ("east", "new running")


def test_only_while_something_is_on_its_way() -> None:
    """11.8.5: a service whose update is complete, and one without any, has no such section."""
    assert page(service("COMPLETED"), task("a", 1, NEW)) == []
    assert page(make_service("s"), task("a", 1, NEW)) == []


def test_many_slots() -> None:
    """11.8.5: of a thousand slots the first forty are told, and how many there are."""
    shown = page(
        service("UPDATING", replicas=1000), *(task(f"t{slot}", slot, OLD) for slot in range(1, 1001))
    )
    assert (len(shown), shown[0][1], shown[-1][1]) == (42, "0 of 1000 slots done", "and 960 more")


def test_how_far_a_rollout_is() -> None:
    """11.8.6: slots whose new task runs, of all; the time that the rest take if they take as long as those; no rollout, no word."""
    tasks = [task("a", 1, NEW), task("b", 2, NEW), task("c", 3, OLD)]
    rolling = service("UPDATING")
    rolling.update_status.started_at.CopyFrom(timestamp(START_NS))
    assert advance(rolling, mirror_of(rolling, *tasks)) == (2, 3)
    assert left(rolling, 2, 3, START_NS + 60 * 10**9) == "about 30s left"
    assert left(rolling, 0, 3, START_NS + 60 * 10**9) == ""
    assert left(service("UPDATING"), 2, 3, START_NS) == ""
    done = service("COMPLETED")
    assert advance(done, mirror_of(done, *tasks)) is None


def test_a_rollout_of_very_many_tasks_is_not_walked_through() -> None:
    """11.8.6: it is told with each change, and costs no more than a screen does."""
    rolling = service("UPDATING", replicas=ADVANCE_TASKS_MAX + 1)
    tasks = [task(f"t{slot}", slot, OLD) for slot in range(1, ADVANCE_TASKS_MAX + 2)]
    assert advance(rolling, mirror_of(rolling, *tasks)) is None
