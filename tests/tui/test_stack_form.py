"""A stack deployed in the dashboard: a compose file that is named, pasted or written (docs/design/terminal.md 11.27)."""

import asyncio
from pathlib import Path

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_core.client.errors import CallFailed
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.command_line import CommandLine
from swarm_testkit.dashboard import Running, running
from swarm_testkit.factories import make_cluster, make_node
from swarm_tui.clusters.allowance import Level
from textual import events

pytestmark = pytest.mark.timeout(240)

TEXT = """name: shop
services:
  db:
    x-process: {command: [sleep, "100"]}
    secrets: [key]
  api:
    x-process: {command: [sleep, "200"]}
    depends_on: {db: {condition: service_started}}
    deploy: {replicas: 2}
secrets: {key: {file: ./key}}
"""


@pytest.fixture
def fake() -> FakeCluster:
    return FakeCluster([make_cluster(), make_node("n1", plugins=[("Runtime", "process")])], orchestrate=True)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A compose file, with a secret beside it."""
    (tmp_path / "key").write_text("one")
    path = tmp_path / "compose.yml"
    path.write_text(TEXT)
    return path


def _writes(fake: FakeCluster) -> list[str]:
    words = ("Create", "Update", "Remove")
    return [method for method, _ in fake.calls if method.partition(".")[2].startswith(words)]


def _services(fake: FakeCluster) -> list[str]:
    return sorted(one.spec.annotations.name for one in fake.all(objects_pb2.Service))


async def _named(run: Running, file: Path) -> None:
    """The form, with this file in it."""
    await run.one_by_one("5", "n")
    await run.shows("Deploy a stack")
    await run.one_by_one(*str(file))


async def _pasted(run: Running, text: str) -> None:
    run.app.post_message(events.Paste(text))
    await run.pilot.pause()


async def test_a_file_is_deployed(fake: FakeCluster, file: Path) -> None:
    """11.27.1-3: the plan stands there while one types, nothing is sent before it was read, and it goes wave by wave."""
    async with running(fake) as run:
        await _named(run, file)
        await run.shows("+ service api  wave 2")
        assert "✓ 10 lines" in run.text
        await run.one_by_one("ctrl+g")
        await run.shows("In 2 waves: db, then api.")
        assert _writes(fake) == []
        await run.press("y")
        await run.shows("Stack shop is deployed: 2 services")
        made = [
            request.spec.annotations.name for name, request in fake.calls if name == "Control.CreateService"
        ]
        assert made == ["shop_db", "shop_api"]
        assert run.screen.navigator.here.view == "stacks"
        await run.until(lambda: [ref.id for ref in run.screen.selection.refs] == ["shop"])
        await run.one_by_one("n")
        assert "name: shop" not in run.text


async def _deployed_twice(fake: FakeCluster, file: Path) -> None:
    async with running(fake) as run:
        await _named(run, file)
        await run.one_by_one("ctrl+g")
        await run.shows("level 2")
        await run.press("y")
        await run.shows("Stack shop is deployed")
        await _named(run, file)
        await run.shows("● the stack is as the text says")
        fake.calls.clear()
        await run.one_by_one("ctrl+g")
        await run.shows("nothing would change")
        assert _writes(fake) == []


def test_the_same_as_the_command(fake: FakeCluster, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """11.27.1: after a deploy here neither the form nor the command has anything to do."""
    asyncio.run(_deployed_twice(fake, file))
    assert CommandLine(fake, capsys)("stack", "plan", "-c", str(file)).code == 0


async def test_a_text_is_pasted_and_mended(fake: FakeCluster) -> None:
    """11.27.4: a wrong text is told with its place and is not sent; a right one is deployed under the name that is typed."""
    text = 'services:\n  web:\n    x-process: {command: [sleep, "1"]}\n    depend_on: [db]\n'
    async with running(fake) as run:
        await run.one_by_one("5", "n")
        await _pasted(run, text)
        await run.shows("the text:4:5")
        await run.one_by_one("ctrl+g")
        assert run.screen.focused is not None
        assert run.screen.focused.id == "twin-area"
        await run.one_by_one("f2", "ctrl+u")
        await _pasted(run, text.replace("    depend_on: [db]\n", ""))
        await run.shows("the stack needs a name")
        await run.one_by_one("ctrl+g")
        await run.shows("✖ needed")
        await run.one_by_one(*"site")
        await run.shows("+ service web")
        await run.one_by_one("ctrl+g")
        await run.shows("No docker command does this: the text is in no file.")
        await run.press("y")
        await run.until(lambda: _services(fake) == ["site_web"])


async def test_a_service_that_goes(fake: FakeCluster, file: Path) -> None:
    """11.27.5: only the highest level removes one, and the stack's name is typed before."""
    async with running(fake) as run:
        await _named(run, file)
        await run.one_by_one("ctrl+g")
        await run.shows("level 2")
        await run.press("y")
        await run.shows("Stack shop is deployed")
        run.screen.session.allowance.level = Level.CONFIGURE
        file.write_text(TEXT.replace("  api:", "  web:"))
        await _named(run, file)
        await run.one_by_one("tab", "tab", "right")
        await run.shows("− service shop_api")
        await run.one_by_one("ctrl+g")
        await run.shows("It cannot be carried out")
        await run.press("escape")
        run.screen.session.allowance.level = Level.IMPACT
        await run.one_by_one("ctrl+g")
        await run.shows("Type shop to go on")
        await run.type("shop")
        await run.press("enter")
        await run.until(lambda: _services(fake) == ["shop_db", "shop_web"])


async def test_a_failure_keeps_what_was_typed(fake: FakeCluster, file: Path) -> None:
    """11.27.6: the cause is told, what was done stays, and the same text goes on from there."""
    fake.fail_next("Control.CreateService", CallFailed("INTERNAL", "disk full"))
    async with running(fake) as run:
        await _named(run, file)
        await run.one_by_one("ctrl+g")
        await run.shows("level 2")
        await run.press("y")
        await run.shows("Stack shop is not deployed whole")
        await run.shows("disk full")
        await run.until(lambda: not run.screen.desk.deploy_under_way)
        assert _services(fake) == []
        await run.one_by_one("n")
        await run.shows("name: shop")
        await run.one_by_one("ctrl+g")
        await run.shows("level 2")
        await run.press("y")
        await run.until(lambda: _services(fake) == ["shop_api", "shop_db"])


async def test_a_deploy_that_goes_on_is_told(fake: FakeCluster, file: Path) -> None:
    """11.27.3: on a line, with what is waited for; a second one waits for its end; with the program it ends, which is said."""
    fake.orchestrate = False
    async with running(fake) as run:
        await _named(run, file)
        await run.one_by_one("ctrl+g")
        await run.shows("level 2")
        await run.press("y")
        await run.shows("◐ deploy shop · ")
        await run.shows("shop_db: 0 of 1 tasks running")
        await run.one_by_one("n", "ctrl+g")
        await run.shows("Stack shop is being deployed")
        app = run.app
    assert "deploy it again to go on" in await app.finish()
    assert _services(fake) == ["shop_db"]


async def test_it_is_recorded(fake: FakeCluster, file: Path, tmp_path: Path) -> None:
    """11.26: in a runbook a deploy of a file is one command."""
    book = tmp_path / "book.sh"
    async with running(fake) as run:
        await run.type(f":runbook {book}")
        await run.press("enter")
        await run.shows("● runbook 0 steps")
        await _named(run, file)
        await run.one_by_one("ctrl+g")
        await run.shows("level 2")
        await run.press("y")
        await run.shows("Stack shop is deployed")
        await run.type(":runbook")
        await run.press("enter")
        await run.until(lambda: "● runbook" not in run.text)
    assert f"swarm-tui stack deploy --yes --compose-file {file} shop" in book.read_text().splitlines()


@pytest.mark.parametrize("size", [(60, 15), (80, 24)], ids=lambda size: "x".join(map(str, size)))
async def test_nothing_is_cut(fake: FakeCluster, size: tuple[int, int]) -> None:
    """11.27.7: in a small terminal either; text and fields take turns there."""
    async with running(fake, size=size) as run:
        await run.one_by_one("5", "n")
        await run.shows("name a file")
        assert "…" not in run.text
        await run.one_by_one("f2")
        await run.shows("Compose file")
        assert "Deploy a stack" not in run.text
        await run.one_by_one("f2")
        await run.shows("Deploy a stack")
