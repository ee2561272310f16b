"""The keeper of one process: a program of its own that outlives the daemon.

    python -I -S -E shim.py TASK_DIRECTORY READY_FD

It runs what `launch.json` in the task's directory says, keeps its output in framed files, stops it when told to, and
writes down how it ended. Rules:

1. The standard library only, and little of it: there is one of these per task.
2. It holds the lock file for as long as it lives. Who gets the lock and finds `started.json` or `stop` starts nothing,
   so one directory never runs twice.
3. `started.json` is there before the command is executed, `exit.json` once nothing of it runs any more. Both appear whole.
   The room for `exit.json` is taken before the start, so that a full disk cannot hide an exit.
4. READY_FD is closed when the command runs or has failed to.
5. SIGTERM passes the stop signal on to the whole process group, SIGUSR1 kills everything at once. Whoever of the group still
   ends politely when the command has ended after a stop signal is waited for; the daemon's SIGUSR1 bounds that. What is
   left then is killed, also what left its process group: the shim is the subreaper of its descendants.
6. A frame is `FRAME` (nanoseconds since 1970, stream 1 or 2, length) and the bytes of one line with its line end; lines
   longer than LINE_BYTES_MAX are cut. Files are named by a rising number; the oldest go when there are too many.
"""

# Without pathlib and the project's clock, which this program does without (rule 1).
# ruff: noqa: PTH105, PTH108, PTH110, PTH118, PTH123, S606, TID251

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import struct
import sys
import time

TYPE_CHECKING = False  # the typing module costs more than the rest of this program
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

FRAME = struct.Struct(">QBI")
LINE_BYTES_MAX = 16 * 1024
READ_BYTES = 64 * 1024
EXIT_BYTES = 1024
END_LIMIT_S = 5.0
GROUP_LOOK_MS = 20
STDOUT, STDERR = 1, 2
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


class OutputLog:
    """Appends frames to numbered files of bounded size and count."""

    def __init__(self, directory: str, bytes_max: int, files_max: int) -> None:
        self._directory = directory
        self._bytes_max, self._files_max = bytes_max, files_max
        self._number, self._size, self._fd = 0, 0, -1
        self._partial = {STDOUT: b"", STDERR: b""}
        self._next_file()

    def add(self, stream: int, data: bytes, now_ns: int) -> None:
        """Keep the whole lines of `data`; an unfinished line waits for its rest."""
        lines = (self._partial[stream] + data).split(b"\n")
        rest = lines.pop()
        frames = [frame for line in lines for frame in _frames(now_ns, stream, line + b"\n")]
        while len(rest) >= LINE_BYTES_MAX:
            frames += _frames(now_ns, stream, rest[:LINE_BYTES_MAX])
            rest = rest[LINE_BYTES_MAX:]
        self._partial[stream] = rest
        self._write(b"".join(frames))

    def flush(self, now_ns: int) -> None:
        """Keep unfinished lines as they are."""
        for stream, rest in self._partial.items():
            self._write(b"".join(_frames(now_ns, stream, rest)))
        self._partial = {STDOUT: b"", STDERR: b""}

    def _write(self, frames: bytes) -> None:
        if not frames:
            return
        if self._size and self._size + len(frames) > self._bytes_max:
            self._next_file()
        try:
            written = os.write(self._fd, frames)
        except OSError:
            written = 0
        if written == len(frames):
            self._size += written
            return
        # No room: these lines are lost, the process goes on. Half a frame would spoil all that follow.
        os.ftruncate(self._fd, self._size)

    def _next_file(self) -> None:
        path = os.path.join(self._directory, f"{self._number + 1:08d}")
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError:
            if self._fd < 0:
                raise
            return
        if self._fd >= 0:
            os.close(self._fd)
        self._number, self._size, self._fd = self._number + 1, 0, fd
        oldest = self._number - self._files_max
        if oldest > 0:
            try:
                os.unlink(os.path.join(self._directory, f"{oldest:08d}"))
            except FileNotFoundError:
                pass


def _frames(now_ns: int, stream: int, line: bytes) -> list[bytes]:
    chunks = [line[at : at + LINE_BYTES_MAX] for at in range(0, len(line), LINE_BYTES_MAX)]
    return [FRAME.pack(now_ns, stream, len(chunk)) + chunk for chunk in chunks]


def start_ticks(pid: int | str) -> int:
    """When process `pid` was started, in the kernel's ticks since boot; with the pid it names a process for good."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[19])


def boot_id() -> str:
    """Changes with each start of the machine."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def _prctl() -> Callable[[int, int], int]:
    """The system call, or a stand-in that does nothing where ctypes is not built in."""
    try:
        import ctypes

        libc = ctypes.CDLL(None)
        return lambda option, value: int(libc.prctl(option, value, 0, 0, 0))
    except (ImportError, OSError, AttributeError):
        return lambda option, value: -1


def _write_json(path: str, value: dict[str, Any]) -> None:
    with open(
        os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w"
    ) as file:
        json.dump(value, file)
    os.replace(path + ".new", path)


class ExitRecord:
    """A file whose room is taken at the start and which appears when the exit is known."""

    def __init__(self) -> None:
        self._fd = os.open("exit.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        os.write(self._fd, b" " * EXIT_BYTES)

    def publish(self, code: int, signal_number: int, error: str) -> None:
        record = {"code": code, "signal": signal_number, "error": error[:200], "at_ns": _now_ns()}
        os.pwrite(self._fd, json.dumps(record).encode().ljust(EXIT_BYTES), 0)
        os.replace("exit.new", "exit.json")


def _now_ns() -> int:
    return time.time_ns()


class Keeper:
    """Runs the command and stays until nothing of it is left."""

    def __init__(
        self, launch: dict[str, Any], log: OutputLog | None, prctl: Callable[[int, int], int]
    ) -> None:
        self._launch, self._log, self._prctl = launch, log, prctl
        self._pid = 0
        self._status: int | None = None
        self._is_stopping = self._is_killed = False
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._outputs: dict[int, int] = {}

    def start(self) -> str:
        """Start the command; the reason when that failed. `started.json` is written in either case."""
        self._take_signals()
        go_read, go_write = os.pipe2(os.O_CLOEXEC)
        error_read, error_write = os.pipe2(os.O_CLOEXEC)
        pipes = {STDOUT: os.pipe2(os.O_CLOEXEC), STDERR: os.pipe2(os.O_CLOEXEC)}
        self._pid = os.fork()
        if self._pid == 0:
            os.close(go_write)
            self._become_command(go_read, error_write, {s: write for s, (_, write) in pipes.items()})
        for fd in (go_read, error_write, *(write for _, write in pipes.values())):
            os.close(fd)
        self._outputs = {read: stream for stream, (read, _) in pipes.items()}
        for fd in self._outputs:
            os.set_blocking(fd, False)
        _write_json("started.json", self._identity())
        os.write(go_write, b"!")
        os.close(go_write)
        with open(error_read, "rb") as reasons:
            return reasons.read().decode(errors="replace")

    def run(self) -> tuple[int, int]:
        """Keep output and pass signals on until the command has ended; its code, and its signal or 0."""
        poll = select.poll()
        for fd in (*self._outputs, self._wake_read):
            poll.register(fd, select.POLLIN)
        self._reap()
        while self._status is None or self._is_waiting_for_group():
            # Members of the group need not be our children: their end wakes nobody.
            for fd, _ in poll.poll(None if self._status is None else GROUP_LOOK_MS):
                if fd == self._wake_read:
                    self._handle_signals()
                elif not self._read(fd):
                    poll.unregister(fd)
                    del self._outputs[fd]
        self._end_everything()
        for fd in list(self._outputs):
            while self._read(fd, wait=False):
                pass
        if self._log is not None:
            self._log.flush(_now_ns())
        return self.result()

    def _is_waiting_for_group(self) -> bool:
        """Whether others of the group were asked to stop, and have not yet."""
        return self._is_stopping and not self._is_killed and _send(self._pid, 0)

    def result(self) -> tuple[int, int]:
        assert self._status is not None
        code = os.waitstatus_to_exitcode(self._status)
        return (128 - code, -code) if code < 0 else (code, 0)

    def await_failed_start(self) -> None:
        """Reap the child that could not become the command."""
        os.waitpid(self._pid, 0)

    def _take_signals(self) -> None:
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)

    def _identity(self) -> dict[str, Any]:
        own = os.getpid()
        return {
            "shim_pid": own,
            "shim_ticks": start_ticks(own),
            "pid": self._pid,
            "pid_ticks": start_ticks(self._pid),
            "boot_id": boot_id(),
        }

    def _become_command(self, go: int, error: int, outputs: dict[int, int]) -> None:
        """In the child: wait for leave to go, then turn into the command. Never returns."""
        try:
            signal.set_wakeup_fd(-1)
            for number in range(1, signal.NSIG):
                if number not in (signal.SIGKILL, signal.SIGSTOP) and number < 32:
                    signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            os.setsid()
            if os.read(go, 1):  # else the shim died before it could write down that it has started us
                self._exec(outputs)
        except BaseException as failure:  # noqa: BLE001 - the border of a forked child: everything is told to the parent
            os.write(error, (getattr(failure, "strerror", None) or repr(failure)).encode())
        os._exit(127)

    def _exec(self, outputs: dict[int, int]) -> None:
        launch = self._launch
        for path in launch["cgroup_procs"]:
            with open(path, "w") as file:
                file.write("0")
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for stream, fd in outputs.items():
            os.dup2(fd, stream)
        os.chdir(launch["dir"])  # before the change of user: the task's own directory lies below the daemon's
        if launch["user"] is not None:
            os.setgroups(launch["user"]["groups"])
            os.setgid(launch["user"]["gid"])
            os.setuid(launch["user"]["uid"])
        os.umask(0o022)
        # After the change of user, which would undo it: no process outlives a killed shim unseen.
        self._prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.execve(launch["program"], launch["argv"], launch["env"])

    def _handle_signals(self) -> None:
        for number in os.read(self._wake_read, 512):
            if number == signal.SIGTERM:
                self._is_stopping = True
                _send(self._pid, self._launch["stop_signal"])
            elif number == signal.SIGUSR1:
                self._is_killed = True
                _send(self._pid, signal.SIGKILL)
        self._reap()

    def _reap(self) -> bool:
        """Collect the dead; whether children are left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._pid:
                self._status = status

    def _end_everything(self) -> None:
        """Kill what the command left behind, as far as the kernel shows it to us."""
        deadline = time.monotonic() + END_LIMIT_S
        # Children of killed parents become ours and are found in the next round.
        while time.monotonic() < deadline:
            _send(self._pid, signal.SIGKILL)
            for child in _children():
                _kill(child, signal.SIGKILL)
            if not self._reap():
                return
            select.select([], [], [], 0.002)

    def _read(self, fd: int, wait: bool = True) -> bool:
        """Keep what can be read now; False at the end of the output (with `wait` off also when there is no more now)."""
        try:
            data = os.read(fd, READ_BYTES)
        except BlockingIOError:
            return wait
        if data and self._log is not None:
            self._log.add(self._outputs[fd], data, _now_ns())
        return bool(data)


def _children() -> list[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def _send(leader: int, number: int) -> bool:
    """Send a signal to the whole process group of `leader`, 0 to none but ask; whether anybody is in it."""
    try:
        os.killpg(leader, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _take_lock() -> bool:
    """Become the one shim of this directory; False when there was one or never shall be."""
    lock = os.open("lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)  # held until this program ends
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_held = True
        except BlockingIOError:
            is_held = False
        if os.path.exists("started.json") or os.path.exists("stop"):
            return False
        if is_held:
            return True
        # A daemon looked whether it is free, or another shim is about to write down that it has started.
        select.select([], [], [], 0.005)


def main() -> None:
    directory, ready = sys.argv[1], int(sys.argv[2])
    if os.fork():
        os._exit(0)  # the daemon's own child ends here, the shim belongs to init
    os.set_inheritable(ready, False)
    os.chdir(directory)
    if not _take_lock():
        return
    with open("launch.json") as file:
        launch = json.load(file)
    limits = launch["log"]
    log = OutputLog("log", limits["bytes_max"], limits["files_max"]) if limits else None
    record = ExitRecord()
    prctl = _prctl()
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    keeper = Keeper(launch, log, prctl)
    reason = keeper.start()
    if reason:
        keeper.await_failed_start()
        record.publish(127, 0, reason)
        return
    os.close(ready)
    code, number = keeper.run()
    record.publish(code, number, "")


if __name__ == "__main__":
    main()
