"""Calls to a control socket over one connection of its own, blocking."""

import socket
import ssl
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from google.protobuf.message import Message

from peer.wire import AUTHORITY, ConnectionEnded, Event, Wire

M = TypeVar("M", bound=Message)

READ_BYTES = 65_536


class CallRefused(Exception):
    """The call ended without an answer."""


def connect(path: Path, root: Path, timeout: float) -> ssl.SSLSocket:
    """TLS on a control socket, trusting the root certificate in that file."""
    context = ssl.create_default_context(cafile=str(root))
    context.set_alpn_protocols(["h2"])
    plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        plain.settimeout(timeout)
        plain.connect(str(path))
        return context.wrap_socket(plain, server_hostname=AUTHORITY)
    except BaseException:
        plain.close()
        raise


class Caller:
    """One connection. Raises OSError, ConnectionEnded when it is lost, TimeoutError when nothing comes for `timeout` seconds."""

    def __init__(self, path: Path, root: Path, *, timeout: float = 60) -> None:
        self._socket = connect(path, root, timeout)
        self._wire = Wire()
        self._events: deque[Event] = deque()

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> "Caller":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def call(self, method: str, request: Message, answer: type[M]) -> M:
        """The answer of a unary call. Raises CallRefused."""
        return answer.FromString(self.call_bytes(method, request.SerializeToString()))

    def call_bytes(self, method: str, request: bytes) -> bytes:
        """The same with encoded messages."""
        stream = self.begin(method, request)
        found: bytes | None = None
        while True:
            event = self.next_event()
            if event.stream != stream:
                continue
            if event.message is None:
                if found is None:
                    raise CallRefused(method)
                return found
            found = event.message

    def begin(self, method: str, request: bytes) -> int:
        """Send a request; the number of its stream."""
        stream = self._wire.request(method, request)
        self._flush()
        return stream

    def next_event(self) -> Event:
        """The next message, or end, of any stream."""
        while not self._events:
            self._read()
        return self._events.popleft()

    def messages(self, method: str, request: Message, answer: type[M]) -> Iterator[M]:
        """The messages of a server stream, as they come."""
        stream = self.begin(method, request.SerializeToString())
        while (event := self.next_event()).message is not None:
            if event.stream == stream:
                yield answer.FromString(event.message)
        raise ConnectionEnded(f"{method} ended")

    def load(self, method: str, requests: Iterator[bytes], in_flight: int, seconds: float) -> list[float]:
        """Keep so many calls in flight for a while; how long each took. Raises CallRefused."""
        wire, started, answered, taken = self._wire, {}, set(), []
        now = time.perf_counter()
        end = now + seconds
        for _ in range(in_flight):
            started[wire.request(method, next(requests))] = now
        while started:
            self._flush()
            events = wire.receive(self._socket.recv(READ_BYTES))
            now = time.perf_counter()
            for stream, message in events:
                if message is not None:
                    answered.add(stream)
                    continue
                if stream not in answered:
                    raise CallRefused(method)
                answered.discard(stream)
                taken.append(now - started.pop(stream))
                if now < end:
                    started[wire.request(method, next(requests))] = now
        return taken

    def _read(self) -> None:
        self._flush()
        self._events += self._wire.receive(self._socket.recv(READ_BYTES))
        self._flush()

    def _flush(self) -> None:
        if self._wire.outgoing:
            self._socket.sendall(self._wire.outgoing)
            self._wire.outgoing.clear()
