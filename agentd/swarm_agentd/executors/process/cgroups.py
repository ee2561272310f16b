"""Control groups: limits of a task, and the means to find everything that belongs to it.

Two layouts exist: one tree for all controllers (v2), or a tree per controller (v1). `detect` tries whether this daemon
may make groups at all; where it may not there is no grouping, and a task that asks for limits is refused.
Groups are named `swarm-tasks/<key of the state directory>/<task id>`; a daemon without tasks leaves none behind.
"""

import os
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from swarm_agentd.exec.usage import Reading
from swarm_agentd.executors.process.usage import of_processes, with_descendants

CPU_PERIOD_US = 100_000
CPU_QUOTA_US_MIN = 1_000
GROUPS = "swarm-tasks"


@dataclass(frozen=True, slots=True)
class Limits:
    """0 means no limit; `swap_bytes` None leaves the host's rule, -1 is unlimited."""

    nano_cpus: int = 0
    memory_bytes: int = 0
    swap_bytes: int | None = None

    def controllers(self) -> list[str]:
        """What it takes to hold them."""
        wanted = (("cpu", self.nano_cpus), ("memory", self.memory_bytes))
        return [name for name, value in wanted if value]

    def cpu_quota_us(self) -> int:
        return max(self.nano_cpus * CPU_PERIOD_US // 1_000_000_000, CPU_QUOTA_US_MIN)


class Cgroups(Protocol):
    """Where the groups of one daemon's tasks live."""

    def missing(self, limits: Limits) -> list[str]:
        """Controllers that `limits` needs and this host does not let us use."""

    def create(self, task_id: str, limits: Limits) -> list[str]:
        """Make the task's groups (or find them) and set its limits; the `cgroup.procs` files for it to enter."""

    def kill(self, task_id: str) -> None:
        """Kill everything in the task's groups."""

    def delete(self, task_id: str) -> None:
        """Delete the task's groups; what is not there is fine."""

    def was_out_of_memory(self, task_id: str) -> bool:
        """Whether the kernel killed something in the task's group for want of memory."""

    def usage(self, task_id: str, pid: int) -> Reading | None:
        """What the task uses, whose first process is `pid`; None where nothing of it runs."""

    def known_ids(self) -> list[str]:
        """The tasks that have groups."""


class NoCgroups:
    """A host that lets us make no groups."""

    def missing(self, limits: Limits) -> list[str]:
        return limits.controllers()

    def create(self, task_id: str, limits: Limits) -> list[str]:
        assert not limits.controllers(), "limits are refused before"
        return []

    def kill(self, task_id: str) -> None: ...

    def delete(self, task_id: str) -> None: ...

    def was_out_of_memory(self, task_id: str) -> bool:
        return False

    def usage(self, task_id: str, pid: int) -> Reading | None:
        return of_processes(with_descendants(pid))

    def known_ids(self) -> list[str]:
        return []


class UnifiedCgroups:
    """Version 2: one directory per task."""

    def __init__(self, root: Path, controllers: frozenset[str]) -> None:
        self._root, self._controllers = root, controllers

    def missing(self, limits: Limits) -> list[str]:
        return [name for name in limits.controllers() if name not in self._controllers]

    def create(self, task_id: str, limits: Limits) -> list[str]:
        group = self._root / task_id
        self._root.mkdir(exist_ok=True)
        _pass_on(self._root, self._controllers)
        group.mkdir(exist_ok=True)
        if limits.nano_cpus:
            (group / "cpu.max").write_text(f"{limits.cpu_quota_us()} {CPU_PERIOD_US}")
        if limits.memory_bytes:
            (group / "memory.max").write_text(str(limits.memory_bytes))
            if limits.swap_bytes is not None:
                (group / "memory.swap.max").write_text(
                    "max" if limits.swap_bytes < 0 else str(limits.swap_bytes)
                )
        return [str(group / "cgroup.procs")]

    def kill(self, task_id: str) -> None:
        _kill_all(self._root / task_id)

    def delete(self, task_id: str) -> None:
        _delete(self._root / task_id)

    def was_out_of_memory(self, task_id: str) -> bool:
        return _counter(self._root / task_id / "memory.events", "oom_kill") > 0

    def usage(self, task_id: str, pid: int) -> Reading | None:
        group = self._root / task_id
        counted = of_processes(_pids(group))
        if counted is None:
            return None
        memory = _held(group / "memory.current", group / "memory.stat", "inactive_file")
        return Reading(
            _counter(group / "cpu.stat", "usage_usec") * 1_000 or counted.cpu_ns,
            counted.memory_bytes if memory is None else memory,
        )

    def known_ids(self) -> list[str]:
        return _subgroups(self._root)


class SplitCgroups:
    """Version 1: a directory per task in the tree of each controller it needs; `pids` holds all tasks."""

    def __init__(self, roots: dict[str, Path]) -> None:
        self._roots = roots

    def missing(self, limits: Limits) -> list[str]:
        return [name for name in limits.controllers() if name not in self._roots]

    def create(self, task_id: str, limits: Limits) -> list[str]:
        groups = {name: self._roots[name] / task_id for name in ("pids", *limits.controllers())}
        for group in groups.values():
            group.mkdir(parents=True, exist_ok=True)
        if limits.nano_cpus:
            (groups["cpu"] / "cpu.cfs_period_us").write_text(str(CPU_PERIOD_US))
            (groups["cpu"] / "cpu.cfs_quota_us").write_text(str(limits.cpu_quota_us()))
        if limits.memory_bytes:
            self._limit_memory(groups["memory"], limits)
        return [str(group / "cgroup.procs") for group in groups.values()]

    def _limit_memory(self, group: Path, limits: Limits) -> None:
        (group / "memory.limit_in_bytes").write_text(str(limits.memory_bytes))
        if limits.swap_bytes is not None:
            total = -1 if limits.swap_bytes < 0 else limits.memory_bytes + limits.swap_bytes
            (group / "memory.memsw.limit_in_bytes").write_text(str(total))

    def kill(self, task_id: str) -> None:
        _kill_all(self._roots["pids"] / task_id)

    def delete(self, task_id: str) -> None:
        for root in self._roots.values():
            _delete(root / task_id)

    def was_out_of_memory(self, task_id: str) -> bool:
        memory = self._roots.get("memory")
        return memory is not None and _counter(memory / task_id / "memory.oom_control", "oom_kill") > 0

    def usage(self, task_id: str, pid: int) -> Reading | None:
        counted = of_processes(_pids(self._roots["pids"] / task_id))
        if counted is None or "memory" not in self._roots:
            return counted
        group = self._roots["memory"] / task_id
        memory = _held(group / "memory.usage_in_bytes", group / "memory.stat", "total_inactive_file")
        return counted if memory is None else Reading(counted.cpu_ns, memory)

    def known_ids(self) -> list[str]:
        return _subgroups(self._roots["pids"])


def detect(key: str, mount: Path = Path("/sys/fs/cgroup"), own: str | None = None) -> Cgroups:
    """The layout of this host, as far as this daemon may use it. `key` tells daemons of one host apart."""
    memberships = Path("/proc/self/cgroup").read_text() if own is None else own
    if (mount / "cgroup.controllers").exists():
        return _detect_unified(key, mount, memberships)
    roots = {}
    for name in ("pids", "cpu", "memory"):
        if (root := _detect_split(key, mount / name, _membership(memberships, name))) is not None:
            roots[name] = root
    return SplitCgroups(roots) if "pids" in roots else NoCgroups()


def _detect_unified(key: str, mount: Path, memberships: str) -> Cgroups:
    wanted = frozenset(("cpu", "memory"))
    for parent in (mount, mount / _membership(memberships, "").lstrip("/")):
        groups = parent / GROUPS
        try:
            groups.mkdir(exist_ok=True)
            for group in (parent, groups):
                _pass_on(group, wanted)
            given = frozenset((groups / "cgroup.subtree_control").read_text().split()) & wanted
        except OSError:
            continue
        return UnifiedCgroups(groups / key, given)
    return NoCgroups()


def _pass_on(group: Path, wanted: frozenset[str]) -> None:
    """Let `group` give the controllers to its subgroups, those that it has itself."""
    there = wanted & frozenset((group / "cgroup.controllers").read_text().split())
    if there:
        (group / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in sorted(there)))


def _detect_split(key: str, tree: Path, own: str) -> Path | None:
    for parent in (tree, tree / own.lstrip("/")):
        groups = parent / GROUPS
        try:
            groups.mkdir(exist_ok=True)
        except OSError:
            continue
        if (groups / "cgroup.procs").exists() and os.access(groups, os.W_OK):
            return groups / key
    return None


def _membership(memberships: str, controller: str) -> str:
    """The group of `controller` ("" is version 2) in the text of /proc/self/cgroup."""
    for line in memberships.splitlines():
        _, names, path = line.split(":", 2)
        if controller in names.split(","):
            return path
    return "/"


def _kill_all(group: Path) -> None:
    try:
        (group / "cgroup.kill").write_text("1")
        return
    except OSError:
        pass  # an older kernel or version 1: one by one
    for pid in _pids(group):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def _pids(group: Path) -> Iterator[int]:
    try:
        yield from (int(word) for word in (group / "cgroup.procs").read_text().split())
    except OSError:
        return


def _delete(group: Path) -> None:
    try:
        group.rmdir()
    except FileNotFoundError:
        pass
    try:
        group.parent.rmdir()
    except OSError:
        pass  # other tasks have groups there


def _counter(file: Path, name: str) -> int:
    try:
        match = re.search(rf"^{name} (\d+)$", file.read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(match[1]) if match else 0


def _held(used: Path, told: Path, cached: str) -> int | None:
    """The memory of a group without files that are only cached; None where the group has no limit and so no counter."""
    try:
        return max(int(used.read_text()) - _counter(told, cached), 0)
    except FileNotFoundError:
        return None


def _subgroups(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir() if path.is_dir()) if root.exists() else []
