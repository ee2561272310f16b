"""What a simulated machine keeps on its small files: certificate, key, root and the list of managers.

A file is replaced whole and durably, so a power cut leaves the old one or the new one. The log of raft is on the disk
beside it (`disk`), which knows torn writes.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from swarm_core.api.proto.types_pb2 import Peer
from swarm_core.ca.files import Stamp
from swarm_core.ca.key_file import KeyFile


class MemoryFiles:
    """See ca.files.Files."""

    def __init__(self) -> None:
        self._contents: dict[Path, bytes] = {}
        self._stamps: dict[Path, int] = {}
        self._changes = 0

    def read(self, path: Path) -> bytes:
        if path not in self._contents:
            raise FileNotFoundError(path)
        return self._contents[path]

    def exists(self, path: Path) -> bool:
        return path in self._contents or any(path in other.parents for other in self._contents)

    def stamp(self, path: Path) -> Stamp:
        return (self._stamps.get(path, 0), 0)

    def make_directory(self, path: Path) -> None:
        """Directories are there as soon as something is in them."""

    def write_atomic(self, path: Path, data: bytes, mode: int) -> None:
        self._changes += 1
        self._contents[path], self._stamps[path] = data, self._changes

    def move(self, source: Path, target: Path) -> None:
        data = self.read(source)
        del self._contents[source]
        self.write_atomic(target, data, 0)

    @contextmanager
    def locked(self, directory: Path) -> Iterator[None]:
        """There is one thread, and nobody waits in between."""
        yield


class MachineState:
    """See node.ports.NodeState. `remove_log` clears the disk of raft, `has_members_log` looks at it."""

    def __init__(
        self, name: str, *, remove_log: Callable[[], None], has_members_log: Callable[[], bool]
    ) -> None:
        self.path = Path("/") / name
        self.certificates = self.path / "certificates"
        self._files = MemoryFiles()
        self.key_file = KeyFile(self.certificates, self._files)
        self.has_root_key = False
        self._remotes: list[Peer] = []
        self._remove_log, self._has_members_log = remove_log, has_members_log

    def certificate(self) -> bytes | None:
        """The chain that is there now."""
        path = self.key_file.certificate_path
        return self._files.read(path) if self._files.exists(path) else None

    @property
    def has_log(self) -> bool:
        return self._has_members_log()

    def remove_root_key(self) -> None:
        self.has_root_key = False

    def remove_raft(self) -> None:
        self._remove_log()

    def read_remotes(self) -> list[Peer]:
        return list(self._remotes)

    def write_remotes(self, peers: Sequence[Peer]) -> None:
        self._remotes = list(peers)
