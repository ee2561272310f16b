"""The node of this machine as a process: started detached, found again, ended.

`<state>/up.json` remembers what was started: the process, by id and by its time of birth, so that another process that
got the same id later is never taken for it, and the address of the remote API, which must stay the same over restarts.
"""

import contextlib
import fcntl
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from swarm_core.api.names import MANAGER_PORT, WORKER_ROLE
from swarm_core.client import sockets

from swarm_tui.cli.plumbing.session import Failure

RECORD = "up.json"
LOG = "agentd.log"
TOKEN_VARIABLE = "SWARM_JOIN_TOKEN"  # noqa: S105 - read by the daemons; arguments would show the token to every user
_START_S = 30.0
_STOP_S = 30.0
_POLL_S = 0.05
_LOG_LINES = 8
_PROGRAMS = ("swarm-agentd: ", "swarm-managerd: ")


@dataclass(frozen=True, slots=True)
class Record:
    pid: int
    born: float
    listen_remote_api: str
    advertise_remote_api: str = ""

    def process(self) -> psutil.Process | None:
        """The process, if it is still the one that was started."""
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            if process.create_time() == self.born and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None


def read_record(state_dir: Path) -> Record | None:
    """What was started on this state directory, whether it still runs or not."""
    try:
        return Record(**json.loads((state_dir / RECORD).read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise Failure(f"{state_dir / RECORD} cannot be read: {error}.") from None


@contextlib.contextmanager
def exclusive(state_dir: Path) -> Iterator[None]:
    """Hold the state directory against another `up` or `down` at the same moment."""
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (state_dir / "up.lock").open("a")
    except OSError as error:
        raise Failure(f"{state_dir} cannot be used: {error.strerror}.") from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start the daemon; None leaves it to what was chosen before, or to the daemon."""

    listen_remote_api: str | None = None
    join: str | None = None
    token: str | None = None
    executors: str | None = None
    advertise_remote_api: str | None = None
    flags: tuple[str, ...] = ()
    """Further flags of the daemon, for this start alone."""
    unlock_key: str | None = None


def launch(state_dir: Path, how: Launch) -> Record:
    """Start the node daemon in a session of its own, so that it outlives this terminal."""
    control_socket = sockets.own_socket(state_dir)
    known = read_record(state_dir)
    address = how.listen_remote_api or (known.listen_remote_api if known else free_address())
    environment = dict(os.environ)
    command = [
        sys.executable,
        "-m",
        "swarm_agentd.main",
        f"--state-dir={state_dir}",
        f"--listen-control-api={control_socket}",
        f"--listen-remote-api={address}",
    ]
    if how.join is not None:
        command += [f"--join-addr={how.join}"]
        environment[TOKEN_VARIABLE] = how.token or ""
    if how.executors is not None:
        command += [f"--executor={how.executors}"]
    advertised = how.advertise_remote_api or (known.advertise_remote_api if known else "")
    if advertised:
        command += [f"--advertise-remote-api={advertised}"]
    command += how.flags
    if how.unlock_key is not None:
        command += ["--unlock-key=-"]
    with (state_dir / LOG).open("ab") as log:
        begins_at = log.tell()
        process = subprocess.Popen(  # noqa: S603 - our own program, without a shell
            command,
            stdin=subprocess.DEVNULL if how.unlock_key is None else subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
            env=environment,
        )
    if how.unlock_key is not None:
        assert process.stdin is not None
        # The daemon may end before it reads; then its log says why.
        with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write(f"{how.unlock_key}\n".encode())
    record = Record(process.pid, psutil.Process(process.pid).create_time(), address, advertised)
    try:
        _write_record(state_dir, record)
    except OSError as error:
        process.terminate()
        raise Failure(f"{state_dir / RECORD} cannot be written: {error.strerror}.") from None
    _wait_ready(process, state_dir, begins_at, is_joining=how.join is not None)
    return record


def _write_record(state_dir: Path, record: Record) -> None:
    """Whole or not at all: half a record would hide the node from the next command."""
    new = state_dir / f"{RECORD}.new"
    new.write_text(json.dumps(asdict(record)))
    new.replace(state_dir / RECORD)


def _wait_ready(
    process: "subprocess.Popen[bytes]", state_dir: Path, log_begins_at: int, *, is_joining: bool
) -> None:
    """Until the control socket answers, or a joined worker has its certificate."""
    control_socket = sockets.own_socket(state_dir)
    for _ in range(round(_START_S / _POLL_S)):
        if sockets.problem_of(control_socket) is None:
            return
        if is_joining and is_worker(state_dir):
            return
        try:
            code = process.wait(_POLL_S)
        except subprocess.TimeoutExpired:
            continue
        if sentence := last_words(state_dir, log_begins_at):
            raise Failure(f"The node could not start: {sentence}.")
        raise Failure(f"The node ended at once (exit code {code}):\n{log_tail(state_dir)}")
    raise Failure(f"The node did not answer within {_START_S:g} s; its log ends with:\n{log_tail(state_dir)}")


def is_worker(state_dir: Path) -> bool:
    """Whether the node's certificate makes it a worker, which has no control socket."""
    name = certificate_name(state_dir)
    return name is not None and name[1] == WORKER_ROLE


def certificate_name(state_dir: Path) -> tuple[str, str] | None:
    """(node id, role) of the node's certificate; None before it has one."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        data = (state_dir / "certificates" / "swarm-node.crt").read_bytes()
        subject = x509.load_pem_x509_certificate(data).subject
    except (OSError, ValueError):
        return None
    ids = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    roles = subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    return (str(ids[0].value), str(roles[0].value)) if ids and roles else None


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


def log_tail(state_dir: Path) -> str:
    """The end of the daemon's log."""
    try:
        lines = (state_dir / LOG).read_text(errors="replace").splitlines()
    except OSError:
        return "(no log)"
    return "\n".join(f"  {line}" for line in lines[-_LOG_LINES:]) or "  (the log is empty)"


def end(process: psutil.Process) -> None:
    """Ask the daemon to end, and wait; its tasks go on. Raises Failure when it does not."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.terminate()
        try:
            process.wait(_STOP_S)
        except psutil.TimeoutExpired:
            raise Failure(f"The node (process {process.pid}) did not end within {_STOP_S:g} s.") from None


def free_address(host: str = "127.0.0.1") -> str:
    """The usual port of this host, or another one when it is taken."""
    for port in (MANAGER_PORT, 0):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return f"{host}:{probe.getsockname()[1]}"
    raise Failure(f"There is no free port on {host}.")
