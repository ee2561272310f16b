"""Secrets and configs as files of one task, in memory where the host has a place for that.

    <memory>/swarm-agentd-<uid>/<key of the state directory>/<task id>/secrets/<name>
                                                                       configs/<name>

The process finds them by the environment variables SWARM_SECRETS and SWARM_CONFIGS. Rules: nobody but the task's user
can enter its directory; files have the mode that the reference asks for (0400 for secrets where it names none) and
are gone when the task is; names stay below the directory.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from swarm_core.api.proto.process_pb2 import ProcessSpec
from swarm_core.api.proto.types_pb2 import FileTarget

from swarm_agentd.exec.errors import InvalidTask
from swarm_agentd.exec.executor import Dependencies
from swarm_agentd.executors.process.plan import User

SECRET_MODE, CONFIG_MODE = 0o400, 0o444
SECRETS, CONFIGS = "secrets", "configs"


@dataclass(frozen=True, slots=True)
class File:
    """One secret or config as it will be on disk."""

    path: PurePosixPath
    data: bytes
    mode: int
    uid: int | None
    gid: int | None


def collect(spec: ProcessSpec, dependencies: Dependencies) -> list[File]:
    """The files that `spec` asks for. Raises what the dependencies raise, and InvalidTask for a bad target."""
    files = []
    for secret in spec.secrets:
        data = dependencies.secret(secret.secret_id).spec.data
        target = _target(secret.file, secret.secret_name or secret.secret_id)
        files.append(_file(SECRETS, target, data, SECRET_MODE))
    for config in spec.configs:
        if config.WhichOneof("target") == "runtime":
            raise InvalidTask(f"config {config.config_name} has no use for a process")
        data = dependencies.config(config.config_id).spec.data
        target = _target(config.file, config.config_name or config.config_id)
        files.append(_file(CONFIGS, target, data, CONFIG_MODE))
    return files


def _target(target: FileTarget, name: str) -> FileTarget:
    return target if target.name else FileTarget(name=name, uid=target.uid, gid=target.gid, mode=target.mode)


def _file(kind: str, target: FileTarget, data: bytes, mode: int) -> File:
    path = PurePosixPath(target.name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise InvalidTask(f"target {target.name} must stay below the task's own {kind}")
    return File(
        PurePosixPath(kind) / path, data, target.mode or mode, _number(target.uid), _number(target.gid)
    )


def _number(text: str) -> int | None:
    if text and not text.isdecimal():
        raise InvalidTask(f"{text} is no number of a user or group")
    return int(text) if text else None


class MaterialStore:
    """The private directories of one daemon's tasks."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def directory(self, task_id: str) -> Path:
        return self._root / task_id

    def write(self, task_id: str, files: list[File], user: User | None) -> dict[str, str]:
        """Put the files there anew; the environment that tells where they are."""
        self.delete(task_id)
        if not files:
            return {}
        home = self._make_home(task_id, user)
        is_root = os.geteuid() == 0
        for file in files:
            path = home / file.path
            _make_parents(home, path.parent, user)
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(fd, "wb") as out:
                out.write(file.data)
                if is_root:
                    owner = (user.uid, user.gid) if user else (os.geteuid(), os.getegid())
                    os.fchown(
                        fd,
                        owner[0] if file.uid is None else file.uid,
                        owner[1] if file.gid is None else file.gid,
                    )
                os.fchmod(fd, file.mode)
        return self.environment(task_id)

    def environment(self, task_id: str) -> dict[str, str]:
        home = self.directory(task_id)
        return {"SWARM_SECRETS": str(home / SECRETS), "SWARM_CONFIGS": str(home / CONFIGS)}

    def delete(self, task_id: str) -> None:
        home = self.directory(task_id)
        if home.exists():
            shutil.rmtree(home)

    def known_ids(self) -> Iterator[str]:
        if self._root.exists():
            yield from sorted(path.name for path in self._root.iterdir())

    def _make_home(self, task_id: str, user: User | None) -> Path:
        self._root.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._root.mkdir(mode=0o700, exist_ok=True)
        for path in (self._root, self._root.parent):
            _check_own(path)
            if user is not None:
                path.chmod(0o711)  # the task's user must pass through; it cannot list
        if user is not None:
            _check_reachable(self._root)
        home = self.directory(task_id)
        home.mkdir(mode=0o700)
        _give(home, user)
        for kind in (SECRETS, CONFIGS):
            (home / kind).mkdir(mode=0o700)
            _give(home / kind, user)
        return home


def _make_parents(home: Path, parent: Path, user: User | None) -> None:
    for path in reversed([parent, *parent.parents]):
        if home in path.parents and not path.exists():
            path.mkdir(mode=0o700)
            _give(path, user)


def _give(path: Path, user: User | None) -> None:
    if user is not None:
        os.chown(path, user.uid, user.gid)


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
