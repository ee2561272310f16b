"""Taking back what was done (docs/design/plans.md 13.3)."""

from collections.abc import Callable

import pytest
from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.client.control import Control
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.factories import make_config, make_node, make_secret, make_service
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.operations import create, nodes, remove, scale, update
from swarm_tui.operations.forecast.changed import changed
from swarm_tui.operations.model import Outcome, Plan, apply
from swarm_tui.operations.undo import Deed, Deeds, inverse
from swarm_tui.resources.model import ClusterView
from swarm_tui.resources.secrets import KIND as SECRET
from swarm_tui.resources.services import KIND as SERVICE

Config, Node, Secret = objects_pb2.Config, objects_pb2.Node, objects_pb2.Secret
Service = objects_pb2.Service
Making = Callable[[ClusterView], Plan]


def view_of(fake: FakeCluster) -> Snapshot:
    return Snapshot([item for kind in (Node, Service, Secret, Config) for item in fake.all(kind)])


async def applied(plan: Plan, fake: FakeCluster) -> list[Outcome]:
    return [outcome async for outcome in apply(plan, Control(fake))]


async def done(fake: FakeCluster, make: Making) -> Deed:
    """Carry a plan out, as the dashboard does; what is noted of it."""
    view, deeds = view_of(fake), Deeds()
    plan = make(view)
    deeds.note(plan, changed(plan, view), await applied(plan, fake))
    assert deeds.last is not None
    return deeds.last


def a_cluster() -> FakeCluster:
    service = make_service("s", name="web", replicas=2)
    service.spec.task.container.image = "redis:7"
    node = make_node("n", hostname="w1", labels={"zone": "a"})
    return FakeCluster([service, node, make_secret("k", name="key"), make_config("c", name="conf")])


def _image(spec: specs_pb2.ServiceSpec) -> None:
    spec.task.container.image = "redis:8"
    spec.task.container.env.append("A=1")


EDIT = nodes.Edit(availability="drain", labels_put={"zone": "b", "new": "1"})
WAYS: list[tuple[type[Message], str, Making]] = [
    (Service, "s", lambda view: scale.plan(view, ["s"], scale.Amount("+", 3))),
    (Service, "s", lambda view: update.plan(view, ["s"], _image)),
    (Node, "n", lambda view: nodes.plan(view, ["n"], EDIT)),
    (Node, "n", lambda view: nodes.availability(view, ["n"], "pause")),
]


@pytest.mark.parametrize("number", range(len(WAYS)))
async def test_there_and_back(number: int) -> None:
    """13.3.1: the inverse plan makes of an object what it was, field by field."""
    kind, id_, make = WAYS[number]
    fake = a_cluster()
    before = fake.get(kind, id_).spec  # type: ignore[attr-defined]
    deed = await done(fake, make)
    assert fake.get(kind, id_).spec != before  # type: ignore[attr-defined]
    plan = inverse(deed, view_of(fake))
    assert (plan.refusals, len(plan.steps)) == ((), 1)
    assert plan.steps[0].changes
    (outcome,) = await applied(plan, fake)
    assert not outcome.is_error
    assert fake.get(kind, id_).spec == before  # type: ignore[attr-defined]


async def test_a_removed_service_that_the_view_still_has() -> None:
    """13.3.3: it is not another one of its name."""
    fake = a_cluster()
    stale = view_of(fake)
    deed = await done(fake, lambda view: remove.plan(view, SERVICE, ["s"]))
    plan = inverse(deed, stale)
    assert [step.action for step in plan.steps] and not plan.refusals
    await applied(plan, fake)
    assert [one.spec.annotations.name for one in fake.all(Service)] == ["web"]


async def test_a_promotion_is_taken_back() -> None:
    """13.3.1: the plan says what the node is to be again; a manager that is not one yet is waited for, as its manager says."""
    fake = a_cluster()
    deed = await done(fake, lambda view: nodes.role(view, ["n"], "manager"))
    plan = inverse(deed, view_of(fake))
    assert plan.steps[0].changes == ("a worker again",)
    (outcome,) = await applied(plan, fake)
    assert "wait until its promotion is done" in outcome.text
    assert fake.get(Node, "n").spec.desired_role == types_pb2.MANAGER


async def test_what_was_read_is_what_comes_back() -> None:
    """13.3.1: where somebody was faster than the plan, their value comes back, not the one that the plan was made of."""
    fake = a_cluster()
    view, deeds = view_of(fake), Deeds()
    plan = scale.plan(view, ["s"], scale.Amount("+", 1))
    fake.update(Service, "s", lambda one: setattr(one.spec.replicated, "replicas", 7))
    deeds.note(plan, changed(plan, view), await applied(plan, fake))
    assert deeds.last is not None
    await applied(inverse(deeds.last, view_of(fake)), fake)
    assert fake.get(Service, "s").spec.replicated.replicas == 7


async def test_somebody_changed_it_since() -> None:
    """13.3.2: refused in the plan where the view shows it, and while it is carried out where it does not yet."""
    fake = a_cluster()
    deed = await done(fake, WAYS[0][2])
    seen = view_of(fake)
    fake.update(Service, "s", lambda one: one.spec.annotations.labels.update(by="ana"))
    assert inverse(deed, view_of(fake)).refusals == (
        "Could not undo “Scale web”: web: somebody changed it since.",
    )
    (outcome,) = await applied(inverse(deed, seen), fake)
    assert outcome.text == "Could not undo the change of web: somebody changed it since."
    assert fake.get(Service, "s").spec.replicated.replicas == 5


async def test_what_an_orchestrator_writes_is_no_change() -> None:
    """13.3.2: a status, or a new version without another spec, stands in no way."""
    fake = a_cluster()
    deed = await done(fake, WAYS[1][2])
    fake.update(
        Service, "s", lambda one: setattr(one.update_status, "state", types_pb2.UpdateStatus.COMPLETED)
    )
    (outcome,) = await applied(inverse(deed, view_of(fake)), fake)
    assert not outcome.is_error
    assert fake.get(Service, "s").spec.task.container.image == "redis:7"


async def test_a_removed_service_is_made_again() -> None:
    """13.3.3: of its spec, with what it uses; refused where a secret is gone, or the name is taken."""
    fake = a_cluster()

    def use(one: Service) -> None:
        secret = one.spec.task.container.secrets.add(secret_id="k", secret_name="key")
        secret.file.name, secret.file.uid, secret.file.gid, secret.file.mode = "key", "0", "0", 0o444

    fake.update(Service, "s", use)
    spec = fake.get(Service, "s").spec
    deed = await done(fake, lambda view: remove.plan(view, SERVICE, ["s"]))
    assert fake.all(Service) == []
    without = Snapshot([fake.get(Node, "n")])
    assert inverse(deed, without).refusals == (
        "Could not undo “Remove service web”: web: it used the secret key, and that is gone.",
    )
    taken = Snapshot([*view_of(fake).objects(Secret), make_service("other", name="web")])
    assert "another service of this name" in inverse(deed, taken).refusals[0]
    (outcome,) = await applied(inverse(deed, view_of(fake)), fake)
    assert outcome.text == "service web created again, with another id"
    (made,) = fake.all(Service)
    assert made.spec == spec


async def test_what_was_created_goes_by_its_name() -> None:
    """13.3.1: the inverse of a creation is a removal, which asks for the name."""
    fake = a_cluster()
    spec = make_service("x", name="new").spec
    deed = await done(fake, lambda view: create.plan(Service, spec))
    plan = inverse(deed, view_of(fake))
    assert plan.word == "new"
    await applied(plan, fake)
    assert [one.spec.annotations.name for one in fake.all(Service)] == ["web"]


async def test_what_cannot_be_taken_back() -> None:
    """13.3.4: a restart, and what is removed other than services, say so."""
    fake = a_cluster()
    restarted = await done(fake, lambda view: update.restart(view, ["s"]))
    assert inverse(restarted, view_of(fake)).refusals == (
        "Could not undo “Restart web”: web: a restart cannot be taken back: its tasks are new.",
    )
    gone = await done(fake, lambda view: remove.plan(view, SECRET, ["k"]))
    assert "what is removed is lost" in inverse(gone, view_of(fake)).refusals[0]
    drained = await done(fake, WAYS[2][2])
    assert inverse(drained, view_of(fake)).warnings == ("Tasks that moved stay where they are.",)


async def test_only_what_was_done_is_taken_back() -> None:
    """13.3.1: of a plan that failed in part the rest; of one that failed wholly, or changed nothing, nothing."""
    fake = a_cluster()
    fake.put(make_service("t", name="api", replicas=1))
    view, deeds = view_of(fake), Deeds()
    plan = scale.plan(view, ["s", "t"], scale.Amount("+", 1))
    fake.remove(Service, "s")
    deeds.note(plan, changed(plan, view), await applied(plan, fake))
    assert deeds.last is not None
    assert [pair.after.id for pair in deeds.last.pairs] == ["t"]
    same = scale.plan(view_of(fake), ["t"], scale.Amount("+", 0))
    before = deeds.last
    deeds.note(same, (), await applied(same, fake))
    assert deeds.last is before


async def test_the_newest_first_and_no_more_than_twenty() -> None:
    """13.3.1: what is forgotten takes what came after it along."""
    fake, deeds = a_cluster(), Deeds()
    for _ in range(25):
        view = view_of(fake)
        plan = scale.plan(view, ["s"], scale.Amount("+", 1))
        deeds.note(plan, changed(plan, view), await applied(plan, fake))
    count = 0
    while deeds.last is not None:
        deeds.forget(deeds.last)
        count += 1
    assert count == 20


async def test_of_an_undo_that_failed_in_part_the_rest_is_left() -> None:
    """13.3.1: what was taken back of it is no deed of its own, which `z` would take back again."""
    fake = a_cluster()
    fake.put(make_service("t", name="api", replicas=1))
    deeds = Deeds()
    for ids in (["s"], ["s", "t"]):
        view = view_of(fake)
        plan = scale.plan(view, ids, scale.Amount("+", 1))
        deeds.note(plan, changed(plan, view), await applied(plan, fake))
    first, second = deeds.kept
    view = view_of(fake)
    back = inverse(second, view)
    fake.remove(Service, "t")
    outcomes = await applied(back, fake)
    deeds.note(back, changed(back, view), outcomes)
    deeds.taken_back(second, outcomes)
    earlier, rest = deeds.kept
    assert [pair.after.id for pair in rest.pairs] == ["t"] and rest.title == second.title
    assert "it is not there any more" in inverse(rest, view_of(fake)).refusals[0]
    assert earlier.title == first.title and not inverse(earlier, view_of(fake)).refusals


async def test_a_deed_before_is_that_of_the_newer_version() -> None:
    """13.3.2: what it made is there again once the deed behind it is taken back: a view that shows less has not heard of that."""
    fake, deeds = a_cluster(), Deeds()
    for _ in range(2):
        view = view_of(fake)
        plan = scale.plan(view, ["s"], scale.Amount("+", 1))
        deeds.note(plan, changed(plan, view), await applied(plan, fake))
    _, second = deeds.kept
    deeds.taken_back(second, await applied(inverse(second, view_of(fake)), fake))
    (first,) = deeds.kept
    assert first.pairs[0].after.meta.version == fake.get(Service, "s").meta.version


async def test_what_was_changed_before_it_was_removed_is_taken_back_under_its_new_id() -> None:
    """13.3.3: a service that is made again has another id, and is the one that earlier deeds are about."""
    fake, deeds = a_cluster(), Deeds()
    ways: list[Making] = [WAYS[0][2], lambda view: remove.plan(view, SERVICE, ["s"])]
    for make in ways:
        view = view_of(fake)
        plan = make(view)
        deeds.note(plan, changed(plan, view), await applied(plan, fake))
    for _ in ways:
        assert deeds.last is not None
        deeds.taken_back(deeds.last, await applied(inverse(deeds.last, view_of(fake)), fake))
    (again,) = fake.all(Service)
    assert again.id != "s" and again.spec.replicated.replicas == 2
    assert deeds.last is None
