"""Where the storage plugins of a machine are: the value of the flag `--csi-plugin` (docs/design/volumes.md 12.4).

`NAME=SOCKET`: the plugin of that name answers at a unix socket and sees the files of this machine.
`NAME=SOCKET,published=DIRECTORY`: the plugin sees files of its own. It is told `/data/staged/…` and `/data/published/…`, and
what it mounts at the latter appears on this machine below the directory.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from swarm_core.runtime.unix_paths import BYTES_MAX

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:/-]*[A-Za-z0-9])?")
_SCHEME = "unix://"


@dataclass(frozen=True, slots=True)
class PluginSocket:
    """One plugin; `published` is None where it sees the files of this machine."""

    name: str
    path: Path
    published: Path | None = None

    def __str__(self) -> str:
        """As the flag has it."""
        rest = "" if self.published is None else f",published={self.published}"
        return f"{self.name}={self.path}{rest}"


def parse(text: str) -> PluginSocket:
    """One flag. Raises ValueError with the rest of a sentence about it."""
    name, _, rest = text.partition("=")
    address, *options = rest.split(",")
    address = address.removeprefix(_SCHEME)
    if not _NAME.fullmatch(name) or not address.startswith("/"):
        raise ValueError(f"{text!r} is not of the form NAME=/path/of/socket")
    if len(os.fsencode(address)) > BYTES_MAX:
        raise ValueError(f"{address!r} is longer than the {BYTES_MAX} bytes that a socket's path may have")
    published = None
    for option in options:
        key, _, value = option.partition("=")
        if key != "published" or not value.startswith("/"):
            raise ValueError(f"{option!r} is not published=/directory")
        published = Path(value)
    return PluginSocket(name, Path(address), published)


def parse_all(texts: Iterable[str]) -> tuple[PluginSocket, ...]:
    """All flags. Raises ValueError when a name comes twice."""
    sockets = tuple(map(parse, texts))
    names = [socket.name for socket in sockets]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"the plugin {name!r} is named twice")
    return sockets
