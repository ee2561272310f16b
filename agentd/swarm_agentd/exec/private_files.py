"""Files of one task that others must not see, in memory where the host has a place for that: its secrets and configs.

    <memory>/swarm-agentd-<uid>/<key of the state directory>/<task id>/…

Rules: nobody but the daemon and the task's user can enter a task's directory; files have exactly the mode they were asked
for; names stay below the directory; all of it is gone when it is deleted.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from swarm_agentd.exec.errors import InvalidTask

Owner = tuple[int, int]
"""User and group id."""


@dataclass(frozen=True, slots=True)
class File:
    """`path` is relative; without `uid` or `gid` the task's own are meant."""

    path: PurePosixPath
    data: bytes
    mode: int
    uid: int | None = None
    gid: int | None = None


def number(text: str) -> int | None:
    """The id in a file target. Raises InvalidTask."""
    if text and not text.isdecimal():
        raise InvalidTask(f"{text} is no number of a user or group")
    return int(text) if text else None


class PrivateFiles:
    """The private directories of one daemon's tasks."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def directory(self, task_id: str) -> Path:
        """Where the task's files are, or will be."""
        return self._root / task_id

    def write(
        self,
        task_id: str,
        files: Sequence[File],
        *,
        owner: Owner | None = None,
        directories: Sequence[str] = (),
    ) -> None:
        """Put exactly these files there, and the `directories` even if empty. `owner` None is the daemon.

        Raises InvalidTask where they cannot be kept safe, and OSError.
        """
        self.delete(task_id)
        if not files:
            return
        home = self._make_home(task_id, owner)
        for name in directories:
            _make_directory(home / name, owner)
        for file in files:
            path = home / file.path
            for parent in reversed(path.parents):
                if home in parent.parents and not parent.exists():
                    _make_directory(parent, owner)
            _write(path, file, owner)

    def delete(self, task_id: str) -> None:
        """Remove the task's files; none is fine."""
        home = self.directory(task_id)
        if home.exists():
            shutil.rmtree(home)
            try:
                self._root.rmdir()
            except OSError:
                pass  # other tasks have files there

    def known_ids(self) -> Iterator[str]:
        """The tasks that have files."""
        if self._root.exists():
            yield from sorted(path.name for path in self._root.iterdir())

    def _make_home(self, task_id: str, owner: Owner | None) -> Path:
        self._root.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._root.mkdir(mode=0o700, exist_ok=True)
        for path in (self._root, self._root.parent):
            _check_own(path)
            if owner is not None:
                path.chmod(0o711)  # the task's user must pass through; it cannot list
        if owner is not None:
            _check_reachable(self._root)
        home = self.directory(task_id)
        _make_directory(home, owner)
        return home


def _make_directory(path: Path, owner: Owner | None) -> None:
    path.mkdir(mode=0o700)
    if owner is not None:
        os.chown(path, *owner)


def _write(path: Path, file: File, owner: Owner | None) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "wb") as out:
        out.write(file.data)
        uid, gid = owner or (os.geteuid(), os.getegid())
        uid, gid = uid if file.uid is None else file.uid, gid if file.gid is None else file.gid
        if os.geteuid() == 0:
            os.fchown(fd, uid, gid)
        elif (uid, gid) != (os.geteuid(), os.getegid()):
            raise InvalidTask(f"giving {file.path} to user {uid}:{gid} takes a daemon that runs as root")
        os.fchmod(fd, file.mode)


def _check_own(path: Path) -> None:
    """In a directory that all users share, somebody else may have been there first."""
    found = path.lstat()
    if path.is_symlink() or found.st_uid != os.geteuid():
        raise InvalidTask(f"{path} belongs to somebody else; secrets cannot be put there")


def _check_reachable(path: Path) -> None:
    for parent in path.parents:
        if not parent.stat().st_mode & 0o001:
            raise InvalidTask(f"other users cannot reach {path}, where the secrets of this node are kept")


def memory_root(key: str, fallback: Path) -> Path:
    """Where secrets of the daemon named by `key` live: in memory if the host has a place, else below `fallback`."""
    name = f"swarm-agentd-{os.geteuid()}"
    places = [Path("/dev/shm")]  # noqa: S108 - shared by all users, so what is found there is checked for its owner
    if (runtime := os.environ.get("XDG_RUNTIME_DIR", "")) and os.geteuid() != 0:
        places.insert(0, Path(runtime))
    for place in places:
        if place.is_dir() and os.access(place, os.W_OK | os.X_OK):
            return place / name / key
    return fallback / name / key
