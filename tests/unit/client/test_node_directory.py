"""A node's state directory from outside: who holds it, how its daemon ended, and that nobody takes it from under a daemon."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from swarm_core.client import node_directory
from swarm_core.client.node_directory import Ended, InUse
from swarm_core.runtime.processes import ProcessId

HOLDER = """
import sys; from pathlib import Path
from swarm_core.client import node_directory
with node_directory.held(Path(sys.argv[1]), as_daemon=True):
    print(flush=True); sys.stdin.read()
"""


def _hold(path: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None and process.stdout.readline()
    return process


def test_the_holder_is_named_while_it_lives(tmp_path: Path) -> None:
    """The lock says who runs, a second one is refused by name, and a polite end is seen as one."""
    assert node_directory.holder(tmp_path) is None
    assert node_directory.ended(tmp_path) is Ended.NEVER_RAN
    with _hold(tmp_path) as daemon:
        found = node_directory.holder(tmp_path)
        assert found is not None and found.process == ProcessId.of(daemon.pid)
        with pytest.raises(InUse, match=f"in use by process {daemon.pid}$"), node_directory.held(tmp_path):
            pass
        daemon.communicate()
    assert node_directory.holder(tmp_path) is None
    assert node_directory.ended(tmp_path) is Ended.POLITELY


def test_a_killed_daemon_is_not_silently_gone(tmp_path: Path) -> None:
    """After kill -9 nobody holds the directory, and it can be told that the daemon died; after a reboot that one was."""
    with _hold(tmp_path) as daemon:
        daemon.kill()
        daemon.wait()
    assert node_directory.holder(tmp_path) is None
    assert node_directory.ended(tmp_path) is Ended.DIED
    file = tmp_path / node_directory.PID_FILE
    file.write_text(json.dumps(json.loads(file.read_text()) | {"boot_id": "of an earlier start"}))
    assert node_directory.ended(tmp_path) is Ended.WITH_THE_MACHINE


def test_a_dead_record_does_not_name_the_holder(tmp_path: Path) -> None:
    """Whoever holds the lock and has not said yet who it is, is not taken for the one before it."""
    (tmp_path / node_directory.PID_FILE).write_text(
        json.dumps({"pid": os.getpid(), "ticks": 1, "boot_id": "x"})
    )
    with node_directory.held(tmp_path):
        found = node_directory.holder(tmp_path)
        assert found is not None and found.process is None


def test_asking_takes_no_lock(tmp_path: Path) -> None:
    """While somebody looks, a daemon can still begin."""
    (tmp_path / node_directory.PID_FILE).touch()
    descriptor = os.open(tmp_path / node_directory.PID_FILE, os.O_RDONLY)
    try:
        assert node_directory._holder(descriptor) is None
        with node_directory.held(tmp_path):
            assert node_directory._holder(descriptor) is not None
    finally:
        os.close(descriptor)


def test_nothing_is_removed_under_a_manager_that_was_left_behind(tmp_path: Path) -> None:
    """The manager of a killed daemon may still write: its directory is left alone until it has ended."""
    (tmp_path / "raft").mkdir()
    (tmp_path / "state.json").touch()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as manager:
        record = json.dumps(ProcessId.of(manager.pid).record())
        (tmp_path / node_directory.MANAGER_PID_FILE).write_text(record)
        with pytest.raises(InUse, match=f"process {manager.pid}"):
            node_directory.forget(tmp_path)
        assert (tmp_path / "raft").exists()
        manager.kill()
        manager.wait()
        node_directory.forget(tmp_path)
    assert not (tmp_path / "raft").exists() and not (tmp_path / "state.json").exists()
