"""What processes and machines use, as the kernel tells it (docs/design/usage.md 14.1)."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from swarm_agentd.exec.usage import NS_PER_S, MachineMeter, Reading
from swarm_agentd.executors.process.cgroups import NoCgroups, SplitCgroups, UnifiedCgroups
from swarm_agentd.executors.process.usage import of_processes, with_descendants

_GONE = 2**22 + 1
_PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "print('on', flush=True); input()"], stdin=0)
child.wait()
"""


@pytest.fixture
def parent() -> Iterator[int]:
    """A process with a child that has begun; both end with the test."""
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as made:
        assert made.stdout is not None
        made.stdout.readline()
        yield made.pid
        made.communicate(b"\n")


def test_a_process_and_what_it_began(parent: int) -> None:
    """14.1.4: without groups a task is its process and all below it."""
    family = list(with_descendants(parent))
    assert len(family) == 2
    whole, alone = NoCgroups().usage("t", parent), of_processes([parent])
    assert whole is not None and alone is not None
    assert whole.memory_bytes > alone.memory_bytes > 0 and whole.cpu_ns >= alone.cpu_ns


def test_processes_that_are_gone() -> None:
    """Of those that ended meanwhile nothing is told."""
    assert list(with_descendants(_GONE)) == [_GONE]
    assert of_processes([_GONE]) is None
    ours = of_processes([_GONE, os.getpid()])
    assert ours is not None and ours.memory_bytes > 1 << 20


def _group(path: Path, **files: str) -> None:
    path.mkdir(parents=True)
    for name, text in files.items():
        (path / name.replace("__", ".")).write_text(text)


def test_a_group_s_own_counters(tmp_path: Path) -> None:
    """14.1.4: they know of processes that have ended, and which memory is only cached."""
    pid = f"{os.getpid()}\n"
    counted = {"memory__stat": "anon 5\ninactive_file 200\n", "memory__current": "1200\n"}
    _group(tmp_path / "t", cgroup__procs=pid, cpu__stat="usage_usec 7000000\nuser_usec 1\n", **counted)
    assert UnifiedCgroups(tmp_path, frozenset()).usage("t", 0) == Reading(7 * NS_PER_S, 1000)
    _group(tmp_path / "bare", cgroup__procs=pid, cpu__stat="usage_usec 1000000\n")
    bare = UnifiedCgroups(tmp_path, frozenset()).usage("bare", 0)
    assert bare is not None and bare.cpu_ns == NS_PER_S and bare.memory_bytes > 1 << 20
    _group(tmp_path / "ended", cgroup__procs="", cpu__stat="usage_usec 1000000\n")
    assert UnifiedCgroups(tmp_path, frozenset()).usage("ended", 0) is None


def test_groups_of_version_one(tmp_path: Path) -> None:
    """14.1.4: there memory has a counter only where it is limited."""
    roots = {name: tmp_path / name for name in ("pids", "memory")}
    _group(roots["pids"] / "t", cgroup__procs=f"{os.getpid()}\n")
    groups = SplitCgroups(roots)
    free = groups.usage("t", 0)
    assert free is not None and free.memory_bytes > 1 << 20
    _group(roots["memory"] / "t", memory__usage_in_bytes="1200\n", memory__stat="total_inactive_file 200\n")
    limited = groups.usage("t", 0)
    assert limited is not None and limited.memory_bytes == 1000


def test_the_machine(tmp_path: Path) -> None:
    """14.1.4: all busy time but that of waiting for disks, and memory that nobody could have."""
    (tmp_path / "stat").write_text("cpu  100 20 30 999 888 4 5 6 0 0\ncpu0 1 2 3\n")
    (tmp_path / "meminfo").write_text("MemTotal:  1000 kB\nMemFree:  10 kB\nMemAvailable:  400 kB\n")
    assert MachineMeter(tmp_path, 100).read() == Reading(165 * NS_PER_S // 100, 600 * 1024)
    assert MachineMeter().read().memory_bytes > 1 << 20
