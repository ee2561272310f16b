"""Where a program's figures are asked for, as people write it: `HOST:PORT` as docker's `metrics-addr`, or `unix:PATH`.

Loads nothing: flags are read before anything else is.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from swarm_core.http.hosts import Host

_UNIX: Final = "unix:"
_PORT_MAX: Final = 65535


def check(text: str) -> None:
    """Raises ValueError with the rest of a sentence that begins with the flag's name."""
    if text.startswith(_UNIX):
        if not _path(text).is_absolute():
            raise ValueError(f"{text!r} needs an absolute path")
        return
    host, colon, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    is_bracketed = host.startswith("[") and host.endswith("]")
    if (
        not (colon and port.isascii() and port.isdecimal() and int(port) <= _PORT_MAX)
        or (":" in bare) != is_bracketed
    ):
        raise ValueError(f"{text!r} is not of the form HOST:PORT, such as 127.0.0.1:9323, or unix:PATH")
    if any(letter in bare for letter in "/?#@ []\0"):
        raise ValueError(f"{text!r} is no address to listen on")


def host(text: str) -> "Host":
    """The checked address as what a server opens; without a host it is every address of the machine."""
    from swarm_core.http.hosts import TcpHost, UnixHost

    if text.startswith(_UNIX):
        return UnixHost(_path(text))
    name, _, port = text.rpartition(":")
    return TcpHost(name.removeprefix("[").removesuffix("]") or "0.0.0.0", int(port))  # noqa: S104 - what was asked for


def of_socket(path: Path) -> str:
    """The address of a socket in the file system."""
    return f"{_UNIX}{path}"


def _path(text: str) -> Path:
    return Path(text.removeprefix(_UNIX).removeprefix("//"))
