"""The node daemon of this machine as a process: started detached, found again, ended.

Whether it runs, and which process it is, is said by the lock on its state directory (`swarm_core.client.node_directory`).
"""

import contextlib
import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from swarm_core.api.names import MANAGER_PORT, WORKER_ROLE
from swarm_core.client import node_directory, sockets

from swarm_tui.cli.plumbing import start_options
from swarm_tui.cli.plumbing.session import Failure
from swarm_tui.cli.plumbing.start_options import Kept, Launch

LOG = "agentd.log"
TOKEN_VARIABLE = "SWARM_JOIN_TOKEN"  # noqa: S105 - read by a fleet; arguments would show the token to every user
HERE = "127.0.0.1"
_START_S = 30.0
_STOP_S = 30.0
_LEFT_OVER_S = 5.0
_POLL_S = 0.05
_PORTS_TRIED = 3
_LOG_LINES = 8
_PROGRAMS = ("swarm-agentd: ", "swarm-managerd: ")


@dataclass(frozen=True, slots=True)
class Running:
    """The daemon of a state directory. Made by `running`."""

    state_dir: Path
    process: node_directory.ProcessId

    def end(self) -> None:
        """Ask it to end, and wait; its tasks go on. Raises Failure when it does not."""
        self.tell(
            signal.SIGTERM,
            _STOP_S,
            f"The node (process {self.process.pid}) did not end within {_STOP_S:g} s.",
        )

    def tell(self, number: signal.Signals, seconds: float, otherwise: str) -> None:
        """Send a signal after which it ends. Raises Failure with the sentence `otherwise` when it does not in time."""
        try:
            self.process.send(number)
        except PermissionError:
            raise Failure(
                f"The node of {self.state_dir} belongs to another user (process {self.process.pid})."
            ) from None
        if not self.process.wait(seconds):
            raise Failure(otherwise)


@contextlib.contextmanager
def exclusive(state_dir: Path) -> Iterator[None]:
    """Hold the state directory against another `up` or `down` at the same moment."""
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.fdopen(os.open(state_dir / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "a")
    except OSError as error:
        raise Failure(f"{state_dir} cannot be used: {error.strerror}.") from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def running(state_dir: Path) -> Running | None:
    """The daemon that runs on this directory, whoever started it. Raises Failure when it cannot be seen from here."""
    try:
        holder = node_directory.holder(state_dir)
    except OSError as error:
        raise Failure(f"{state_dir} cannot be used: {error.strerror}.") from None
    if holder is None:
        return None
    if holder.process is None:
        raise Failure(
            f"{state_dir} is in use by {holder}: it has just begun, or runs in another container; look for it there."
        )
    return Running(state_dir, holder.process)


def launch(state_dir: Path, how: Launch) -> Running:
    """Start the node daemon in a session of its own, so that it outlives this terminal; returns once it is ready.

    Raises Failure when it does not become so. A node that had a cluster before goes on trying. Of a first start nothing
    stays but the log, whatever ended it, an interrupt too."""
    is_first = not node_directory.belongs_to_a_cluster(state_dir)
    if is_first:
        forget(state_dir)  # of a first start that was killed
    kept = how.on((None if is_first else start_options.read(state_dir)) or Kept())
    if kept.listen_remote_api:
        return _start(state_dir, how, kept, is_first=is_first)
    for _ in range(_PORTS_TRIED - 1):
        chosen = replace(kept, listen_remote_api=free_address())
        try:
            return _start(state_dir, how, chosen, is_first=is_first)
        except Failure:
            if not _is_taken(chosen.listen_remote_api):
                raise
            # Somebody took the port after we had found it free.
    return _start(state_dir, how, replace(kept, listen_remote_api=free_address()), is_first=is_first)


def _start(state_dir: Path, how: Launch, kept: Kept, *, is_first: bool) -> Running:
    with contextlib.ExitStack() as undo:
        if is_first:
            undo.callback(forget, state_dir)
        start_options.write(state_dir, kept)
        started = _spawn(state_dir, how, kept)
        if is_first:
            undo.callback(started.end_now)
        running = started.until_ready(state_dir, goes_on=not is_first)
        undo.pop_all()
    return running


def forget(state_dir: Path) -> None:
    """Remove what ties this machine to its cluster, and how its node was started, once nothing of a daemon runs there any more.
    Raises Failure."""
    if (manager := node_directory.left_over_manager(state_dir)) is not None and not manager.wait(
        _LEFT_OVER_S
    ):
        # Its daemon is dead: nobody else will end it.
        manager.send(signal.SIGKILL)
        manager.wait(_LEFT_OVER_S)
    try:
        with node_directory.held(state_dir):
            node_directory.forget(state_dir)
            (state_dir / start_options.RECORD).unlink(missing_ok=True)
    except node_directory.InUse as error:
        raise Failure(f"Nothing was removed: {error}.") from None
    except OSError as error:
        raise Failure(f"{error.filename or state_dir} cannot be removed: {error.strerror}.") from None


@dataclass(frozen=True, slots=True)
class _Started:
    """A daemon on its way. `told`: where it says that it is ready; `log_begins`: where its part of the log begins."""

    process: "subprocess.Popen[bytes]"
    told: int
    log_begins: int

    def until_ready(self, state_dir: Path, *, goes_on: bool) -> Running:
        """Wait until the control socket answers or the daemon says that it is ready. Raises Failure; `goes_on`: one that
        is only late is left alone."""
        control_socket = sockets.own_socket(state_dir)
        try:
            for _ in range(round(_START_S / _POLL_S)):
                if select.select([self.told], [], [], _POLL_S)[0]:
                    if not os.read(self.told, len(node_directory.READY)):
                        raise self._failure(state_dir)
                    return self._running(state_dir)
                if sockets.problem_of(control_socket) is None:
                    return self._running(state_dir)
        finally:
            os.close(self.told)
        then = f"it goes on trying as process {self.process.pid}" if goes_on else "it was ended"
        raise Failure(
            f"The node was not ready within {_START_S:g} s; {then}. Its log ends with:",
            details=log_tail(state_dir),
        )

    def _running(self, state_dir: Path) -> Running:
        try:
            return Running(state_dir, node_directory.ProcessId.of(self.process.pid))
        except ProcessLookupError:
            raise self._failure(state_dir) from None

    def end_now(self) -> None:
        """End it for good."""
        self.process.terminate()
        try:
            self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _failure(self, state_dir: Path) -> Failure:
        code = self.process.wait()
        if sentence := last_words(state_dir, self.log_begins):
            return Failure(f"The node could not start: {sentence}.")
        return Failure(f"The node ended at once (exit code {code}):", details=log_tail(state_dir))


def _spawn(state_dir: Path, how: Launch, kept: Kept) -> _Started:
    told, tell = os.pipe()
    try:
        with open_log(state_dir) as log:
            log_begins = log.tell()
            process = subprocess.Popen(  # noqa: S603 - our own program, without a shell
                [*command(state_dir, kept), f"--ready-fd={tell}", *_of_this_start(how)],
                stdin=_input(how),
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                pass_fds=(tell,),
            )
    except OSError as error:
        os.close(told)
        raise Failure(f"The node could not start: {error.filename}: {error.strerror}.") from None
    finally:
        os.close(tell)
    if process.stdin is not None:
        # The daemon may end before it reads; then its log says why.
        with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write(f"{_told_privately(how)}\n".encode())
    return _Started(process, told, log_begins)


def _input(how: Launch) -> int:
    """What the daemon has for standard input."""
    if how.lifeline is not None:
        assert _told_privately(how) is None
        return how.lifeline
    return subprocess.DEVNULL if _told_privately(how) is None else subprocess.PIPE


def _told_privately(how: Launch) -> str | None:
    """What goes in by standard input, where neither the list of processes nor a variable shows it."""
    assert how.token is None or how.unlock_key is None
    return how.unlock_key if how.token is None else how.token


def open_log(state_dir: Path) -> BinaryIO:
    """The daemon's log, to write at its end. It is nobody else's to read."""
    descriptor = os.open(state_dir / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    os.fchmod(descriptor, 0o600)
    return os.fdopen(descriptor, "ab")


def command(state_dir: Path, kept: Kept) -> list[str]:
    """How the node's daemon is started with what is kept of it."""
    command = [
        sys.executable,
        "-m",
        "swarm_agentd.main",
        f"--state-dir={state_dir}",
        f"--listen-control-api={sockets.own_socket(state_dir)}",
        f"--listen-remote-api={kept.listen_remote_api}",
    ]
    command += [f"--advertise-remote-api={kept.advertise_remote_api}"] if kept.advertise_remote_api else []
    command += [f"--executor={kept.executors}"] if kept.executors else []
    command += [f"--metrics-addr={kept.metrics_address}"] if kept.metrics_address else []
    command += [f"--log-format={kept.log_format}"] if kept.log_format else []
    if kept.docker_hosts:
        command += ["--begin-cluster", *(f"--host={host}" for host in kept.docker_hosts.split("\n"))]
    command += kept.docker_terms.split("\n") if kept.docker_terms else []
    return command


def _of_this_start(how: Launch) -> Sequence[str]:
    """Flags for one start alone."""
    words = [f"--join-addr={how.join}", "--join-token=-"] if how.join is not None else []
    words += ["--unlock-key=-"] if how.unlock_key is not None else []
    words += ["--until-stdin-closes"] if how.lifeline is not None else []
    return [*words, *how.flags]


def is_worker(state_dir: Path) -> bool:
    """Whether the node's certificate makes it a worker, which has no control socket."""
    name = node_directory.role(state_dir)
    return name is not None and name[1] == WORKER_ROLE


def last_words(state_dir: Path, begin: int) -> str:
    """The sentence with which the daemon, or its manager, gave up; looked for from byte `begin` of its log."""
    try:
        with (state_dir / LOG).open("rb") as log:
            log.seek(begin)
            lines = log.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    said = [line.partition(": ")[2] for line in lines if line.startswith(_PROGRAMS)]
    return said[-1].rstrip(".") if said else ""


def log_tail(state_dir: Path) -> list[str]:
    """The last lines of the daemon's log."""
    try:
        lines = (state_dir / LOG).read_text(errors="replace").splitlines()
    except OSError:
        return ["(no log)"]
    return [f"  {line}" for line in lines[-_LOG_LINES:]] or ["  (the log is empty)"]


def free_port(host: str, *, usual: int = MANAGER_PORT) -> int:
    """The usual port of this host, or another one while it is taken. Raises Failure."""
    for port in (usual, 0):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            found: int = probe.getsockname()[1]
            return found
    raise Failure(f"There is no free port on {host}.")


def _is_taken(address: str) -> bool:
    host, _, port = address.rpartition(":")
    return free_port(host, usual=int(port)) != int(port)


def free_address(*, usual: int = MANAGER_PORT) -> str:
    """Where a node listens that is for this machine alone; `usual` 0: any port."""
    return f"{HERE}:{free_port(HERE, usual=usual)}"
