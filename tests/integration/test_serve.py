"""`swarm-tui serve` on a real manager: the page, its token, and the dashboard in a browser (docs/design/terminal.md 11.17)."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import psutil
import pytest
from swarm_testkit.browser import Browser, Page, browser
from swarm_testkit.daemons import Daemon, daemon, wait_until
from swarm_testkit.programs import TUI, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240), pytest.mark.xdist_group("serve")]
LONG_S = 60


@pytest.fixture
def node() -> Iterator[Daemon]:
    with daemon() as one:
        wait_until(one.socket.exists, what="the control socket")
        yield one


Program = subprocess.Popen[str]


@contextlib.contextmanager
def serving(node: Daemon) -> Iterator[tuple[str, Program]]:
    """The address that is printed, and the program, which has ended afterwards."""
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


@pytest.fixture
def served(node: Daemon) -> Iterator[tuple[str, Program]]:
    with serving(node) as both:
        yield both


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    async with browser() as one:
        yield one


KEEP_TERMINAL = """Object.defineProperty(Object.prototype, "terminal", {
  configurable: true,
  set(terminal) {
    Object.defineProperty(this, "terminal", {value: terminal, writable: true, configurable: true, enumerable: true});
    window.terminalOfPage = terminal;
  },
})"""
"""The page keeps its terminal to itself; this catches the one assignment to a property of this name."""
SHOWN = """(() => {
  if (!window.terminalOfPage) return "";
  const {buffer, rows, cols} = terminalOfPage;
  const line = (row) => buffer.active.getLine(buffer.active.viewportY + row).translateToString(true, 0, cols);
  return Array.from({length: rows}, (_, row) => line(row)).join("\\n");
})()"""
"""What stands in the terminal of the page: it is drawn on a canvas, which has no words."""


async def opened(chromium: Browser, address: str) -> Page:
    page = await chromium.page(1200, 760, before=KEEP_TERMINAL)
    await page.open(address)
    await until_seen(page, "no services yet")
    return page


async def until_seen(page: Page, *texts: str) -> str:
    """Wait until the terminal of the page shows all of these."""
    return await page.until(
        lambda: page.evaluate(SHOWN), lambda seen: all(text in seen for text in texts), repr(texts), LONG_S
    )


async def until_said(page: Page, text: str) -> None:
    """Wait until the page itself says this, in place of its terminal."""
    await page.until(page.text, lambda said: text in said, repr(text), LONG_S)


def dashboards(program: Program) -> list[psutil.Process]:
    """The dashboards of the pages that are open."""
    return psutil.Process(program.pid).children(recursive=True)


def until_gone(programs: list[psutil.Process]) -> None:
    """Wait until these have ended; whoever inherits them may not have looked at it yet."""

    def lives(one: psutil.Process) -> bool:
        try:
            return one.is_running() and one.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    wait_until(
        lambda: not any(lives(one) for one in programs), seconds=LONG_S, what="the end of the dashboards"
    )


async def test_a_service_from_a_browser(
    chromium: Browser, served: tuple[str, Program], tmp_path: Path
) -> None:
    """Chromium opens the printed address, and keys reach the dashboard without a click: a service is created and scaled. The terminal
    is as large as the window, and drawn in colours; nothing is asked of anybody else, and no script complains."""
    address, _ = served
    page = await opened(chromium, address)
    place = f"http://{urlsplit(address).netloc}"
    assert await page.evaluate("location.href") == f"{place}/"
    await page.type("n")
    await until_seen(page, "New service")
    await page.type("web")
    await until_seen(page, "free")
    for text in ("", "sleep 1000"):
        await page.press("Tab")
        await page.type(text)
    await until_seen(page, "1 of 1 nodes fit")
    await page.press("g", control=True)
    await page.press("y")
    await until_seen(page, "web", "1/1")
    await page.type("s")
    await until_seen(page, "now")
    await page.type("3")
    await until_seen(page, "1 → 3")
    await page.press("Enter")
    await page.press("y")
    await until_seen(page, "web", "3/3")
    await page.picture(tmp_path / "dashboard.png")
    narrow = await resized(page, 700, 420)
    wide = await resized(page, 1600, 1000)
    assert narrow < 80 < wide
    asked = [urlsplit(one) for one in page.requests]
    assert {one.netloc for one in asked if one.scheme != "data"} == {urlsplit(address).netloc}
    assert "ws" in {one.scheme for one in asked} and page.complaints == []


async def resized(page: Page, width: int, height: int) -> int:
    """The columns of the terminal, once it has others and the dashboard has drawn itself to the right edge of them and not beyond."""
    before = await page.evaluate("terminalOfPage.cols")
    await page.resize(width, height)
    seen = await page.until(
        lambda: page.evaluate(f"[terminalOfPage.cols, {SHOWN}].join('\\n')"),
        lambda seen: seen.splitlines()[0] != str(before) and _fills(seen),
        "a dashboard of the window's size",
    )
    return int(seen.splitlines()[0])


def _fills(seen: str) -> bool:
    columns, *lines = seen.splitlines()
    borders = [line for line in lines if line[:1] in ("╭", "╰")]
    return len(borders) > 3 and all(len(line) == int(columns) for line in borders)


async def test_ends_that_a_page_tells(chromium: Browser, served: tuple[str, Program]) -> None:
    """One dashboard is left, one is killed: the page tells which, and opens another. A page that is closed takes its dashboard with it."""
    address, program = served
    page = await opened(chromium, address)
    await page.press("q", control=True)
    await until_said(page, "The dashboard was left.")
    until_gone(dashboards(program))
    await page.evaluate("document.getElementById('again').click()")
    # The page before shows its last screen until it is gone.
    await asyncio.to_thread(wait_until, lambda: dashboards(program), what="another dashboard")
    await until_seen(page, "no services yet")
    for one in dashboards(program):
        one.kill()
    await until_said(page, "The dashboard ended by itself")
    await page.open(f"http://{urlsplit(address).netloc}/")
    await until_seen(page, "no services yet")
    left = dashboards(program)
    await page.close()
    assert left
    until_gone(left)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (signal.SIGTERM, "swarm-tui serve has ended."),
        (signal.SIGKILL, "The connection to swarm-tui serve is lost."),
    ],
)
async def test_ends_of_the_server(chromium: Browser, node: Daemon, number: signal.Signals, said: str) -> None:
    """Told to end, and killed: the page tells which, and no dashboard lives on."""
    with serving(node) as (address, program):
        page = await opened(chromium, address)
        left = dashboards(program)
        program.send_signal(number)
        code = await asyncio.to_thread(program.wait, LONG_S)
        assert code == (128 + number if number is signal.SIGTERM else -number)
        await until_said(page, said)
        assert left
        until_gone(left)


async def test_a_wrong_token_in_a_browser(chromium: Browser, served: tuple[str, Program]) -> None:
    """Whoever comes with another token, or with none, reads what they lack."""
    place = f"http://{urlsplit(served[0]).netloc}"
    page = await chromium.page()
    for path, said in (
        ("/?token=wrong", "This is not the token"),
        ("/", "Open the address that swarm-tui printed"),
    ):
        await page.open(place + path)
        assert said in await page.text()
    assert not dashboards(served[1])


async def until_shown(websocket: aiohttp.ClientWebSocketResponse, text: str) -> None:
    """Read until the text was drawn, whatever steers the terminal between its letters."""
    seen = ""
    async with asyncio.timeout(LONG_S):
        while text not in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen):
            message = await websocket.receive()
            assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), (message, seen[-2000:])
            seen += message.data.decode() if isinstance(message.data, bytes) else message.data


async def test_a_dashboard_behind_a_token(served: tuple[str, Program]) -> None:
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
