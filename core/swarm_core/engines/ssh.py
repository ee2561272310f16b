"""The way to an engine through ssh: each connection is an ssh that runs `docker system dial-stdio` on the far machine.

Rules
1. ssh asks nobody anything: keys and known hosts are those that the person's ssh has. What it says when it fails is told.
2. The process ends with its connection, whoever ends that: it is not waited for what the far machine thinks of it.
3. Bytes are not kept: when the reader pauses, ssh is not read; when ssh does not take them, the writer is paused.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

from swarm_core.engines.errors import EngineAway

P = TypeVar("P", bound=asyncio.BaseProtocol)
_SAID_MAX: Final = 8 * 1024
_SSH: Final = (
    *("ssh", "-T"),
    *("-o", "BatchMode=yes"),
    *("-o", "ConnectTimeout=10"),
    *("-o", "ServerAliveInterval=5"),
    *("-o", "ServerAliveCountMax=3"),
)


class SshWay:
    """Connections through ssh to ssh://[USER@]HOST[:PORT][/PATH]; without PATH the far docker chooses its engine."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._command = (*_SSH, *arguments(url))
        self._running: set[_Process] = set()
        self.host = "docker"

    async def connect(self, make: Callable[[], P]) -> tuple[asyncio.Transport, P]:
        """See `Way`. The connection stands before ssh has reached the far machine; its failure is the connection's."""
        protocol = make()
        try:
            transport, process = await asyncio.get_running_loop().subprocess_exec(
                lambda: _Process(protocol, self._running),
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                # ctrl+c in the terminal is for us alone.
                start_new_session=True,
            )
        except OSError as error:
            raise EngineAway(
                f"the container engine at {self._url} does not answer: ssh cannot be run: {error.strerror}"
            ) from None
        return process.begin(transport), protocol

    async def close(self) -> None:
        """See `Way`."""
        for process in tuple(self._running):
            process.end()
            await process.ended.wait()


def arguments(url: str) -> tuple[str, ...]:
    """What ssh is told for `url`."""
    parts = urlsplit(url)
    told: list[str] = []
    if parts.username:
        told += ["-l", unquote(parts.username)]
    if parts.port:
        told += ["-p", str(parts.port)]
    engine = ("--host", f"unix://{parts.path}") if parts.path.strip("/") else ()
    return (*told, "--", parts.hostname or "", "docker", *engine, "system", "dial-stdio")


class _Process(asyncio.SubprocessProtocol):
    """An ssh, and the protocol that has its bytes."""

    def __init__(self, protocol: asyncio.BaseProtocol, running: "set[_Process]") -> None:
        self._protocol: Any = protocol
        self._running = running
        self._process: asyncio.SubprocessTransport | None = None
        self._said = bytearray()
        self._had_output = False
        self._is_lost = False
        self.ended = asyncio.Event()

    def begin(self, transport: asyncio.SubprocessTransport) -> "_Connection":
        """Hand the connection to its protocol."""
        connection = _Connection(self, transport)
        self._protocol.connection_made(connection)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._process = transport
        self._running.add(self)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 2:
            self._said += data
            del self._said[:-_SAID_MAX]
        elif not self._is_lost:
            self._had_output = True
            self._protocol.data_received(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        # The end is told when the process has ended, and with what it said: so, too, when it takes no more.
        if fd == 0 and exc is not None and self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The process has ended and its pipes are closed."""
        self._running.discard(self)
        self.ended.set()
        if self._process is not None:
            self._process.close()
        self._tell(None if self._had_output else ConnectionError(self._why()))

    def _tell(self, error: Exception | None) -> None:
        if self._is_lost:
            return
        self._is_lost = True
        if error is None:
            self._protocol.eof_received()
        self._protocol.connection_lost(error)

    def _why(self) -> str:
        words = self._said.decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(words) if line.strip()), "it gave no reason")
        return f"ssh ended: {last}"

    def end(self) -> None:
        """End the process."""
        asyncio.get_running_loop().call_soon(self._tell, None)
        if self._process is not None and not self.ended.is_set():
            self._process.close()  # kills what still runs


class _Connection(asyncio.Transport):
    """The pipes of an ssh as one transport."""

    def __init__(self, owner: _Process, process: asyncio.SubprocessTransport) -> None:
        super().__init__()
        self._owner = owner
        self._process = process
        stdin, stdout = process.get_pipe_transport(0), process.get_pipe_transport(1)
        assert isinstance(stdin, asyncio.WriteTransport) and isinstance(stdout, asyncio.ReadTransport)
        self._in, self._out = stdin, stdout
        self._is_closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._in.write(data)

    def writelines(self, list_of_data: Any) -> None:
        self._in.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self._in.write_eof()

    def pause_reading(self) -> None:
        self._out.pause_reading()

    def resume_reading(self) -> None:
        self._out.resume_reading()

    def is_reading(self) -> bool:
        return self._out.is_reading()

    def get_write_buffer_size(self) -> int:
        return self._in.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._in.set_write_buffer_limits(high, low)

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            self._owner.end()

    def abort(self) -> None:
        self.close()
