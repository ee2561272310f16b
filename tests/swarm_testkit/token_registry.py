"""A registry of manifests on the loopback address, with a server of tokens: as much as a client or an engine needs that asks for digests.

`manifests` are bodies by tag or digest, `blobs` by digest; `add` fills them. With `password` a token is given for it alone, else to everybody. Blobs
lie elsewhere: the way there is a redirect. `asked` is what was asked for, with the authorization that was shown.
"""

import base64
import contextlib
import hashlib
import json
import socket
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from swarm_testkit.registry import listener_in

USER, TOKEN, IDENTITY = "me", "token-of-the-test", "identity-of-the-test"
INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"


class TokenRegistry:
    """With a `network`, the path of a namespace, it is on the loopback address there."""

    def __init__(self, *, password: str = "", network: Path | None = None) -> None:
        self.manifests: dict[str, bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []
        self.password = password
        self.scheme = "Bearer"
        listener = socket.create_server(("127.0.0.1", 0)) if network is None else listener_in(network)
        self._server = ThreadingHTTPServer(listener.getsockname(), _handler(self), bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listener
        self._port = listener.getsockname()[1]
        self._server.daemon_threads = True

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._port}"

    @contextlib.contextmanager
    def serving(self) -> Iterator["TokenRegistry"]:
        threading.Thread(target=self._server.serve_forever, name="token registry", daemon=True).start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()

    def add(self, tag: str, *platforms: tuple[str, str]) -> str:
        """An image for these (system, architecture), a list where it is more than one; its digest."""
        if len(platforms) == 1:
            ((system, architecture),) = platforms
            config = self._blob({"os": system, "architecture": architecture})
            manifest: dict[str, Any] = {
                "mediaType": _MANIFEST,
                "config": {"mediaType": _CONFIG, "digest": config, "size": len(self.blobs[config])},
                "layers": [],
            }
        else:
            manifest = {
                "mediaType": INDEX,
                "manifests": [
                    {
                        "mediaType": _MANIFEST,
                        "digest": digest_of(other.encode()),
                        "size": 1,
                        "platform": {"os": one, "architecture": other},
                    }
                    for one, other in platforms
                ],
            }
        return self.put(tag, json.dumps({"schemaVersion": 2, **manifest}).encode())

    def put(self, tag: str, body: bytes) -> str:
        """Any body under a tag and under its digest, which is given back."""
        digest = digest_of(body)
        self.manifests |= {tag: body, digest: body}
        return digest

    def _blob(self, content: dict[str, str]) -> str:
        body = json.dumps(content).encode()
        self.blobs[digest_of(body)] = body
        return digest_of(body)

    def basic(self) -> str:
        return "Basic " + base64.b64encode(f"{USER}:{self.password}".encode()).decode()

    def wanted(self) -> str:
        """The authorization that opens the registry."""
        return f"Bearer {TOKEN}" if self.scheme == "Bearer" else self.basic()

    def challenge(self) -> str:
        if self.scheme == "Bearer":
            return f'Bearer realm="http://{self.host}/token",service="test",scope="repository:a/b:pull"'
        return 'Basic realm="test"'


def digest_of(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def _handler(registry: TokenRegistry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shown = self.headers.get("Authorization", "")
            registry.asked.append((self.path, shown))
            what = self.path.rpartition("/")[2]
            if self.path.startswith("/token?"):
                self._give_token(
                    shown in ("", registry.basic()) if not registry.password else shown == registry.basic()
                )
            elif self.path.startswith("/elsewhere/"):
                self._answer(200, registry.blobs[what])
            elif shown != registry.wanted():
                self._answer(401, b"{}", ("WWW-Authenticate", registry.challenge()))
            elif self.path == "/v2/":
                self._answer(200, b"{}")
            elif "/blobs/" in self.path and what in registry.blobs:
                self._answer(307, b"", ("Location", f"/elsewhere/{what}"))
            elif "/manifests/" in self.path and what in registry.manifests:
                body = registry.manifests[what]
                kind = INDEX if b'"manifests"' in body else _MANIFEST
                self._answer(200, body, ("Content-Type", kind), ("Docker-Content-Digest", digest_of(body)))
            else:
                self._answer(404, b"{}")

        do_HEAD = do_GET

        def do_POST(self) -> None:
            form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            registry.asked.append((self.path, form["grant_type"][0]))
            self._give_token(form["refresh_token"] == [IDENTITY])

        def _give_token(self, is_right: bool) -> None:
            self._answer(
                200 if is_right else 401, json.dumps({"token": TOKEN}).encode() if is_right else b"{}"
            )

        def _answer(self, code: int, body: bytes, *headers: tuple[str, str]) -> None:
            self.send_response(code)
            for name, value in (*headers, ("Content-Length", str(len(body)))):
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
