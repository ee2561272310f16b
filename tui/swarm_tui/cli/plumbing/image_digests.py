"""What a registry says of an image: the digest that its tag means now, and for which platforms it is (docs/design/terminal.md 11.11).

Blocking; callers run it in a thread. Speaks the registries' HTTP API (version 2) with tokens or a password, over TLS, and without TLS to this machine
alone. No answer is waited for longer than ANSWER_S, and none larger than ANSWER_BYTES_MAX is read. Where an answer leads elsewhere, nothing that is secret goes
along.
"""

import base64
import hashlib
import http.client
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any, Final

from swarm_core.api.json_text import json_of
from swarm_core.api.proto import types_pb2
from swarm_core.specs.images import Pinned, familiar, registry

ANSWER_S: Final = 5.0
ANSWER_BYTES_MAX: Final = 4 << 20
_OFFICIAL: Final = "docker.io"
_OFFICIAL_HOST: Final = "registry-1.docker.io"
_LOCAL: Final = r"(localhost|127\.[0-9.]+|\[::1\])(:[0-9]+)?"
_MANIFESTS: Final = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_DIGEST: Final = r"sha256:[0-9a-f]{64}"
_CHALLENGE: Final = r'(?<![a-z])([a-z]++)="([^"]*)"'
_WITHOUT_ARCHITECTURE: Final = "arm"
"""Docker's command leaves out what nodes call otherwise: armv7l and the like."""


class RegistryFailure(Exception):
    """The registry could not be asked, or has no such image; the text says why and holds no credentials."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def pin(image: str, credentials: Mapping[str, str]) -> Pinned:
    """Ask the image's registry. `credentials` are the docker command's for it. Raises RegistryFailure."""
    written = familiar(image)
    host = registry(written)
    named, _, digest = written.partition("@")
    name, tag = named, ""
    if ":" in named.rpartition("/")[2]:
        name, _, tag = named.rpartition(":")
    path = name.removeprefix(f"{host}/")
    if host == _OFFICIAL and "/" not in path:
        path = f"library/{path}"
    try:
        found, platforms = _Repository(host, path, credentials).ask(digest or tag)
    except urllib.error.HTTPError as error:
        error.close()
        raise RegistryFailure(f"its registry answers {error.code}") from None
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as error:
        raise RegistryFailure(str(getattr(error, "reason", error)) or type(error).__name__) from None
    if digest and found != digest:
        raise RegistryFailure("its registry answers with another digest")
    return Pinned(f"{named}@{found}", platforms)


class _Repository:
    def __init__(self, host: str, path: str, credentials: Mapping[str, str]) -> None:
        is_local = re.fullmatch(_LOCAL, host) is not None
        where = _OFFICIAL_HOST if host == _OFFICIAL else host
        self._scheme = "http" if is_local else "https"
        self._base = f"{self._scheme}://{where}/v2/{path}"
        self._credentials = credentials
        self._authorization = ""
        self._opener = urllib.request.build_opener(_NoRedirect)

    def ask(self, reference: str) -> tuple[str, tuple[types_pb2.Platform, ...]]:
        """The digest behind a tag or a digest, and the platforms."""
        body = self._get(f"/manifests/{reference}", _MANIFESTS)
        manifest = _parsed(body)
        if manifest.get("schemaVersion") != 2:
            raise ValueError("its registry's answer is no manifest")
        return f"sha256:{hashlib.sha256(body).hexdigest()}", tuple(self._platforms(manifest))

    def _platforms(self, manifest: dict[str, Any]) -> list[types_pb2.Platform]:
        if "manifests" in manifest:
            found = [one.get("platform") or {} for one in manifest["manifests"]]
        else:
            digest = str(manifest["config"]["digest"])
            if not re.fullmatch(_DIGEST, digest):
                raise ValueError("its registry's manifest names no configuration")
            found = [_parsed(self._get(f"/blobs/{digest}", "*/*"))]
            found = [one for one in found if one.get("os") or one.get("architecture")]
        return [_platform(str(one.get("os", "")), str(one.get("architecture", ""))) for one in found]

    def _get(self, path: str, accept: str) -> bytes:
        try:
            return self._asked(self._base + path, accept, self._authorization)
        except urllib.error.HTTPError as error:
            leads_elsewhere = error.code in (302, 303, 307, 308) and path.startswith("/blobs/")
            if not leads_elsewhere and (error.code != 401 or self._authorization):
                raise
            error.close()
            if leads_elsewhere:
                there = urllib.parse.urljoin(self._base + path, str(error.headers["Location"]))
                return self._asked(there, accept, "")
            self._authorization = self._authorized(str(error.headers.get("WWW-Authenticate", "")))
        return self._get(path, accept)

    def _asked(self, url: str, accept: str, authorization: str, form: bytes | None = None) -> bytes:
        if urllib.parse.urlsplit(url).scheme not in ("https", self._scheme):
            raise ValueError("its registry leads away from TLS")
        request = urllib.request.Request(url, form, {"Accept": accept})  # noqa: S310 - https, or this machine
        if authorization:
            request.add_header("Authorization", authorization)
        with self._opener.open(request, timeout=ANSWER_S) as answer:
            body: bytes = answer.read(ANSWER_BYTES_MAX + 1)
        if len(body) > ANSWER_BYTES_MAX:
            raise ValueError("its registry's answer is too large")
        return body

    def _authorized(self, challenge: str) -> str:
        """What the registry wants to see: a password, or a token that another server gives."""
        scheme, _, rest = challenge.partition(" ")
        basic = self._basic()
        if scheme.lower() == "basic" and basic:
            return basic
        asked = dict(re.findall(_CHALLENGE, rest))
        if scheme.lower() != "bearer" or "realm" not in asked:
            raise ValueError("its registry wants credentials")
        if token := self._credentials.get("registrytoken"):
            return f"Bearer {token}"
        answer = _parsed(self._token(asked["realm"], asked, basic))
        token = str(answer.get("token") or answer.get("access_token") or "")
        if not token:
            raise ValueError("its registry gives no token")
        return f"Bearer {token}"

    def _token(self, realm: str, asked: Mapping[str, str], basic: str) -> bytes:
        query = {key: asked[key] for key in ("service", "scope") if key in asked}
        if identity := self._credentials.get("identitytoken"):
            form = {
                **query,
                "grant_type": "refresh_token",
                "refresh_token": identity,
                "client_id": "swarm-tui",
            }
            return self._asked(realm, "*/*", "", urllib.parse.urlencode(form).encode())
        separator = "&" if "?" in realm else "?"
        return self._asked(f"{realm}{separator}{urllib.parse.urlencode(query)}", "*/*", basic)

    def _basic(self) -> str:
        user, password = self._credentials.get("username", ""), self._credentials.get("password", "")
        if not user:
            return ""
        return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def _platform(system: str, architecture: str) -> types_pb2.Platform:
    shown = "" if architecture.lower() == _WITHOUT_ARCHITECTURE else architecture
    return types_pb2.Platform(os=system, architecture=shown)


def _parsed(body: bytes) -> dict[str, Any]:
    found = json_of(body)
    if not isinstance(found, dict):
        raise ValueError("its registry's answer is no JSON object")
    return found
