"""What `-H` names: where an HTTP face listens (docs/design/engine-api.md E1).

Rules
1. A text becomes a value or a refusal before anything is opened.
2. No host name is looked up here: the system does that when the socket is made.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PORT = 2375
"""Also with TLS, as docker does it."""
TLS_PORT = 2376
LOCAL_HOST = "localhost"
_FIRST_PASSED = 3
_PORT_MAX = 65535
_PORT_TEXT = re.compile(r"[0-9]{1,5}", re.ASCII)


class InvalidHost(ValueError):
    """The text is a sentence for people."""


@dataclass(frozen=True, slots=True)
class UnixHost:
    path: Path

    def __str__(self) -> str:
        return f"unix://{self.path}"


@dataclass(frozen=True, slots=True)
class TcpHost:
    """`host` is a name or an address without brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"tcp://[{self.host}]:{self.port}" if ":" in self.host else f"tcp://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class PassedHost:
    """Sockets that systemd passed: the one with this number, or all."""

    number: int | None

    def __str__(self) -> str:
        return "fd://" if self.number is None else f"fd://{self.number}"


Host = UnixHost | TcpHost | PassedHost


def parse_hosts(texts: Iterable[str], default_path: Path, *, has_tls: bool) -> list[Host]:
    """The hosts that `texts` name, each once, in order. No text at all is one empty text. Raises InvalidHost."""
    return list(
        dict.fromkeys(parse_host(text, default_path, has_tls=has_tls) for text in list(texts) or [""])
    )


def parse_host(text: str, default_path: Path, *, has_tls: bool) -> Host:
    """The host that `text` names. Raises InvalidHost."""
    text = text.strip()
    if not text:
        return TcpHost(LOCAL_HOST, TLS_PORT) if has_tls else UnixHost(default_path)
    protocol, separator, rest = text.partition("://")
    if not separator:
        protocol, rest = "tcp", text
    match protocol:
        case "unix":
            return UnixHost(_path(text, rest) if rest else default_path)
        case "tcp":
            return _tcp(text, rest)
        case "fd":
            return _passed(rest)
        case "npipe":
            raise InvalidHost('invalid protocol format: "npipe"')
        case _:
            raise InvalidHost(f"invalid bind address ({text}): unsupported proto '{protocol}'")


def _path(text: str, rest: str) -> Path:
    if "://" in rest or "\0" in rest:
        raise InvalidHost(f"invalid bind address ({text}): this is no path")
    return Path(rest).absolute()


def _tcp(text: str, rest: str) -> TcpHost:
    if rest.endswith("/"):
        rest = rest[:-1]
    if any(letter in rest for letter in "/?#@ \0"):
        raise InvalidHost(f"invalid bind address ({text}): it should be a host and a port alone")
    host, port = _split(text, rest)
    if port and (_PORT_TEXT.fullmatch(port) is None or int(port) > _PORT_MAX):
        raise InvalidHost(f"invalid bind address ({text}): invalid port {port!r}")
    return TcpHost(host or LOCAL_HOST, int(port) if port else PORT)


def _split(text: str, rest: str) -> tuple[str, str]:
    """Host and port as written."""
    if rest.startswith("["):
        host, closing, after = rest[1:].partition("]")
        if not closing or (after and not after.startswith(":")):
            raise InvalidHost(f"invalid bind address ({text}): a bracket is missing")
        return host, after[1:]
    if rest.count(":") > 1:
        raise InvalidHost(f"invalid bind address ({text}): an IPv6 address needs brackets")
    host, _, port = rest.partition(":")
    return host, port


def _passed(rest: str) -> PassedHost:
    if rest in ("", "*"):
        return PassedHost(None)
    if not rest.isascii() or not rest.isdecimal():
        raise InvalidHost(f"failed to parse systemd fd address: should be a number: {rest}")
    number = int(rest)
    if number < _FIRST_PASSED:
        raise InvalidHost(
            f"failed to parse systemd fd address: descriptors below {_FIRST_PASSED} are not passed: {rest}"
        )
    return PassedHost(number)
