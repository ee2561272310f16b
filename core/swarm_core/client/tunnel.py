"""A control socket of another machine as one of this machine: ssh forwards it, and ends with us.

Rules:
- ssh asks nobody anything: keys and known hosts are those that the person's ssh has. What it says when it fails is told.
- The socket here lies in a directory that nobody else may enter.
- However this program ends, ssh ends too. An ssh that ended is begun anew by the next call, at the same path.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from google.protobuf.message import Message

from swarm_core.client import sockets
from swarm_core.client.calls import Calls, opened
from swarm_core.client.errors import Unreachable
from swarm_core.runtime.clock import Clock

_SSH: Final = (
    *("ssh", "-N", "-T"),
    *("-o", "BatchMode=yes"),
    *("-o", "ExitOnForwardFailure=yes"),
    *("-o", "StreamLocalBindUnlink=yes"),
    *("-o", "ConnectTimeout=10"),
    *("-o", "ServerAliveInterval=5"),
    *("-o", "ServerAliveCountMax=3"),
)
_READY_S: Final = 20.0
_LOOK_EVERY_S: Final = 0.05
_END_S: Final = 2.0
_SAID_MAX: Final = 64 * 1024
# Runs what follows it, and has the kernel end that when the one who asked for it ends, also by kill -9.
_ENDS_WITH_US: Final = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != int(sys.argv[1]):
        sys.exit(1)
os.execvp(sys.argv[2], sys.argv[2:])
"""


class Tunnel:
    """See the module's text. `ensure` opens it; `path` is the socket here."""

    def __init__(self, machine: str, socket: str, clock: Clock, ssh: Sequence[str] = _SSH) -> None:
        self.machine = machine
        self._socket = socket
        self._clock = clock
        self._ssh = tuple(ssh)
        self._directory = Path(tempfile.mkdtemp(prefix="swarm-tui-"))
        self.path = self._directory / "control.sock"
        self._process: asyncio.subprocess.Process | None = None
        self._opening = asyncio.Lock()

    async def ensure(self) -> None:
        """Have ssh run. Raises Unreachable."""
        async with self._opening:
            if self._process is None or self._process.returncode is not None:
                await self._open()

    async def _open(self) -> None:
        with suppress(FileNotFoundError):
            self.path.unlink()
        forwarding = ("-L", f"{self.path}:{self._socket}", "--", self.machine)
        said = self._directory / "ssh.log"
        with said.open("wb") as log:
            self._process = process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-S", "-E", "-c", _ENDS_WITH_US, str(os.getpid())),
                *(*self._ssh, *forwarding),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=log,
                # ctrl+c in the terminal is for us alone.
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(_READY_S):
                # The socket is there a moment before somebody listens.
                while sockets.problem_of(self.path) is not None:
                    if process.returncode is not None:
                        raise Unreachable(self._why(said))
                    await self._clock.sleep(_LOOK_EVERY_S)
        except TimeoutError:
            await self._end()
            raise Unreachable(f"ssh to {self.machine} was not ready within {_READY_S:g} s") from None
        except asyncio.CancelledError:
            await self._end()
            raise

    def _why(self, said: Path) -> str:
        """The last words of an ssh that ended."""
        words = said.read_bytes()[-_SAID_MAX:].decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(words) if line.strip()), "it gave no reason")
        return f"ssh to {self.machine} ended: {last}"

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.send_signal(sign)
            with suppress(TimeoutError):
                async with asyncio.timeout(_END_S):
                    await process.wait()
                return

    async def close(self) -> None:
        """End ssh, and take the socket away."""
        async with self._opening:
            await self._end()
        shutil.rmtree(self._directory, ignore_errors=True)


class Tunnelled:
    """Calls through a tunnel, which is there again when the next one comes. Implements `Calls`."""

    def __init__(self, tunnel: Tunnel, calls: Calls) -> None:
        self._tunnel = tunnel
        self._calls = calls

    async def call(self, method: str, request: Message, *, timeout: float | None = None) -> Any:
        """See `Calls`."""
        await self._tunnel.ensure()
        return await self._calls.call(method, request, timeout=timeout)

    async def stream(self, method: str, request: Message) -> AsyncIterator[Any]:
        """See `Calls`."""
        await self._tunnel.ensure()
        async with opened(self._calls.stream(method, request)) as messages:
            async for message in messages:
                yield message

    async def both_ways(self, method: str, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """See `Calls`."""
        await self._tunnel.ensure()
        async with opened(self._calls.both_ways(method, requests)) as messages:
            async for message in messages:
                yield message

    async def close(self) -> None:
        """See `Calls`."""
        async with contextlib.AsyncExitStack() as ending:
            ending.push_async_callback(self._tunnel.close)
            await self._calls.close()
