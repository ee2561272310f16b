"""What a change of a service comes to, in sentences (docs/design/terminal.md 11.8)."""

from collections.abc import Callable

import pytest
from swarm_core.api.proto.objects_pb2 import Service
from swarm_core.api.proto.specs_pb2 import ServiceSpec
from swarm_core.api.proto.types_pb2 import UpdateConfig, UpdateStatus
from swarm_core.api.timestamps import duration
from swarm_testkit.factories import make_job, make_service, make_task, make_task_spec
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.operations import rollout_notes, update

Edit = Callable[[ServiceSpec], object]


def image(spec: ServiceSpec) -> None:
    spec.task.container.image = "web:2"


def service(edit: Edit = lambda spec: None) -> Service:
    made = make_service("s", name="web", replicas=10, task=make_task_spec(image="web:1"))
    made.meta.version.index = 9
    edit(made.spec)
    return made


def notes(shown: Service, edit: Edit = image, *, tasks: int = 10) -> tuple[str, ...]:
    running = [make_task(service=shown, slot=slot, state="RUNNING") for slot in range(1, tasks + 1)]
    return update.plan(Snapshot([shown, *running]), ["s"], edit).notes


def test_the_whole_text() -> None:
    """11.8.1: what changes, what restarts and how many at a time, the order, and what a failure does."""
    assert notes(service()) == (
        "Changes: image 1 → 2.",
        "10 of 10 tasks restart, one at a time.",
        "Each old task stops before the new one starts.",
        "A new task that fails within 5s pauses it.",
    )


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("parallelism", 4, "10 of 10 tasks restart, 4 at a time."),
        ("parallelism", 0, "10 of 10 tasks restart, all at once."),
        ("order", UpdateConfig.START_FIRST, "Each old task stops when the new one runs."),
        ("failure_action", UpdateConfig.CONTINUE, "Failures are passed over."),
        (
            "failure_action",
            UpdateConfig.ROLLBACK,
            "A new task that fails within 5s takes it back to the spec of now.",
        ),
        ("max_failure_ratio", 0.25, "More than 25% of new tasks that fail within 5s pause it."),
    ],
)
def test_settings(field: str, value: float, sentence: str) -> None:
    """11.8.1, 11.8.4: the service's update settings are told, as the leader reads them."""
    assert sentence in notes(service(lambda spec: setattr(spec.update, field, value)))


def test_a_delay() -> None:
    """11.8.1: time between tasks is told where there is any."""

    def slow(spec: ServiceSpec) -> None:
        spec.update.parallelism = 2
        spec.update.delay.CopyFrom(duration(30))

    assert "10 of 10 tasks restart, 2 at a time, 30s apart." in notes(service(slow))


def test_what_leaves_tasks_alone() -> None:
    """11.8.4: labels and numbers restart nothing; the same spec changes nothing."""
    assert notes(service(), lambda spec: spec.annotations.labels.update({"a": "b"})) == (
        "Changes: labels.",
        "No task restarts.",
    )
    assert notes(service(), lambda spec: None)[0] == "Nothing of the spec changes."


def test_that_no_task_of_several_restarts_is_said_once() -> None:
    """Where a task of one of them does, it is said of each."""
    a, b = make_service("a", name="a", replicas=2), make_service("b", name="b", replicas=2)
    a.meta.version.index = b.meta.version.index = 9
    view = Snapshot([a, b, *(make_task(service=one, slot=1, state="RUNNING") for one in (a, b))])
    calm, image = (ServiceSpec() for _ in range(2))
    calm.CopyFrom(a.spec)
    calm.replicated.replicas = 5
    image.CopyFrom(b.spec)
    image.task.container.image = "new"
    scaled = ServiceSpec()
    scaled.CopyFrom(b.spec)
    scaled.replicated.replicas = 1
    told = rollout_notes.notes(view, [(a, calm), (b, scaled)])
    assert [text for text in told if "restart" in text] == ["No task restarts."]
    told = rollout_notes.notes(view, [(a, calm), (b, image)])
    assert "a: No task restarts." in told
    assert any(text.startswith("b: 1 of 1 task restarts") for text in told)


def test_an_update_on_its_way() -> None:
    """11.8.1: one that has not ended is told of."""
    shown = service()
    shown.update_status.state = UpdateStatus.PAUSED
    assert notes(shown)[-1] == "It takes the place of the update that has not ended."


def test_a_job() -> None:
    """11.8.1: a job begins anew, and what still runs is stopped."""
    job = make_job("s", completions=3, name="sum")
    running = make_task(service=job, slot=0, state="RUNNING", desired="COMPLETE")
    plan = update.restart(Snapshot([job, running]), ["s"])
    assert plan.notes == (
        "Changes: restarted.",
        "The job begins anew; 1 task that still runs will be stopped.",
    )


def test_a_rollback_has_its_own_settings() -> None:
    """11.8.2: going back, the rollback's settings count, and a failure of it pauses."""
    shown = service()
    shown.previous_spec.CopyFrom(shown.spec)
    image(shown.previous_spec)
    shown.previous_spec.rollback.parallelism, shown.previous_spec.rollback.failure_action = (
        5,
        UpdateConfig.ROLLBACK,
    )
    shown.previous_spec_version.index = 3
    running = [make_task(service=shown, slot=slot, state="RUNNING") for slot in range(1, 11)]
    told = update.rollback(Snapshot([shown, *running]), ["s"]).notes
    assert told[1] == "10 of 10 tasks restart, 5 at a time."
    assert told[-1] == "A new task that fails within 5s pauses it."
