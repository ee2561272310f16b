"""Random histories of volumes, tasks, nodes and plugin failures, with what must hold at every moment (docs/design/volumes.md)."""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping

import pytest
from swarm_core.api.proto.objects_pb2 import Node, Task, Volume
from swarm_core.api.proto.specs_pb2 import VolumeSpec
from swarm_core.api.proto.types_pb2 import (
    ASSIGNED,
    ORPHANED,
    RUNNING,
    VolumeAccessMode,
    VolumeInfo,
    VolumePublishStatus,
)
from swarm_core.csi.errors import PluginFailed
from swarm_core.manager.orchestrator.volume_enforcer import VolumeEnforcer
from swarm_core.manager.scheduler.scheduler import Scheduler
from swarm_core.manager.volumes.manager import VolumeManager
from swarm_core.manager.volumes.ports import Plugin
from swarm_core.store.by import ByNode
from swarm_core.store.errors import OutOfSequence
from swarm_core.store.transactions import Transaction
from swarm_testkit.factories import make_cluster_mount, make_node, make_task, make_task_spec, make_volume
from swarm_testkit.leader import Leader

NODES, VOLUMES, STEPS = 3, 4, 100
_State = VolumePublishStatus
_Mode = VolumeAccessMode


class StrictPlugin:
    """Keeps where each volume is attached, and stops the test when it is asked for what must not be."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.fails = 0.2
        self.attached: dict[str, set[str]] = {}

    def _try(self) -> None:
        if self.rng.random() < self.fails:
            raise PluginFailed("not now")

    async def create(self, volume: Volume, secrets: Mapping[str, str]) -> VolumeInfo:
        self.attached.setdefault(volume.id, set())
        self._try()  # it may fail after it had its effect
        return VolumeInfo(volume_id=volume.id)

    async def delete(self, volume: Volume, secrets: Mapping[str, str]) -> None:
        assert not self.attached.get(volume.id), "deleted while it is on a node"
        self.attached.pop(volume.id, None)
        self._try()

    async def publish(
        self, volume: Volume, csi_node_id: str, secrets: Mapping[str, str]
    ) -> Mapping[str, str]:
        nodes = self.attached[volume.id]
        nodes.add(csi_node_id)
        if volume.spec.access_mode.scope == _Mode.SINGLE_NODE:
            assert len(nodes) == 1, "a volume for one node is on two"
        self._try()
        return {}

    async def unpublish(self, volume: Volume, csi_node_id: str, secrets: Mapping[str, str]) -> None:
        self.attached.get(volume.id, set()).discard(csi_node_id)
        self._try()


class World(Leader):
    """A leader with everything that has to do with volumes, and nodes that do what they are told, later."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed=seed)
        self.chance = random.Random(seed)
        self.plugin = StrictPlugin(self.chance)
        self.forced: set[str] = set()  # volumes that were removed by force, of which the plugin hears nothing
        self.names = iter(range(10_000))

    def get(self, name: str) -> Plugin | None:
        return self.plugin

    def manager(self, **_: object) -> VolumeManager:
        return VolumeManager(self.store, self.clock, self.rng, self)

    def volumes(self) -> list[Volume]:
        return self.store.find(Volume)

    def copies(self) -> Iterator[Volume]:
        """Of each volume as it is when its turn comes."""
        for id_ in [volume.id for volume in self.volumes()]:
            if (stored := self.store.get(Volume, id_)) is not None:
                copy = Volume()
                copy.CopyFrom(stored)
                yield copy

    # what happens

    async def happen(self) -> None:
        """One thing at random."""
        await self.chance.choice(
            (self.add_task, self.add_task, self.end_task, self.end_task, self.nodes_act, self.nodes_act,
             self.change_availability, self.add_volume, self.remove_volume, self.force_volume, self.remove_node,
             self.pass_time)
        )()  # fmt: skip

    async def add_task(self) -> None:
        mounts = [
            make_cluster_mount(
                self.chance.choice(["v0", "v1", "v2", "v3", "group:g"]),
                f"/{n}",
                readonly=self.chance.random() < 0.5,
            )
            for n in range(self.chance.randint(1, 2))
        ]
        task = make_task(f"t{next(self.names)}", spec=make_task_spec(mounts=mounts), state="PENDING")
        await self.put(task)

    async def end_task(self) -> None:
        if there := self.tasks():
            task = self.chance.choice(there)
            if self.chance.random() < 0.3:
                await self.delete(Task, task.id)
            elif ASSIGNED <= task.status.state <= RUNNING:
                await self.report(task.id, self.chance.choice(["RUNNING", "COMPLETE", "FAILED"]))

    async def nodes_act(self) -> None:
        """Nodes let go of what they shall not have any more; the enforcer's rejected tasks are over by then."""
        for volume in self.copies():
            for status in volume.publish_status:
                if status.state == _State.PENDING_NODE_UNPUBLISH:
                    status.state = _State.PENDING_UNPUBLISH
            await self.put(volume)

    async def change_availability(self) -> None:
        if there := self.volumes():
            changed = Volume()
            changed.CopyFrom(self.chance.choice(there))
            changed.spec.availability = self.chance.choice(VolumeSpec.VolumeAvailability.values())
            await self.put(changed)

    async def add_volume(self) -> None:
        name = f"v{self.chance.randrange(VOLUMES)}"
        if all(volume.spec.annotations.name != name for volume in self.volumes()):
            await self.put(
                make_volume(
                    f"id-{next(self.names)}", name=name, group=self.chance.choice(["", "g"]),
                    scope=self.chance.choice(_Mode.Scope.keys()), sharing=self.chance.choice(_Mode.Sharing.keys()),
                    is_created=False,
                )
            )  # fmt: skip

    async def remove_volume(self) -> None:
        for volume in self.copies():
            if not volume.publish_status and self.chance.random() < 0.3:
                volume.pending_delete = True
                await self.put(volume)

    async def force_volume(self) -> None:
        """As Control.RemoveVolume with force does."""
        if (there := self.volumes()) and self.chance.random() < 0.3:
            gone = self.chance.choice(there).id
            self.forced.add(gone)
            await self.delete(Volume, gone)

    async def remove_node(self) -> None:
        """As Control.RemoveNode does, in one change: its tasks are orphaned. Another node takes its place."""
        if self.chance.random() < 0.2:
            node = self.chance.choice(self.store.find(Node))

            def remove(tx: Transaction) -> None:
                for stored in tx.find(Task, ByNode(node.id)):
                    if stored.status.state <= RUNNING:
                        task = Task()
                        task.CopyFrom(stored)
                        task.status.state = ORPHANED
                        tx.update(task)
                tx.delete(Node, node.id)

            await self.store.update(remove)
            await self.put(make_node(f"n{next(self.names)}", csi=["csi"]))

    async def pass_time(self) -> None:
        await self.clock.advance(self.chance.choice([0.1, 1, 700]))

    # what must hold

    def check(self) -> None:
        users: dict[str, list[tuple[Task, bool]]] = defaultdict(list)
        for task in self.tasks():
            if ASSIGNED <= task.status.state <= RUNNING:
                assert len(task.volumes) == len(task.spec.container.mounts)
                for attachment in {each.id: each for each in task.volumes}.values():
                    writes = any(
                        not mount.readonly
                        for mount, each in zip(task.spec.container.mounts, task.volumes, strict=True)
                        if each.id == attachment.id
                    )
                    users[attachment.id].append((task, writes))
        for volume in self.volumes():
            self._check_volume(volume, users[volume.id])
            users.pop(volume.id)
        assert users.keys() <= self.forced, "a volume went while a task has it"
        keep = [task.status.state for users_of in users.values() for task, _ in users_of]
        assert all(state == RUNNING for state in keep), "a task waits for a volume that was removed"

    def _check_volume(self, volume: Volume, users: list[tuple[Task, bool]]) -> None:
        mode, here = volume.spec.access_mode, {task.node_id for task, _ in users}
        states = {status.node_id: status.state for status in volume.publish_status}
        assert len(states) == len(volume.publish_status), "two entries for one node"
        assert all(states.get(node) in (_State.PENDING_PUBLISH, _State.PUBLISHED) for node in here)
        if mode.scope == _Mode.SINGLE_NODE:
            assert len(here) <= 1
        if mode.sharing == _Mode.NONE:
            assert len(users) <= 1
        if mode.sharing == _Mode.ONE_WRITER:
            assert sum(writes for _, writes in users) <= 1
        if mode.sharing == _Mode.READ_ONLY:
            assert not any(writes for _, writes in users)
        if volume.spec.availability == VolumeSpec.DRAIN or volume.pending_delete:
            assert not users
        published = {node for node, state in states.items() if state == _State.PUBLISHED}
        assert {f"csi-{node}" for node in published} <= self.plugin.attached.get(volume.id, set())


@pytest.mark.parametrize("seed", range(6))
async def test_random_histories(seed: int) -> None:
    """12.2, 12.3, 12.5: whatever happens, sharing and scope hold, no volume leaves under a task, none is deleted while it is on a
    node, and nobody waits for one that was removed by force; and when everything is over, every volume is nowhere, and those that
    were removed are gone."""
    world = World(seed)
    await world.put(*(make_node(f"n{n}", csi=["csi"]) for n in range(NODES)))
    async with world.running(Scheduler, VolumeEnforcer, world.manager):
        for _ in range(STEPS):
            try:
                await world.happen()
            except OutOfSequence:
                continue  # somebody else wrote meanwhile
            world.check()
        world.plugin.fails = 0
        await world.delete(Task, *(task.id for task in world.tasks()))
        for _ in range(4):
            await world.nodes_act()
            await world.clock.advance(700)
        assert all(not volume.publish_status for volume in world.volumes())
        assert not any(volume.pending_delete for volume in world.volumes())
        there = {volume.id for volume in world.volumes()}
        left = {id_ for id_, nodes in world.plugin.attached.items() if nodes or id_ not in there}
        assert left <= world.forced
