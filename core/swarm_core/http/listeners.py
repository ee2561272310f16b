"""Opens the sockets that hosts name (docs/design/engine-api.md E1).

Rules
1. All or none: when one cannot be opened, those before it are closed again and their files removed.
2. A socket in the file system belongs to its owner alone, or to a group that was asked for, with mode 0660.
3. A port that other machines reach is refused unless clients are verified, or somebody wrote that they are not to be.
4. Sockets that systemd passed are listening already; those that no host names are closed.
"""

import grp
import os
import socket
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from swarm_core.http.hosts import Host, PassedHost, TcpHost, UnixHost
from swarm_core.http.tls import RenewableContext, TlsFiles
from swarm_core.runtime.listening import AddressUnusable, Place, bind_tcp, claim_path

_FIRST_PASSED = 3
_GROUP_MODE = 0o660
_OWNER_MODE = 0o600


class CannotListen(Exception):
    """The text is one sentence for people."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How an HTTP face listens. `group`: name or number of the group that may use its sockets, empty for the owner alone.
    `allows_strangers`: somebody wrote that ports take clients that are not verified."""

    group: str = ""
    tls: TlsFiles | None = None
    allows_strangers: bool = False
    remedy: str = "Verify clients with --tlsverify, or write --tls=false or --tlsverify=false to allow it."
    """How who wants such a port says so."""


@dataclass(slots=True)
class Listener:
    """One listening socket. `shown` is its address for people; `tls` what clients are shown on it."""

    socket: socket.socket
    shown: str
    tls: RenewableContext | None = None
    place: Place | None = field(default=None, repr=False)

    def close(self) -> None:
        """Take no more connections, and leave no file."""
        self.socket.close()
        if self.place is not None:
            self.place.withdraw()


def open_all(hosts: Iterable[Host], terms: Terms, environment: Mapping[str, str]) -> list[Listener]:
    """A listener for each host, and more where one means several. Raises CannotListen or InvalidTls."""
    context = terms.tls.server_context() if terms.tls is not None else None
    opened: list[Listener] = []
    wanted = list(hosts)
    passed = _Passed(environment)
    with ExitStack() as undo:
        for host in wanted:
            for listener in _open(host, terms, context, passed):
                undo.callback(listener.close)
                opened.append(listener)
        undo.pop_all()
    if any(isinstance(host, PassedHost) for host in wanted):
        passed.close_rest()
    return opened


def _open(host: Host, terms: Terms, context: RenewableContext | None, passed: "_Passed") -> list[Listener]:
    try:
        match host:
            case UnixHost():
                return [_open_unix(host.path, terms)]
            case TcpHost():
                _refuse_strangers(host, terms)
                return [Listener(one, f"tcp://{_shown(one)}", context) for one in bind_tcp(_bindable(host))]
            case PassedHost():
                return [
                    Listener(one, f"fd://{one.fileno()}", None if one.family == socket.AF_UNIX else context)
                    for one in passed.take(host.number)
                ]
    except (AddressUnusable, OSError) as error:
        raise CannotListen(f"failed to load listeners: {error}") from None


def _open_unix(path: Path, terms: Terms) -> Listener:
    group = _group_number(terms.group) if terms.group else None
    try:
        place = claim_path(path, "the socket")
    except AddressUnusable as error:
        raise CannotListen(f"failed to load listeners: can't create unix socket {path}: {error}") from None
    with ExitStack() as undo:
        undo.callback(place.withdraw)
        listening = place.open()
        undo.callback(listening.close)
        place.publish(_OWNER_MODE if group is None else _GROUP_MODE, group)
        undo.pop_all()
    return Listener(listening, f"unix://{path}", place=place)


def _group_number(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        if name.isascii() and name.isdecimal():
            return int(name)
    raise CannotListen(f"failed to load listeners: group {name} not found")


def _bindable(host: TcpHost) -> str:
    """`host` with an address of this machine instead of a name; the older kind of address where it has both. Raises OSError."""
    found = socket.getaddrinfo(host.host, host.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    first = min(found, key=lambda one: one[0] != socket.AF_INET)
    address = str(first[4][0])
    return f"[{address}]:{host.port}" if ":" in address else f"{address}:{host.port}"


def _refuse_strangers(host: TcpHost, terms: Terms) -> None:
    if terms.allows_strangers or (terms.tls is not None and terms.tls.verifies_clients):
        return
    address, _, _ = _bindable(host).rpartition(":")
    if not ip_address(address.strip("[]").partition("%")[0]).is_loopback:
        raise CannotListen(
            f"failed to load listeners: {host} gives everybody who reaches it full command of this machine. {terms.remedy}"
        )


def _shown(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class _Passed:
    """The sockets that systemd passed to this process, each to be taken once."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        count = environment.get("LISTEN_FDS", "") if environment.get("LISTEN_PID") == str(os.getpid()) else ""
        self._left = list(range(_FIRST_PASSED, _FIRST_PASSED + int(count))) if count.isdecimal() else []

    def take(self, number: int | None) -> list[socket.socket]:
        """The one with this number, or all that are left. Raises CannotListen."""
        if not self._left:
            raise CannotListen(
                "failed to load listeners: no sockets found via socket activation: make sure the service was started by systemd"
            )
        if number is not None and number not in self._left:
            raise CannotListen(
                "failed to load listeners: too few socket activated files passed in by systemd"
            )
        taken = list(self._left) if number is None else [number]
        self._left = [one for one in self._left if one not in taken]
        sockets = [socket.socket(fileno=one) for one in taken]
        for one in sockets:
            one.set_inheritable(False)
            one.setblocking(False)
        return sockets

    def close_rest(self) -> None:
        """Close what nobody took."""
        for number in self._left:
            os.close(number)
        self._left = []
