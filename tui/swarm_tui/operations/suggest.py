"""What would fit what services use: their number of tasks, reservations and memory limit, each with the numbers it comes from, as a plan
(docs/design/plans.md 13.11).

Rules
1. Looked at is what every running task used over the last ten minutes, at least two of them; where nodes do not tell, or not long enough, that is said
   and nothing is suggested.
2. A reservation fits when it is no less than the most that one task used and no more than twice what would be suggested: a fifth more than that most for
   processors, a quarter more for memory, and never more than the limit. A memory limit is too close when a task used nine tenths of it.
3. The number of tasks follows the processor limit, where there is one: more when tasks use four fifths of it together on the mean, fewer, but two at
   the least, when they never used a third; suggested is what brings seven tenths.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from swarm_core.api.jobs import is_job
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.rules.usage import UsageHistory
from swarm_core.specs import replicas

from swarm_tui.operations import changes
from swarm_tui.operations.model import Change, Done, Edit, Plan, Step
from swarm_tui.resources import format as fmt
from swarm_tui.resources.model import ClusterView
from swarm_tui.resources.services import KIND, name
from swarm_tui.resources.states import is_wanted
from swarm_tui.resources.usage import cpus_text

__all__ = ["Plan", "plan"]

Service = objects_pb2.Service
_SEEN_MIN_S: Final = 120.0
_NANO: Final = 1_000_000_000
_STEP_BYTES: Final = 16 << 20
_HUNDREDTH: Final = 100
_BUSY, _IDLE, _AIM = 0.8, 1 / 3, 0.7
_CLOSE: Final = 0.9


@dataclass(frozen=True, slots=True)
class Used:
    """What the tasks of a service used: the most of one of them, and all together on the mean and at the most. `seen_s`: over so long."""

    count: int
    cpus_most: float
    memory_most: int
    cpus_mean: float
    cpus_high: float
    seen_s: float


@dataclass(frozen=True, slots=True)
class Fit:
    """What would fit better; None where it fits. `why` are sentences, one for each of them."""

    number: int | None = None
    nano_cpus: int | None = None
    memory: int | None = None
    memory_limit: int | None = None
    why: tuple[str, ...] = ()


def plan(view: ClusterView, ids: Sequence[str], *, number_only: bool = False) -> Plan:
    """What would fit these services better. Without any step the notes say why. `number_only` leaves reservations alone."""
    steps, notes = [], []
    for service in changes.found(view, KIND, ids):
        used = _used(service, view)
        if isinstance(used, str):
            notes.append(f"{name(service)}: {used}.")
            continue
        fit = fitting(service.spec, used, number_only=number_only)
        if fit.why:
            steps.append(_step(service, fit))
        else:
            notes.append(f"{name(service)}: it fits.")
    return Plan(f"Fit {changes.subject(view, KIND, ids)} to what is used", tuple(steps), notes=tuple(notes))


def fitting(spec: specs_pb2.ServiceSpec, used: Used, *, number_only: bool = False) -> Fit:
    """What would fit better, by the rules above. Pure."""
    why: list[str] = []
    number = _number(spec, used, why)
    if number_only:
        return Fit(number, why=tuple(why))
    reserved, limit = spec.task.resources.reservations, spec.task.resources.limits
    nano = math.ceil(max(used.cpus_most, 0.01) * 1.2 * _HUNDREDTH - 1e-6) * _NANO // _HUNDREDTH
    nano = min(nano, limit.nano_cpus or nano)
    cpus: int | None = None
    if not used.cpus_most * _NANO <= reserved.nano_cpus <= 2 * nano and nano != reserved.nano_cpus:
        cpus = nano
        why.append(
            f"reserve {fmt.cpus(nano)} CPU, now {fmt.cpus(reserved.nano_cpus) if reserved.nano_cpus else 'none'}:"
            f" a task used {cpus_text(used.cpus_most)} at the most in {fmt.short_duration(used.seen_s)}"
        )
    most = fmt.size(used.memory_most)
    new_limit = _rounded(used.memory_most * 1.5) if used.memory_most > _CLOSE * limit.memory_bytes else 0
    limit_after = new_limit if limit.memory_bytes and new_limit else limit.memory_bytes
    if limit_after != limit.memory_bytes:
        why.append(
            f"limit memory to {fmt.size(limit_after)}, now {fmt.size(limit.memory_bytes)}: a task used {most}, and is killed at the limit"
        )
    bytes_ = min(_rounded(used.memory_most * 1.25), limit_after or 1 << 62)
    memory: int | None = None
    if not used.memory_most <= reserved.memory_bytes <= 2 * bytes_ and bytes_ != reserved.memory_bytes:
        memory = bytes_
        why.append(
            f"reserve {fmt.size(bytes_)} memory, now {fmt.size(reserved.memory_bytes) if reserved.memory_bytes else 'none'}:"
            f" a task used {most} at the most in {fmt.short_duration(used.seen_s)}"
        )
    changed_limit = limit_after if limit_after != limit.memory_bytes else None
    return Fit(number, cpus, memory, changed_limit, tuple(why))


def _number(spec: specs_pb2.ServiceSpec, used: Used, why: list[str]) -> int | None:
    unit = spec.task.resources.limits.nano_cpus / _NANO
    if not spec.HasField("replicated") or not unit:
        return None
    share, high = used.cpus_mean / (unit * used.count), used.cpus_high / (unit * used.count)
    if share > _BUSY:
        number = math.ceil(used.cpus_mean / (unit * _AIM))
    elif high < _IDLE and used.count > 2:
        number = max(math.ceil(used.cpus_high / (unit * _AIM)), 2)
    else:
        return None
    if number == used.count or number > replicas.TASKS_MAX:
        return None
    said = (
        f"{share:.0%} of their limit on the mean"
        if share > _BUSY
        else f"{high:.0%} of their limit at the most"
    )
    why.append(f"scale {used.count} → {number}: its tasks used {said} in {fmt.short_duration(used.seen_s)}")
    return number


def _rounded(size: float) -> int:
    return max(math.ceil(size / _STEP_BYTES), 1) * _STEP_BYTES


def _used(service: Service, view: ClusterView) -> Used | str:
    """The rest of a sentence where nothing can be said."""
    if is_job(service):
        return "a job ends by itself, nothing is suggested"
    tasks = [
        task
        for task in view.tasks_of_service(service.id)
        if is_wanted(task) and task.status.state == types_pb2.RUNNING
    ]
    if not tasks:
        return "none of its tasks runs"
    told = [found for task in tasks if (found := view.usage(task.id)) is not None and found.last is not None]
    if len(told) < len(tasks):
        return (
            f"what it uses is told of {len(told)} of {fmt.plural(len(tasks), 'task')};"
            " nodes of ours tell it, under a leader of ours"
        )
    seen_s = min(_seen_s(one) for one in told)
    if seen_s < _SEEN_MIN_S:
        return f"what it uses is known for {fmt.short_duration(seen_s)}, two minutes are needed"
    samples = [[sample for _, sample in one.samples()] for one in told]
    return Used(
        len(tasks),
        max(sample.cpus for row in samples for sample in row),
        max(sample.memory_bytes for row in samples for sample in row),
        sum(sum(sample.cpus for sample in row) / len(row) for row in samples),
        sum(max(sample.cpus for sample in row) for row in samples),
        seen_s,
    )


def _seen_s(found: UsageHistory) -> float:
    return found.last_s - min(at_s for at_s, _ in found.samples())


def _step(service: Service, fit: Fit) -> Step:
    called = name(service)
    done = Done(f"{called}: {'; '.join(fit.why)}")
    return Step(called, f"fit {called}", Change(Service, service.id, _edit(fit, done)), done, fit.why)


def _edit(fit: Fit, done: Done) -> Edit:
    def edit(spec: specs_pb2.ServiceSpec) -> Done:
        resources = spec.task.resources
        if fit.number is not None:
            replicas.set_count(spec, fit.number)
            replicas.forget_parked(spec)
        if fit.nano_cpus is not None:
            resources.reservations.nano_cpus = fit.nano_cpus
        if fit.memory is not None:
            resources.reservations.memory_bytes = fit.memory
        if fit.memory_limit is not None:
            resources.limits.memory_bytes = fit.memory_limit
        return done

    return edit
