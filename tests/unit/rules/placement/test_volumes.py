"""Which cluster volumes a task may have on a node (docs/design/volumes.md 12.3)."""

import pytest
from swarm_core.api.proto.objects_pb2 import Node, Volume
from swarm_core.api.proto.types_pb2 import Mount, VolumeAttachment
from swarm_core.rules.placement.filters import FILTERS, Pipeline
from swarm_core.rules.placement.matrix import Matrix
from swarm_core.rules.placement.node_info import NodeInfo, survey
from swarm_core.rules.placement.volumes import VolumeSet, is_open
from swarm_testkit.factories import make_cluster_mount, make_node, make_task, make_task_spec, make_volume


def node(id_: str = "n1", **more: object) -> Node:
    return make_node(id_, csi=["csi"], **more)  # type: ignore[arg-type]


def chosen(volumes: VolumeSet, here: Node, *mounts: Mount) -> list[str] | None:
    found = volumes.choose(mounts, here)
    return None if found is None else [attachment.id for attachment in found]


def why(volumes: VolumeSet, here: Node, *mounts: Mount) -> str:
    return "; ".join(obstacle.text for obstacle in volumes.obstacles(mounts, here))


def use(volumes: VolumeSet, task_id: str, node_id: str, volume_id: str, mount: Mount) -> None:
    attachment = VolumeAttachment(id=volume_id, source=mount.source, target=mount.target)
    volumes.use(task_id, node_id, [attachment], [mount])


MOUNT = make_cluster_mount("v")
READING = make_cluster_mount("v", readonly=True)


@pytest.mark.parametrize(
    ("volume", "reason"),
    [
        (make_volume("v1", name="v"), ""),
        (make_volume("v1", name="w"), "there is no volume v"),
        (make_volume("v1", name="v", is_created=False), "volume v is not created yet"),
        (make_volume("v1", name="v", pending_delete=True), "volume v is being removed"),
        (make_volume("v1", name="v", availability="PAUSE"), "volume v is paused"),
        (make_volume("v1", name="v", availability="DRAIN"), "volume v is drained"),
        (make_volume("v1", name="v", driver="nfs"), "volume v needs CSI plugin nfs, which does not run here"),
        (make_volume("v1", name="v", published={"n1": "PENDING_PUBLISH"}), ""),
        (make_volume("v1", name="v", published={"n1": "PUBLISHED"}), ""),
        (make_volume("v1", name="v", published={"n1": "PENDING_NODE_UNPUBLISH"}), "volume v is being taken off this node"),
        (make_volume("v1", name="v", published={"n1": "PENDING_UNPUBLISH"}), "volume v is being taken off this node"),
        (make_volume("v1", name="v", published={"n2": "PENDING_UNPUBLISH"}), ""),
        (make_volume("v1", name="v", scope="SINGLE_NODE", published={"n1": "PUBLISHED"}), ""),
        (
            make_volume("v1", name="v", scope="SINGLE_NODE", published={"n2": "PENDING_UNPUBLISH"}),
            "volume v is on another node, and for one node at a time",
        ),
        (make_volume("v1", name="v", sharing="READ_ONLY"), "volume v may only be mounted read-only"),
    ],
)  # fmt: skip
def test_what_a_volume_says(volume: Volume, reason: str) -> None:
    """12.3.2: a volume that is there, created, active, reachable and not leaving the node is open to a task."""
    volumes = VolumeSet([volume])
    assert why(volumes, node(), MOUNT) == reason
    assert (chosen(volumes, node(), MOUNT) is None) == bool(reason)


def test_read_only_mount_of_a_read_only_volume() -> None:
    """12.3.3: a volume that may only be read goes to whoever only reads."""
    assert chosen(VolumeSet([make_volume("v1", name="v", sharing="READ_ONLY")]), node(), READING) == ["v1"]


@pytest.mark.parametrize(
    ("topologies", "here", "fits"),
    [
        ([], {"zone": "a"}, True),
        ([{"zone": "a"}], {}, True),
        ([{"zone": "a"}], {"zone": "a", "rack": "7"}, True),
        ([{"zone": "a"}], {"zone": "b"}, False),
        ([{"zone": "a"}, {"zone": "b"}], {"zone": "b"}, True),
        ([{"region": "r", "zone": "a"}], {"zone": "a"}, False),
        ([{"region": "r", "zone": "a"}], {"zone": "a", "region": "r"}, True),
    ],
)
def test_topology(topologies: list[dict[str, str]], here: dict[str, str], fits: bool) -> None:
    """12.3.2: one of the volume's topologies must agree with the node's in every segment, unless either has none."""
    volumes = VolumeSet([make_volume("v1", name="v", topologies=topologies)])
    assert (chosen(volumes, node(topology=here), MOUNT) == ["v1"]) == fits
    assert fits or "cannot be reached" in why(volumes, node(topology=here), MOUNT)


@pytest.mark.parametrize(
    ("scope", "sharing", "first", "second", "elsewhere", "fits"),
    [
        ("MULTI_NODE", "ALL", MOUNT, MOUNT, True, True),
        ("SINGLE_NODE", "ALL", MOUNT, MOUNT, False, True),
        ("SINGLE_NODE", "ALL", MOUNT, MOUNT, True, False),
        ("MULTI_NODE", "NONE", READING, READING, True, False),
        ("MULTI_NODE", "NONE", READING, READING, False, False),
        ("MULTI_NODE", "ONE_WRITER", MOUNT, MOUNT, True, False),
        ("MULTI_NODE", "ONE_WRITER", MOUNT, READING, True, True),
        ("MULTI_NODE", "ONE_WRITER", READING, MOUNT, True, True),
        ("MULTI_NODE", "READ_ONLY", READING, READING, True, True),
    ],
)
def test_scope_and_sharing(
    scope: str, sharing: str, first: Mount, second: Mount, elsewhere: bool, fits: bool
) -> None:
    """12.3.3: what one user leaves to a second one, on the same node or on another; all of it when the first is gone."""
    volumes = VolumeSet([make_volume("v1", name="v", scope=scope, sharing=sharing)])
    use(volumes, "t1", "n1", "v1", first)
    here = node("n2" if elsewhere else "n1")
    assert (chosen(volumes, here, second) == ["v1"]) == fits
    volumes.release("t1")
    assert chosen(volumes, here, second) == ["v1"]


def test_every_mount_must_have_a_volume() -> None:
    """12.3.1: a task is not placed with some of its volumes."""
    volumes = VolumeSet([make_volume("v1", name="v")])
    both = (MOUNT, make_cluster_mount("w", "/w"))
    assert chosen(volumes, node(), *both) is None
    assert why(volumes, node(), *both) == "there is no volume w"
    volumes.put(make_volume("w1", name="w"))
    assert chosen(volumes, node(), *both) == ["v1", "w1"]


def test_one_volume_at_two_places() -> None:
    """12.3.3: two mounts of a task count as one user."""
    volumes = VolumeSet([make_volume("v1", name="v", sharing="NONE")])
    assert chosen(volumes, node(), MOUNT, make_cluster_mount("v", "/again")) == ["v1", "v1"]


def test_groups() -> None:
    """12.3.4: any volume of the group will do: the one with the fewest users, then one that is on the node; never one twice."""
    ids = ("v1", "v2", "v3")
    volumes = VolumeSet(make_volume(id_, group="g", sharing="ALL") for id_ in ids)
    any_of = make_cluster_mount("group:g")
    assert chosen(volumes, node(), any_of) == ["v1"]
    use(volumes, "t1", "n1", "v1", any_of)
    assert chosen(volumes, node(), any_of) == ["v2"]
    volumes.put(make_volume("v3", group="g", published={"n1": "PUBLISHED"}))
    assert chosen(volumes, node(), any_of) == ["v3"]
    again = make_cluster_mount("group:g", "/again")
    assert chosen(volumes, node(), any_of, again) == ["v3", "v2"]
    for id_ in ids:
        volumes.remove(id_)
    assert chosen(volumes, node(), any_of) is None
    assert why(volumes, node(), any_of) == "there is no further volume in group g"


def test_volumes_without_a_group_are_no_group() -> None:
    """12.3.4: `group:` without a name finds nothing."""
    assert chosen(VolumeSet([make_volume("v1")]), node(), make_cluster_mount("group:")) is None


def test_limit_of_the_node() -> None:
    """12.3.5: no more volumes of a plugin on a node than the plugin takes; one that is there already is none more."""
    here = node()
    here.description.csi_info[0].max_volumes_per_node = 2
    volumes = VolumeSet(
        [
            make_volume("v1", name="a", published={"n1": "PUBLISHED"}),
            make_volume("v2", name="b"),
            make_volume("v3", name="c"),
            make_volume("v4", name="d", driver="other", published={"n1": "PUBLISHED"}),
        ]
    )
    a, b, c = (make_cluster_mount(name, f"/{name}") for name in "abc")
    assert chosen(volumes, here, a, b) == ["v1", "v2"]
    assert chosen(volumes, here, b, c) is None
    assert why(volumes, here, b, c) == "volume c cannot be added: csi takes 2 volumes on this node"
    use(volumes, "t1", "n1", "v2", b)
    assert chosen(volumes, here, c) is None
    assert chosen(volumes, node("n2"), c) == ["v3"]


def test_unused() -> None:
    """12.2.4: a volume is unused on the nodes that have it, or are about to, and run no task with it."""
    states = {"n1": "PUBLISHED", "n2": "PUBLISHED", "n3": "PENDING_PUBLISH", "n4": "PENDING_NODE_UNPUBLISH"}
    volumes = VolumeSet([make_volume("v1", name="v", published=states)])
    use(volumes, "t1", "n1", "v1", MOUNT)
    assert volumes.unused_on("v1") == ["n2", "n3"]
    volumes.take_touched()
    volumes.release("t1")
    volumes.release("t1")
    assert volumes.take_touched() == ["v1"]
    assert volumes.unused_on("v1") == ["n1", "n2", "n3"]
    assert volumes.unused_on("nowhere") == []


def test_open_is_said_by_the_object() -> None:
    """12.3.6: whoever writes an assignment sees from the stored volume whether it may still be given."""
    assert is_open(make_volume(published={"n1": "PUBLISHED"}), "n1")
    assert not is_open(make_volume(published={"n1": "PENDING_UNPUBLISH"}), "n1")
    assert not is_open(make_volume(availability="PAUSE"), "n1")


@pytest.mark.parametrize("command", [None, ["sleep", "9"]])
def test_filter(command: list[str] | None) -> None:
    """12.3.1: the filter of volumes asks for containers and processes alike, and comes last."""
    assert FILTERS[-1].name == "volumes"
    task = make_task(spec=make_task_spec(command=command, mounts=[MOUNT]))
    plugins = [("Runtime", "container"), ("Runtime", "process")]
    infos = survey([node(plugins=plugins)], [], [make_volume("v1", name="v")])
    assert Pipeline(task).passes(infos["n1"])
    matrix = Matrix.of(Pipeline(task), [NodeInfo(node(hostname="a", plugins=plugins))])
    assert matrix.sentence == (
        "No node can take it: the only node cannot have the volumes (there is no volume v)."
    )
    assert matrix.remedies == ("Create the volume v.",)


def test_survey_counts_users() -> None:
    """12.3.1: tasks that are on a node already keep what they have from others."""
    spec = make_task_spec(mounts=[MOUNT])
    running = make_task("t1", spec=spec, node_id="n1", state="RUNNING")
    running.volumes.add(id="v1", source="v", target="/data")
    infos = survey([node(), node("n2")], [running], [make_volume("v1", name="v", sharing="NONE")])
    assert not Pipeline(make_task(spec=spec)).passes(infos["n2"])
    infos["n1"].remove("t1")
    assert Pipeline(make_task(spec=spec)).passes(infos["n2"])
