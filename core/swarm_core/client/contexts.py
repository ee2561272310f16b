"""Clusters by name: what `contexts.toml` of the user's configuration directory says of each.

    current = "prod"

    [contexts]
    lab = "/run/lab/control.sock"

    [contexts.prod]
    ssh = "ana@m1.example"
    socket = "/var/lib/swarm-tui/control.sock"

    [contexts.edge]
    address = "m1.example:4242"
    certificates = "~/edge"

A context is a control socket of this machine, one of a machine that ssh reaches, or a manager's remote API, which believes whoever
has a manager's certificate: `certificates` is a directory with `swarm-root-ca.crt`, `swarm-node.crt` and `swarm-node.key`.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from swarm_core.api.toml_text import toml_of
from swarm_core.api.typed_paths import path_of

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_FIELDS: Final = ("socket", "ssh", "address", "certificates")
_TOP: Final = ("current", "contexts")


@dataclass(frozen=True, slots=True)
class Context:
    """One of them; a field that says nothing is empty."""

    name: str
    socket: str = ""
    ssh: str = ""
    address: str = ""
    certificates: str = ""

    @property
    def way(self) -> str:
        """How it is reached, for people."""
        if self.ssh:
            return f"ssh {self.ssh} {self.socket}"
        return f"tls {self.address}" if self.address else self.socket

    @property
    def socket_path(self) -> Path:
        """The socket on this machine."""
        return path_of(self.socket)

    @property
    def certificates_path(self) -> Path:
        """Where its certificates are."""
        return path_of(self.certificates)

    def problem(self) -> str:
        """What is wrong with it, as the end of a sentence; empty when nothing is."""
        if NAME.fullmatch(self.name) is None:
            return "has a name with other signs than letters, digits, '_', '.' and '-'"
        if self.address:
            if self.socket or self.ssh:
                return "has an address, and a socket or ssh too"
            return "" if self.certificates else "has an address and no certificates"
        if self.certificates:
            return "has certificates and no address"
        if not self.socket:
            return "has neither a socket nor an address"
        if self.ssh and (
            self.ssh.startswith("-") or any(not sign.isprintable() or sign.isspace() for sign in self.ssh)
        ):
            return f"names a machine that ssh cannot take: {self.ssh!r}"
        if self.ssh and not self.socket.startswith("/"):
            return "needs the whole path of the socket on the other machine"
        return ""


@dataclass(frozen=True, slots=True)
class Contexts:
    """The whole file."""

    path: Path
    by_name: Mapping[str, Context] = field(default_factory=dict)
    current: str | None = None
    """The one that is used when none is named."""

    def named(self, name: str) -> Context:
        """The context of this name. Raises LookupError."""
        found = self.by_name.get(name)
        if found is not None:
            return found
        if not self.path.exists():
            raise LookupError(f"There is no context {name!r}: {self.path} does not exist.")
        known = ", ".join(sorted(self.by_name)) or "none"
        raise LookupError(f"There is no context {name!r} in {self.path}; known are: {known}.")


def read_contexts(path: Path) -> Contexts:
    """What the file says; without one there are none. Raises ValueError with a sentence."""
    try:
        content = toml_of(path.read_text())
    except FileNotFoundError:
        return Contexts(path)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no valid TOML: {error}.") from None
    table, current = content.get("contexts", {}), content.get("current")
    if unknown := sorted(set(content) - set(_TOP)):
        raise ValueError(f"{path} says {unknown[0]!r}, which is not known; there are {', '.join(_TOP)}.")
    if not isinstance(table, dict):
        raise ValueError(f"{path}: 'contexts' is no table; write [contexts] on a line of its own.")
    by_name = {name: _context(path, name, given) for name, given in table.items()}
    if current is not None and (not isinstance(current, str) or current not in by_name):
        raise ValueError(f"{path} says that {current!r} is current, and has no such context.")
    return Contexts(path, by_name, current)


def _context(path: Path, name: str, given: Any) -> Context:
    if isinstance(given, str):
        given = {"socket": given}
    if not isinstance(given, dict) or not all(isinstance(text, str) for text in given.values()):
        raise ValueError(f"{path}: the context {name!r} is neither a path nor a table of texts.")
    if unknown := sorted(set(given) - set(_FIELDS)):
        raise ValueError(
            f"{path}: the context {name!r} says {unknown[0]!r}, which is not known; there are {', '.join(_FIELDS)}."
        )
    context = Context(name, **given)
    if problem := context.problem():
        raise ValueError(f"{path}: the context {name!r} {problem}.")
    return context
