"""This machine and its node in figures: versions, processes, files, the end of the node's log. No file but the log is read, and of processes
neither arguments nor variables."""

import importlib.metadata
import os
import platform
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
from swarm_core.api.version import VERSION
from swarm_core.client import node_directory

from swarm_tui.support import figures
from swarm_tui.support.scrubbing import Scrubber

LOG_BYTES: Final = 2 << 20
LOG: Final = "agentd.log"
_FILES_MAX: Final = 5000
_DISTRIBUTION: Final = "swarm-tui"


@dataclass(frozen=True, slots=True)
class Here:
    """What is told of this machine; `log` and `metrics` are None where there is none."""

    about: dict[str, Any]
    processes: list[dict[str, Any]]
    files: list[dict[str, Any]]
    log: str | None
    metrics: str | None


def here(state_dir: Path, scrub: Scrubber, now_ns: int, *, metrics_address: str = "") -> Here:
    """As it is now. `metrics_address`: where the node's figures are asked for; empty: nowhere."""
    return Here(
        _about(state_dir, scrub, now_ns),
        list(_processes(state_dir)),
        list(_files(state_dir, scrub)),
        _log(state_dir / LOG, scrub),
        figures.read(metrics_address, scrub) if metrics_address else None,
    )


def _about(state_dir: Path, scrub: Scrubber, now_ns: int) -> dict[str, Any]:
    memory, disk = psutil.virtual_memory(), shutil.disk_usage(_existing(state_dir))
    return {
        "taken_at_ns": now_ns,
        "swarm-tui": VERSION,
        "python": sys.version.split()[0],
        "libraries": dict(_libraries()),
        "system": platform.system(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "hostname": scrub.text(platform.node()),
        "processors": os.cpu_count(),
        "load": os.getloadavg(),
        "memory_bytes": memory.total,
        "memory_available_bytes": memory.available,
        "disk_free_bytes": disk.free,
        "disk_bytes": disk.total,
        "is_root": os.geteuid() == 0,
        "node": (node_directory.role(state_dir) or ("none", "none"))[1],
    }


def _existing(path: Path) -> Path:
    return next(one for one in (path, *path.parents) if one.exists())


def _libraries() -> Iterator[tuple[str, str]]:
    with suppress(importlib.metadata.PackageNotFoundError):
        for line in importlib.metadata.requires(_DISTRIBUTION) or ():
            if "extra ==" in line:
                continue
            name = line.split(";")[0].split("[")[0].strip("<>=!~ 0123456789.,")
            with suppress(importlib.metadata.PackageNotFoundError):
                yield name, importlib.metadata.version(name)


def _processes(state_dir: Path) -> Iterator[dict[str, Any]]:
    """The node's daemon and what it started."""
    with suppress(OSError, psutil.Error):
        holder = node_directory.holder(state_dir)
        if holder is None or holder.process is None:
            return
        daemon = psutil.Process(holder.process.pid)
        for process in (daemon, *daemon.children(recursive=True)):
            with suppress(psutil.Error), process.oneshot():
                used = process.cpu_times()
                yield {
                    "pid": process.pid,
                    "parent": process.ppid(),
                    "name": process.name(),
                    "state": process.status(),
                    "memory_bytes": process.memory_info().rss,
                    "descriptors": process.num_fds(),
                    "threads": process.num_threads(),
                    "cpu_s": round(used.user + used.system, 1),
                    "started_at_s": round(process.create_time()),
                }


def _files(state_dir: Path, scrub: Scrubber) -> Iterator[dict[str, Any]]:
    """Names, modes and sizes below the state directory, but not of volumes and tasks' own files."""
    left = _FILES_MAX
    for directory, names, files in os.walk(state_dir):
        depth = len(Path(directory).relative_to(state_dir).parts)
        names[:] = sorted(names) if depth < 2 else []
        for name in (*names, *sorted(files)):
            with suppress(OSError):
                found = (path := Path(directory, name)).lstat()
                yield {
                    "path": "/".join(map(scrub.text, path.relative_to(state_dir).parts)),
                    "mode": stat.filemode(found.st_mode),
                    "owner": found.st_uid,
                    "bytes": found.st_size,
                }
                left -= 1
            if left <= 0:
                return


def _log(path: Path, scrub: Scrubber) -> str | None:
    """The end of the log, from the beginning of a line."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - LOG_BYTES))
            content = file.read()
    except OSError:
        return None
    if size > LOG_BYTES:
        content = content.partition(b"\n")[2]
    return scrub.text(content.decode(errors="replace"))
