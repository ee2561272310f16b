"""Control groups in both layouts, on directories that stand in for the kernel's."""

from pathlib import Path

import pytest
from swarm_agentd.executors.process.cgroups import (
    Limits,
    NoCgroups,
    SplitCgroups,
    UnifiedCgroups,
    detect,
)

LIMITS = Limits(nano_cpus=1_500_000_000, memory_bytes=64 << 20, swap_bytes=1 << 20)


def test_unified_limits(tmp_path: Path) -> None:
    """Version 2: quota per period, memory and swap in files of the task's one group."""
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids")
    groups = UnifiedCgroups(tmp_path, frozenset(("cpu", "memory")))
    assert groups.missing(LIMITS) == []
    assert groups.create("t", LIMITS) == [str(tmp_path / "t" / "cgroup.procs")]
    assert (tmp_path / "t" / "cpu.max").read_text() == "150000 100000"
    assert (tmp_path / "t" / "memory.max").read_text() == str(64 << 20)
    assert (tmp_path / "t" / "memory.swap.max").read_text() == str(1 << 20)
    assert groups.known_ids() == ["t"]
    (tmp_path / "t" / "memory.events").write_text("oom 1\noom_kill 1\n")
    assert groups.was_out_of_memory("t") and not groups.was_out_of_memory("other")


def test_split_limits(tmp_path: Path) -> None:
    """Version 1: a group per controller, made only where a limit needs it."""
    roots = {name: tmp_path / name for name in ("pids", "cpu", "memory")}
    for root in roots.values():
        root.mkdir()
    groups = SplitCgroups(roots)
    groups.create("plain", Limits())
    assert [root.name for root in roots.values() if (root / "plain").exists()] == ["pids"]
    assert len(groups.create("t", LIMITS)) == 3
    assert (roots["cpu"] / "t" / "cpu.cfs_quota_us").read_text() == "150000"
    assert (roots["memory"] / "t" / "memory.memsw.limit_in_bytes").read_text() == str(65 << 20)
    groups.delete("plain")
    assert groups.known_ids() == ["t"]


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    """With the last task its daemon's directory goes, and comes back with the next one."""
    groups = SplitCgroups({"pids": tmp_path / "pids" / "key"})
    for _ in range(2):
        groups.create("a", Limits())
        groups.create("b", Limits())
        groups.delete("a")
        assert groups.known_ids() == ["b"]
        groups.delete("b")
        groups.delete("b")
        assert list((tmp_path / "pids").iterdir()) == [] and groups.known_ids() == []


def test_tiny_quota_is_raised_to_the_least() -> None:
    """The kernel refuses quotas below a millisecond."""
    assert Limits(nano_cpus=1).cpu_quota_us() == 1000


def test_what_is_not_there_is_missing(tmp_path: Path) -> None:
    """Limits name the controllers that cannot be had."""
    assert UnifiedCgroups(tmp_path, frozenset(("cpu",))).missing(LIMITS) == ["memory"]
    assert NoCgroups().missing(LIMITS) == ["cpu", "memory"]
    assert NoCgroups().missing(Limits()) == [] and NoCgroups().create("t", Limits()) == []


@pytest.mark.parametrize("layout", ["none", "unified"])
def test_detection(tmp_path: Path, layout: str) -> None:
    """An empty host has no groups; a host with one tree hands controllers down to our groups."""
    if layout == "none":
        assert isinstance(detect("key", tmp_path, "0::/\n"), NoCgroups)
        return
    for group in (tmp_path, tmp_path / "swarm-tasks"):
        group.mkdir(exist_ok=True)
        (group / "cgroup.controllers").write_text("cpu memory pids")
        (group / "cgroup.subtree_control").write_text("cpu memory")
    found = detect("key", tmp_path, "0::/\n")
    assert isinstance(found, UnifiedCgroups)
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu +memory"
