"""The storage beside the cluster: one simulated CSI plugin, which every machine reaches, and what must hold of its calls.

Rules
1. It is strict. Whoever leads never lets it delete a volume that is on a node, bring a volume for one node to two, or take one from a node of
   the cluster that still has it; no node takes a volume away while a task that runs there uses it.
2. A call has its effect when it arrives and is answered a little later; while the storage fails, it has its effect or not. Every call may come again.
3. A leader that was replaced without knowing it is not listened to. (No real storage can tell, and nothing keeps it from carrying out
   such a call.)
4. What is brought where is nobody's business any more once a volume was removed by force; its nodes still let its tasks end.
"""

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from swarm_core.api.proto.objects_pb2 import Volume
from swarm_core.api.proto.types_pb2 import NodeCSIInfo, VolumeAccessMode, VolumeAssignment, VolumeInfo
from swarm_core.csi.errors import PluginFailed

from swarm_testkit.simulation.checkers import Findings
from swarm_testkit.simulation.host import Host

DRIVER = "store"
_ANSWER_S = 0.3


class Witness(Protocol):
    """Who knows the cluster as it is."""

    def leads(self, host: str) -> bool:
        """Whether nobody has led since this host's manager began to."""

    def has_volume(self, volume_id: str) -> bool:
        """Whether the cluster has this volume."""

    def is_in_cluster(self, host: str) -> bool:
        """Whether the machine's node is one of the cluster's."""

    def users(self, host: str, volume_id: str) -> Collection[str]:
        """The tasks that run on the machine and have the volume."""


class Storage:
    """`on` says for each volume which machines it was brought to, `here` which of them have it. Volumes go by the cluster's ids."""

    def __init__(self, rng: random.Random, findings: Findings, witness: Witness) -> None:
        self._rng, self._findings, self._witness = rng, findings, witness
        self.failing = 0.0
        self.on: dict[str, set[str]] = {}
        self.here: dict[str, set[str]] = {}
        self.calls = 0

    def controllers(self, host: Host) -> "Controllers":
        """The plugin as a manager on this host uses it."""
        return Controllers(self, host)

    def nodes(self, host: Host) -> "NodePlugins":
        """The plugin as a node uses it."""
        return NodePlugins(self, host)

    def wipe(self, host: str) -> None:
        """The machine has nothing any more."""
        self.here.pop(host, None)

    async def call(self, host: Host, effect: Callable[[], None]) -> None:
        """Carry something out, or fail. Raises PluginFailed."""
        self.calls += 1
        fails, has_effect = self._rng.random() < self.failing, self._rng.random() < 0.5
        if not fails or has_effect:
            effect()
        await host.clock.sleep(self._rng.uniform(0.0, _ANSWER_S))
        if fails:
            raise PluginFailed("the storage does not answer")

    # what a leader asks for

    async def ask(self, host: Host, effect: Callable[[], None]) -> None:
        """A call of a manager. Raises PluginFailed."""
        if not self._witness.leads(host.name):
            raise PluginFailed("another manager leads")
        await self.call(host, effect)

    def make(self, volume: Volume) -> None:
        self.on.setdefault(volume.id, set())

    def delete(self, volume: Volume) -> None:
        if self.on.pop(volume.id, None):
            self._find(volume.id, "is deleted while it is on a node")

    def bring(self, volume: Volume, machine: str) -> None:
        self._expect(volume.id)
        machines = self.on.setdefault(volume.id, set())
        machines.add(machine)
        if volume.spec.access_mode.scope == VolumeAccessMode.SINGLE_NODE and len(machines) > 1:
            self._find(volume.id, f"is for one node, and brought to {sorted(machines)}")

    def take_away(self, volume: Volume, machine: str) -> None:
        self._expect(volume.id)
        machines = self.on.get(volume.id, set())
        for one in sorted(machines) if not machine else [machine]:
            if volume.id in self.here.get(one, ()) and self._witness.is_in_cluster(one):
                self._find(volume.id, f"is taken away while {one} has it")
            machines.discard(one)

    # what nodes ask for

    def publish(self, machine: str, volume: VolumeAssignment) -> None:
        if machine not in self.on.get(volume.id, ()):
            raise PluginFailed(f"{volume.id} was not brought to {machine}")
        self.here.setdefault(machine, set()).add(volume.id)

    def unpublish(self, machine: str, volume: VolumeAssignment) -> None:
        if users := self._witness.users(machine, volume.id):
            self._findings.add(
                f"volume {volume.id} is taken away on {machine} while {sorted(users)} run with it"
            )
        self.here.get(machine, set()).discard(volume.id)

    def _expect(self, volume_id: str) -> None:
        if volume_id not in self.on and self._witness.has_volume(volume_id):
            self._find(volume_id, "is asked for before it was made")

    def _find(self, volume_id: str, what: str) -> None:
        if self._witness.has_volume(volume_id):
            self._findings.add(f"volume {volume_id} {what}")


class Controllers:
    """See manager.volumes.ports.Plugins and Plugin."""

    def __init__(self, storage: Storage, host: Host) -> None:
        self._storage, self._host = storage, host

    def get(self, name: str) -> "Controllers | None":
        return self if name == DRIVER else None

    async def create(self, volume: Volume, secrets: Mapping[str, str]) -> VolumeInfo:
        await self._storage.ask(self._host, lambda: self._storage.make(volume))
        return VolumeInfo(volume_id=f"made-{volume.spec.annotations.name}")

    async def delete(self, volume: Volume, secrets: Mapping[str, str]) -> None:
        await self._storage.ask(self._host, lambda: self._storage.delete(volume))

    async def publish(
        self, volume: Volume, csi_node_id: str, secrets: Mapping[str, str]
    ) -> Mapping[str, str]:
        if not csi_node_id:
            raise PluginFailed("a node without a name")
        await self._storage.ask(self._host, lambda: self._storage.bring(volume, csi_node_id))
        return {}

    async def unpublish(self, volume: Volume, csi_node_id: str, secrets: Mapping[str, str]) -> None:
        await self._storage.ask(self._host, lambda: self._storage.take_away(volume, csi_node_id))


class NodePlugins:
    """See exec.volumes.NodePlugins and NodePlugin."""

    def __init__(self, storage: Storage, host: Host) -> None:
        self._storage, self._host = storage, host

    def names(self) -> Sequence[str]:
        return (DRIVER,)

    def get(self, name: str) -> "NodePlugins | None":
        return self if name == DRIVER else None

    async def info(self) -> NodeCSIInfo:
        return NodeCSIInfo(plugin_name=DRIVER, node_id=self._host.name)

    def path(self, volume_id: str) -> Path:
        return Path("/") / self._host.name / volume_id

    async def publish(self, volume: VolumeAssignment, secrets: Mapping[str, str]) -> None:
        await self._storage.call(self._host, lambda: self._storage.publish(self._host.name, volume))

    async def unpublish(self, volume: VolumeAssignment) -> None:
        await self._storage.call(self._host, lambda: self._storage.unpublish(self._host.name, volume))
