"""A node of this machine as seen from outside its daemon: who holds its state directory, how its daemon ended, what it is.

    <state>/agentd.pid      locked by the running daemon and by nobody else; it says which process that is. Empty when
                            that daemon ended politely.
            managerd.pid    the manager process that was started last

Rules
1. The lock alone says whether a daemon runs. Nobody changes a directory without holding it, nor while a manager that a
   killed daemon left behind still writes there.
2. Asking who holds the lock takes no lock: a daemon that begins at that moment is never turned away.
3. Which process it is goes by `runtime.processes`; the wall clock has no say.
"""

import fcntl
import json
import os
import shutil
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from swarm_core.api.json_text import json_of
from swarm_core.runtime.processes import ProcessId as ProcessId

PID_FILE = "agentd.pid"
MANAGER_PID_FILE = "managerd.pid"
READY = b"READY\n"
"""What a daemon writes to the descriptor of --ready-fd."""
RECORD_FILE = "docker-state.json"
"""Where its node is to others, kept by a daemon that docker's command told to begin or to join."""
FORMAT_FILE = "format"
"""Which form the directory has, and which version gave it."""
OWN_API_SOCKET = "engine-api.sock"
"""Where a daemon that answers docker's clients answers this machine's own commands too, wherever else it listens."""
CLUSTER_FILES = ("raft", "certificates", "worker", "state.json", "raft-ids", FORMAT_FILE, RECORD_FILE)
"""What ties a machine to its cluster, below the state directory."""
NODE_CERTIFICATE = Path("certificates") / "swarm-node.crt"
# struct flock: type, whence, start, length, pid; the whole file
_FLOCK = struct.Struct("hhqqi4x")
_RECORD_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a state directory. `process` is None when that cannot be seen from here: it has just begun, or runs in
    another container."""

    process: ProcessId | None

    def __str__(self) -> str:
        return (
            "a process that cannot be seen from here"
            if self.process is None
            else f"process {self.process.pid}"
        )


class InUse(Exception):
    """A daemon holds the state directory."""

    def __init__(self, state_dir: Path, holder: Holder) -> None:
        super().__init__(f"state directory {state_dir} is in use by {holder}")
        self.holder = holder


class Ended(Enum):
    """How the last daemon of a state directory came to its end."""

    NEVER_RAN = "no node was ever started there"
    POLITELY = "it was ended"
    DIED = "it died"
    WITH_THE_MACHINE = "the machine was started anew since"


def holder(state_dir: Path) -> Holder | None:
    """Who holds the directory; None when nobody does. Raises OSError."""
    try:
        descriptor = os.open(state_dir / PID_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return _holder(descriptor)
    finally:
        os.close(descriptor)


def ended(state_dir: Path) -> Ended:
    """How the last daemon ended, where none runs now. Raises OSError."""
    try:
        with (state_dir / PID_FILE).open("rb") as file:
            text = file.read(_RECORD_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return Ended.NEVER_RAN
    if not text:
        return Ended.POLITELY
    process = _process(text)
    return Ended.DIED if process is None or process.is_of_this_boot() else Ended.WITH_THE_MACHINE


@contextmanager
def held(state_dir: Path, *, as_daemon: bool = False) -> Iterator[None]:
    """Hold the directory. `as_daemon`: others can read who we are, and see afterwards whether we ended politely.
    Raises InUse and OSError."""
    descriptor = os.open(state_dir / PID_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor, state_dir)
        if as_daemon:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{json.dumps(ProcessId.of(os.getpid()).record())}\n".encode(), 0)
        yield
        if as_daemon:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def left_over_manager(state_dir: Path) -> ProcessId | None:
    """The manager that was started last, if it runs."""
    try:
        process = _process((state_dir / MANAGER_PID_FILE).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    return process if process is not None and process.is_alive() else None


def belongs_to_a_cluster(state_dir: Path) -> bool:
    """Whether the node there has an identity, or the log of a cluster."""
    raft = state_dir / "raft"
    return (state_dir / NODE_CERTIFICATE).exists() or (raft.is_dir() and any(raft.iterdir()))


def forget(state_dir: Path) -> None:
    """Remove what ties the machine to its cluster; the caller holds the directory. Raises InUse and OSError."""
    if (manager := left_over_manager(state_dir)) is not None:
        raise InUse(state_dir, Holder(manager))
    for name in (*CLUSTER_FILES, MANAGER_PID_FILE):
        path = state_dir / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def role(state_dir: Path) -> tuple[str, str] | None:
    """(node id, role) of the node's certificate; None before it has one."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        subject = x509.load_pem_x509_certificate((state_dir / NODE_CERTIFICATE).read_bytes()).subject
    except (OSError, ValueError):
        return None
    ids = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    roles = subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    return (str(ids[0].value), str(roles[0].value)) if ids and roles else None


def _lock(descriptor: int, state_dir: Path) -> None:
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    except BlockingIOError:
        raise InUse(state_dir, _holder(descriptor) or Holder(None)) from None


def _holder(descriptor: int) -> Holder | None:
    asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    kind, *_ = _FLOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, asked))
    if kind == fcntl.F_UNLCK:
        return None
    process = _process(os.pread(descriptor, _RECORD_BYTES, 0))
    # A dead one's record is what the holder has not overwritten yet.
    return Holder(process if process is not None and process.is_alive() else None)


def _process(text: bytes) -> ProcessId | None:
    try:
        return ProcessId.from_record(json_of(text))
    except (ValueError, KeyError, TypeError):
        return None
