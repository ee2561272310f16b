"""What is kept of one task on disk, so that every later daemon finds it again.

    <root>/<task id>/launch.json    how to run it; its presence means prepared
                     started.json   who runs it: pids with their start times, and the boot they belong to
                     exit.json      how it ended
                     stop           never start it (again)
                     healthy        its health check has succeeded once
                     lock           held by the living shim
                     shim.log       what the shim had to complain about
                     log/           output, framed (see shim)
                     work/          working directory when the spec names none
                     volumes/       links to the volumes of the task

Rules: a file appears whole or not at all; who finds none of it finds nothing to stop.
"""

import errno
import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swarm_core.api.json_text import json_of
from swarm_core.runtime.processes import ProcessId

from swarm_agentd.exec.errors import InvalidTask

_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class Started:
    keeper: ProcessId
    command: ProcessId


@dataclass(frozen=True, slots=True)
class Exit:
    code: int
    signal: int
    error: str


class TaskDirectory:
    """One task's directory. Reads give None for what is not there."""

    def __init__(self, root: Path, task_id: str) -> None:
        if not _SAFE_ID.fullmatch(task_id):
            raise InvalidTask(f"task id {task_id!r} cannot name a directory")
        self.path = root / task_id
        self.logs = self.path / "log"
        self.work = self.path / "work"
        self.volumes = self.path / "volumes"

    def create(self) -> None:
        # One by one: the parents that mkdir makes by itself have whatever mode the umask leaves.
        for path in (*reversed(self.path.parents[:2]), self.path, self.logs, self.work):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def give_work_to(self, uid: int, gid: int) -> None:
        """Give the working directory to the task's user."""
        os.chown(self.work, uid, gid)

    def delete(self) -> None:
        if self.path.exists():
            shutil.rmtree(self.path)

    def is_prepared(self) -> bool:
        return (self.path / "launch.json").exists()

    def write_launch(self, launch: dict[str, Any]) -> None:
        self._write("launch.json", json.dumps(launch))

    def read_launch(self) -> dict[str, Any] | None:
        return self._read("launch.json")

    def started(self) -> Started | None:
        record = self._read("started.json")
        if record is None:
            return None
        boot_id = record["boot_id"]
        return Started(
            keeper=ProcessId(record["shim_pid"], record["shim_ticks"], boot_id),
            command=ProcessId(record["pid"], record["pid_ticks"], boot_id),
        )

    def exit(self) -> Exit | None:
        record = self._read("exit.json")
        return None if record is None else Exit(record["code"], record["signal"], record["error"])

    def forbid_start(self) -> None:
        """From now on no shim starts the task; one that holds the lock already may have."""
        if self.path.exists():
            self._write("stop", "")

    def is_start_forbidden(self) -> bool:
        return (self.path / "stop").exists()

    def mark_healthy(self) -> None:
        self._write("healthy", "")

    def was_healthy(self) -> bool:
        return (self.path / "healthy").exists()

    def is_locked(self) -> bool:
        """Whether a shim lives in it, also one that has not yet told who it is."""
        try:
            fd = os.open(self.path / "lock", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return True
            raise
        finally:
            os.close(fd)
        return False

    def complaint(self) -> str:
        """The last line that the shim wrote to its error output."""
        try:
            lines = (self.path / "shim.log").read_text(errors="replace").strip().splitlines()
        except FileNotFoundError:
            return ""
        return lines[-1] if lines else ""

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            value = json_of((self.path / name).read_text())
        except (FileNotFoundError, ValueError):
            return None  # half a file is what a power cut leaves; it tells nothing
        return value if isinstance(value, dict) else None

    def _write(self, name: str, text: str) -> None:
        target = self.path / name
        fresh = target.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        fresh.replace(target)


def known_ids(root: Path) -> Iterator[str]:
    """The ids of all tasks that have a directory."""
    if root.exists():
        yield from sorted(path.name for path in root.iterdir() if _SAFE_ID.fullmatch(path.name))
