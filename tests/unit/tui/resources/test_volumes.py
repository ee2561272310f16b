"""Volumes as people see them: how they fare, what changed, what a removal or a drain does (docs/design/volumes.md 12.9)."""

from typing import Any

import pytest
from swarm_core.api.proto.objects_pb2 import Volume
from swarm_core.client.watch import Action, Change, Changed, Listed
from swarm_testkit.cluster_fake import START_NS, FakeCluster
from swarm_testkit.factories import (
    make_cluster_mount,
    make_node,
    make_service,
    make_task_spec,
    make_volume,
    make_volume_failure,
)
from swarm_tui.clusters.changes import Changes
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.operations import volumes as operation
from swarm_tui.resources import nodes
from swarm_tui.resources.model import Health
from swarm_tui.resources.volumes import KIND


def mirror_of(*items: Any) -> Mirror:
    mirror = Mirror(FakeCluster())
    mirror.apply(Listed(tuple(items), 1))
    return mirror


def user(source: str = "data") -> Any:
    return make_service("s1", name="web", task=make_task_spec(mounts=[make_cluster_mount(source)]))


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        (make_volume(), Health.IDLE),
        (make_volume(published={"n": "PUBLISHED"}), Health.OK),
        (make_volume(is_created=False), Health.MOTION),
        (make_volume(pending_delete=True), Health.MOTION),
    ],
)
def test_health(volume: Volume, expected: Health) -> None:
    """In use, unused, or on its way."""
    assert KIND.health(volume, mirror_of(), START_NS) is expected
    assert KIND.problems(volume, mirror_of(), START_NS) == ()


def test_a_failure_is_a_problem() -> None:
    """What a plugin says of a failure is told with the nodes that it concerns."""
    volume = make_volume("v1", name="data", published={"n1": "PENDING_PUBLISH"})
    volume.publish_status[0].message = "the cable is out"
    view = mirror_of(make_node("n1", hostname="alpha"))
    assert KIND.health(volume, view, START_NS) is Health.WARNING
    (problem,) = KIND.problems(volume, view, START_NS)
    assert (problem.name, problem.cause) == ("data", "the cable is out")
    assert "alpha" in problem.summary


@pytest.mark.parametrize(("pending_delete", "verb"), [(False, "created"), (True, "removed")])
def test_what_the_plugin_could_not_do_is_a_problem(pending_delete: bool, verb: str) -> None:
    """Why a volume is not made, or not deleted, stands in its row, its description and its problem, and goes when the reason goes
    (docs/design/volumes.md 12.5.8)."""
    volume = make_volume("v1", name="data", is_created=False, pending_delete=pending_delete)
    told: list[Changes] = []
    mirror = mirror_of(volume)
    mirror.flush()
    mirror.listen(told.append)
    failure = make_volume_failure("v1", "no room on the array")
    mirror.apply(Changed((Change(Action.CREATED, failure),), 2))
    mirror.flush()
    assert told[-1].of(Volume) == {"v1"}, "its row is painted anew"
    assert KIND.health(volume, mirror, START_NS) is Health.WARNING
    (problem,) = KIND.problems(volume, mirror, START_NS)
    assert problem.cause == "no room on the array"
    assert f"cannot be {verb}" in problem.summary
    assert any(each.text.endswith(": no room on the array") for each in KIND.row(volume, mirror, START_NS))
    mirror.apply(Changed((Change(Action.REMOVED, failure),), 3))
    mirror.flush()
    assert told[-1].of(Volume) == {"v1"}
    assert KIND.problems(volume, mirror, START_NS) == ()


def test_changes() -> None:
    """What became different, in docker's words."""
    assert KIND.changes is not None
    old, new = make_volume("v1", is_created=False), make_volume("v1", availability="DRAIN")
    new.spec.annotations.labels["a"] = "b"
    assert list(KIND.changes(old, new, mirror_of())) == [
        "labels",
        "active → drain",
        "pending creation → created",
    ]
    assert list(KIND.changes(None, new, mirror_of())) == ["created"]
    assert list(KIND.changes(new, None, mirror_of())) == ["removed"]


def test_what_a_removal_does() -> None:
    """A published volume will be refused; one that is asked for leaves its service waiting."""
    published = make_volume("v1", name="data", published={"n1": "PUBLISHED"})
    asked = make_volume("v2", name="other", group="g")
    view = mirror_of(published, asked, user("group:g"))
    said = KIND.consequences([published, asked], view)
    assert said == [
        "data is published on 1 node, so the manager will refuse it.",
        "other is asked for by web, whose new tasks will wait for it.",
        "The plugin deletes what is in them. There is no undo.",
    ]


def test_a_node_says_which_volumes_it_reaches() -> None:
    """docs/design/volumes.md 12.7.1: a node's description names its storage plugins, with topology and limit where there are some."""
    node = make_node("n1", csi=["csi", "nfs"], topology={"zone": "a"})
    node.description.csi_info[0].max_volumes_per_node = 7
    lines = [
        line for section in nodes.KIND.describe(node, mirror_of(node), START_NS) for line in section.lines
    ]
    assert [value.text for label, value in lines if label == "Volumes by"] == [
        "csi (as csi-n1, zone=a, at most 7)",
        "nfs (as csi-n1, zone=a)",
    ]


def test_what_a_drain_does() -> None:
    """Draining warns of the services whose tasks stop; pausing stops nobody."""
    view = mirror_of(make_volume("v1", name="data"), user())
    plan = operation.plan(view, ["v1"], operation.Edit("drain"))
    assert plan.warnings == ("Tasks of web that use data are stopped.",)
    assert plan.steps[0].changes == ("active → drain",)
    assert operation.plan(view, ["v1"], operation.Edit("pause")).warnings == ()
