"""Plain requests to an Engine's HTTP API over its unix socket: a status and the JSON of the answer."""

import http.client
import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("engine", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any
    """The JSON; None for an empty body."""

    @property
    def message(self) -> str:
        """What an error says."""
        return str(self.body["message"])


def ask(path: Path, method: str, target: str, body: object = None, *, timeout: float = 60) -> Answer:
    """One request on a connection of its own. `target` begins with the version."""
    connection = _Connection(path, timeout)
    try:
        sent = None if body is None else json.dumps(body).encode()
        connection.request(method, target, sent, {} if sent is None else {"Content-Type": "application/json"})
        response = connection.getresponse()
        data = response.read()
        return Answer(response.status, json.loads(data) if data.strip() else None)
    finally:
        connection.close()


def ask_raw(path: Path, target: str, *, timeout: float = 60) -> bytes:
    """The whole body of what a GET answers."""
    connection = _Connection(path, timeout)
    try:
        connection.request("GET", target)
        return connection.getresponse().read()
    finally:
        connection.close()
