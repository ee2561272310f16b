"""The daemon's side of a shim: start it, tell it to stop, notice its end.

Rules: a shim is told from a later process with its number (`runtime.processes`); waiting takes no thread and no polling (a
pidfd in the event loop); every call may be cancelled and made again, also by another daemon.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

from swarm_core.runtime.clock import Clock
from swarm_core.runtime.processes import ProcessId

from swarm_agentd.exec.pidfd import until_ended
from swarm_agentd.executors.process import shim
from swarm_agentd.executors.process.directory import Exit, Started, TaskDirectory

LOST = Exit(code=137, signal=signal.SIGKILL, error="its shim was killed, and the process with it")
REBOOTED = Exit(code=137, signal=signal.SIGKILL, error="the machine was restarted while it ran")
_WINDOW_POLL_S = 0.005


def launch(directory: TaskDirectory) -> None:
    """Start a shim on `directory` and return when its command runs or never will. Blocks; meant for a thread."""
    ready_read, ready_write = os.pipe()
    try:
        log = os.open(
            directory.path / "shim.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
        )
        with os.fdopen(log, "ab") as complaints:
            process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-I", "-S", "-E", str(Path(shim.__file__)), str(directory.path), str(ready_write)],
                stdin=subprocess.DEVNULL, stdout=complaints, stderr=complaints, pass_fds=(ready_write,),
                start_new_session=True, cwd="/",
            )  # fmt: skip
        os.close(ready_write)
        ready_write = -1
        process.wait()  # it only forks
        os.read(ready_read, 1)
    finally:
        os.close(ready_read)
        if ready_write >= 0:
            os.close(ready_write)


async def settled(directory: TaskDirectory, clock: Clock) -> Started | None:
    """Who runs the task, once a shim that is just starting has told; None when nobody ever did."""
    while (started := directory.started()) is None and directory.is_locked():
        await clock.sleep(_WINDOW_POLL_S)
    return started or directory.started()


async def stop_politely(started: Started) -> None:
    started.keeper.send(signal.SIGTERM)


async def kill(started: Started) -> None:
    """Ask the shim to kill everything; without a shim, kill what is left of the task's process group."""
    if not started.keeper.send(signal.SIGUSR1):
        kill_leftovers(started)


def kill_leftovers(started: Started) -> None:
    """The command leads a group of its own, whose number is not used again while anyone is left in it."""
    if started.command.is_alive():
        try:
            os.killpg(started.command.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


async def ended(directory: TaskDirectory, started: Started) -> Exit:
    """Wait for the end of the task; how it ended."""
    await _gone(started.keeper)
    if (record := directory.exit()) is not None:
        return record
    kill_leftovers(started)
    await _gone(started.command)
    return LOST if started.keeper.is_of_this_boot() else REBOOTED


async def _gone(identity: ProcessId) -> None:
    try:
        fd = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return
    try:
        if identity.is_alive():  # asked with the pidfd in hand: the number cannot change hands now
            await until_ended(fd)
        _bury(fd)
    finally:
        os.close(fd)


def _bury(fd: int) -> None:
    """As process 1 of a container the daemon is the parent of every orphan: nobody else takes a dead shim away."""
    try:
        os.waitid(os.P_PIDFD, fd, os.WEXITED | os.WNOHANG)
    except ChildProcessError:
        pass  # somebody else's child, as outside of a container
