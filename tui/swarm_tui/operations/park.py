"""Stopping services and starting them again: no tasks for a while, and afterwards as many as before (docs/design/plans.md 13.6).

The number is kept in a label of the service itself: that is what two operators and every later leader have in common. It is written in
the one change that takes the tasks away, of the number found then, so that a scale of somebody else in between is not lost.
"""

from collections.abc import Sequence

from swarm_core.api.jobs import is_job
from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.specs import replicas

from swarm_tui.operations import changes
from swarm_tui.operations.model import Done, Edit, Plan, Refused
from swarm_tui.operations.scale import count_of
from swarm_tui.resources.format import plural
from swarm_tui.resources.model import ClusterView
from swarm_tui.resources.services import KIND, running

Service = objects_pb2.Service
_JOB = "it is a job, which ends by itself; scaling it to 0 keeps it from beginning anew"


def stop(view: ClusterView, ids: Sequence[str]) -> Plan:
    """These services without tasks; each remembers how many it had."""
    steps, refusals = changes.steps(view, KIND, ids, verb="stop", edit=_stopping)
    found = changes.found(view, KIND, ids)
    stopped = 0 if refusals else sum(running(one, view) for one in found)
    warnings = (f"{plural(stopped, 'running task')} will be stopped.",) if stopped else ()
    notes = (
        f"How many tasks it had stands in its label {replicas.PARKED}: starting it brings as many back.",
    )
    return Plan(f"Stop {changes.subject(view, KIND, ids)}", steps, warnings, refusals, notes=notes)


def start(view: ClusterView, ids: Sequence[str]) -> Plan:
    """These services with as many tasks as they had when they were stopped."""
    steps, refusals = changes.steps(view, KIND, ids, verb="start", edit=_starting)
    return Plan(f"Start {changes.subject(view, KIND, ids)}", steps, refusals=refusals)


def is_stopped(view: ClusterView, ids: Sequence[str]) -> bool:
    """Whether the first of these waits to be started again."""
    found = changes.found(view, KIND, ids)
    return bool(found) and replicas.parked(found[0].spec) is not None


def _stopping(name: str) -> Edit:
    def edit(spec: specs_pb2.ServiceSpec) -> Done:
        if is_job(Service(spec=spec)):
            raise Refused(_JOB)
        before = count_of(spec)
        if not before:
            has = replicas.parked(spec)
            raise Refused(
                "it has no tasks" if has is None else f"it is stopped already, and had {plural(has, 'task')}"
            )
        replicas.park(spec)
        return Done(f"{name} stopped", f"it had {plural(before, 'task')}")

    return edit


def _starting(name: str) -> Edit:
    def edit(spec: specs_pb2.ServiceSpec) -> Done:
        if is_job(Service(spec=spec)):
            raise Refused(_JOB)
        if now := count_of(spec):
            raise Refused(f"it is not stopped: it is meant to have {plural(now, 'task')}")
        number = replicas.parked(spec)
        if number is None:
            raise Refused("nothing says how many tasks it had; scale it instead")
        replicas.set_count(spec, number)
        replicas.forget_parked(spec)
        return Done(f"{name} started", f"with {plural(number, 'task')}")

    return edit
