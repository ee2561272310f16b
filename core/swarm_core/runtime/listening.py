"""Sockets to listen on: at a place in the file system, or at a host and port.

Rules for a socket in the file system: its directory is made 0700 when it is missing, the socket has its mode and group before
anybody can find it, a socket file that nobody serves is replaced, and one that a living daemon serves is left alone. The socket is
made under another name and moved into place, so that there is no moment with wrong permissions; what a killed daemon left of that is
removed.
"""

import glob
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from swarm_core.runtime import unix_paths

_BACKLOG = 512
_NAME_LETTERS = 40


class AddressUnusable(Exception):
    """A socket or port that cannot be served on; the text is one sentence for people."""


@dataclass(slots=True)
class Place:
    """`name`: what people call the socket; `making`: where the server opens it; `path`: where people find it once published."""

    name: str
    path: Path
    making: Path
    _inode: int = field(default=0, init=False)

    def open(self) -> socket.socket:
        """A listening socket, where nobody looks for it yet. Raises AddressUnusable."""
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with _explained(self.name, self.path):
                with unix_paths.to_make(self.making) as address:
                    listening.bind(address)
                listening.listen(_BACKLOG)
        except BaseException:
            listening.close()
            raise
        listening.setblocking(False)
        return listening

    def publish(self, mode: int = 0o600, group: int | None = None) -> None:
        """Move the socket into place, over a dead one; `group` is a number. Raises AddressUnusable."""
        with _explained(self.name, self.path):
            if group is not None:
                os.chown(self.making, -1, group)
            self.making.chmod(mode)
            self._inode = self.making.stat().st_ino
            self.making.replace(self.path)
            self.making.parent.rmdir()

    def withdraw(self) -> None:
        """Remove the socket, unless another daemon has put its own there."""
        shutil.rmtree(self.making.parent, ignore_errors=True)
        with suppress(FileNotFoundError):
            published, self._inode = self._inode, 0
            if published and self.path.lstat().st_ino == published:
                self.path.unlink()


def claim_path(path: Path, name: str) -> Place:
    """A place for a socket at `path`; give it back with `withdraw`. Raises AddressUnusable."""
    with _explained(name, path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists():
            _refuse_living(name, path)
        # The socket's name may be as long as a file's; what comes before it must leave room for more.
        prefix = f".{path.name[:_NAME_LETTERS]}-"
        for left in path.parent.glob(f"{glob.escape(prefix)}????????"):
            shutil.rmtree(left, ignore_errors=True)
        return Place(name, path, Path(tempfile.mkdtemp(prefix=prefix, dir=path.parent)) / "s")


@contextmanager
def _explained(name: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise AddressUnusable(f"cannot serve on {name} {path}: {reason}") from None


def _refuse_living(name: str, path: Path) -> None:
    if not path.is_socket():
        raise AddressUnusable(f"cannot serve on {name} {path}: a file is in its place")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        trial.settimeout(1.0)
        try:
            with unix_paths.to_reach(path) as address:
                trial.connect(address)
        except (ConnectionRefusedError, FileNotFoundError):
            return
        except TimeoutError:
            pass  # somebody listens and is too busy to answer
    raise AddressUnusable(f"{name} {path} is in use by a running daemon")


def bind_tcp(address: str) -> list[socket.socket]:
    """Listening sockets for `host:port` (an empty host: all addresses). Raises AddressUnusable."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    found: list[socket.socket] = []
    try:
        if not port.isdecimal() or int(port) > 65535:
            raise AddressUnusable(f"{address!r} is not an address of the form host:port")
        if not host and socket.has_dualstack_ipv6():
            found.append(
                socket.create_server(
                    ("", int(port)), family=socket.AF_INET6, dualstack_ipv6=True, backlog=_BACKLOG
                )
            )
        else:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            found.append(socket.create_server((host, int(port)), family=family, backlog=_BACKLOG))
    except OSError as error:
        # The library appends the address, which already stands here.
        reason = (error.strerror or str(error)).partition(" (while ")[0]
        raise AddressUnusable(f"cannot listen on {address}: {reason}") from None
    for one in found:
        one.setblocking(False)
    return found
