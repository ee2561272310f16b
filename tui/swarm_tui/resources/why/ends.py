"""How tasks end badly, told apart by what their status says, each with what a person may do.

The texts are an agent's or an engine's own words; a text that nothing here knows is passed on as it is, with the advice to
read the logs.
"""

import re
from dataclasses import dataclass

from swarm_core.api.proto import objects_pb2
from swarm_core.api.words import size_words

from swarm_tui.resources.task_specs import runtime_text

Task = objects_pb2.Task
_READ_LOGS = "Read what it wrote last: its logs."
_LOOKED_AT = 4000
"""Characters of what is said: the reason stands at the beginning, and what a node says may have any length."""
_EXIT = re.compile(r"non-zero exit \((-?\d+)\)", re.ASCII)


@dataclass(frozen=True, slots=True)
class End:
    """A way to end: completes "because …", and what to do, a sentence each."""

    name: str
    remedies: tuple[str, ...]
    is_decoded: bool = True
    """It says more than the status does."""


@dataclass(frozen=True, slots=True)
class _Kind:
    pattern: re.Pattern[str]
    name: str
    remedies: tuple[str, ...]


def _kind(pattern: str, name: str, *remedies: str) -> _Kind:
    return _Kind(re.compile(pattern, re.IGNORECASE), name, remedies)


_KINDS = (
    _kind(
        r"no such image|manifest .*(unknown|not found)|not found: manifest|pull access denied"
        r"|repository .*(does not exist|not found)|invalid reference format|image .*not found",
        "its image cannot be had",
        "Check name and tag of the image {runs}.",
        "If its registry wants a login, give it to the nodes: --with-registry-auth.",
        "If it is only on one machine, push it to a registry that all nodes reach.",
    ),
    _kind(
        r"unauthorized|authentication required|no basic auth credentials",
        "the registry refuses the node",
        "Log in, and give the login to the nodes: --with-registry-auth.",
    ),
    _kind(
        r"unhealthy|health ?check",
        "its health check fails",
        "Run the check by hand where the task runs, and read the logs.",
        "If it only starts slowly, give it time: --health-start-period, --health-retries.",
    ),
    _kind(
        r"out of memory|\boom\b|oomkilled|SIGKILL",
        "it was killed, most often for want of memory",
        "Raise its limit of memory{limit}, or find what takes it.",
    ),
    _kind(
        r"port is already allocated|address already in use|bind for .* failed",
        "its port is taken on the node",
        "Find who has the port on the node, or publish another one.",
    ),
    _kind(
        r"bind source path does not exist|mount.*(no such file|does not exist)|invalid mount",
        "a directory that it mounts is not there",
        "Make the directory on every node that may run it, or constrain it to those that have it.",
    ),
    _kind(
        r"executable file not found|not in PATH|program .*(does not exist|is not executable)"
        r"|working directory .* does not exist|exec format error|non-zero exit \((126|127)\)",
        "its program cannot be run",
        "Check the command and its arguments against what {runs} holds, and the platform that it was built for.",
    ),
    _kind(
        r"(secret|config).*(not found|not authori[sz]ed)|not authori[sz]ed for (secret|config)",
        "a secret or a config is not there",
        "See that each one it names still exists.",
    ),
    _kind(
        r"no longer qualifies|does not meet the placement constraints|has not enough",
        "its node no longer qualifies",
        "It is replaced on another node; see which nodes fit.",
    ),
)


def end_of(task: Task) -> End:
    """How the task ended, and what to do."""
    status = task.status
    text = f"{status.err[:_LOOKED_AT]} {status.message[:_LOOKED_AT]}"
    code = status.container.exit_code if status.WhichOneof("runtime_status") == "container" else 0
    if code == 137:
        text += " SIGKILL"
    for kind in _KINDS:
        if kind.pattern.search(text):
            return End(kind.name, tuple(_filled(remedy, task) for remedy in kind.remedies))
    found = _EXIT.search(text)
    code = code or (int(found[1]) if found else 0)
    return End(f"its program ends with code {code}" if code else "it fails", (_READ_LOGS,), is_decoded=False)


def _filled(remedy: str, task: Task) -> str:
    """The remedy with the task's own words and numbers."""
    limit = task.spec.resources.limits.memory_bytes
    text = remedy.replace("{limit}", f" (now {size_words(limit)})" if limit else "")
    return text.replace("{runs}", runtime_text(task.spec)[1] or "its image")
