"""What this machine tells the doctor: which control sockets may be opened, whose rights one has, disk, kernel, this node's own certificate.

`findings` judges a `Machine`; `this_machine` looks at the real one. Looking waits for the disk, so a dashboard does it in a thread.
"""

import os
import resource
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from swarm_core.api.names import WORKER_ROLE
from swarm_core.client import node_directory, sockets
from swarm_core.client.certificate_age import Validity, validity
from swarm_core.client.node_directory import Ended

from swarm_tui.doctor.model import Finding, Grade, names
from swarm_tui.resources import format as fmt

_FREE_LITTLE: Final = 1 << 30
_FREE_NONE: Final = 200 << 20
_FILES_MIN: Final = 4096
_LATE: Final = 0.2
_CONTROLLERS: Final = ("cpu", "memory", "pids")


@dataclass(frozen=True, slots=True)
class Machine:
    """What was seen of it."""

    socket_problems: Mapping[str, str | None]
    """Each control socket that might be used, and why it cannot be; None where it can."""
    is_root: bool
    free_bytes: int
    state_directory: str
    files_max: int
    is_linux: bool
    controllers: frozenset[str]
    """Those of control groups, version 2."""
    filesystems: frozenset[str]
    forwards: bool
    """The kernel passes packets on between networks."""
    own_certificate: Validity | None
    own_role: str = ""
    """That of this user's node, by its certificate; empty where it has none."""
    is_own_running: bool = False
    own_end: Ended = Ended.NEVER_RAN
    """How its daemon ended, where none runs."""

    @property
    def own_socket(self) -> str:
        """The control socket that this user's node has where it is a manager."""
        return str(sockets.own_socket(Path(self.state_directory)))


def this_machine(environ: Mapping[str, str] = os.environ) -> Machine:
    """What is so here now. Raises ValueError for a socket's name that is none."""
    state = sockets.state_directory()
    is_own_running, own_end = _own_daemon(state)
    return Machine(
        socket_problems={
            str(one.path): sockets.problem_of(one.path) for one in sockets.candidates(None, environ)
        },
        is_root=os.geteuid() == 0,
        free_bytes=shutil.disk_usage(_existing(state)).free,
        state_directory=str(state),
        files_max=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        is_linux=sys.platform == "linux",
        controllers=frozenset(_text("/sys/fs/cgroup/cgroup.controllers").split()),
        filesystems=frozenset(line.split()[-1] for line in _text("/proc/filesystems").splitlines()),
        forwards=_text("/proc/sys/net/ipv4/ip_forward").strip() == "1",
        own_certificate=_own_certificate(state),
        own_role=(node_directory.role(state) or ("", ""))[1],
        is_own_running=is_own_running,
        own_end=own_end,
    )


def _existing(path: Path) -> Path:
    return next(one for one in (path, *path.parents) if one.exists())


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _own_daemon(state: Path) -> tuple[bool, Ended]:
    try:
        return node_directory.holder(state) is not None, node_directory.ended(state)
    except OSError:
        # Another user's: why its socket cannot be opened is among the sockets' findings.
        return False, Ended.NEVER_RAN


def _own_certificate(state: Path) -> Validity | None:
    try:
        return validity((state / "certificates" / "swarm-node.crt").read_bytes())
    except OSError:
        return None


def findings(machine: Machine, now_ns: int) -> Iterator[Finding]:
    """All of them, in the order in which they are looked for."""
    yield from _own_node(machine)
    yield from _sockets(machine)
    yield from _rights(machine)
    yield from _disk(machine)
    yield from _own(machine, now_ns)
    if machine.is_linux:
        yield from _kernel(machine)
    else:
        yield Finding(
            Grade.ADVICE,
            "kernel",
            "this is no Linux, so no node of a swarm runs here",
            "Use it to look at clusters: 'swarm-tui context add'.",
        )


def _own_node(machine: Machine) -> Iterator[Finding]:
    """Whether this user's node runs, as a worker or with a manager that answers."""
    if not machine.own_role:
        return
    if machine.is_own_running and machine.own_role == WORKER_ROLE:
        yield Finding(
            Grade.FINE,
            "node",
            "this user's node runs as a worker: its cluster is asked at one of its managers",
        )
    elif machine.is_own_running and machine.socket_problems.get(machine.own_socket):
        yield Finding(
            Grade.WARNING,
            "node",
            "this user's node runs, and its manager is not there",
            f"It may be starting, or locked: look into agentd.log in {machine.state_directory}.",
        )
    elif not machine.is_own_running and machine.own_end is not Ended.NEVER_RAN:
        yield Finding(
            Grade.ADVICE if machine.own_end is Ended.POLITELY else Grade.ERROR,
            "node",
            f"this user's node does not run: {machine.own_end.value}",
            f"'swarm-tui up' brings it back; what it said last stands in agentd.log in {machine.state_directory}.",
        )


def _sockets(machine: Machine) -> Iterator[Finding]:
    usable = [path for path, problem in machine.socket_problems.items() if problem is None]
    closed = [path for path, problem in machine.socket_problems.items() if problem and "may not" in problem]
    silent = [
        path
        for path, problem in machine.socket_problems.items()
        if problem and "nobody listening" in problem and not (machine.own_role and path == machine.own_socket)
    ]
    if usable:
        yield Finding(Grade.FINE, "socket", f"somebody listens at {usable[0]}")
    elif not closed and not silent and not machine.own_role:
        yield Finding(
            Grade.ADVICE,
            "socket",
            "no manager runs on this machine",
            "'swarm-tui up' starts a node, 'swarm-tui context add' names a cluster elsewhere.",
        )
    if closed:
        yield Finding(
            Grade.WARNING,
            "rights",
            f"this user may not open {names(closed)}",
            "Run swarm-tui as the user who owns it; Docker's is root's.",
        )
    if silent:
        yield Finding(
            Grade.WARNING,
            "socket",
            f"nobody listens at {names(silent)}",
            "'swarm-tui up' brings this user's node back; others come back with their daemon.",
        )


def _rights(machine: Machine) -> Iterator[Finding]:
    if machine.is_root:
        yield Finding(Grade.FINE, "rights", "this is root")
    else:
        yield Finding(
            Grade.ADVICE,
            "rights",
            "a node of this user runs processes without limits of cpu and memory, and as nobody else",
            "Where tasks need limits or other users, run the node as root.",
        )


def _disk(machine: Machine) -> Iterator[Finding]:
    free = f"{fmt.size(machine.free_bytes)} free at {machine.state_directory}"
    remedy = "Make room: a manager that cannot write its log stops."
    if machine.free_bytes < _FREE_NONE:
        yield Finding(Grade.ERROR, "disk", free, remedy)
    elif machine.free_bytes < _FREE_LITTLE:
        yield Finding(Grade.WARNING, "disk", free, remedy)
    else:
        yield Finding(Grade.FINE, "disk", free)


def _own(machine: Machine, now_ns: int) -> Iterator[Finding]:
    valid = machine.own_certificate
    if valid is None:
        return
    if valid.end_ns <= now_ns:
        yield Finding(
            Grade.ERROR,
            "certificate",
            "that of this user's node has expired",
            "'swarm-tui up' renews it where a manager still answers; otherwise leave and join anew.",
        )
    elif valid.start_ns > now_ns:
        yield Finding(
            Grade.ERROR,
            "clock",
            "the certificate of this user's node is not valid yet, so this machine's clock is behind",
            "Set the clock, and have it kept by chrony or systemd-timesyncd.",
        )
    elif valid.left(now_ns) < _LATE:
        yield Finding(
            Grade.WARNING,
            "certificate",
            "that of this user's node was not renewed in time",
            "Look into agentd.log in its state directory: it renews by itself while it reaches a manager.",
        )
    else:
        yield Finding(Grade.FINE, "certificate", "that of this user's node has time left")


def _kernel(machine: Machine) -> Iterator[Finding]:
    lacking = [name for name in _CONTROLLERS if name not in machine.controllers]
    if lacking:
        yield Finding(
            Grade.WARNING,
            "kernel",
            f"control groups (version 2) lack {names(lacking)}, so limits of processes cannot hold",
            "Boot with systemd.unified_cgroup_hierarchy=1, or delegate the controllers.",
        )
    if "overlay" not in machine.filesystems:
        yield Finding(
            Grade.ADVICE,
            "kernel",
            "the overlay file system is not loaded, so containers take more room",
            "'modprobe overlay', once and at every boot.",
        )
    if not machine.forwards:
        yield Finding(
            Grade.ADVICE,
            "kernel",
            "packets are not passed on between networks, so containers reach nothing outside",
            "'sysctl -w net.ipv4.ip_forward=1'; a Docker Engine does it by itself.",
        )
    if machine.files_max < _FILES_MIN:
        yield Finding(
            Grade.WARNING,
            "files",
            f"a process may open {machine.files_max} files",
            f"Raise the limit ('ulimit -n') to {_FILES_MIN} or more: a manager holds a connection for each node.",
        )
    if not lacking and machine.files_max >= _FILES_MIN:
        yield Finding(Grade.FINE, "kernel", "control groups and limits are as a node needs them")
