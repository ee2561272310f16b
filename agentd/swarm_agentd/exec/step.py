"""The task state machine: from observed and desired state to the next call, and from its result to the next status.

`next_call` and the two status functions are pure; `step` carries out one call (docs/design/agent.md 6.9).
"""

import enum
import logging

from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.types_pb2 import (
    ACCEPTED,
    ASSIGNED,
    COMPLETE,
    FAILED,
    PREPARING,
    READY,
    REJECTED,
    RUNNING,
    SHUTDOWN,
    STARTING,
    TaskState,
    TaskStatus,
)
from swarm_core.api.states import Actor, may_move
from swarm_core.api.timestamps import timestamp
from swarm_core.runtime.clock import Clock

from swarm_agentd.exec.controller import Controller
from swarm_agentd.exec.errors import AlreadyPrepared, AlreadyStarted, ExitFailure, Temporary

_log = logging.getLogger(__name__)


class Call(enum.Enum):
    """What to do next; the value is the status message of its success."""

    NOTHING = ""
    ACCEPT = "accepted"
    BEGIN_PREPARE = "preparing"
    PREPARE = "prepared"
    BEGIN_START = "starting"
    START = "started"
    WAIT = "finished"
    SHUT_DOWN = "shutdown"


class Verdict(enum.Enum):
    """What to do after a step."""

    AGAIN = "step again at once"
    IDLE = "wait for an update"
    RETRY = "wait a moment, or for an update, and step again"


_REACHED = {
    Call.ACCEPT: ACCEPTED,
    Call.BEGIN_PREPARE: PREPARING,
    Call.PREPARE: READY,
    Call.BEGIN_START: STARTING,
    Call.START: RUNNING,
    Call.WAIT: COMPLETE,
    Call.SHUT_DOWN: SHUTDOWN,
}
# In these states the agent is in the middle of something, which it ends whatever the desired state below SHUTDOWN.
_UNDER_WAY = {PREPARING: Call.PREPARE, STARTING: Call.START, RUNNING: Call.WAIT}
_WAITING = {ACCEPTED: Call.BEGIN_PREPARE, READY: Call.BEGIN_START}


def next_call(state: TaskState.ValueType, desired: TaskState.ValueType) -> Call:
    """The next call for a task observed in `state`."""
    if desired >= SHUTDOWN:
        return Call.NOTHING if state >= COMPLETE else Call.SHUT_DOWN
    if state > desired:
        return Call.NOTHING
    if state in _UNDER_WAY:
        return _UNDER_WAY[state]
    if state >= desired:
        return Call.NOTHING
    if state <= ASSIGNED:
        return Call.ACCEPT
    return _WAITING.get(state, Call.NOTHING)


def is_settled(state: TaskState.ValueType, desired: TaskState.ValueType) -> bool:
    """Whether the task stays in `state` until something happens outside."""
    return next_call(state, desired) in (Call.NOTHING, Call.WAIT)


def is_told_at_once(state: TaskState.ValueType, desired: TaskState.ValueType) -> bool:
    """Whether a status leaves without delay. A task that is prepared waits for its start, which is soon; nobody waits to hear that it
    is prepared."""
    return is_settled(state, desired) and not state == desired == READY


def succeeded(status: TaskStatus, call: Call) -> TaskStatus:
    """The status after `call` went well."""
    new = TaskStatus()
    new.CopyFrom(status)
    new.state = _REACHED[call]
    new.message = call.value
    new.err = ""
    return new


def failed(status: TaskStatus, error: Exception) -> tuple[TaskStatus, Verdict]:
    """The status after a call failed: temporary errors keep the state, all others end the task."""
    new = TaskStatus()
    new.CopyFrom(status)
    new.err = str(error) or type(error).__name__
    if isinstance(error, Temporary):
        return new, Verdict.RETRY
    new.state = REJECTED if may_move(status.state, REJECTED, Actor.AGENT) else FAILED
    return new, Verdict.AGAIN


async def step(task: Task, controller: Controller, clock: Clock) -> tuple[TaskStatus, Verdict]:
    """One step of `task`; the status is the task's own object when nothing changed. Only cancellation is raised."""
    call = next_call(task.status.state, task.desired_state)
    if call is Call.NOTHING:
        return task.status, Verdict.IDLE
    code = 0
    try:
        await _carry_out(call, controller)
        status, verdict = succeeded(task.status, call), Verdict.AGAIN
    except TimeoutError:
        return task.status, Verdict.RETRY
    except Exception as error:  # noqa: BLE001 - whatever a controller raises is that one task's end
        status, verdict = failed(task.status, error)
        code = error.code if isinstance(error, ExitFailure) else 0
    if status.state >= STARTING:
        await _add_runtime(status, controller, code)
    return _stamped(task.status, status, clock), verdict


async def _carry_out(call: Call, controller: Controller) -> None:
    try:
        if call is Call.PREPARE:
            await controller.prepare()
        elif call is Call.START:
            await controller.start()
        elif call is Call.WAIT:
            await controller.wait()
        elif call is Call.SHUT_DOWN:
            await controller.shutdown()
    except (AlreadyPrepared, AlreadyStarted):
        pass


async def _add_runtime(status: TaskStatus, controller: Controller, code: int) -> None:
    """Fill in what the controller knows of the work and its ports; what it cannot tell stays as it was."""
    try:
        container = await controller.container_status()
        ports = await controller.port_status()
    except Exception as error:  # noqa: BLE001 - a status without details is better than none
        _log.warning("no details of the task's work: %s", error)
    else:
        if container is not None:
            status.container.CopyFrom(container)
        if ports is not None:
            status.port_status.CopyFrom(ports)
    status.container.SetInParent()
    if code:
        status.container.exit_code = code


def _stamped(old: TaskStatus, new: TaskStatus, clock: Clock) -> TaskStatus:
    if new == old:
        return old
    new.timestamp.CopyFrom(timestamp(clock.wall_ns()))
    return new
