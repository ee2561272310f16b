"""What a node asks of a plugin, over a real socket (docs/design/volumes.md 12.4, 12.7)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from swarm_core.api.proto.types_pb2 import VolumeAccessMode, VolumeAssignment
from swarm_core.csi.errors import PluginFailed
from swarm_core.csi.node import NodePlugin, NodePlugins
from swarm_core.csi.sockets import PluginSocket
from swarm_testkit.csi_plugin import Abilities, CsiPlugin, serving


@pytest.fixture
async def plugin(tmp_path: Path) -> AsyncIterator[CsiPlugin]:
    plugin = CsiPlugin(
        tmp_path / "store", abilities=Abilities(controller=False, creates=False, publishes=False)
    )
    (tmp_path / "store/storage/vol").mkdir(parents=True)
    async with serving(plugin, tmp_path / "s") as plugin:
        yield plugin


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[NodePlugin]:
    plugins = NodePlugins([PluginSocket("my/csi", tmp_path / "s")], tmp_path / "state")
    found = plugins.get("my/csi")
    assert found is not None
    assert plugins.get("other") is None
    assert plugins.names() == ["my/csi"]
    yield found
    await plugins.close()


def assignment(sharing: str = "ALL") -> VolumeAssignment:
    volume = VolumeAssignment(id="v1", volume_id="vol")
    volume.access_mode.sharing = VolumeAccessMode.Sharing.Value(sharing)
    volume.access_mode.mount.SetInParent()
    volume.volume_context["made"] = "yes"
    return volume


async def test_published_and_taken_away(plugin: CsiPlugin, node: NodePlugin, tmp_path: Path) -> None:
    """12.7.2: staged and published, unpublished and unstaged, each as often as one likes; nothing is left behind."""
    for _ in range(2):
        await node.publish(assignment(), {})
    (node.path("v1") / "file").write_text("kept")
    assert (tmp_path / "store/storage/vol/file").read_text() == "kept"
    for _ in range(2):
        await node.unpublish(assignment())
    assert not node.path("v1").exists()
    assert list((tmp_path / "state/my_csi/staged").iterdir()) == []
    assert [call["method"] for call in plugin.calls() if "Capab" not in call["method"]] == [
        *["NodeStageVolume", "NodePublishVolume"] * 2,
        *["NodeUnpublishVolume", "NodeUnstageVolume"] * 2,
    ]


async def test_plugin_that_stages_nothing(plugin: CsiPlugin, node: NodePlugin) -> None:
    """12.4.2: a plugin without staging gets no such call."""
    plugin.abilities = Abilities(controller=False, creates=False, publishes=False, stages=False)
    await node.publish(assignment(), {})
    await node.unpublish(assignment())
    assert [call["method"] for call in plugin.calls()] == [
        "NodeGetCapabilities",
        "NodePublishVolume",
        "NodeUnpublishVolume",
    ]


@pytest.mark.parametrize(("sharing", "readonly"), [("READ_ONLY", True), ("ALL", False)])
async def test_read_only(plugin: CsiPlugin, node: NodePlugin, sharing: str, readonly: bool) -> None:
    """12.4.4: a volume that may only be read is published read-only."""
    await node.publish(assignment(sharing), {"password": "x"})
    (call,) = plugin.calls("NodePublishVolume")
    assert call.get("readonly", False) is readonly
    assert call["secrets"] == {"password": "x"}


async def test_who_the_node_is(plugin: CsiPlugin, node: NodePlugin) -> None:
    """12.7.1: the plugin's name of the node, its limit, and the topology where there is one."""
    info = await node.info()
    assert (info.plugin_name, info.node_id, info.max_volumes_per_node) == ("my/csi", "machine", 0)
    assert not info.HasField("accessible_topology")
    plugin.zone, plugin.abilities = "east", Abilities(volumes_max=7)
    info = await node.info()
    assert info.max_volumes_per_node == 7
    assert dict(info.accessible_topology.segments) == {"zone": "east"}


async def test_plugin_with_files_of_its_own(plugin: CsiPlugin, tmp_path: Path) -> None:
    """12.4.1: such a plugin is told its own paths, and what it publishes is found where the flag says."""
    socket = PluginSocket("csi", tmp_path / "s", published=tmp_path / "outside")
    plugins = NodePlugins([socket], tmp_path / "state")
    node = plugins.get("csi")
    assert node is not None
    with pytest.raises(PluginFailed, match="the staging path is not there"):
        await node.publish(assignment(), {})
    (call,) = plugin.calls("NodeStageVolume")
    assert call["staging_target_path"] == "/data/staged/v1"
    assert node.path("v1") == tmp_path / "outside/v1"
    assert not (tmp_path / "state").exists()
    await plugins.close()


async def test_no_place_in_the_state_directory(plugin: CsiPlugin, node: NodePlugin, tmp_path: Path) -> None:
    """12.7.2: a directory that cannot be made is a failure like another: it is tried again."""
    (tmp_path / "state").write_text("a file")
    with pytest.raises(PluginFailed, match="cannot make"):
        await node.publish(assignment(), {})
