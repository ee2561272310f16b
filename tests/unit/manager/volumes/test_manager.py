"""The volume manager on a store in memory, with plugins that do as they are told (docs/design/volumes.md 12.5)."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import pytest
from swarm_core.api.proto.objects_pb2 import Node, Resource, Volume
from swarm_core.api.proto.types_pb2 import VolumeInfo, VolumePublishStatus
from swarm_core.api.volume_failures import read
from swarm_core.csi.errors import PluginFailed, PluginMissesIt, PluginRefused
from swarm_core.manager import volume_failures
from swarm_core.manager.volumes.manager import RETRY_MAX_S, VOLUMES_MAX, VolumeManager
from swarm_core.manager.volumes.ports import Plugin
from swarm_core.store.transactions import Transaction
from swarm_testkit.factories import make_node, make_secret, make_volume
from swarm_testkit.leader import Leader
from swarm_testkit.manual_clock import settle

_STATE = VolumePublishStatus.State


@dataclass
class FakePlugin:
    """Keeps what was asked of it. `fails` is raised until taken away; `gate` holds calls up while it is clear."""

    fails: PluginFailed | None = None
    asked: list[tuple[str, str, str, Mapping[str, str]]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    busy: int = 0
    busiest: int = 0

    def __post_init__(self) -> None:
        self.gate.set()

    async def _answer(self, what: str, volume: Volume, node: str, secrets: Mapping[str, str]) -> None:
        self.asked.append((what, volume.spec.annotations.name, node, secrets))
        self.busy += 1
        self.busiest = max(self.busy, self.busiest)
        try:
            await self.gate.wait()
        finally:
            self.busy -= 1
        if self.fails is not None:
            raise self.fails

    async def create(self, volume: Volume, secrets: Mapping[str, str]) -> VolumeInfo:
        await self._answer("create", volume, "", secrets)
        return VolumeInfo(volume_id=f"made-{volume.spec.annotations.name}")

    async def delete(self, volume: Volume, secrets: Mapping[str, str]) -> None:
        await self._answer("delete", volume, "", secrets)

    async def publish(
        self, volume: Volume, csi_node_id: str, secrets: Mapping[str, str]
    ) -> Mapping[str, str]:
        await self._answer("publish", volume, csi_node_id, secrets)
        return {"device": "sda"}

    async def unpublish(self, volume: Volume, csi_node_id: str, secrets: Mapping[str, str]) -> None:
        await self._answer("unpublish", volume, csi_node_id, secrets)

    def names(self) -> list[str]:
        return [what for what, _, _, _ in self.asked]


class Rig(Leader):
    """A leader whose volume manager has one plugin, `csi`."""

    def __init__(self, *, turns: int = 0) -> None:
        super().__init__(turns=turns)
        self.plugin = FakePlugin()

    def get(self, name: str) -> Plugin | None:
        return self.plugin if name == "csi" else None

    def manager(self, **ports: object) -> VolumeManager:
        return VolumeManager(self.store, self.clock, self.rng, self)

    def volume(self, volume_id: str = "v1") -> Volume:
        volume = self.store.get(Volume, volume_id)
        assert volume is not None
        return volume

    def failures(self) -> Mapping[str, str]:
        """The reasons that stand beside volumes, by their ids."""
        return {one.annotations.name: read(one) for one in self.store.find(Resource)}

    def states(self, volume_id: str = "v1") -> Mapping[str, str]:
        return {each.node_id: _STATE.Name(each.state) for each in self.volume(volume_id).publish_status}


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig()
    async with rig.running(rig.manager):
        yield rig


def node(id_: str) -> Node:
    return make_node(id_, csi=["csi"])


async def test_creates(rig: Rig) -> None:
    """12.5.1: a new volume is made, and what the plugin says of it is kept."""
    await rig.put(make_volume("v1", name="v", is_created=False))
    assert rig.volume().volume_info.volume_id == "made-v"
    await rig.clock.advance(3600)
    assert rig.plugin.names() == ["create"]


async def test_publishes_and_unpublishes(rig: Rig) -> None:
    """12.5.1: a node is named as the plugin knows it; what the node must know is kept; the entry goes with the unpublishing."""
    await rig.put(node("n1"), node("n2"))
    await rig.put(make_volume("v1", published={"n1": "PENDING_PUBLISH", "n2": "PENDING_UNPUBLISH"}))
    assert [(what, on) for what, _, on, _ in rig.plugin.asked] == [
        ("publish", "csi-n1"),
        ("unpublish", "csi-n2"),
    ]
    assert rig.states() == {"n1": "PUBLISHED"}
    assert dict(rig.volume().publish_status[0].publish_context) == {"device": "sda"}


async def test_waits_for_the_node(rig: Rig) -> None:
    """12.2.5: a node that still has the volume is waited for."""
    await rig.put(node("n1"), make_volume("v1", published={"n1": "PENDING_NODE_UNPUBLISH"}))
    assert rig.plugin.asked == []


async def test_deletes(rig: Rig) -> None:
    """12.5.1: a volume that is to be removed is deleted by its plugin, then its object."""
    await rig.put(make_volume("v1", pending_delete=True))
    assert rig.plugin.names() == ["delete"]
    assert rig.store.find(Volume) == []


async def test_a_removed_volume_that_was_never_made(rig: Rig) -> None:
    """12.5.5: it is made once more, to learn what there is to delete; where the plugin refuses for good there is nothing."""
    await rig.put(make_volume("v1", is_created=False, pending_delete=True))
    assert rig.plugin.names() == ["create", "delete"]
    assert rig.store.find(Volume) == []
    rig.plugin.fails = PluginRefused("no such pool")
    await rig.put(make_volume("v2", is_created=False, pending_delete=True))
    assert rig.store.find(Volume) == []
    await rig.put(make_volume("v3", is_created=False))
    assert rig.volume("v3").HasField("volume_info") is False


async def test_a_call_that_may_have_had_its_effect(rig: Rig) -> None:
    """12.5.5: a removed volume stays while it is not known whether the plugin made it."""
    rig.plugin.fails = PluginFailed("no answer")
    await rig.put(make_volume("v1", is_created=False, pending_delete=True))
    assert len(rig.store.find(Volume)) == 1


async def test_why_a_volume_is_not_made(rig: Rig) -> None:
    """12.5.8: the newest reason stands beside the volume, is written when it changes, and goes when the volume is made."""
    rig.plugin.fails = PluginFailed("the pool is full")
    await rig.put(make_volume("v1", is_created=False), make_volume("v2", is_created=False))
    assert rig.failures() == {"v1": "the pool is full", "v2": "the pool is full"}
    with rig.store.subscribe(Resource) as events:
        await rig.clock.advance(10)
        assert not events.take()
    rig.plugin.fails = PluginFailed("the pool is gone")
    await rig.clock.advance(600)
    assert rig.failures() == {"v1": "the pool is gone", "v2": "the pool is gone"}
    rig.plugin.fails = None
    await rig.clock.advance(600)
    assert rig.failures() == {} and rig.volume().HasField("volume_info")


@pytest.mark.parametrize("is_created", [True, False])
async def test_why_a_volume_is_not_deleted(rig: Rig, is_created: bool) -> None:
    """12.5.8: the same for one that is to be removed; the reason goes with the volume."""
    rig.plugin.fails = PluginFailed("it is busy")
    await rig.put(make_volume("v1", is_created=is_created, pending_delete=True))
    assert rig.failures() == {"v1": "it is busy"}
    rig.plugin.fails = None
    await rig.clock.advance(600)
    assert rig.failures() == {} and rig.store.find(Volume) == []


async def test_a_failure_on_a_node_stands_in_its_entry_alone(rig: Rig) -> None:
    """12.5.8: beside the volume stands only what concerns the whole volume."""
    rig.plugin.fails = PluginFailed("the cable is out")
    await rig.put(node("n1"), make_volume("v1", published={"n1": "PENDING_PUBLISH"}))
    assert rig.volume().publish_status[0].message == "the cable is out"
    assert rig.failures() == {}


async def test_reasons_that_hold_no_more(rig: Rig) -> None:
    """12.5.8: a new leader deletes the reason of a volume that another make of leader has made or removed, and keeps the others."""
    rig.plugin.fails = PluginFailed("the pool is full")
    await rig.put(*(make_volume(f"v{number}", is_created=False) for number in (1, 2, 3)))

    def elsewhere(tx: Transaction) -> None:
        made = Volume()
        made.CopyFrom(rig.volume("v1"))
        made.volume_info.volume_id = "made"
        tx.update(made)
        tx.delete(Volume, "v2")

    await rig.store.update(elsewhere)
    await rig.store.update(volume_failures.forget_settled)
    assert rig.failures() == {"v3": "the pool is full"}


async def test_secrets(rig: Rig) -> None:
    """12.5.2: every call has the values of the volume's secrets by their keys."""
    volume = make_volume("v1", name="v", is_created=False)
    volume.spec.secrets.add(key="password", secret="s1")
    await rig.put(volume)
    assert rig.plugin.asked == []  # the secret is not there
    await rig.store.update(lambda tx: tx.create(make_secret("s1", data=b"hunter2")))
    await rig.clock.advance(1)
    assert rig.plugin.asked == [("create", "v", "", {"password": "hunter2"})]


async def test_retries_with_growing_pauses(rig: Rig) -> None:
    """12.5.4: 0.1 s, then twice as long each time, and never more than ten minutes; success ends it."""
    rig.plugin.fails = PluginFailed("not now")
    await rig.put(make_volume("v1", is_created=False))
    tries = []
    for seconds in (0.09, 0.02, 0.18, 0.02, 0.38, 0.02):
        await rig.clock.advance(seconds)
        tries.append(len(rig.plugin.asked))
    assert tries == [1, 2, 2, 3, 3, 4]
    for _ in range(20):
        await rig.clock.advance(RETRY_MAX_S)
    before = len(rig.plugin.asked)
    await rig.clock.advance(RETRY_MAX_S)
    assert len(rig.plugin.asked) == before + 1
    rig.plugin.fails = None
    await rig.clock.advance(RETRY_MAX_S)
    assert rig.volume().volume_info.volume_id


async def test_failure_is_told_once(rig: Rig) -> None:
    """12.5.4: what keeps a volume from a node stands in its entry; writing it down ends no pause; success clears it."""
    rig.plugin.fails = PluginFailed("the cable is out")
    await rig.put(node("n1"))
    with rig.store.subscribe(Volume) as events:
        await rig.put(make_volume("v1", published={"n1": "PENDING_PUBLISH"}))
        assert rig.volume().publish_status[0].message == "the cable is out"
        assert len(rig.plugin.asked) == 1
        await rig.clock.advance(0.1)
        assert len(rig.plugin.asked) == 2
        assert len(events.take()) == 2  # the volume, and the one message
    rig.plugin.fails = None
    await rig.clock.advance(0.2)
    assert rig.states() == {"n1": "PUBLISHED"}
    assert rig.volume().publish_status[0].message == ""


async def test_one_failure_keeps_no_other_node_waiting(rig: Rig) -> None:
    """12.5.3: what succeeds for one node is written, whatever happens to another."""
    await rig.put(node("n1"), make_node("n2"))
    await rig.put(make_volume("v1", published={"n2": "PENDING_UNPUBLISH", "n1": "PENDING_PUBLISH"}))
    assert rig.states() == {"n1": "PUBLISHED", "n2": "PENDING_UNPUBLISH"}
    assert "does not tell its id" in rig.volume().publish_status[0].message
    await rig.put(node("n2"))  # it does now: no pause is waited for
    assert rig.states() == {"n1": "PUBLISHED"}


async def test_what_is_due_changes_during_a_pause(rig: Rig) -> None:
    """12.5.4: news end a pause, however long it has become."""
    rig.plugin.fails = PluginFailed("full")
    await rig.put(node("n1"), make_volume("v1", is_created=False))
    for _ in range(20):
        await rig.clock.advance(RETRY_MAX_S)
    rig.plugin.fails = None
    await rig.put(make_volume("v1", published={"n1": "PENDING_PUBLISH"}))
    assert rig.states() == {"n1": "PUBLISHED"}


async def test_freed_during_the_call(rig: Rig) -> None:
    """12.5.6: a volume that nobody wants any more when the plugin has published it is unpublished at once."""
    rig.plugin.gate.clear()
    await rig.put(node("n1"), make_volume("v1", published={"n1": "PENDING_PUBLISH"}))
    await rig.put(make_volume("v1", published={"n1": "PENDING_UNPUBLISH"}))
    assert rig.plugin.names() == ["publish"]
    rig.plugin.gate.set()
    await settle()
    assert rig.plugin.names() == ["publish", "unpublish"]
    assert rig.states() == {}


async def test_removed_by_force_during_the_call(rig: Rig) -> None:
    """12.5.6: a volume that is gone when its plugin answers stays gone."""
    rig.plugin.gate.clear()
    await rig.put(
        node("n1"),
        make_volume("v1", is_created=False),
        make_volume("v2", published={"n1": "PENDING_PUBLISH"}),
    )
    await rig.delete(Volume, "v1", "v2")
    rig.plugin.gate.set()
    await settle()
    assert rig.store.find(Volume) == []
    assert sorted(rig.plugin.names()) == ["create", "publish"]


@pytest.mark.parametrize("state", ["PUBLISHED", "PENDING_NODE_UNPUBLISH", "PENDING_PUBLISH"])
async def test_node_is_removed(rig: Rig, state: str) -> None:
    """12.5.7: a node that was removed is waited for no longer; the plugin is told by the id that it knew."""
    await rig.put(node("n1"), make_volume("v1", published={"n1": "PUBLISHED"}))
    rig.plugin.gate.clear()
    await rig.put(make_volume("v1", published={"n1": state}))
    await rig.delete(Node, "n1")
    rig.plugin.gate.set()
    await settle()
    assert rig.plugin.asked[-1][:3] == ("unpublish", "name-of-v1", "csi-n1")
    assert rig.states() == {}


@pytest.mark.parametrize(("scope", "calls"), [("SINGLE_NODE", ["unpublish"]), ("MULTI_NODE", [])])
async def test_node_that_an_earlier_leader_saw_go(scope: str, calls: list[str]) -> None:
    """12.5.7: without the id of the node only a volume for one node is taken from all, before another gets it; the others are not touched."""
    rig = Rig()
    await rig.put(
        node("n2"), make_volume("v1", scope=scope, published={"n1": "PUBLISHED", "n2": "PENDING_PUBLISH"})
    )
    async with rig.running(rig.manager):
        assert rig.states() == {"n2": "PUBLISHED"}
    assert rig.plugin.names() == [*calls, "publish"]
    assert all(on == "" for what, _, on, _ in rig.plugin.asked if what == "unpublish")


@pytest.mark.parametrize("state", ["PUBLISHED", "PENDING_NODE_UNPUBLISH"])
@pytest.mark.parametrize(("scope", "has_old"), [("MULTI_NODE", True), ("SINGLE_NODE", False)])
async def test_the_machine_of_a_node_has_joined_anew(state: str, scope: str, has_old: bool) -> None:
    """12.5.7: what its new node has is not taken from it when the old one's entry goes, while that is in the cluster, and when nobody knows it any more."""
    rig = Rig()
    old, new = node("n1"), node("n2")
    new.description.csi_info[0].node_id = old.description.csi_info[0].node_id
    entries = {"n1": "PENDING_UNPUBLISH", "n2": state}
    await rig.put(*([old] if has_old else []), new, make_volume("v1", scope=scope, published=entries))
    async with rig.running(rig.manager):
        assert rig.states() == {"n2": state}
    assert rig.plugin.names() == []


async def test_the_machine_joins_anew_while_the_plugin_fails(rig: Rig) -> None:
    """12.5.7: a call that failed is not made again once the removed node's machine has the volume as another node."""
    new = node("n2")
    new.description.csi_info[0].node_id = "csi-n1"
    rig.plugin.fails = PluginFailed("the storage does not answer")
    await rig.put(node("n1"), make_volume("v1", published={"n1": "PENDING_UNPUBLISH"}))
    await rig.delete(Node, "n1")
    await rig.put(new, make_volume("v1", published={"n1": "PENDING_UNPUBLISH", "n2": "PUBLISHED"}))
    rig.plugin.fails, tried = None, len(rig.plugin.asked)
    await rig.clock.advance(3600)
    assert rig.states() == {"n2": "PUBLISHED"} and len(rig.plugin.asked) == tried


async def test_plugin_forgot_the_node(rig: Rig) -> None:
    """12.5.7: a plugin that does not know a removed node any more has nothing to unpublish; of one that is there it is an error."""
    rig.plugin.fails = PluginMissesIt("no such node")
    await rig.put(node("n1"), node("n2"))
    await rig.put(make_volume("v1", published={"n1": "PUBLISHED", "n2": "PENDING_UNPUBLISH"}))
    assert rig.states() == {"n1": "PUBLISHED", "n2": "PENDING_UNPUBLISH"}
    await rig.delete(Node, "n1")
    assert rig.states() == {"n2": "PENDING_UNPUBLISH"}


async def test_no_such_plugin(rig: Rig) -> None:
    """12.5.3: a manager that was told of no such plugin says so where it can be read."""
    await rig.put(node("n1"), make_volume("v1", driver="nfs", published={"n1": "PENDING_PUBLISH"}))
    assert "this manager has no CSI plugin nfs" in rig.volume().publish_status[0].message


async def test_a_new_leader_goes_on() -> None:
    """12.5.1: everything that is due when a manager begins to lead is done, whoever wrote it."""
    rig = Rig()
    await rig.put(node("n1"), make_volume("v1", is_created=False), make_volume("v2", pending_delete=True))
    await rig.put(make_volume("v3", published={"n1": "PENDING_PUBLISH"}))
    async with rig.running(rig.manager):
        assert sorted(rig.plugin.names()) == ["create", "delete", "publish"]
    assert rig.states("v3") == {"n1": "PUBLISHED"}


async def test_volumes_side_by_side(rig: Rig) -> None:
    """12.5.3: one volume waits for no other, up to a bound; the calls of one volume come one after the other."""
    rig.plugin.gate.clear()
    await rig.put(*(make_volume(f"v{n}", is_created=False) for n in range(VOLUMES_MAX + 3)))
    assert rig.plugin.busy == VOLUMES_MAX
    rig.plugin.gate.set()
    await settle()
    assert all(volume.HasField("volume_info") for volume in rig.store.find(Volume))
    rig.plugin.busiest = 0
    await rig.put(node("n1"), node("n2"))
    await rig.put(make_volume("v0", published={"n1": "PENDING_PUBLISH", "n2": "PENDING_PUBLISH"}))
    assert rig.plugin.busiest == 1


async def test_a_fault_is_raised() -> None:
    """12.5.3: what is no failure of a plugin ends the component, whose supervisor starts it again."""
    rig = Rig()
    await rig.put(make_volume("v1", is_created=False))
    rig.plugin.fails = ValueError("a mistake of ours")  # type: ignore[assignment]
    with pytest.raises(ValueError, match="a mistake of ours"):
        await asyncio.wait_for(rig.manager().run(), 40)
