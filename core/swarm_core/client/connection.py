"""One channel to one manager: over its control socket, or over its remote API.

    connection = await Connection.open("/run/…/control.sock")
    answer = await connection.call("Control.ListNodes", control_pb2.ListNodesRequest(), timeout=5)

Rules: `open` tries the way once and says in one sentence what is wrong with it; afterwards the channel reconnects by
itself, and calls fail at once while it cannot. Methods are named "Service.Method" within docker.swarmkit.v1. Modules of
generated messages are loaded when first needed, so that a short command pays for what it uses.
"""

from __future__ import annotations

import asyncio
import os
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from swarm_core.api.tolerant import reader
from swarm_core.ca import tls
from swarm_core.client import sockets
from swarm_core.client import trust as trusting
from swarm_core.client.errors import CallFailed, ClientError, NotTaken, Unreachable, UntrustedManager
from swarm_core.client.trust import Trust
from swarm_core.rpc import channel as channels
from swarm_core.rpc import dialler
from swarm_core.rpc.grpcio import grpc
from swarm_core.rpc.translated import Translated
from swarm_core.runtime import unix_paths

OPEN_S = 5.0
_READABLE = re.compile(r"[A-Za-z0-9/._~+,@=-]*")
_SPEAKS_S = 2.0
_UNTAKEN = "Internal error from Core"
"""What grpcio says when it cannot send on a call because its end has come, and not what it ended with."""
_SIGNS_OF_LOSS = (
    "socket closed",
    "reset",
    "end of file",
    "goaway",
    "stream removed",
    "broken pipe",
    "shutdown",
)
_MODULES = {
    "Control": "control_pb2",
    "Watch": "watch_pb2",
    "Health": "health_pb2",
    "Dispatcher": "dispatcher_pb2",
    "CA": "ca_pb2",
    "NodeCA": "ca_pb2",
    "Logs": "logbroker_pb2",
    "LogBroker": "logbroker_pb2",
    "Raft": "raft_pb2",
    "RaftMembership": "raft_pb2",
    "RaftStatus": "raft_status_pb2",
    "ManagerFigures": "manager_figures_pb2",
    "Progress": "progress_pb2",
    "Usage": "usage_pb2",
    "Exec": "exec_pb2",
    "Rollouts": "rollouts_pb2",
    "OwnCertificate": "own_certificate_pb2",
    "Backup": "backup_pb2",
    "ResourceAllocator": "resource_pb2",
    "Endpoints": "endpoints_pb2",
}


class Connection:
    """Made by `open`."""

    def __init__(self, channel: grpc.aio.Channel, target: str) -> None:
        self.target = target
        self._channel = channel
        self._callables: dict[str, Any] = {}
        self._closed = False

    @classmethod
    async def open(
        cls,
        target: str | Path,
        *,
        trust: Trust | None = None,
        ca_file: Path | None = None,
        timeout: float = OPEN_S,
    ) -> Connection:
        """Reach `target` (the path of a control socket, or host:port, which needs `trust` or `ca_file`).

        Raises Unreachable, and UntrustedManager when the certificate found there is not the expected one.
        """
        address = _address(target)
        shown = address.removeprefix("unix:")
        try:
            async with asyncio.timeout(timeout):
                if trust is None:
                    trust = await _find_trust(address, ca_file, timeout)
                channel = await _channel(address, shown, trust)
        except TimeoutError:
            raise Unreachable(f"the manager at {shown} did not answer within {timeout:g} s") from None
        except grpc.aio.AioRpcError as error:
            text = trusting.failure_text(error)
            raise Unreachable(f"{shown} gave no root certificate, is it a swarm manager? ({text})") from None
        except OSError as error:
            raise _no_way(shown, error) from None
        return cls(channel, shown)

    async def call(
        self, method: str | MethodDescriptor, request: Message, *, timeout: float | None = None
    ) -> Any:
        """The answer of one unary call. Raises CallFailed or Unreachable."""
        name = _name(method)
        with self._translated(name, timeout):
            return await self._callable(name)(request, timeout=timeout)

    async def stream(self, method: str | MethodDescriptor, request: Message) -> AsyncIterator[Any]:
        """The messages of one server stream; reading raises CallFailed or Unreachable. Closing the iterator ends the call."""
        name = _name(method)
        call = None
        try:
            with self._translated(name, None):
                call = self._callable(name)(request)
                async for message in call:
                    yield message
        finally:
            if call is not None:
                call.cancel()
            call = None

    async def both_ways(
        self, method: str | MethodDescriptor, requests: AsyncIterator[Message]
    ) -> AsyncIterator[Any]:
        """Send a client stream while the messages of a server stream come; reading raises CallFailed or Unreachable. Closing the
        iterator ends the call, and closes `requests`."""
        name = _name(method)
        call = None
        try:
            with self._translated(name, None):
                call = self._callable(name)(requests)
                async for message in call:
                    yield message
        finally:
            if call is not None:
                call.cancel()
            call = None
            await _closed(requests)

    async def upload(
        self,
        method: str | MethodDescriptor,
        requests: AsyncIterator[Message],
        *,
        timeout: float | None = None,
    ) -> Any:
        """Send a client stream and give its answer. Raises CallFailed or Unreachable, and then closes `requests`."""
        name = _name(method)
        try:
            with self._translated(name, timeout):
                return await self._callable(name)(requests, timeout=timeout)
        finally:
            await _closed(requests)

    async def close(self) -> None:
        """End every call and the connection."""
        if not self._closed:
            self._closed = True
            await self._channel.close(None)

    async def __aenter__(self) -> Connection:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _callable(self, name: str) -> Any:
        found = self._callables.get(name)
        if found is None:
            found = self._callables[name] = self._make_callable(descriptor_of(name))
        return found

    def _make_callable(self, method: MethodDescriptor) -> Any:
        path = f"/{method.containing_service.full_name}/{method.name}"
        make: Callable[..., Any]
        if method.server_streaming:
            make = self._channel.stream_stream if method.client_streaming else self._channel.unary_stream
        else:
            make = self._channel.stream_unary if method.client_streaming else self._channel.unary_unary
        return make(path, _encoded, reader(GetMessageClass(method.output_type)))

    def _translated(self, name: str, timeout: float | None) -> Translated:
        return Translated(lambda error: self._failure(error, name, timeout))

    def _failure(self, error: BaseException, name: str, timeout: float | None) -> BaseException | None:
        if isinstance(error, asyncio.CancelledError):
            # Closing the channel cancels its calls; that is not the caller's cancellation.
            task = asyncio.current_task()
            if self._closed and task is not None and not task.cancelling():
                return Unreachable(f"the connection to {self.target} is closed")
            return None
        if not isinstance(error, grpc.aio.AioRpcError):
            return Unreachable(f"the connection to {self.target} is closed")
        text = trusting.failure_text(error)
        match error.code():
            case grpc.StatusCode.UNAVAILABLE:
                return Unreachable(_lost(self.target, text))
            case grpc.StatusCode.DEADLINE_EXCEEDED if timeout is not None:
                text = f"the manager at {self.target} did not answer {name} within {timeout:g} s"
            case grpc.StatusCode.RESOURCE_EXHAUSTED if "larger than max" in text:
                text = f"the request of {name} is larger than a manager takes; make what it carries smaller"
            case grpc.StatusCode.INTERNAL if text.startswith(_UNTAKEN):
                ended = f"the manager at {self.target} ended {name} before it took what was sent; try again"
                return NotTaken(error.code().name, ended)
        return CallFailed(error.code().name, text)


@cache
def descriptor_of(name: str) -> MethodDescriptor:
    """The method called "Service.Method". Raises KeyError."""
    service, _, method = name.partition(".")
    module = import_module(f"swarm_core.api.proto.{_MODULES[service]}")
    found: MethodDescriptor = module.DESCRIPTOR.services_by_name[service].methods_by_name[method]
    return found


def _name(method: str | MethodDescriptor) -> str:
    return method if isinstance(method, str) else f"{method.containing_service.name}.{method.name}"


async def _closed(requests: AsyncIterator[Message]) -> None:
    close = getattr(requests, "aclose", None)
    if close is not None:
        # The transport may still be inside it; then its own cancellation ends it.
        with suppress(RuntimeError):
            await close()


def _encoded(message: Message) -> bytes:
    return message.SerializeToString()


def _address(target: str | Path) -> str:
    text = os.fspath(target)
    if text.startswith("unix:"):
        text = text.removeprefix("unix:").removeprefix("//")
    elif isinstance(target, str) and "/" not in text:
        host, _, port = text.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65535:
            raise Unreachable(f"{text!r} is neither the path of a control socket nor host:port")
        return text
    return f"unix:{Path(text).absolute()}"


async def _find_trust(address: str, ca_file: Path | None, timeout: float) -> Trust:
    if ca_file is not None:
        return Trust.from_file(ca_file)
    if not address.startswith("unix:"):
        raise Unreachable(f"the CA certificate of the swarm at {address} is needed to trust it")
    path = Path(address.removeprefix("unix:"))
    found = trusting.beside(path)
    if found is not None:
        return found
    try:
        return Trust(await trusting.fetch_root(address, timeout=timeout))
    except DecodeError:
        raise Unreachable(f"{path} is not a swarm manager's control socket") from None


async def _channel(address: str, shown: str, trust: Trust) -> grpc.aio.Channel:
    """A channel, after one TLS handshake by hand: what goes wrong here has a name, which it would lose inside grpcio.

    grpcio does its own TLS where it can. It cannot where the chain leads through a cross-signed root, nor where the manager answers no
    ALPN, nor where it would misread the path of a socket; there it gets the bytes from us.
    """
    try:
        context = tls.client_context(trust.roots, trust.identity)
    except ssl.SSLError as error:
        raise UntrustedManager(f"the CA certificate cannot be used: {error.reason or error}") from None
    if await _suits_grpcio(address, context, trust):
        return channels.secure(
            address,
            roots=trust.roots,
            server_name=trust.server_name,
            certificate=trust.identity.certificate if trust.identity else None,
            key=trust.identity.key if trust.identity else None,
        )
    dialled = dialler.DialledChannel(address, _judgement(address, trust))
    try:
        # No ALPN said what is spoken there; HTTP/2's first frame does.
        async with asyncio.timeout(_SPEAKS_S):
            await dialled.channel_ready()
    except BaseException as error:
        await dialled.close()
        if isinstance(error, TimeoutError):
            raise Unreachable(f"{shown} is not a swarm manager: it does not speak gRPC") from None
        raise
    return dialled


async def _suits_grpcio(address: str, context: ssl.SSLContext, trust: Trust) -> bool:
    """Whether OpenSSL believes the manager, as grpcio's kin would, and ALPN is answered. Raises OSError where nobody answers, or
    where the certificate is not to be believed by our own judgement either."""
    try:
        transport, _ = await dialler.open_tls(address, context, trust.server_name, asyncio.Protocol)
    except ssl.SSLCertVerificationError:
        transport, _ = await dialler.connect(address, _judgement(address, trust), asyncio.Protocol)
        transport.abort()
        return False
    protocol = transport.get_extra_info("ssl_object").selected_alpn_protocol()
    transport.abort()
    return bool(protocol == "h2") and (not address.startswith("unix:") or _is_readable(address))


def _is_readable(address: str) -> bool:
    """Whether grpcio, for which this is a URI, finds the socket: escapes and signs of a URI are letters of a file's name."""
    path = address.removeprefix("unix:")
    return len(path) <= unix_paths.BYTES_MAX and _READABLE.fullmatch(path) is not None


def _judgement(address: str, trust: Trust) -> tls.ClientTls:
    """A control socket belongs to this node: its manager is to be reached, too, when the certificate is out of its time."""
    return replace(trust.tls, at_any_time=address.startswith("unix:"))


def _no_way(shown: str, error: OSError) -> ClientError:
    match error:
        case ssl.SSLCertVerificationError():
            reason = error.verify_message or "it does not match"
            return UntrustedManager(f"the certificate of the manager at {shown} is not trusted: {reason}")
        case ssl.SSLError() | ConnectionResetError() | ConnectionAbortedError() | BrokenPipeError():
            return Unreachable(f"{shown} is not a swarm manager: it does not speak TLS as one does")
        case FileNotFoundError() | NotADirectoryError():
            return Unreachable(f"there is no control socket at {shown}{_why(shown)}")
        case PermissionError():
            return Unreachable(f"you may not open the control socket {shown}: permission denied")
        case ConnectionRefusedError():
            return Unreachable(f"nobody is listening at {shown}{_why(shown)}")
        case _:
            return Unreachable(f"the manager at {shown} cannot be reached: {error.strerror or error}")


def _why(shown: str) -> str:
    """What the place of a control socket tells about it."""
    text = sockets.why_silent(Path(shown)) if shown.startswith("/") else ""
    return f": {text}" if text else ""


def _lost(target: str, details: str) -> str:
    if "refused" in details:
        return f"nobody is listening at {target}{_why(target)}"
    if "No such file" in details:
        return f"there is no control socket at {target}{_why(target)}"
    if any(sign in details.lower() for sign in _SIGNS_OF_LOSS):
        return f"the connection to the manager at {target} was lost"
    if "connect" in details:
        return f"the manager at {target} cannot be reached"
    return details
