"""A real browser: Chromium without a window, steered over the DevTools protocol, in a profile of its own.

Rules:
- It asks nobody but the pages that it is sent to: what it would fetch for itself is off, and every other host name leads nowhere.
- What a page asks for (`requests`) and complains of (`complaints`) is kept from its first byte on.
- It ends with its context; a browser that does not hear is killed with its children.
"""

import asyncio
import base64
import contextlib
import json
import os
import shutil
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp

from swarm_testkit.daemons import private_directory
from swarm_testkit.host import lacking

BEGIN_S: Final = 60.0
ANSWER_S: Final = 60.0
_LOOK_S: Final = 0.05
_MESSAGE_BYTES_MAX: Final = 64 << 20
"""A picture of a page is one message."""
_FLAGS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--mute-audio",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--disable-default-apps", "--disable-features=Translate,MediaRouter,OptimizationHints", "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--remote-debugging-port=0",
)  # fmt: skip
"""The superuser, whom tests run as, gets no sandbox: nothing is opened here but pages of ours."""
_KEYS: Final = {"Enter": ("\r", 13), "Escape": ("", 27), "Tab": ("", 9), "Backspace": ("", 8), "ArrowDown": ("", 40), "ArrowUp": ("", 38)}  # fmt: skip


class BrowserError(Exception):
    """The browser refused a command, or went."""


@dataclass
class Page:
    """One tab. `requests` are the addresses it asked for, websockets too; `complaints` errors of scripts, of the console and of loading."""

    _browser: "Browser"
    _session: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _loaded: set[str] = field(default_factory=set)
    """The loads that are done: that of the blank page before may be told as late as when another is asked for."""
    _load_told: asyncio.Event = field(default_factory=asyncio.Event)

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol to this tab. Raises BrowserError, TimeoutError."""
        return await self._browser.call(method, self._session, **parameters)

    async def open(self, address: str) -> None:
        """Go to an address, until everything of its page is there. Raises BrowserError when there is nothing."""
        answer = await self.call("Page.navigate", url=address)
        if "errorText" in answer:
            raise BrowserError(f"{address}: {answer['errorText']}")
        async with asyncio.timeout(ANSWER_S):
            while answer["loaderId"] not in self._loaded:
                self._load_told.clear()
                await self._load_told.wait()

    async def evaluate(self, expression: str) -> Any:
        """The JSON value of an expression, or of what it promises. Raises BrowserError when it throws."""
        answer = await self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise BrowserError(f"{expression}: {_said(answer['exceptionDetails'])}")
        return answer["result"].get("value")

    async def text(self) -> str:
        """What the page says."""
        return str(await self.evaluate("document.body.innerText"))

    async def until(
        self, look: Callable[[], Awaitable[str]], holds: Callable[[str], bool], what: str, seconds: float = 60
    ) -> str:
        """Look until it holds. Raises AssertionError with what was seen last."""
        seen = ""
        try:
            async with asyncio.timeout(seconds):
                while not holds(seen := await look()):
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            raise AssertionError(f"{what} was not seen in {seconds} s:\n{seen}\n{self.complaints}") from None
        return seen

    async def type(self, text: str) -> None:
        """Characters, one key each."""
        for letter in text:
            await self.call("Input.dispatchKeyEvent", type="keyDown", key=letter, text=letter)
            await self.call("Input.dispatchKeyEvent", type="keyUp", key=letter)

    async def press(self, key: str, *, control: bool = False) -> None:
        """A key by the name that browsers give it, or a letter together with control."""
        text, number = _KEYS.get(key, ("", ord(key[0].upper())))
        parameters = {"key": key, "windowsVirtualKeyCode": number, "modifiers": 2 if control else 0}
        await self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **parameters)  # fmt: skip
        await self.call("Input.dispatchKeyEvent", type="keyUp", **parameters)

    async def resize(self, width: int, height: int) -> None:
        """The window in pixels."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    async def picture(self, path: Path) -> None:
        """What is seen of it, as a PNG file."""
        answer = await self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(answer["data"]))

    async def close(self) -> None:
        """As one closes a tab."""
        await self.call("Page.close")

    def _hear(self, method: str, said: dict[str, Any]) -> None:
        match method:
            case "Network.requestWillBeSent":
                self.requests.append(said["request"]["url"])
            case "Network.webSocketCreated":
                self.requests.append(said["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(_said(said["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if said["type"] in ("error", "assert"):
                self.complaints.append(
                    " ".join(str(one.get("value", one.get("description"))) for one in said["args"])
                )
            case "Log.entryAdded" if said["entry"]["level"] == "error":
                self.complaints.append(f"{said['entry']['text']} {said['entry'].get('url', '')}")
            case "Page.lifecycleEvent" if said["name"] == "load":
                self._loaded.add(said["loaderId"])
                self._load_told.set()


def _said(details: dict[str, Any]) -> str:
    return str(details.get("exception", {}).get("description") or details["text"])


class Browser:
    """The connection to a browser that runs."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._pages: dict[str, Page] = {}
        self._last = 0

    async def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """One command to the browser, or to a tab. Raises BrowserError, TimeoutError."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        answer = self._answers[self._last] = asyncio.get_running_loop().create_future()
        await self._socket.send_json(message if session is None else message | {"sessionId": session})
        async with asyncio.timeout(ANSWER_S):
            done: dict[str, Any] = await answer
        return done

    async def page(self, width: int = 1280, height: int = 800, *, before: str = "") -> Page:
        """A new tab of this size in pixels; `before` is a script that runs in every page before those of its own."""
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page = self._pages[attached["sessionId"]] = Page(self, attached["sessionId"])
        for room in ("Page", "Runtime", "Network", "Log"):
            await page.call(f"{room}.enable")
        await page.call("Page.setLifecycleEventsEnabled", enabled=True)
        if before:
            await page.call("Page.addScriptToEvaluateOnNewDocument", source=before)
        await page.resize(width, height)
        return page

    async def listen(self) -> None:
        """Hand on what the browser says, until it goes."""
        async for message in self._socket:
            said = json.loads(message.data)
            if "id" not in said:
                if page := self._pages.get(said.get("sessionId", "")):
                    page._hear(said["method"], said["params"])
            elif not (answer := self._answers.pop(said["id"])).done():
                if "error" in said:
                    answer.set_exception(BrowserError(said["error"]["message"]))
                else:
                    answer.set_result(said["result"])
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(BrowserError("the browser went"))


@contextlib.asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """Chromium, until the end of the context. Ends the running test where there is none."""
    if (program := shutil.which("chromium")) is None:
        lacking("no chromium is installed (Debian's package chromium)")
    with private_directory() as home:
        profile = home / "profile"
        with (home / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                program, *_FLAGS, f"--user-data-dir={profile}", "about:blank", start_new_session=True,
                stdin=DEVNULL, stdout=log, stderr=log, env={"HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            )  # fmt: skip
        try:
            address = await _address(process, profile / "DevToolsActivePort", home / "log")
            async with aiohttp.ClientSession() as session:
                async with session.ws_connect(address, max_msg_size=_MESSAGE_BYTES_MAX) as socket:
                    steered = Browser(socket)
                    listening = asyncio.create_task(steered.listen())
                    try:
                        yield steered
                    finally:
                        with contextlib.suppress(BrowserError, ConnectionError):
                            await steered.call("Browser.close")
                        await listening
            async with asyncio.timeout(ANSWER_S):
                await process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def _address(process: Process, file: Path, log: Path) -> str:
    """Where it is steered: it writes its port and a path when it has begun. Raises BrowserError, TimeoutError."""
    async with asyncio.timeout(BEGIN_S):
        while len(lines := file.read_text().split() if file.exists() else []) < 2:
            if process.returncode is not None:
                raise BrowserError(f"chromium ended: {log.read_text(errors='replace')}")
            await asyncio.sleep(_LOOK_S)
    return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
