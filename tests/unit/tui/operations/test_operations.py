"""Removing, creating, and changing nodes: plans as values, and what applying them does."""

import pytest
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.client.control import Control
from swarm_core.client.errors import CallFailed
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.factories import (
    make_cluster,
    make_config,
    make_node,
    make_secret,
    make_service,
    make_task,
)
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.operations import create, nodes, remove
from swarm_tui.operations.model import Nothing, Outcome, Plan, apply
from swarm_tui.resources.configs import KIND as CONFIG
from swarm_tui.resources.nodes import KIND as NODE
from swarm_tui.resources.secrets import KIND as SECRET
from swarm_tui.resources.services import KIND as SERVICE

Node, Service = objects_pb2.Node, objects_pb2.Service


async def applied(plan: Plan, fake: FakeCluster) -> list[Outcome]:
    return [outcome async for outcome in apply(plan, Control(fake))]


def worker(id_: str, **fields: str) -> objects_pb2.Node:
    return make_node(id_, hostname=f"host-{id_}", **fields)  # type: ignore[arg-type]


def manager(id_: str, raft_id: int) -> objects_pb2.Node:
    """A member of the managers' consensus that can be reached."""
    node = worker(id_, role="MANAGER")
    node.manager_status.raft_id = raft_id
    node.manager_status.reachability = types_pb2.RaftMemberStatus.REACHABLE
    return node


async def test_removing_one_needs_its_name() -> None:
    """One object is confirmed by its name, and the plan says what stops."""
    service = make_service("s", name="api", replicas=2)
    tasks = [make_task(service=service, slot=slot, node_id="n", state="RUNNING") for slot in (1, 2)]
    plan = remove.plan(Snapshot([service, *tasks]), SERVICE, ["s"])
    assert (plan.title, plan.word) == ("Remove service api", "api")
    assert plan.warnings == ("2 running tasks will be stopped; earlier specs are lost.",)
    fake = FakeCluster([service])
    (outcome,) = await applied(plan, fake)
    assert outcome == Outcome("service api removed", name="api", id="s")
    assert fake.all(Service) == []


def test_removing_several_needs_their_number() -> None:
    """Several are confirmed by their number, and named in the text."""
    services = [make_service("a", name="api"), make_service("b", name="web")]
    plan = remove.plan(Snapshot(services), SERVICE, ["a", "b", "gone"])
    assert (plan.title, plan.word) == ("Remove 2 services", "2")
    assert plan.warnings == ("api, web", "Earlier specs are lost.")


@pytest.mark.parametrize(
    ("kind", "item"), [(SECRET, make_secret("x", name="key")), (CONFIG, make_config("x", name="key"))]
)
async def test_other_kinds_are_removed_alike(kind: object, item: object) -> None:
    """Secrets and configs go the same way; a refusal of the manager is one sentence."""
    plan = remove.plan(Snapshot([item]), kind, ["x"])  # type: ignore[arg-type]
    noun = type(item).__name__
    assert plan.title == f"Remove {noun.lower()} key"
    fake = FakeCluster([item])  # type: ignore[list-item]
    fake.fail_next(f"Control.Remove{noun}", CallFailed("INVALID_ARGUMENT", "it is in use by web"))
    assert [outcome.text for outcome in await applied(plan, fake)] == [
        "Could not remove key: it is in use by web."
    ]
    assert [outcome.is_error for outcome in await applied(plan, fake)] == [False]


async def test_nodes_that_are_up_are_named_before() -> None:
    """The manager refuses to remove a node that is not down, unless forced; the plan says so before."""
    found = [worker("a"), worker("b", state="DOWN")]
    view = Snapshot(found)
    assert "Not down, so the manager will refuse it: host-a." in remove.plan(view, NODE, ["a", "b"]).warnings
    assert remove.plan(view, NODE, ["b"]).warnings == ()
    plan = remove.plan(view, NODE, ["a"], force=True)
    assert plan.warnings == ()
    fake = FakeCluster([make_cluster(), *found])
    await applied(plan, fake)
    assert [node.id for node in fake.all(Node)] == ["b"]


def test_nothing_to_remove_is_no_step() -> None:
    """What is gone already leaves an empty plan."""
    assert remove.plan(Snapshot([]), SERVICE, ["gone"]).steps == ()


async def test_a_creation_tells_the_new_id() -> None:
    """The outcome of a creation carries the id; a failure carries none."""
    fake = FakeCluster()
    plan = create.plan(Service, make_service(name="api").spec)
    (outcome,) = await applied(plan, fake)
    assert outcome == Outcome("service api created", name="api", id=fake.all(Service)[0].id)
    fake.fail_next("Control.CreateService", CallFailed("UNIMPLEMENTED", "attachments are not supported yet"))
    (failed,) = await applied(plan, fake)
    assert (
        failed.text
        == "Could not create api: this cluster cannot do that (attachments are not supported yet)."
    )
    assert (failed.is_error, failed.id) == (True, "")


async def test_an_edit_of_nodes_is_one_change() -> None:
    """Availability, role and labels go together in one write of each node."""
    found = [make_node("a", hostname="one", labels={"zone": "x", "old": "1"}), make_node("b", hostname="two")]
    edit = nodes.Edit(
        availability="drain", role="manager", labels_put={"zone": "y"}, labels_removed=("old", "absent")
    )
    plan = nodes.plan(Snapshot(found), ["a", "b"], edit)
    fake = FakeCluster(found)
    assert [outcome.text for outcome in await applied(plan, fake)] == [
        "one: drain, manager, 3 labels", "two: drain, manager, 3 labels",
    ]  # fmt: skip
    spec = fake.get(Node, "a").spec
    assert (spec.availability, spec.desired_role) == (specs_pb2.NodeSpec.DRAIN, types_pb2.MANAGER)
    assert dict(spec.annotations.labels) == {"zone": "y"}


def test_a_drain_counts_the_tasks_that_move() -> None:
    """Draining says how many running tasks move; pausing moves none."""
    service = make_service("s")
    view = Snapshot([worker("n"), make_task(service=service, slot=1, node_id="n", state="RUNNING")])
    assert nodes.availability(view, ["n"], "drain").warnings == (
        "1 running task will stop: no other node takes tasks.",
    )
    assert nodes.availability(view, ["n"], "pause").warnings == ()
    assert nodes.availability(view, ["n"], "pause").title == "Pause host-n"


async def test_roles() -> None:
    """Who has the role already is left alone and told so."""
    found = [worker("a"), manager("b", 1), manager("c", 2)]
    plan = nodes.role(Snapshot(found), ["a", "b"], "manager")
    assert plan.title == "Promote 2 nodes"
    assert isinstance(plan.steps[1].action, Nothing)
    fake = FakeCluster(found)
    assert [outcome.text for outcome in await applied(plan, fake)] == [
        "Node host-a promoted to a manager in the swarm.", "Node host-b is already a manager.",
    ]  # fmt: skip
    assert fake.get(Node, "a").spec.desired_role == types_pb2.MANAGER
    (outcome,) = await applied(nodes.role(Snapshot(found), ["b"], "worker"), fake)
    assert outcome.text == "Manager host-b demoted in the swarm."
