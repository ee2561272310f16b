"""Task states in words and glyphs, and what a task says about its own end."""

import re

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.timestamps import timestamp_ns
from swarm_core.api.words import enum_word

from swarm_tui.resources.model import Health

_NON_ZERO = re.compile(r"task: non-zero exit \((-?\d+)\)", re.ASCII)
_SIGNALS = {1: "SIGHUP", 2: "SIGINT", 6: "SIGABRT", 9: "SIGKILL", 11: "SIGSEGV", 15: "SIGTERM"}
_WANTED: dict[int, str] = {types_pb2.SHUTDOWN: "shut down", types_pb2.REMOVE: "removed"}
_HEALTH: dict[int, Health] = {
    types_pb2.NEW: Health.IDLE,
    types_pb2.PENDING: Health.IDLE,
    types_pb2.ASSIGNED: Health.MOTION,
    types_pb2.ACCEPTED: Health.MOTION,
    types_pb2.PREPARING: Health.MOTION,
    types_pb2.READY: Health.MOTION,
    types_pb2.STARTING: Health.MOTION,
    types_pb2.RUNNING: Health.OK,
    types_pb2.COMPLETE: Health.DONE,
    types_pb2.SHUTDOWN: Health.DONE,
    types_pb2.FAILED: Health.FAILED,
    types_pb2.REJECTED: Health.FAILED,
    types_pb2.REMOVE: Health.DONE,
    types_pb2.ORPHANED: Health.STALE,
}


def state_word(state: int) -> str:
    """The state in lower case; a newer peer's unknown state as its number."""
    return enum_word(types_pb2.TaskState, state, "state")


def wanted_word(state: int) -> str:
    """What a task is to be, as it is said behind "to be"."""
    return _WANTED.get(state) or state_word(state)


def state_health(state: int) -> Health:
    """How a task in this state fares by itself."""
    return _HEALTH.get(state, Health.IDLE)


def is_wanted(task: objects_pb2.Task) -> bool:
    """Whether the task is meant to run (or, as a job's, to complete)."""
    return task.desired_state <= types_pb2.RUNNING or (
        task.desired_state == types_pb2.COMPLETE and task.status.state < types_pb2.COMPLETE
    )


def since_ns(task: objects_pb2.Task) -> int:
    """Since when the task is as it is. One that waits for a place does so since it was made: the scheduler writes the time
    of its newest attempt into the status."""
    if task.status.state <= types_pb2.PENDING and (made := timestamp_ns(task.meta.created_at)):
        return made
    return timestamp_ns(task.status.timestamp) or timestamp_ns(task.meta.updated_at)


def is_wanted_otherwise(task: objects_pb2.Task) -> bool:
    """Whether the task is meant to become something that its state does not lead to by itself."""
    return task.status.state <= types_pb2.RUNNING < task.desired_state or (
        task.desired_state == types_pb2.READY and task.status.state == types_pb2.READY
    )


def has_ended_badly(task: objects_pb2.Task) -> bool:
    """Whether the task failed, was refused or was lost with its node."""
    return task.status.state in (types_pb2.FAILED, types_pb2.REJECTED, types_pb2.ORPHANED)


def short_cause(task: objects_pb2.Task) -> str:
    """`cause` for a line of a list: what tells one end from another comes first."""
    return brief(cause(task))


def brief(text: str) -> str:
    """The text of a cause on one line, with what tells one end from another first."""
    text = " ".join(text.split())
    code = _NON_ZERO.match(text)
    return f"exit {code[1]}{text[code.end() :]}" if code else text.removeprefix("task: ")


def unexplained(task: objects_pb2.Task) -> str:
    """What a task was that ended badly without an error: said behind "the task was"."""
    if task.status.state == types_pb2.ORPHANED:
        return "lost with its node"
    return f"{state_word(task.status.state)} without a reason"


def cause(task: objects_pb2.Task) -> str:
    """Why the task is as it is: its error, with a signal's name beside an exit code that hides one."""
    status = task.status
    text = status.err or (status.message if status.state <= types_pb2.PENDING else "")
    code = status.container.exit_code if status.WhichOneof("runtime_status") == "container" else 0
    name = _SIGNALS.get(code - 128)
    if name and name not in text:
        text = f"{text} · {code} = {name}" if text else f"exit {code} = {name}"
    return text
