"""Networks, secrets and configs made in the dashboard (docs/design/terminal.md 11.24)."""

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_testkit.dashboard import running
from textual.widgets import Input

pytestmark = pytest.mark.timeout(240)


async def test_a_secret_is_typed_twice_and_never_shown(cluster):
    """11.24.2: what is typed stands nowhere on the screen, and it is gone when one leaves."""
    async with running(cluster) as run:
        await run.one_by_one("7", "n")
        await run.shows("New secret")
        await run.one_by_one(*"pw", "tab", "tab", *"hunter2")
        assert "differs" not in run.text
        await run.one_by_one("tab", *"hunter3")
        await run.shows("✖ differs")
        assert "hunter" not in run.text
        await run.one_by_one("ctrl+g")
        assert not run.called("Control.CreateSecret")
        assert run.app.screen is run.screen
        await run.one_by_one("backspace", "2")
        await run.shows("✓ the same")
        await run.one_by_one("ctrl+g")
        await run.shows("~ pw: created")
        assert "hunter" not in run.text
        await run.press("y")
        await run.shows("secret pw created")
        (request,) = run.called("Control.CreateSecret")
        assert request.spec.data == b"hunter2"
        await run.until(lambda: run.screen.navigator.here.view == "secrets")


async def test_a_typed_secret_is_forgotten_when_one_goes_elsewhere(cluster):
    """11.24.2: the rest is kept."""
    async with running(cluster) as run:
        await run.one_by_one("7", "n", *"pw", "tab", "tab", *"hunter2", "escape", "n")
        assert run.screen.query_one("#new-secret #name", Input).value == "pw"
        assert run.screen.query_one("#new-secret #value", Input).value == ""


async def test_a_secret_of_a_file(cluster, tmp_path):
    """11.24.3: its bytes as they are."""
    path = tmp_path / "key"
    path.write_bytes(b"\x00\xff\n")
    async with running(cluster) as run:
        await run.one_by_one("7", "n", *"key", "tab", "right", "tab", *str(path))
        await run.shows("✓ 3 bytes")
        assert "Once more" not in run.text
        await run.one_by_one("ctrl+g", "y")
        await run.until(lambda: run.called("Control.CreateSecret"))
        assert run.called("Control.CreateSecret")[0].spec.data == b"\x00\xff\n"


async def test_a_config_of_several_lines(cluster):
    """11.24.3: a row a line."""
    async with running(cluster) as run:
        await run.one_by_one("7", "7", "n")
        await run.shows("New config")
        await run.one_by_one(*"conf", "tab", "tab", *"a=1", "enter", *"b=2", "ctrl+g", "y")
        await run.until(lambda: run.called("Control.CreateConfig"))
        assert run.called("Control.CreateConfig")[0].spec.data == b"a=1\nb=2\n"


async def test_a_network(cluster):
    """11.24.4: subnets that another network has are named; the spec is the command's."""
    other = objects_pb2.Network(id="n-front")
    other.spec.annotations.name = "front"
    other.spec.ipam.configs.add(subnet="10.5.0.0/16")
    cluster.put(other)
    async with running(cluster) as run:
        await run.one_by_one("6", "n")
        await run.shows("New network")
        await run.one_by_one(*"back", "tab", "tab", *"10.5.1.0/24")
        await run.shows("✖ overlaps front")
        await run.one_by_one("ctrl+u", *"10.6.0.0/16")
        await run.shows("✓ free")
        await run.one_by_one("tab", "right", "ctrl+g", "y")
        await run.until(lambda: run.called("Control.CreateNetwork"))
        spec = run.called("Control.CreateNetwork")[0].spec
        assert (spec.annotations.name, spec.driver_config.name) == ("back", "overlay")
        assert [one.subnet for one in spec.ipam.configs] == ["10.6.0.0/16"]
        assert spec.attachable
        assert not spec.internal


@pytest.mark.parametrize(
    ("keys", "noun"), [(("7",), "secret"), (("6",), "network")], ids=["secret", "network"]
)
async def test_what_is_missing_is_led_to(cluster, keys, noun):
    """11.24.1: nothing is sent, and the cursor goes there."""
    async with running(cluster) as run:
        await run.one_by_one(*keys, "n", "ctrl+g")
        await run.shows("✖ needed")
        assert run.screen.focused.id == "name"
        assert not [name for name, _ in cluster.calls if name.startswith("Control.Create")]


@pytest.mark.parametrize("size", [(60, 15), (80, 24)], ids=lambda size: "x".join(map(str, size)))
@pytest.mark.parametrize("keys", [("7",), ("7", "7"), ("6",)], ids=["secret", "config", "network"])
async def test_nothing_is_cut(cluster, size, keys):
    """11.24.1: in a small terminal either."""
    async with running(cluster, size=size) as run:
        await run.one_by_one(*keys, "n", *"x")
        await run.shows("✓ free")
        assert "…" not in run.text
