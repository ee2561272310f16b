"""What a kind says beside its rows: where it leads, to whom it belongs, what changed, what moves, what a removal does."""

from typing import Any

import pytest
from swarm_core.api.names import STACK_LABEL
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.client.watch import Listed
from swarm_testkit.cluster_fake import START_NS, FakeCluster, lively_cluster
from swarm_testkit.factories import (
    make_config,
    make_node,
    make_secret,
    make_service,
    make_task,
    make_task_spec,
)
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.resources import cluster, configs, events, nodes, registry, secrets, services, tasks
from swarm_tui.resources.model import Health, Link, ResourceKind


def mirror_of(*items: Any) -> Mirror:
    mirror = Mirror(FakeCluster())
    mirror.apply(Listed(tuple(items), 1))
    return mirror


def changed(kind: ResourceKind[Any], old: Any, new: Any) -> list[str]:
    assert kind.changes is not None
    return list(kind.changes(old, new, mirror_of()))


def copy_of(item: Any) -> Any:
    copy = type(item)()
    copy.CopyFrom(item)
    return copy


@pytest.mark.parametrize("kind", registry.kinds(), ids=lambda kind: kind.noun)
def test_every_kind_leads_somewhere_and_knows_its_owners(kind: ResourceKind[Any]) -> None:
    """Opening any object leads to a list of a kind that it owns, or to a description; owners are kinds."""
    mirror = mirror_of()
    lists = {other.plural: other for other in registry.kinds()}
    link = kind.drill_in(kind.message(id="x"), mirror)
    if link.id and link.view in lists:
        assert link.kind in lists[link.view].owners
    elif link.id:
        assert link == Link("text", kind.noun, "x", "describe")
    else:
        assert link.view in lists
    assert all(registry.by_noun(owner) for owner in kind.owners)


def test_a_task_belongs_to_its_service_and_its_node() -> None:
    """The tasks of either are found by the same question."""
    task = make_task("t1", service_id="s1", node_id="n1")
    assert tasks.KIND.belongs_to(task, "service", "s1")
    assert tasks.KIND.belongs_to(task, "node", "n1")
    assert not tasks.KIND.belongs_to(task, "node", "s1")
    with pytest.raises(KeyError):
        tasks.KIND.belongs_to(task, "secret", "s1")


def test_changes_of_a_service() -> None:
    """What a person did with it, several things in one sentence; what the cluster did by itself is not told."""
    old = make_service("s1", task=make_task_spec(image="registry/web:1.0"), replicas=2)
    assert changed(services.KIND, None, old) == ["created"]
    assert changed(services.KIND, old, None) == ["removed"]
    new = copy_of(old)
    new.update_status.state = types_pb2.UpdateStatus.UPDATING
    assert changed(services.KIND, old, new) == []
    new.spec.task.container.image = "registry/web:1.1"
    new.spec.replicated.replicas = 5
    new.spec.task.force_update = 1
    assert changed(services.KIND, old, new) == ["image 1.0 → 1.1, scaled 2 → 5, restarted"]
    other = copy_of(old)
    other.spec.endpoint.ports.add(published_port=80)
    assert changed(services.KIND, old, other) == ["ports"]
    moved = copy_of(old)
    moved.spec.task.container.image = "elsewhere/web:1.0"
    assert changed(services.KIND, old, moved) == ["registry/web:1.0 → elsewhere/web:1.0"]


def test_changes_of_a_node() -> None:
    """What befell it and what a person did with it, a sentence each."""
    old = make_node("n1")
    new = copy_of(old)
    new.status.state = types_pb2.NodeStatus.DOWN
    new.spec.availability = specs_pb2.NodeSpec.DRAIN
    new.role = types_pb2.MANAGER
    new.manager_status.leader = True
    new.spec.annotations.labels["disk"] = "ssd"
    assert changed(nodes.KIND, None, old) == ["joined"]
    assert changed(nodes.KIND, old, new) == ["down", "active → drain", "now a manager", "leads now", "labels"]
    assert changed(nodes.KIND, new, None) == ["removed"]


@pytest.mark.parametrize("kind", [secrets.KIND, configs.KIND], ids=lambda kind: kind.noun)
def test_changes_of_a_payload(kind: ResourceKind[Any]) -> None:
    """Its coming, its labels and its end."""
    old = kind.message(id="x")
    new = copy_of(old)
    new.spec.annotations.labels["a"] = "b"
    assert changed(kind, None, old) == ["created"]
    assert changed(kind, old, new) == ["labels"]
    assert changed(kind, old, None) == ["removed"]


def test_tasks_and_the_cluster_tell_no_changes() -> None:
    """Tasks come and go by the thousand."""
    assert tasks.KIND.changes is None and cluster.KIND.changes is None


def test_a_service_in_motion_tells_how_far_it_is() -> None:
    """Its share of the goal, the counts and the first slots that are on their way."""
    moving = [make_task(f"t{i}", service_id="s1", slot=i, state="PREPARING") for i in range(2, 6)]
    service = make_service("s1", replicas=5)
    mirror = mirror_of(service, make_task("t1", service_id="s1", slot=1, state="RUNNING"), *moving)
    motion = services.KIND.motion
    assert motion is not None and motion.is_moving(service, mirror, START_NS)
    note = motion.note(service, mirror, START_NS)
    assert note.health is Health.MOTION and note.heading[0].bar == pytest.approx(0.2)
    assert "".join(cell.text for cell in note.heading) == " 1/5"
    assert [line.text for line in note.lines] == ["slot 2 preparing  slot 3 preparing  +2"]


def test_a_rollout_is_in_motion_whatever_ended_before_it() -> None:
    """A task that was lost with its node before the update began says nothing of the update; one that ended since does."""
    service = make_service("s1", replicas=2)
    service.update_status.state = types_pb2.UpdateStatus.UPDATING
    service.update_status.started_at.FromNanoseconds(START_NS)
    lost = make_task("t0", service_id="s1", slot=1, state="ORPHANED", desired="SHUTDOWN")
    others = [
        make_task("t1", service_id="s1", slot=1, state="RUNNING"),
        make_task("t2", service_id="s1", slot=2, state="PREPARING"),
    ]
    motion = services.KIND.motion
    assert motion is not None
    for since_ns, is_moving in ((START_NS - 1, True), (START_NS, False)):
        lost.status.timestamp.FromNanoseconds(since_ns)
        mirror = mirror_of(service, lost, *others)
        assert motion.is_moving(service, mirror, START_NS) is is_moving
    (problem,) = services.KIND.problems(service, mirror, START_NS)
    assert problem.cause == "The task was lost with its node."


def test_a_service_that_is_scaled_after_a_node_was_lost_is_in_motion() -> None:
    """Another task took the place of the lost one before; one that is lost after the order is why the goal is not met."""
    service = make_service("s1", replicas=2)
    service.meta.updated_at.FromNanoseconds(START_NS)
    lost = make_task("t0", service_id="s1", slot=1, state="ORPHANED", desired="SHUTDOWN")
    others = [
        make_task("t1", service_id="s1", slot=1, state="RUNNING"),
        make_task("t2", service_id="s1", slot=2, state="PREPARING"),
    ]
    for since_ns, expected in ((START_NS - 1, Health.MOTION), (START_NS, Health.PARTLY)):
        lost.status.timestamp.FromNanoseconds(since_ns)
        assert services.health(service, mirror_of(service, lost, *others), START_NS) is expected


def test_the_time_that_a_rollout_takes_stands_before_its_slots() -> None:
    """Beneath the heading, of which a narrow pane cuts the end."""
    service = make_service("s1", replicas=2)
    service.spec_version.index = 2
    service.update_status.state = types_pb2.UpdateStatus.UPDATING
    service.update_status.started_at.FromNanoseconds(START_NS)
    done, next_ = (
        make_task(f"t{i}", service_id="s1", slot=i, state=state)
        for i, state in ((1, "RUNNING"), (2, "STARTING"))
    )
    for task in (done, next_):
        task.spec_version.index = 2
    motion = services.KIND.motion
    assert motion is not None
    note = motion.note(service, mirror_of(service, done, next_), START_NS + 30 * 10**9)
    assert "".join(cell.text for cell in note.heading) == " 1/2 replaced"
    assert [line.text.rstrip() for line in note.lines] == ["about 30s left  slot 2 starting"]


def test_a_node_that_drains_is_in_motion_until_it_is_empty() -> None:
    """The note counts what is left."""
    node = make_node("n1", availability="DRAIN")
    motion = nodes.KIND.motion
    assert motion is not None and not motion.is_moving(node, mirror_of(node), START_NS)
    busy = mirror_of(node, make_task("t1", node_id="n1", state="RUNNING"))
    assert motion.is_moving(node, busy, START_NS)
    assert "".join(cell.text for cell in motion.note(node, busy, START_NS).heading) == "draining  1 task left"


def test_consequences_of_a_removal() -> None:
    """What stops, what will be refused, who still uses it."""
    service = make_service(
        "s1",
        name="web",
        task=make_task_spec(secrets=[types_pb2.SecretReference(secret_id="x", secret_name="key")]),
    )
    running = make_task("t1", service_id="s1", state="RUNNING")
    secret, config = make_secret("x", name="key"), make_config("c")
    mirror = mirror_of(service, running, secret, config)
    assert "1 running task will be stopped" in services.KIND.consequences([service], mirror)[0]
    assert services.KIND.consequences([make_service("s2", replicas=0)], mirror) == ["Earlier specs are lost."]
    up, down = make_node("n1", hostname="w1"), make_node("n2", hostname="w2", state="DOWN")
    assert nodes.KIND.consequences([up, down], mirror) == ["Not down, so the manager will refuse it: w1."]
    assert nodes.KIND.consequences([down], mirror) == []
    assert secrets.KIND.consequences([secret], mirror)[0] == (
        "key is used by web, so the manager will refuse it."
    )
    assert not any("used by" in text for text in configs.KIND.consequences([config], mirror))


def test_whose_lines_are_logs() -> None:
    """Services, tasks and nodes have logs, each by its own id, a stack by its services; the other kinds have none."""
    view = mirror_of(make_service("s-1", labels={STACK_LABEL: "x"}))
    with_logs = {kind.noun: kind.logs("x", view) for kind in registry.kinds() if kind.logs is not None}
    assert list(with_logs["service"].service_ids) == ["x"]
    assert list(with_logs["task"].task_ids) == ["x"]
    assert list(with_logs["node"].node_ids) == ["x"]
    assert list(with_logs["stack"].service_ids) == ["s-1"]
    assert len(with_logs) == 4


def test_a_registered_kind_is_found_until_it_is_taken_out() -> None:
    """Registration makes a kind known by its words and its message; the returned call undoes all of it."""
    before = registry.kinds()
    toy = ResourceKind(
        **{
            **{name: getattr(tasks.KIND, name) for name in tasks.KIND.__dataclass_fields__},
            "noun": "toy",
            "message": objects_pb2.Resource,
            "aliases": ("toys",),
        }
    )
    unregister = registry.register(toy)
    assert registry.by_word("TOYS") is registry.by_message(objects_pb2.Resource) is toy
    assert registry.kinds() == (*before, toy)
    with pytest.raises(AssertionError):
        registry.register(toy)
    unregister()
    assert registry.kinds() == before and registry.by_word("toy") is None


def test_the_lively_cluster_moves_as_it_is_told() -> None:
    """In a whole cluster nothing is in motion but what has a reason."""
    fake = lively_cluster()
    mirror = mirror_of(*(item for kind in registry.stored() for item in fake.all(kind.message)))
    moving = {
        (kind.noun, kind.name(item, mirror))
        for kind in registry.kinds()
        if kind.motion is not None
        for item in mirror.objects(kind.message)
        if kind.motion.is_moving(item, mirror, START_NS)
    }
    assert moving == {("service", "api"), ("node", "w4")}


def test_whatever_has_a_timeline_has_events() -> None:
    """`E` leads to the events of an object: of each kind that offers it there are such."""
    with_timeline = {kind.noun for kind in registry.kinds() if "timeline" in kind.verbs}
    assert with_timeline
    assert with_timeline <= set(events.KIND.owners)
