"""Where journals are: a file for each cluster in one directory of the user, and what stands beside it.

`<cluster id>.journal`, its lock `….lock`, SQLite's own `…-wal` and `…-shm`, and the newest damaged one, `….damaged`.
"""

import contextlib
import re
from pathlib import Path
from typing import Final

SUFFIX: Final = ".journal"
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]")
_BESIDE: Final = ("-wal", "-shm")


def journal_of(directory: Path, cluster_id: str) -> Path:
    """The journal of the cluster with this id."""
    return directory / f"{_UNSAFE.sub('_', cluster_id).lstrip('.') or 'cluster'}{SUFFIX}"


def lock_of(path: Path) -> Path:
    """Held by the program that writes."""
    return path.with_name(f"{path.name}.lock")


def aside(path: Path) -> Path:
    """Move a damaged journal out of the way, over the one that was damaged before it."""
    to = path.with_name(f"{path.name}.damaged")
    for suffix in _BESIDE:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).unlink()
    path.replace(to)
    return to


def forget_strangers(directory: Path, *, before_s: float, keep: Path) -> list[Path]:
    """Delete the journals of other clusters that nobody wrote to since; what was deleted."""
    gone = []
    with contextlib.suppress(OSError):
        for path in sorted(directory.glob(f"*{SUFFIX}")):
            newest = written_s(path)
            if path != keep and newest < before_s:
                for beside in (
                    path,
                    *(path.with_name(path.name + one) for one in (*_BESIDE, ".lock", ".damaged")),
                ):
                    with contextlib.suppress(FileNotFoundError):
                        beside.unlink()
                gone.append(path)
    return gone


def written_s(path: Path) -> float:
    """When a journal was last written to; 0 when it is not there."""
    return max(_changed_s(path), _changed_s(path.with_name(f"{path.name}-wal")))


def _changed_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
