"""What the processes of a task use, by what the kernel counts for each of them.

A task's control group says which they are; where there are no groups they are the task's process and its descendants. The group's own counters
are used where the kernel keeps them: they also know of processes that have ended.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from swarm_agentd.exec.usage import NS_PER_S, Reading

_PROC = Path("/proc")
_TICK_NS = NS_PER_S // os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_UTIME, _STIME, _CUTIME, _CSTIME, _RSS = 11, 12, 13, 14, 21
"""Places after the name in /proc/PID/stat, which may hold blanks and brackets."""


def of_processes(pids: Iterable[int]) -> Reading | None:
    """What these use together, with the ended children they have waited for; None where none of them is there."""
    cpu_ticks = pages = found = 0
    for pid in pids:
        try:
            fields = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found += 1
        cpu_ticks += sum(int(fields[place]) for place in (_UTIME, _STIME, _CUTIME, _CSTIME))
        pages += int(fields[_RSS])
    return Reading(cpu_ticks * _TICK_NS, pages * _PAGE) if found else None


def with_descendants(pid: int) -> Iterator[int]:
    """A process, its children, and theirs."""
    yield pid
    try:
        threads = list((_PROC / str(pid) / "task").iterdir())
        children = [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return
    for child in children:
        yield from with_descendants(child)
