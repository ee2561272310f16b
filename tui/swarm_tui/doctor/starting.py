"""What a node needs of this machine before it starts: a clock that is kept, ports, a container engine, a disk that is quick, limits, names.

`findings` judges a `Start`; `look` looks at the real machine. Nothing waits for long: an engine or a name server that hangs is a finding. The disk
is tried with a few syncs of a file without a name.
"""

import ctypes
import errno
import http.client
import json
import os
import resource
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
from swarm_core.api.names import MANAGER_PORT
from swarm_core.client import sockets

from swarm_tui.doctor.machine import existing
from swarm_tui.doctor.model import Finding, Grade, names

MEETING_PORT: Final = 7946
"""Where Docker Engines meet (docs/design/manager.md 5.9)."""
ENGINE_SOCKET: Final = Path("/var/run/docker.sock")
_WAIT_S: Final = 3.0
_SYNCS: Final = 8
_SYNC_SLOW_S: Final = 0.02
_SYNC_BAD_S: Final = 0.2
_PROCESSES_MIN: Final = 4096
_INODES_MIN: Final = 10_000
_TIME_ERROR: Final = 5
_TIMEX_BYTES: Final = 512
_OURS: Final = ("swarm_agentd", "swarm-agentd", "swarm_core.managerd", "swarm-managerd", "dockerd")
HUNG: Final = "hung"


@dataclass(frozen=True, slots=True)
class Start:
    """What was seen. `is_clock_kept` and `sync_s` are None where they cannot be seen; `taken` has who holds a port that a node would have, by
    its number; `engine` is its version, empty where there is none, or `HUNG`, or why it does not answer after a colon."""

    is_clock_kept: bool | None
    taken: Mapping[int, str]
    engine: str
    sync_s: float | None
    inodes_free: int
    processes_max: int
    are_groups_writable: bool
    is_root: bool
    host_name: str
    host_trouble: str
    """Why the machine's own name is not found; empty where it is."""
    name_servers: Sequence[str]


def look() -> Start:
    """What is so here now."""
    state = existing(sockets.state_directory())
    host_name = socket.gethostname()
    files = os.statvfs(state)
    return Start(
        is_clock_kept=_is_clock_kept(),
        taken={port: holder for port in (MANAGER_PORT, MEETING_PORT) if (holder := _holder(port))},
        engine=_engine(),
        sync_s=_sync_s(state),
        inodes_free=files.f_favail if files.f_files else _INODES_MIN,
        processes_max=_limit(resource.RLIMIT_NPROC),
        are_groups_writable=os.access("/sys/fs/cgroup", os.W_OK),
        is_root=os.geteuid() == 0,
        host_name=host_name,
        host_trouble=_name_trouble(host_name),
        name_servers=_name_servers(),
    )


def findings(start: Start) -> Iterator[Finding]:
    """All of them, in the order in which they are looked for."""
    yield from _clock(start)
    yield from _ports(start)
    yield from _containers(start)
    yield from _disk(start)
    yield from _limits(start)
    yield from _names(start)


def _clock(start: Start) -> Iterator[Finding]:
    if start.is_clock_kept:
        yield Finding(Grade.FINE, "clock", "somebody keeps it")
    elif start.is_clock_kept is False:
        yield Finding(
            Grade.WARNING,
            "clock",
            "nobody keeps this machine's clock, and certificates are valid by it",
            "Run chrony or systemd-timesyncd; in a container or a virtual machine the host may do it.",
        )


def _ports(start: Start) -> Iterator[Finding]:
    if MANAGER_PORT in start.taken:
        yield Finding(
            Grade.ADVICE,
            "ports",
            f"{MANAGER_PORT} is taken by {start.taken[MANAGER_PORT]}, so a new node listens on another port",
            "Name it with --listen-remote-api HOST:PORT, so that it stays the same.",
        )
    if MEETING_PORT in start.taken:
        yield Finding(
            Grade.WARNING,
            "ports",
            f"{MEETING_PORT} is taken by {start.taken[MEETING_PORT]}, so Docker Engines of the cluster do not find one another here",
            "Free the port, or make another machine's engine a manager.",
        )
    if not start.taken:
        yield Finding(Grade.FINE, "ports", f"{MANAGER_PORT} and {MEETING_PORT} are a node's to take")


def _containers(start: Start) -> Iterator[Finding]:
    if start.engine == HUNG:
        yield Finding(
            Grade.WARNING,
            "engine",
            f"the Docker Engine did not answer within {_WAIT_S:g} s",
            "Look into its log ('journalctl -u docker'); tasks that are containers wait for it.",
        )
    elif start.engine.startswith(":"):
        yield Finding(
            Grade.WARNING,
            "engine",
            f"the Docker Engine cannot be used: {start.engine[1:]}",
            "Start it ('systemctl start docker'), or run the node as a user who may open its socket.",
        )
    elif start.engine:
        yield Finding(Grade.FINE, "engine", f"Docker Engine {start.engine} answers")
    else:
        yield Finding(
            Grade.ADVICE,
            "engine",
            "there is no Docker Engine, so tasks of this machine are processes",
            "Install one where services are images; a node finds it by itself.",
        )


def _disk(start: Start) -> Iterator[Finding]:
    if start.sync_s is not None:
        took = f"a sync takes {start.sync_s * 1000:.1f} ms"
        if start.sync_s >= _SYNC_SLOW_S:
            yield Finding(
                Grade.WARNING if start.sync_s < _SYNC_BAD_S else Grade.ERROR,
                "disk",
                f"{took}, and each change of a cluster waits for one",
                "Keep a manager's state directory on a disk that is quick and its own.",
            )
        else:
            yield Finding(Grade.FINE, "disk", took)
    if start.inodes_free < _INODES_MIN:
        yield Finding(
            Grade.WARNING,
            "disk",
            f"{start.inodes_free} files may still be made",
            "Remove small files: a disk without inodes is full, whatever room it has.",
        )


def _limits(start: Start) -> Iterator[Finding]:
    if start.processes_max < _PROCESSES_MIN:
        yield Finding(
            Grade.WARNING,
            "limits",
            f"this user may have {start.processes_max} processes",
            f"Raise the limit ('ulimit -u') to {_PROCESSES_MIN} or more: each task is several.",
        )
    if start.is_root and not start.are_groups_writable:
        yield Finding(
            Grade.WARNING,
            "limits",
            "control groups cannot be written here, so limits of processes cannot hold",
            "In a container: give it /sys/fs/cgroup writable ('--cgroupns host', '--privileged').",
        )


def _names(start: Start) -> Iterator[Finding]:
    if start.host_trouble:
        yield Finding(
            Grade.WARNING,
            "names",
            f"this machine's own name {start.host_name} is not found: {start.host_trouble}",
            "Add it to /etc/hosts; what is slow or wrong there is slow or wrong for every task.",
        )
    if not start.name_servers:
        yield Finding(
            Grade.WARNING,
            "names",
            "no name server is configured, so no registry and no other host is found by name",
            "Name one in /etc/resolv.conf.",
        )
    if not start.host_trouble and start.name_servers:
        yield Finding(
            Grade.FINE, "names", f"{start.host_name} is found, and {names(start.name_servers)} asked"
        )


# looking


def _is_clock_kept() -> bool | None:
    """What the kernel says of it; None where there is no such call."""
    try:
        state = int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)))
    except (AttributeError, OSError):
        return None
    return None if state < 0 else state != _TIME_ERROR


def _holder(port: int) -> str:
    """Who but a node or an engine listens on a port; empty where nobody does."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))  # noqa: S104 - tried, and let go at once
            return ""
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                return ""
    for one in _listening(port):
        words = _command(one)
        if any(ours in word for word in words for ours in _OURS):
            return ""
        if words:
            return f"{Path(words[0]).name} (process {one})"
    return "another program"


def _listening(port: int) -> Iterator[int]:
    try:
        found = psutil.net_connections(kind="tcp")
    except (psutil.Error, OSError):
        return
    for one in found:
        if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port and one.pid:
            yield one.pid


def _command(pid: int) -> list[str]:
    try:
        return list(psutil.Process(pid).cmdline())
    except psutil.Error:
        return []


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_WAIT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_WAIT_S)
        self.sock.connect(str(self._path))


def _engine(path: Path = ENGINE_SOCKET) -> str:
    """See Start."""
    if not path.exists():
        return ""
    connection = _UnixConnection(path)
    try:
        connection.request("GET", "/version")
        found: Any = json.loads(connection.getresponse().read(1 << 20))
        return str(found["Version"])[:64]
    except TimeoutError:
        return HUNG
    except OSError as error:
        return f":{error.strerror or error}"
    except (http.client.HTTPException, ValueError, KeyError, TypeError):
        return ":what answers there is no engine"
    finally:
        connection.close()


def _sync_s(directory: Path) -> float | None:
    """The middle of a few; None where this user may not write there."""
    try:
        with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
            return statistics.median(_timed(lambda: _write(file.fileno())) for _ in range(_SYNCS))
    except OSError:
        return None


def _write(descriptor: int) -> None:
    os.write(descriptor, b"\0" * 512)
    os.fdatasync(descriptor)


def _timed(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _limit(which: int) -> int:
    soft, _ = resource.getrlimit(which)
    return 1 << 31 if soft == resource.RLIM_INFINITY else soft


def _name_trouble(name: str) -> str:
    """Why a name is not found. A lookup cannot be cut short: one that hangs is left to its thread."""
    trouble = [f"the lookup took more than {_WAIT_S:g} s"]

    def ask() -> None:
        try:
            socket.getaddrinfo(name, None)
            trouble[0] = ""
        except (OSError, UnicodeError) as error:
            trouble[0] = getattr(error, "strerror", None) or str(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_WAIT_S)
    return trouble[0]


def _name_servers() -> tuple[str, ...]:
    try:
        lines = Path("/etc/resolv.conf").read_text().splitlines()
    except OSError:
        return ()
    return tuple(words[1] for line in lines if len(words := line.split()) > 1 and words[0] == "nameserver")
