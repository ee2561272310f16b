"""Which process is which: a process written down is found again, and never mistaken for another one."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from swarm_agentd.executors.process import shim
from swarm_core.runtime.processes import ProcessId, boot_id, starved_s
from swarm_testkit.daemons import wait_until
from swarm_testkit.host import lacking

SLEEPER = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]


def test_a_process_is_found_again_from_its_record() -> None:
    """This process, written down and read, is alive."""
    own = ProcessId.of(os.getpid())
    assert ProcessId.from_record(own.record()) == own
    assert own.is_alive()


@pytest.mark.parametrize("other", [{"ticks": 1}, {"boot_id": "of an earlier start"}])
def test_another_process_of_the_same_number_is_another(other: dict[str, object]) -> None:
    """A different start or a different boot is a different process, and gets no signal."""
    mistaken = replace(ProcessId.of(os.getpid()), **other)
    assert not mistaken.is_alive()
    assert not mistaken.send(signal.SIGKILL)
    assert mistaken.wait(60)


def test_a_zombie_has_ended() -> None:
    """A child that ended and that nobody has taken away is not alive, can be waited for, and gets no signal."""
    with subprocess.Popen(SLEEPER, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline()
        found = ProcessId.of(child.pid)
        assert not found.wait(0)
        assert found.send(signal.SIGTERM)
        assert found.wait(60)
        with open(f"/proc/{child.pid}/stat") as file:
            assert file.read().rpartition(")")[2].split()[0] == "Z"
        assert not found.is_alive()
        assert not found.send(signal.SIGTERM)
        with pytest.raises(ProcessLookupError):
            ProcessId.of(child.pid)
    wait_until(lambda: not os.path.exists(f"/proc/{child.pid}"), what="the end of the zombie")


def test_the_shim_names_processes_in_the_same_way() -> None:
    """The shim stands alone and reads by itself what this rule reads."""
    assert ProcessId(os.getpid(), shim.start_ticks(os.getpid()), shim.boot_id()) == ProcessId.of(os.getpid())
    assert shim.boot_id() == boot_id()


@pytest.mark.parametrize(
    "record", [{}, {"pid": "x", "ticks": 1, "boot_id": ""}, {"pid": None, "ticks": 1, "boot_id": ""}]
)
def test_what_is_no_record_is_refused(record: dict[str, object]) -> None:
    """Half a record, or one of an earlier form, names nobody."""
    with pytest.raises((ValueError, KeyError, TypeError)):
        ProcessId.from_record(record)


_BUSY = "while True: pass"


def test_waiting_for_a_processor_is_told() -> None:
    """Two processes that share one processor wait for each other; one that has ended waits no more."""
    if not Path("/proc/self/schedstat").exists():
        lacking("this kernel does not count for how long a process waits")
    processor = {min(os.sched_getaffinity(0))}
    with ExitStack() as ends:
        busy = [ends.enter_context(subprocess.Popen([sys.executable, "-c", _BUSY])) for _ in range(2)]
        for one in busy:
            ends.callback(one.kill)
            os.sched_setaffinity(one.pid, processor)
        wait_until(lambda: all(starved_s(one.pid) > 0.2 for one in busy), what="both to have waited")
    assert all(starved_s(one.pid) == 0.0 for one in busy)
