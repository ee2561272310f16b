"""A registry of one image for tests of pulls, on the loopback address of an engine's network: engines ask such an address without TLS.

The image's one layer comes in two halves; the second waits until the test opens `gate`. With `user` and `password` the
registry wants to see them. An engine that gives up a pull lets the layer come until more of it does.
"""

import base64
import contextlib
import ctypes
import gzip
import hashlib
import io
import itertools
import json
import os
import random
import socket
import tarfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from swarm_testkit.engines import root_file_system

_CLONE_NEWNET = 0x4000_0000
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
NAME = "test/box"
_numbers = itertools.count()
_PIECE, _PIECE_S = 128 << 10, 0.03


class Registry:
    """`image` names the image for the engine; `is_waited_for` is set while somebody waits for the second half."""

    def __init__(self, listener: socket.socket, *, user: str = "", password: str = "") -> None:
        self.gate, self.is_waited_for = threading.Event(), threading.Event()
        self.authorization = _basic(user, password) if user else ""
        self.port = listener.getsockname()[1]
        self.image = f"127.0.0.1:{self.port}/{NAME}:1"
        self.blobs, self.manifest = _image()
        self._server = _server(listener, self)

    def __enter__(self) -> "Registry":
        threading.Thread(target=self._server.serve_forever, name="registry", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def registry_in(network: Path, *, user: str = "", password: str = "") -> Iterator[Registry]:
    """A registry in the network namespace at this path."""
    with Registry(listener_in(network), user=user, password=password) as registry:
        yield registry


def listener_in(network: Path) -> socket.socket:
    """A socket belongs to the network of the thread that made it."""
    made: list[socket.socket] = []

    def make() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        with network.open() as namespace:
            if libc.setns(namespace.fileno(), _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        made.append(socket.create_server(("127.0.0.1", 0)))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    return made[0]


def _server(listener: socket.socket, registry: Registry) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(listener.getsockname(), _handler(registry), bind_and_activate=False)
    server.daemon_threads = True
    server.socket.close()
    server.socket = listener
    return server


def _handler(registry: Registry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.headers.get("Authorization", "") != registry.authorization:
                self._answer(401, b"{}", "application/json", {"WWW-Authenticate": 'Basic realm="test"'})
            elif self.path == "/v2/":
                self._answer(200, b"{}", "application/json")
            elif self.path.startswith(f"/v2/{NAME}/manifests/"):
                digest = {"Docker-Content-Digest": _digest(registry.manifest)}
                self._answer(200, registry.manifest, _MANIFEST, digest)
            elif (blob := registry.blobs.get(self.path.rpartition("/")[2])) is not None:
                self._send_blob(blob)
            else:
                self._answer(404, b"{}", "application/json")

        do_HEAD = do_GET

        def _answer(self, code: int, body: bytes, type_: str, more: dict[str, str] | None = None) -> None:
            self.send_response(code)
            for name, value in {
                "Content-Type": type_,
                "Content-Length": str(len(body)),
                **(more or {}),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def _send_blob(self, blob: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(len(blob)))
            self.end_headers()
            half = len(blob) // 2 if len(blob) > 1 << 20 else len(blob)
            for start in range(0, half, _PIECE):
                self.wfile.write(blob[start : min(start + _PIECE, half)])
                if half < len(blob):
                    time.sleep(_PIECE_S)  # the engine tells of what comes at once only when more follows
            if half < len(blob):
                registry.is_waited_for.set()
                registry.gate.wait()
                self.wfile.write(blob[half:])

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


def _image() -> tuple[dict[str, bytes], bytes]:
    """Blobs by digest, and the manifest. The layer is busybox and enough noise for its progress to be told; no two registries
    have the same, as an engine asks for no layer that it has."""
    tar = root_file_system()
    noise = random.Random(next(_numbers)).randbytes(4 << 20)
    layer = gzip.compress(_with_file(tar, noise), compresslevel=1, mtime=0)
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["sh"], "Env": ["PATH=/usr/bin:/bin:/sbin"]},
            "rootfs": {"type": "layers", "diff_ids": [_digest(gzip.decompress(layer))]},
        }
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": {"mediaType": _CONFIG, "size": len(config), "digest": _digest(config)},
            "layers": [{"mediaType": _LAYER, "size": len(layer), "digest": _digest(layer)}],
        }
    ).encode()
    return {_digest(layer): layer, _digest(config): config}, manifest


def _with_file(tar: bytes, data: bytes) -> bytes:
    out = io.BytesIO(tar)
    with tarfile.open(fileobj=out, mode="a") as archive:
        entry = tarfile.TarInfo("noise")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
