"""The volumes of one node (docs/design/volumes.md 12.7), with a plugin that does as it is told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from swarm_agentd.agent.storage import StorageUnusable
from swarm_agentd.agent.volume_records import FileRecords, MemoryRecords
from swarm_agentd.agent.volumes import INFO_S, WAIT_S, NodeVolumes, Surroundings
from swarm_agentd.exec.errors import Temporary
from swarm_agentd.exec.volumes import NodePlugin
from swarm_core.api.proto.objects_pb2 import Secret
from swarm_core.api.proto.types_pb2 import NodeCSIInfo, VolumeAccessMode, VolumeAssignment
from swarm_core.csi.errors import PluginFailed
from swarm_core.runtime.tasks import Group
from swarm_testkit.clock import VirtualClock, in_virtual_time, until
from swarm_testkit.factories import make_secret


class FakePlugin:
    """Keeps what was asked of it. `fails` is raised until taken away; calls wait while `gate` is clear."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.here: set[str] = set()
        self.secrets: Mapping[str, str] = {}
        self.fails: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def info(self) -> NodeCSIInfo:
        await self._answer()
        return NodeCSIInfo(plugin_name="csi", node_id="machine")

    def path(self, volume_id: str) -> Path:
        return Path("/published") / volume_id

    async def publish(self, volume: VolumeAssignment, secrets: Mapping[str, str]) -> None:
        self.asked.append(f"publish {volume.id}")
        self.secrets = secrets
        await self._answer()
        self.here.add(volume.id)

    async def unpublish(self, volume: VolumeAssignment) -> None:
        self.asked.append(f"unpublish {volume.id} {volume.volume_id}")
        await self._answer()
        self.here.discard(volume.id)

    async def _answer(self) -> None:
        await self.gate.wait()
        if self.fails is not None:
            raise self.fails


class Rig:
    """Volumes with one plugin, `csi`; `used` are those that tasks use, `reported` those that managers hear are gone."""

    def __init__(self) -> None:
        self.plugin = FakePlugin()
        self.records = MemoryRecords()
        self.secrets: dict[str, Secret] = {}
        self.used: set[str] = set()
        self.reported: list[str] = []
        self.start()

    def start(self) -> None:
        """As a daemon that begins."""
        around = Surroundings(self.secrets.get, self.used.__contains__, self.reported.append)
        self.volumes = NodeVolumes(self, self.records, VirtualClock(), around)

    def names(self) -> list[str]:
        return ["csi"]

    def get(self, name: str) -> NodePlugin | None:
        return self.plugin if name == "csi" else None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with Group() as group:
            group.spawn(self.volumes.run(), name="volumes")
            await asyncio.sleep(0)
            yield
            group.cancel_all()


def volume(id_: str = "v1", *, driver: str = "csi", sharing: str = "ALL") -> VolumeAssignment:
    made = VolumeAssignment(id=id_, volume_id=f"plugin-{id_}")
    made.driver.name = driver
    made.access_mode.sharing = VolumeAccessMode.Sharing.Value(sharing)
    return made


async def ticks(seconds: float = 0.01) -> None:
    await VirtualClock().sleep(seconds)


@in_virtual_time
async def test_published_once() -> None:
    """12.7.2: what is assigned is published; hearing of it again changes nothing."""
    rig = Rig()
    async with rig.running():
        rig.volumes.put(volume())
        found = await rig.volumes.published("v1")
        assert (found.path, found.is_read_only) == (Path("/published/v1"), False)
        rig.volumes.put(volume())
        await ticks(1000)
        assert rig.plugin.asked == ["publish v1"]


@in_virtual_time
async def test_another_assignment_is_published_anew() -> None:
    """12.7.2: a volume that comes with another context is published with it."""
    rig = Rig()
    async with rig.running():
        rig.volumes.put(volume())
        await rig.volumes.published("v1")
        again = volume(sharing="READ_ONLY")
        again.publish_context["device"] = "sdb"
        rig.volumes.put(again)
        assert (await rig.volumes.published("v1")).is_read_only
        assert rig.plugin.asked == ["publish v1"] * 2


@in_virtual_time
async def test_a_task_waits_for_its_volume() -> None:
    """12.10.1: a volume that comes is there at once; one that does not is told after a while, with the plugin's words."""
    rig = Rig()
    async with rig.running():
        rig.plugin.fails = PluginFailed("the cable is out")
        began = asyncio.get_running_loop().time()
        with pytest.raises(Temporary, match=r"not published on this node yet$"):
            await rig.volumes.published("v1")
        assert asyncio.get_running_loop().time() - began == pytest.approx(WAIT_S)
        rig.volumes.put(volume())
        with pytest.raises(Temporary, match="yet: the cable is out"):
            await rig.volumes.published("v1")
        rig.plugin.fails = None
        assert (await rig.volumes.published("v1")).path == Path("/published/v1")


@in_virtual_time
async def test_taken_away_and_reported() -> None:
    """12.7.2: what is assigned no longer is unpublished, then reported, then forgotten."""
    rig = Rig()
    async with rig.running():
        rig.volumes.put(volume())
        await rig.volumes.published("v1")
        assert list(rig.records.load()) == ["v1"]
        rig.volumes.remove(volume())
        await until(lambda: rig.reported == ["v1"])
        assert rig.plugin.here == set()
        assert rig.records.load() == {}
        rig.volumes.remove(volume())  # as after a restart: it knows nothing of the volume
        await until(lambda: rig.reported == ["v1", "v1"])
        assert rig.plugin.asked == ["publish v1", *["unpublish v1 plugin-v1"] * 2]


@in_virtual_time
async def test_never_under_a_running_task() -> None:
    """12.7.3: a volume stays as long as a task uses it, and goes when the last one has ended."""
    rig = Rig()
    rig.used.add("v1")
    async with rig.running():
        rig.volumes.put(volume())
        await rig.volumes.published("v1")
        rig.volumes.remove(volume())
        await ticks(1000)
        rig.volumes.tasks_changed()
        await ticks()
        assert rig.plugin.here == {"v1"}
        rig.used.clear()
        rig.volumes.tasks_changed()
        await until(lambda: rig.reported == ["v1"])


@in_virtual_time
async def test_failures_are_tried_again() -> None:
    """12.7.2: with pauses that double; a change of what is wanted ends a pause."""
    rig = Rig()
    rig.plugin.fails = PluginFailed("not now")
    async with rig.running():
        rig.volumes.put(volume())
        await ticks(0.75)
        assert rig.plugin.asked == ["publish v1"] * 4  # at 0, 0.1, 0.3 and 0.7 s
        await ticks(100_000)
        rig.plugin.fails = None
        rig.volumes.remove(volume())
        await until(lambda: rig.reported == ["v1"])


@in_virtual_time
async def test_assigned_anew_while_it_goes() -> None:
    """12.7.4: a volume that is wanted again while its plugin takes it away is published again, and not reported."""
    rig = Rig()
    async with rig.running():
        rig.volumes.put(volume())
        await rig.volumes.published("v1")
        rig.plugin.gate.clear()
        rig.volumes.remove(volume())
        await ticks()
        rig.volumes.put(volume())
        rig.plugin.gate.set()
        await rig.volumes.published("v1")
        assert rig.plugin.asked == ["publish v1", "unpublish v1 plugin-v1", "publish v1"]
        assert rig.reported == []


@in_virtual_time
async def test_side_by_side() -> None:
    """12.7.4: a plugin that hangs on one volume keeps no other waiting."""
    rig = Rig()
    async with rig.running():
        rig.plugin.gate.clear()
        rig.volumes.put(volume("v1"))
        rig.volumes.put(volume("v2"))
        await until(lambda: len(rig.plugin.asked) == 2)
        rig.plugin.gate.set()
        await rig.volumes.published("v2")


@in_virtual_time
async def test_secrets() -> None:
    """12.6.1: the plugin gets the values of the volume's secrets; without them the volume waits."""
    rig = Rig()
    wanted = volume()
    wanted.secrets.add(key="password", secret="s1")
    async with rig.running():
        rig.volumes.put(wanted)
        with pytest.raises(Temporary, match="secret s1, which the volume needs, is not here"):
            await rig.volumes.published("v1")
        rig.secrets["s1"] = make_secret("s1", data=b"hunter2")
        await rig.volumes.published("v1")
        assert rig.plugin.secrets == {"password": "hunter2"}


@in_virtual_time
async def test_no_such_plugin() -> None:
    """12.7.2: a node that was told of no such plugin says so to whoever waits."""
    rig = Rig()
    async with rig.running():
        rig.volumes.put(volume(driver="nfs"))
        with pytest.raises(Temporary, match="this node has no CSI plugin nfs"):
            await rig.volumes.published("v1")


@in_virtual_time
async def test_after_a_restart() -> None:
    """12.7.5: what an earlier daemon published is left alone until a full set came; then what that lacks is taken away."""
    rig = Rig()
    async with rig.running():
        rig.volumes.put(volume("v1"))
        rig.volumes.put(volume("v2"))
        await rig.volumes.published("v2")
        await rig.volumes.published("v1")
    rig.plugin.asked.clear()
    rig.start()
    async with rig.running():
        await ticks(100)
        assert rig.plugin.asked == []
        rig.volumes.put(volume("v1"))
        rig.volumes.keep_only(["v1"])
        await rig.volumes.published("v1")
        await until(lambda: rig.plugin.here == {"v1"})
        assert rig.reported == []  # nobody asked
        assert sorted(rig.plugin.asked) == ["publish v1", "unpublish v2 plugin-v2"]
        await until(lambda: list(rig.records.load()) == ["v1"])


@in_virtual_time
async def test_leaving() -> None:
    """12.7.6: a node that leaves gives every volume up; it does not wait for a plugin that is gone for ever."""
    rig = Rig()
    async with rig.running():
        rig.volumes.put(volume())
        await rig.volumes.published("v1")
        rig.plugin.fails = PluginFailed("no answer")
        rig.volumes.keep_only(())
        assert not await rig.volumes.until_none(2)
        rig.plugin.fails = None
        assert await rig.volumes.until_none(10)
        assert rig.plugin.here == set()


@in_virtual_time
async def test_description(caplog: pytest.LogCaptureFixture) -> None:
    """12.7.1: each plugin that answers says who the node is; one that fails or hangs is left out, which is told once."""
    rig = Rig()
    assert [info.node_id for info in await rig.volumes.describe()] == ["machine"]
    rig.plugin.fails = PluginFailed("not ready")
    for _ in range(3):
        assert await rig.volumes.describe() == []
    assert len(caplog.records) == 1
    rig.plugin.fails = None
    assert len(await rig.volumes.describe()) == 1
    rig.plugin.gate.clear()
    began = asyncio.get_running_loop().time()
    assert await rig.volumes.describe() == []
    assert asyncio.get_running_loop().time() - began == pytest.approx(INFO_S)


async def test_records_on_disk(tmp_path: Path) -> None:
    """12.7.5: a record is found again whole; what a power cut left, and what is not ours, is no record."""
    records = FileRecords(tmp_path / "volumes")
    assert records.load() == {}
    await records.put(volume("v1"))
    await records.put(volume("v2"))
    await records.delete("v2")
    await records.delete("v3")
    (tmp_path / "volumes/v4").write_bytes(b"\xff\xff")
    (tmp_path / "volumes/v5.new").write_bytes(b"")
    assert FileRecords(tmp_path / "volumes").load() == {"v1": volume("v1")}
    with pytest.raises(OSError, match="cannot name a file"):
        await records.put(volume("../v1"))


def test_unreadable_records(tmp_path: Path) -> None:
    """12.7.5: a daemon that cannot know what is published does not begin."""
    (tmp_path / "volumes").write_text("a file")
    with pytest.raises(StorageUnusable, match="cannot read"):
        FileRecords(tmp_path / "volumes").load()
