"""Which control socket to talk to, and why not another one.

The order: the one named by `--socket`; `$SWARM_TUI_SOCKET`; the node that `swarm-tui up` started for this user; a node
of the whole machine (`/var/lib/swarm-tui`, then swarmd's `/var/run/swarmd.sock`); Docker's. A socket that was named is
the only one tried: a person who names one must not land on another cluster.

Named clusters are `contexts`.

A user's node lives in the user's state directory (`$XDG_STATE_HOME/swarm-tui`, usually `~/.local/state/swarm-tui`), root's
as well; its socket is `control.sock` in there.
"""

import errno
import shlex
import socket
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from swarm_core.api.names import WORKER_ROLE
from swarm_core.api.typed_paths import path_of
from swarm_core.client import node_directory
from swarm_core.runtime import unix_paths

ENVIRONMENT_VARIABLE = "SWARM_TUI_SOCKET"
SOCKET_NAME = "control.sock"
MACHINE_SOCKETS = (Path("/var/lib/swarm-tui") / SOCKET_NAME, Path("/var/run/swarmd.sock"))
DOCKER_SOCKET = Path("/var/run/docker/swarm/control.sock")


@dataclass(frozen=True, slots=True)
class Candidate:
    path: Path
    origin: str
    """How we came to it, as the beginning of a sentence: "--socket", "your own node"."""


class NoSocket(Exception):
    """None of the candidates can be used; `reasons` says why, each as (candidate, sentence)."""

    def __init__(self, reasons: Sequence[tuple[Candidate, str]]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("; ".join(f"{c.origin}: {c.path} {reason}" for c, reason in reasons))

    @property
    def here(self) -> str:
        """What a node of ours on this machine does, as a clause; empty where there is none."""
        return next(filter(None, (why_silent(candidate.path) for candidate, _ in self.reasons)), "")


def state_directory() -> Path:
    """Where this user's node keeps its state."""
    import platformdirs

    return Path(platformdirs.user_state_dir("swarm-tui", appauthor=False))


def contexts_file() -> Path:
    """Where contexts are named."""
    import platformdirs

    return Path(platformdirs.user_config_dir("swarm-tui", appauthor=False)) / "contexts.toml"


def own_socket(state_dir: Path) -> Path:
    """The control socket of the node that lives in `state_dir`."""
    return state_dir / SOCKET_NAME


def candidates(explicit: str | None, environ: Mapping[str, str]) -> list[Candidate]:
    """The sockets to try, best first. Raises ValueError for a name that is no path of a socket."""
    if explicit is not None:
        return [Candidate(_path(explicit, "--socket"), "--socket")]
    if named := environ.get(ENVIRONMENT_VARIABLE):
        return [Candidate(_path(named, f"${ENVIRONMENT_VARIABLE}"), f"${ENVIRONMENT_VARIABLE}")]
    own = Candidate(own_socket(state_directory()), "your own node")
    machine = [Candidate(path, "this machine's node") for path in MACHINE_SOCKETS]
    return [own, *machine, Candidate(DOCKER_SOCKET, "Docker's swarm")]


def choose(found: Sequence[Candidate]) -> Candidate:
    """The first candidate somebody listens on. Raises NoSocket."""
    reasons = []
    for candidate in found:
        reason = problem_of(candidate.path)
        if reason is None:
            return candidate
        reasons.append((candidate, reason))
    raise NoSocket(reasons)


def problem_of(path: Path) -> str | None:
    """Why `path` cannot be talked to, as the rest of a sentence; None when somebody listens there."""
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            return "is not a socket"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            with unix_paths.to_reach(path) as address:
                probe.connect(address)
    except OSError as error:
        return _describe(error, path)
    return None


def why_silent(path: Path) -> str:
    """Why nobody serves the control socket of a node of ours, as a clause; empty when the place tells nothing of a node."""
    state_dir = path.parent
    try:
        if node_directory.holder(state_dir) is not None:
            name = node_directory.role(state_dir)
            if name is not None and name[1] == WORKER_ROLE:
                return "the node runs as a worker, which has none; ask one of the managers of its cluster"
            return "the node runs, and its manager does not answer yet"
        if not node_directory.belongs_to_a_cluster(state_dir):
            return ""
        how = node_directory.ended(state_dir)
    except OSError:
        return ""
    where = "" if state_dir == state_directory() else f" --state-dir {shlex.quote(str(state_dir))}"
    return f"the node does not run ({how.value}); 'swarm-tui up{where}' brings it back"


def _describe(error: OSError, path: Path) -> str:
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return f"does not exist{_clause(why_silent(path))}"
        case errno.EACCES | errno.EPERM:
            return "may not be opened by this user"
        case errno.ECONNREFUSED:
            return f"has nobody listening{_clause(why_silent(path)) or ' (left over from a node that ended)'}"
        case _:
            return f"cannot be reached ({error.strerror or error})"


def _clause(text: str) -> str:
    return f": {text}" if text else ""


def _path(text: str, origin: str) -> Path:
    scheme, separator, rest = text.partition("://")
    if separator and scheme != "unix":
        raise ValueError(f"{origin} takes the path of a unix socket, not {text!r}.")
    path = rest if separator else text
    if not path or "\0" in path:
        raise ValueError(f"{origin} takes the path of a unix socket, not {text!r}.")
    return path_of(path)
