"""The control socket's place in the file system.

Rules: its directory is made 0700 when it is missing, the socket is 0600 before anybody can find it, a socket file
that nobody serves is replaced, and one that a living daemon serves is left alone. The socket is made under another
name and moved into place, so that there is no moment with wrong permissions; what a killed daemon left of that is removed.
"""

import glob
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from swarm_core.rpc.errors import AddressUnusable
from swarm_core.runtime import unix_paths

_BACKLOG = 512
_NAME_LETTERS = 40


@dataclass(slots=True)
class Place:
    """`making`: where the server opens the socket; `path`: where people find it once published."""

    path: Path
    making: Path
    _inode: int = field(default=0, init=False)

    def open(self) -> socket.socket:
        """A listening socket, where nobody looks for it yet. Raises AddressUnusable."""
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with _explained(self.path):
                with unix_paths.to_make(self.making) as address:
                    listening.bind(address)
                listening.listen(_BACKLOG)
        except BaseException:
            listening.close()
            raise
        listening.setblocking(False)
        return listening

    def publish(self) -> None:
        """Move the socket into place, over a dead one. Raises AddressUnusable."""
        with _explained(self.path):
            self.making.chmod(0o600)
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


def claim(path: Path) -> Place:
    """A place for a socket at `path`; give it back with `withdraw`. Raises AddressUnusable."""
    with _explained(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists():
            _refuse_living(path)
        # The control socket's name may be as long as a file's; what comes before it must leave room for more.
        prefix = f".{path.name[:_NAME_LETTERS]}-"
        for left in path.parent.glob(f"{glob.escape(prefix)}????????"):
            shutil.rmtree(left, ignore_errors=True)
        return Place(path, Path(tempfile.mkdtemp(prefix=prefix, dir=path.parent)) / "s")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise AddressUnusable(f"cannot serve on the control socket {path}: {reason}") from None


def _refuse_living(path: Path) -> None:
    if not path.is_socket():
        raise AddressUnusable(f"cannot serve on the control socket {path}: a file is in its place")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        trial.settimeout(1.0)
        try:
            with unix_paths.to_reach(path) as address:
                trial.connect(address)
        except (ConnectionRefusedError, FileNotFoundError):
            return
        except TimeoutError:
            pass  # somebody listens and is too busy to answer
    raise AddressUnusable(f"the control socket {path} is in use by a running daemon")
