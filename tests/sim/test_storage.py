"""The storage beside the simulated cluster is as strict as it says."""

import random
from collections.abc import Collection

import pytest
from swarm_core.api.proto.types_pb2 import VolumeAccessMode, VolumeAssignment
from swarm_core.csi.errors import PluginFailed
from swarm_testkit.factories import make_volume
from swarm_testkit.simulation.checkers import Findings
from swarm_testkit.simulation.storage import Storage
from swarm_testkit.simulation.trace import Trace


class Cluster:
    """A witness whose answers the test sets."""

    has, removed_machine, running = True, "", ()

    def leads(self, host: str) -> bool:
        return True

    def has_volume(self, volume_id: str) -> bool:
        return self.has

    def is_in_cluster(self, host: str) -> bool:
        return host != self.removed_machine

    def users(self, host: str, volume_id: str) -> Collection[str]:
        return self.running


@pytest.fixture
def findings() -> Findings:
    return Findings(Trace(lambda: 0.0, keep_all=True))


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def storage(findings: Findings, cluster: Cluster) -> Storage:
    return Storage(random.Random(1), findings, cluster)


def test_in_order(storage: Storage, findings: Findings) -> None:
    """A volume is made, brought, published, taken off the node, taken away and deleted: nothing is found."""
    volume, assignment = make_volume("v"), VolumeAssignment(id="v")
    storage.make(volume)
    storage.bring(volume, "a")
    storage.publish("a", assignment)
    storage.unpublish("a", assignment)
    storage.take_away(volume, "a")
    storage.delete(volume)
    assert not findings.texts and not storage.on


def test_not_brought(storage: Storage) -> None:
    """A node cannot publish what was not brought to it."""
    with pytest.raises(PluginFailed):
        storage.publish("a", VolumeAssignment(id="v"))


@pytest.mark.parametrize("scope", ["SINGLE_NODE", "MULTI_NODE"])
def test_on_two_nodes(storage: Storage, findings: Findings, scope: str) -> None:
    """A volume for one node is not brought to two."""
    volume = make_volume("v")
    volume.spec.access_mode.scope = VolumeAccessMode.Scope.Value(scope)
    storage.make(volume)
    storage.bring(volume, "a")
    storage.bring(volume, "b")
    assert bool(findings.texts) is (scope == "SINGLE_NODE")


@pytest.mark.parametrize(("removed", "is_wrong"), [("", True), ("a", False)])
def test_taken_from_a_node(
    storage: Storage, findings: Findings, cluster: Cluster, removed: str, is_wrong: bool
) -> None:
    """A volume is not taken from a node that still has it, unless that is no node of the cluster any more."""
    cluster.removed_machine = removed
    volume = make_volume("v")
    storage.make(volume)
    storage.bring(volume, "a")
    storage.publish("a", VolumeAssignment(id="v"))
    storage.take_away(volume, "a")
    assert bool(findings.texts) is is_wrong


@pytest.mark.parametrize(("has", "is_wrong"), [(True, True), (False, False)])
def test_deleted_while_it_is_somewhere(
    storage: Storage, findings: Findings, cluster: Cluster, has: bool, is_wrong: bool
) -> None:
    """A volume that is on a node is not deleted; of one that was removed by force nothing is asked."""
    cluster.has = has
    volume = make_volume("v")
    storage.make(volume)
    storage.bring(volume, "a")
    storage.delete(volume)
    assert bool(findings.texts) is is_wrong


def test_taken_from_a_running_task(storage: Storage, findings: Findings, cluster: Cluster) -> None:
    """A node does not take a volume away while a task runs with it."""
    cluster.running = ("t",)
    volume = make_volume("v")
    storage.make(volume)
    storage.bring(volume, "a")
    storage.publish("a", VolumeAssignment(id="v"))
    storage.unpublish("a", VolumeAssignment(id="v"))
    assert findings.texts
