"""The ways to an engine: a socket of this machine, a port with or without TLS, or `docker system dial-stdio` at the far end of ssh.

Rules
1. A way opens connections and knows nothing of what is said over them.
2. What fails is told as a sentence that names the engine's address.
3. A connection that nobody takes within `CONNECT_S` is given up.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar
from urllib.parse import SplitResult, urlsplit

from swarm_core.api.typed_paths import path_of
from swarm_core.engines.errors import EngineAway, EngineDistrusted, EngineSilent
from swarm_core.engines.records import EngineEntry

P = TypeVar("P", bound=asyncio.BaseProtocol)
CONNECT_S: Final = 10.0
PORT: Final = 2375
TLS_PORT: Final = 2376
_HAPPY_EYEBALLS_S: Final = 0.25


class Way(Protocol):
    """How bytes get to an engine and back."""

    host: str
    """What requests name as the host."""

    async def connect(self, make: Callable[[], P]) -> tuple[asyncio.Transport, P]:
        """A connection of which the bytes are the protocol's that `make` makes. Raises EngineAway."""

    async def close(self) -> None:
        """Return when nothing of the connections is left; they are closed already."""


def problem_of(url: str) -> str:
    """What is wrong with an engine's address, as the end of a sentence; empty when nothing is."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return f"cannot be read: {error}"
    if parts.scheme == "unix":
        return "" if url.removeprefix("unix://").startswith("/") else "needs the whole path of a socket"
    if parts.scheme not in ("tcp", "http", "https", "ssh"):
        return "begins with none of unix://, tcp:// and ssh://"
    if not parts.hostname:
        return "names no machine"
    if port == 0:
        return "names port 0"
    if parts.scheme == "ssh" and any(
        text.startswith("-") or any(not sign.isprintable() or sign.isspace() for sign in text)
        for text in (parts.hostname, parts.username or "", parts.path)
    ):
        return "names a machine that ssh cannot take"
    if parts.scheme == "ssh" and parts.password is not None:
        return "has a password, which ssh takes from nobody"
    if parts.scheme != "ssh" and parts.path not in ("", "/"):
        return "has a path behind the port"
    return ""


def way_to(entry: EngineEntry) -> Way:
    """The way to the engine of `entry`. Raises EngineAway when its address cannot be one."""
    if problem := problem_of(entry.url):
        raise EngineAway(f"the engine's address {entry.url} {problem}")
    parts = urlsplit(entry.url)
    if parts.scheme == "unix":
        return UnixWay(entry.url)
    if parts.scheme == "ssh":
        from swarm_core.engines.ssh import SshWay

        return SshWay(entry.url)
    return TcpWay(entry.url, parts, Tls(entry) if entry.is_encrypted else None)


@dataclass(slots=True)
class UnixWay:
    """A socket of this machine."""

    url: str
    host: str = "docker"

    async def connect(self, make: Callable[[], P]) -> tuple[asyncio.Transport, P]:
        """See `Way`."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_S):
                return await loop.create_unix_connection(make, self.url.removeprefix("unix://"))
        except TimeoutError:
            raise silent(self.url) from None
        except OSError as error:
            raise away(self.url, error) from None

    async def close(self) -> None:
        """See `Way`."""


class TcpWay:
    """A port of a machine, with TLS where the entry has certificates."""

    def __init__(self, url: str, parts: SplitResult, tls: "Tls | None") -> None:
        self._url = url
        self._name = parts.hostname or "localhost"
        self._port = parts.port or (PORT if tls is None else TLS_PORT)
        self._tls = tls
        self.host = self._name

    async def connect(self, make: Callable[[], P]) -> tuple[asyncio.Transport, P]:
        """See `Way`."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_S):
                transport, protocol = await loop.create_connection(
                    make,
                    self._name,
                    self._port,
                    ssl=None if self._tls is None else self._tls.context(),
                    happy_eyeballs_delay=_HAPPY_EYEBALLS_S,
                )
        except TimeoutError:
            raise silent(self._url) from None
        except OSError as error:
            raise away(self._url, error) from None
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return transport, protocol

    async def close(self) -> None:
        """See `Way`."""


class Tls:
    """The certificates of an entry, read when they are first needed."""

    def __init__(self, entry: EngineEntry) -> None:
        self._entry = entry
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """What TLS is made with. Raises EngineDistrusted."""
        if self._context is None:
            self._context = self._made()
        return self._context

    def _made(self) -> ssl.SSLContext:
        entry = self._entry
        if bool(entry.certificate) != bool(entry.key_file):
            raise EngineDistrusted(f"the engine at {entry.url} needs both a certificate and its key, or none")
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        file = ""
        try:
            if entry.ca:
                file = entry.ca
                # No other authority counts than the one that is named.
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.minimum_version = ssl.TLSVersion.TLSv1_2
                context.load_verify_locations(str(path_of(file)))
            if entry.certificate:
                file = entry.certificate
                context.load_cert_chain(str(path_of(file)), str(path_of(entry.key_file)), password="")
        except (OSError, ValueError) as error:
            raise EngineDistrusted(
                f"{file}, for the engine at {entry.url}, cannot be used: {reason(error)}"
            ) from None
        if not entry.verifies:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def away(url: str, error: BaseException) -> EngineAway:
    """The sentence for a connection that failed or broke."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return EngineDistrusted(
            f"the container engine at {url} is not believed: {error.verify_message.rstrip('.')}"
        )
    if isinstance(error, ssl.SSLError) or "[SSL" in str(error):
        return EngineDistrusted(f"TLS with the container engine at {url} failed: {reason(error)}")
    return EngineAway(f"the container engine at {url} does not answer: {reason(error)}")


def silent(url: str, seconds: float = CONNECT_S) -> EngineSilent:
    """The sentence for an engine that takes a connection and says nothing."""
    return EngineSilent(f"the container engine at {url} did not answer within {seconds:g} s", seconds)


def reason(error: BaseException) -> str:
    """Why something of the system failed, for people."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
