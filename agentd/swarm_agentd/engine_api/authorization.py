"""Authorization plugins: programs beside the node that say which requests are handled and which answers leave (docs/design/engine-api.md E16).

Rules
1. Plugins are asked in their order, and each must allow. What one denies is 403, and one that fails or is away is 500: nothing is let through
   unasked.
2. A plugin is shown bodies of JSON, but not those of `/auth`, and no header that holds credentials.
3. A plugin that is not there, or does no authorization, ends the start.
"""

import base64
import io
import json
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import aiohttp
from swarm_core.api.json_text import json_of
from swarm_core.http.errors import Failed, Forbidden
from swarm_core.http.exchange import JSON_TYPE, AnswerCheck, Exchange

_ASK_S = 30.0
_ANSWER_BYTES_MAX = 1 << 20
_REQUEST_BYTES_MAX = (1 << 20) - 1
_PROTOCOL = "application/vnd.docker.plugins.v1.2+json"
_KIND = "authz"
_CREDENTIALS = frozenset(("x-registry-auth", "x-registry-config", "authorization"))


class PluginUnusable(Exception):
    """A plugin that cannot be asked, or fails; the text is a sentence without the plugin's name."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where plugins make themselves known: sockets by their names, and files that name an address."""

    sockets: tuple[Path, ...] = (Path("/run/docker/plugins"),)
    files: tuple[Path, ...] = (Path("/etc/docker/plugins"), Path("/usr/lib/docker/plugins"))

    def address_of(self, name: str) -> str:
        """Of the plugin that is called so; an address stands for itself. Raises PluginUnusable."""
        if "://" in name:
            return name
        if "/" not in name:
            for path in self._paths(name):
                if path.suffix == ".sock" and path.is_socket():
                    return f"unix://{path}"
                if path.suffix == ".spec" and path.is_file():
                    return path.read_text().strip()
        raise PluginUnusable("no plugin of this name is installed")

    def _paths(self, name: str) -> list[Path]:
        sockets = [
            path for place in self.sockets for path in (place / f"{name}.sock", place / name / f"{name}.sock")
        ]
        files = [
            path for place in self.files for path in (place / f"{name}.spec", place / name / f"{name}.spec")
        ]
        return sockets + files


@dataclass(slots=True)
class Plugin:
    """One plugin. Made within a running loop; ended by `close`."""

    name: str
    address: str
    _session: aiohttp.ClientSession = field(init=False)
    _base: str = field(init=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.address)
        if parts.scheme == "unix":
            connector: aiohttp.BaseConnector = aiohttp.UnixConnector(parts.path, force_close=True, limit=0)
            self._base = "http://plugin"
        elif parts.scheme in ("tcp", "http") and parts.hostname:
            connector = aiohttp.TCPConnector(force_close=True, limit=0)
            self._base = f"http://{parts.netloc}"
        else:
            raise PluginUnusable(f"its address {self.address!r} is neither unix://PATH nor tcp://HOST:PORT")
        timeout = aiohttp.ClientTimeout(total=_ASK_S)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout)

    async def greet(self) -> None:
        """Begin as plugins do. Raises PluginUnusable when this one does no authorization."""
        answer = await self._call("Plugin.Activate", {})
        kinds = answer.get("Implements")
        if not isinstance(kinds, list) or _KIND not in kinds:
            raise PluginUnusable(f"it does not do {_KIND}")

    async def ask(self, method: str, request: Mapping[str, Any]) -> None:
        """Return when it allows this. Raises Forbidden and Failed."""
        try:
            answer = await self._call(method, request)
        except PluginUnusable as error:
            raise Failed(f"plugin {self.name} failed with error: {error}") from None
        if failure := answer.get("Err"):
            raise Failed(f"plugin {self.name} failed with error: {failure}")
        if answer.get("Allow") is not True:
            raise Forbidden(f"authorization denied by plugin {self.name}: {answer.get('Msg', '')}")

    async def close(self) -> None:
        """End every question."""
        await self._session.close()

    async def _call(self, method: str, request: Mapping[str, Any]) -> dict[str, Any]:
        headers = {"Accept": _PROTOCOL, "Content-Type": JSON_TYPE}
        body = io.BytesIO(json.dumps(request).encode())
        try:
            async with self._session.post(f"{self._base}/{method}", data=body, headers=headers) as response:
                answered = await response.content.read(_ANSWER_BYTES_MAX)
                status = response.status
                while len(answered) < _ANSWER_BYTES_MAX and not response.content.at_eof():
                    answered += await response.content.read(_ANSWER_BYTES_MAX - len(answered))
        except TimeoutError:
            raise PluginUnusable(f"it did not answer within {_ASK_S:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise PluginUnusable(f"it does not answer: {error}") from None
        return _understood(status, answered)


class AuthorizationPlugins:
    """The guard of a face: some plugins, in their order."""

    def __init__(self, plugins: Sequence[Plugin]) -> None:
        self._plugins = tuple(plugins)

    async def check_request(self, exchange: Exchange) -> AnswerCheck:
        """Raises Forbidden and Failed, as what it returns does."""
        about = await _about(exchange)
        for plugin in self._plugins:
            await plugin.ask("AuthZPlugin.AuthZReq", about)

        async def check_answer(status: int, headers: Mapping[str, str], body: bytes) -> None:
            answer: dict[str, Any] = {"ResponseStatusCode": status, "ResponseHeaders": _shown(headers)}
            if body and _may_be_shown(exchange.path, headers.get("Content-Type", "")):
                answer["ResponseBody"] = base64.b64encode(body).decode()
            for plugin in self._plugins:
                await plugin.ask("AuthZPlugin.AuthZRes", about | answer)

        return check_answer

    async def close(self) -> None:
        """End every question."""
        for plugin in self._plugins:
            await plugin.close()


async def find_plugins(names: Sequence[str], places: Places | None = None) -> AuthorizationPlugins:
    """The plugins of these names, each greeted. Raises PluginUnusable with docker's sentence when one is not there."""
    found: list[Plugin] = []
    for name in dict.fromkeys(names):
        try:
            plugin = Plugin(name, (places or Places()).address_of(name))
            found.append(plugin)
            await plugin.greet()
        except (PluginUnusable, OSError) as error:
            await AuthorizationPlugins(found).close()
            raise PluginUnusable(
                f'failed to validate authorization plugin: plugin "{name}": {error}'
            ) from None
    return AuthorizationPlugins(found)


async def _about(exchange: Exchange) -> dict[str, Any]:
    """What a plugin is told of a request; empty parts are left out."""
    request = exchange.request
    body = b""
    if exchange.has_body and _may_be_shown(exchange.path, request.headers.get("Content-Type", "")):
        body = await exchange.peek_body(_REQUEST_BYTES_MAX)
    told = {
        **_who(exchange),
        "RequestMethod": request.method,
        "RequestUri": request.raw_path,
        "RequestBody": base64.b64encode(body).decode(),
        "RequestHeaders": _shown(request.headers),
    }
    return {name: value for name, value in told.items() if value}


def _who(exchange: Exchange) -> dict[str, Any]:
    """The client, where TLS tells."""
    transport = exchange.request.transport
    tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object") if transport is not None else None
    certificate = tls.getpeercert(binary_form=True) if tls is not None else None
    if tls is None or not certificate:
        return {}
    names = cast(tuple[tuple[tuple[str, str], ...], ...], (tls.getpeercert() or {}).get("subject", ()))
    subject = dict(pair for part in names for pair in part)
    pem = ssl.DER_cert_to_PEM_cert(certificate).encode()
    return {
        "User": subject.get("commonName", ""),
        "UserAuthNMethod": "TLS",
        "RequestPeerCertificates": [base64.b64encode(pem).decode()],
    }


def _shown(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _CREDENTIALS}


def _may_be_shown(path: str, content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == JSON_TYPE and path != "/auth"


def _understood(status: int, body: bytes) -> dict[str, Any]:
    """A plugin's answer. Raises PluginUnusable."""
    try:
        answer = json_of(body)
    except ValueError:
        answer = None
    if status != 200:
        told = answer.get("Err") if isinstance(answer, dict) else ""
        raise PluginUnusable(str(told or f"it answered with status {status}"))
    if not isinstance(answer, dict):
        raise PluginUnusable("it answered no JSON object")
    return answer
