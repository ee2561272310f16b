"""The flags of the Engine API: dockerd's, and off unless one of them names a host (docs/design/engine-api.md E1, E9).

Loaded only when one of them is given.
"""

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from swarm_core.http.hosts import Host, parse_hosts
from swarm_core.http.listeners import Terms
from swarm_core.http.tls import TlsFiles

_TRUE, _FALSE = ("1", "t", "T", "TRUE", "true", "True"), ("0", "f", "F", "FALSE", "false", "False")
_CERTIFICATE_PATH, _VERIFY = "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"


@dataclass(frozen=True, slots=True)
class ApiConfig:
    """Where clients of the Engine API are answered, and on which terms; plugins are asked in their order whether they may what they ask."""

    hosts: tuple[Host, ...]
    terms: Terms
    authorization_plugins: tuple[str, ...] = ()
    is_experimental: bool = False


def read(
    given: argparse.Namespace, default_path: Path, environment: Mapping[str, str] = os.environ
) -> ApiConfig:
    """What the flags ask for. Raises ValueError with a sentence."""
    tls = _boolean("--tls", given.tls)
    verify = _boolean("--tlsverify", given.tlsverify)
    if verify is None and environment.get(_VERIFY):
        verify = True
    has_tls = tls is True or (tls is None and verify is not None)
    hosts = tuple(parse_hosts(given.host, default_path, has_tls=has_tls))
    files = _files(given, environment, verifies=verify is not False) if has_tls else None
    terms = Terms(given.group, files, allows_strangers=tls is False or verify is False)
    experimental = _boolean("--experimental", given.experimental)
    return ApiConfig(hosts, terms, tuple(given.authorization_plugin), experimental is True)


def _files(given: argparse.Namespace, environment: Mapping[str, str], *, verifies: bool) -> TlsFiles:
    directory = Path(environment.get(_CERTIFICATE_PATH) or Path.home() / ".docker")
    return TlsFiles(
        given.tlscert or directory / "cert.pem",
        given.tlskey or directory / "key.pem",
        (given.tlscacert or directory / "ca.pem") if verifies else None,
    )


def _boolean(flag: str, text: str | None) -> bool | None:
    if text is None:
        return None
    if text not in _TRUE + _FALSE:
        raise ValueError(f"{flag}: {text!r} is neither true nor false")
    return text in _TRUE
