"""`swarm-tui serve` on a real manager: the page, its token, and a dashboard behind a websocket (docs/design/terminal.md 11.17)."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from urllib.parse import urlsplit

import aiohttp
import psutil
import pytest
from swarm_testkit.daemons import Daemon, daemon, wait_until
from swarm_testkit.programs import TUI, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240), pytest.mark.xdist_group("serve")]
LONG_S = 60


@pytest.fixture
def node() -> Iterator[Daemon]:
    with daemon() as one:
        wait_until(one.socket.exists, what="the control socket")
        yield one


@pytest.fixture
def served(node: Daemon) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address that is printed, and the program."""
    environment = {**os.environ, "XDG_STATE_HOME": str(node.state / "home"), "SWARM_TUI_CONFIG": "off"}
    program = subprocess.Popen(
        (*TUI, "--socket", str(node.socket), "serve", "--listen", "127.0.0.1:0"),
        stdout=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    try:
        assert program.stdout is not None
        said = program.stdout.readline()
        found = re.search(r"http://\S+", said)
        assert found is not None, said
        yield found.group(), program
    finally:
        program.send_signal(signal.SIGINT)
        try:
            program.wait(LONG_S)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()
        assert program.stdout is not None
        program.stdout.close()


async def until_shown(websocket: aiohttp.ClientWebSocketResponse, text: str) -> None:
    """Read until the text was drawn, whatever steers the terminal between its letters."""
    seen = ""
    async with asyncio.timeout(LONG_S):
        while text not in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen):
            message = await websocket.receive()
            assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), (message, seen[-2000:])
            seen += message.data.decode() if isinstance(message.data, bytes) else message.data


async def test_a_dashboard_in_a_browser(served: tuple[str, "subprocess.Popen[str]"], node: Daemon) -> None:
    """Who has the token gets the page and a dashboard of their own; nobody else gets anything; nothing is loaded from elsewhere."""
    address, program = served
    parts = urlsplit(address)
    place, origin = f"http://{parts.netloc}", {"Origin": f"http://{parts.netloc}"}
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as stranger:
        for path in ("/", "/ws", "/static/js/textual.js", "/?token=wrong"):
            async with stranger.get(place + path, headers=origin) as answer:
                assert answer.status == 403, path
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        async with browser.get(address) as answer:
            assert answer.status == 200
            assert "token" not in str(answer.url)
            page = await answer.text()
        assert re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", page) == []
        async with browser.get(f"{place}/static/js/textual.js") as answer:
            assert answer.status == 200
        for wrong in ({}, {"Origin": "http://elsewhere.example"}):
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await browser.ws_connect(f"ws://{parts.netloc}/ws", headers=wrong)
        async with browser.ws_connect(
            f"ws://{parts.netloc}/ws?width=120&height=40", headers=origin
        ) as websocket:
            await until_shown(websocket, "Services")
            await websocket.send_json(["stdin", "?"])
            await until_shown(websocket, "esc close")
            assert psutil.Process(program.pid).children()
    wait_until(lambda: not psutil.Process(program.pid).children(), seconds=LONG_S, what="the dashboard's end")
    with contextlib.suppress(psutil.NoSuchProcess):
        assert psutil.Process(program.pid).status() != psutil.STATUS_ZOMBIE


def test_other_machines_only_if_told() -> None:
    """An address that others reach is refused without --anywhere; so is what is no address."""
    outcome = run((*TUI, "serve", "--listen", "0.0.0.0:0"))
    assert outcome.code == 2 and "--anywhere" in outcome.err, outcome
    outcome = run((*TUI, "serve", "--listen", "here"))
    assert outcome.code == 2 and "host:port" in outcome.err, outcome
