"""What a manager asks of a plugin, over a real socket (docs/design/volumes.md 12.4)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from swarm_core.api.proto.objects_pb2 import Volume
from swarm_core.csi.controller import Controller, Controllers
from swarm_core.csi.errors import PluginFailed, PluginMissesIt, PluginRefused
from swarm_core.csi.sockets import PluginSocket
from swarm_testkit.csi_plugin import Abilities, CsiPlugin, serving
from swarm_testkit.factories import make_volume


@pytest.fixture
async def plugin(tmp_path: Path) -> AsyncIterator[CsiPlugin]:
    async with serving(CsiPlugin(tmp_path / "store"), tmp_path / "s") as plugin:
        yield plugin


@pytest.fixture
async def controller(tmp_path: Path) -> AsyncIterator[Controller]:
    """Of the plugin that listens at the socket `s`, if any."""
    controllers = Controllers([PluginSocket("csi", tmp_path / "s")])
    found = controllers.get("csi")
    assert found is not None
    assert controllers.get("other") is None
    yield found
    await controllers.close()


def fresh(name: str = "v", **more: object) -> Volume:
    volume = make_volume("v1", name=name, is_created=False, **more)  # type: ignore[arg-type]
    volume.spec.driver.options["pool"] = "fast"
    return volume


async def test_life_of_a_volume(plugin: CsiPlugin, controller: Controller) -> None:
    """12.4.3: made, published with what its node must know, unpublished and deleted; each call may be made again."""
    volume = fresh(scope="SINGLE_NODE")
    volume.spec.capacity_range.required_bytes = 5
    for _ in range(2):
        info = await controller.create(volume, {})
    assert (info.volume_id, info.capacity_bytes) == ("dir-v", 5)
    assert dict(info.volume_context) == {"pool": "fast", "made": "yes"}
    volume.volume_info.CopyFrom(info)
    for _ in range(2):
        assert await controller.publish(volume, "here", {}) == {"device": "for-here"}
    assert plugin.volumes()["dir-v"]["nodes"] == ["here"]
    with pytest.raises(PluginRefused, match="published on here"):
        await controller.publish(volume, "there", {})
    with pytest.raises(PluginRefused, match="is published"):
        await controller.delete(volume, {})
    for _ in range(2):
        await controller.unpublish(volume, "here", {})
        await controller.delete(volume, {})
    assert plugin.volumes() == {}


async def test_secrets_reach_the_plugin(plugin: CsiPlugin, controller: Controller) -> None:
    """12.4.3: every call carries the secrets of the volume."""
    plugin.secret = "hunter2"
    volume = fresh()
    with pytest.raises(PluginFailed, match="CSI plugin csi: CreateVolume: the password is wrong"):
        await controller.create(volume, {})
    secrets = {"password": "hunter2"}
    volume.volume_info.CopyFrom(await controller.create(volume, secrets))
    await controller.publish(volume, "here", secrets)
    await controller.unpublish(volume, "here", secrets)
    await controller.delete(volume, secrets)
    assert plugin.volumes() == {}


async def test_what_a_plugin_lacks_is_not_called(plugin: CsiPlugin, controller: Controller) -> None:
    """12.4.2: a plugin without a controller gets no such call; the volume's name is its id."""
    plugin.abilities = Abilities(controller=False)
    volume = fresh("exported")
    volume.volume_info.CopyFrom(await controller.create(volume, {}))
    assert volume.volume_info.volume_id == "exported"
    assert await controller.publish(volume, "", {}) == {}
    await controller.unpublish(volume, "", {})
    await controller.delete(volume, {})
    assert [call["method"] for call in plugin.calls()] == ["GetPluginCapabilities"]


@pytest.mark.parametrize(("sharing", "readonly"), [("READ_ONLY", True), ("ALL", False)])
async def test_read_only(plugin: CsiPlugin, controller: Controller, sharing: str, readonly: bool) -> None:
    """12.4.4: a volume that may only be read is published so, where the plugin can."""
    volume = fresh(sharing=sharing)
    volume.volume_info.CopyFrom(await controller.create(volume, {}))
    await controller.publish(volume, "here", {})
    (call,) = plugin.calls("ControllerPublishVolume")
    assert call.get("readonly", False) is readonly


async def test_topologies(plugin: CsiPlugin, controller: Controller) -> None:
    """12.4.4: what the volume must be reached from is asked of plugins that know topologies, and refused of others."""
    volume = fresh()
    volume.spec.AccessibilityRequirements.requisite.add(segments={"zone": "a"})
    with pytest.raises(PluginRefused, match="knows no topologies"):
        await controller.create(volume, {})
    plugin.abilities = Abilities(topologies=True)
    again = Controllers([PluginSocket("csi", plugin.root.parent / "s")])
    other = again.get("csi")
    assert other is not None
    info = await other.create(volume, {})
    await again.close()
    assert [dict(each.segments) for each in info.accessible_topology] == [{"zone": "a"}]


async def test_no_id_of_the_node(plugin: CsiPlugin, controller: Controller) -> None:
    """12.4.3: a volume is published for a node that the plugin knows by name, or not at all."""
    volume = fresh()
    volume.volume_info.CopyFrom(await controller.create(volume, {}))
    with pytest.raises(PluginFailed, match="has not told its id"):
        await controller.publish(volume, "", {})
    assert plugin.calls("ControllerPublishVolume") == []


async def test_kinds_of_failures(plugin: CsiPlugin, controller: Controller) -> None:
    """12.4.5: what the plugin refuses for good is told from what may succeed later."""
    volume = fresh()
    for code, kind in (
        ("INTERNAL", PluginFailed),
        ("ABORTED", PluginFailed),
        ("INVALID_ARGUMENT", PluginRefused),
        ("NOT_FOUND", PluginMissesIt),
    ):
        plugin.failures["CreateVolume"] = [code]
        with pytest.raises(PluginFailed) as raised:
            await controller.create(volume, {})
        assert type(raised.value) is kind
    await controller.create(volume, {})


async def test_plugin_that_is_not_there(controller: Controller, tmp_path: Path) -> None:
    """12.4.5: without a socket the answer says where it should be; a plugin that comes is found."""
    with pytest.raises(PluginFailed, match="no socket at"):
        await controller.create(fresh(), {})
    async with serving(CsiPlugin(tmp_path / "store"), tmp_path / "s") as plugin:
        plugin.is_ready = False
        with pytest.raises(PluginFailed, match="not ready yet"):
            await controller.create(fresh(), {})
        plugin.is_ready = True
        await controller.create(fresh(), {})


async def test_plugin_that_comes_back(controller: Controller, tmp_path: Path) -> None:
    """12.4.5: after a restart the plugin is asked anew what it can do."""
    for creates in (True, False):
        plugin = CsiPlugin(tmp_path / "store", abilities=Abilities(creates=creates))
        async with serving(plugin, tmp_path / "s"):
            info = await controller.create(fresh(f"v{creates}"), {})
        assert info.volume_id == ("dir-vTrue" if creates else "vFalse")


async def test_a_call_does_not_last_for_ever(plugin: CsiPlugin, tmp_path: Path) -> None:
    """12.4.5: a plugin that does not answer is given up."""
    import asyncio

    plugin.hanging["CreateVolume"] = asyncio.Event()
    controllers = Controllers([PluginSocket("csi", tmp_path / "s")], call_s=0.2)
    controller = controllers.get("csi")
    assert controller is not None
    with pytest.raises(PluginFailed, match="Deadline"):
        await controller.create(fresh(), {})
    plugin.hanging["CreateVolume"].set()
    await controllers.close()
