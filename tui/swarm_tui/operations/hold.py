"""Holding a rollout where it is, and going on with it (docs/design/orchestration.md 2.6.14). Pure."""

from collections.abc import Iterator, Sequence

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.rules.dirty import is_dirty
from swarm_core.rules.rollout import is_going, is_paused

from swarm_tui.operations import changes
from swarm_tui.operations.model import Done, Hold, Plan, Step
from swarm_tui.operations.sentences import refusal
from swarm_tui.resources.format import plural
from swarm_tui.resources.model import ClusterView
from swarm_tui.resources.services import KIND

Service = objects_pb2.Service


def turns_on(view: ClusterView, ids: Sequence[str]) -> bool:
    """What one key does for these: it holds them, unless the first is paused; then it lets them go on."""
    found = changes.found(view, KIND, ids)
    return not found or not is_paused(found[0])


def plan(view: ClusterView, ids: Sequence[str], *, is_on: bool) -> Plan:
    """Hold the rollouts of these services, or let them go on; refused where one of them has none to hold, or none that is paused."""
    steps, refusals, notes, warnings = [], [], list[str](), list[str]()
    services = changes.found(view, KIND, ids)
    verb = "hold the rollout of" if is_on else "go on with the rollout of"
    for service in services:
        name = KIND.name(service, view)
        if not (is_going(service) if is_on else is_paused(service)):
            refusals.append(refusal(_why_not(service, is_on=is_on), f"{verb} {name}"))
            continue
        steps.append(_step(service, name, is_on=is_on))
        prefix = f"{name}: " if len(services) > 1 else ""
        notes += [prefix + text for text in _notes(service, view, is_on=is_on)]
        warnings += [prefix + text for text in _warnings(service, is_on=is_on)]
    title = f"{'Hold' if is_on else 'Go on with'} the rollout of {changes.subject(view, KIND, ids)}"
    return Plan(title, () if refusals else tuple(steps), tuple(warnings), tuple(refusals), notes=tuple(notes))


def _why_not(service: Service, *, is_on: bool) -> str:
    if is_on and is_paused(service):
        return f"it is paused already ({service.update_status.message})"
    if not is_on and is_going(service):
        return "it is not paused"
    return "no update of it is on its way" if is_on else "no update of it is paused"


def _step(service: Service, name: str, *, is_on: bool) -> Step:
    version = service.spec_version.index
    there, back = (_one(service.id, name, version, is_on=turn) for turn in (is_on, not is_on))
    return Step(there.name, there.doing, there.action, there.done, there.changes, back)


def _one(id_: str, name: str, version: int, *, is_on: bool) -> Step:
    if is_on:
        done, change = f"rollout of {name} held", "its rollout stops where it is"
    else:
        done, change = f"rollout of {name} goes on", "its rollout goes on"
    doing = f"{'hold' if is_on else 'go on with'} the rollout of {name}"
    return Step(name, doing, Hold(id_, version, is_on), Done(done), (change,))


def _notes(service: Service, view: ClusterView, *, is_on: bool) -> Iterator[str]:
    old, new, both = _slots(service, view)
    total = old + new + both
    spec = "the spec that it goes back to" if _goes_back(service) else "the new spec"
    yield f"{new + both} of {plural(total, 'task')} ha{'s' if new + both == 1 else 've'} {spec}; {old} {'has' if old == 1 else 'have'} the old one."
    if both:
        yield f"In {plural(both, 'place')} the old and the new task stand side by side."
    if is_on:
        yield "What is being replaced now is finished; no further task is replaced until somebody goes on, rolls back or updates it."
    elif old or both:
        yield f"{plural(old + both, 'task')} {'is' if old + both == 1 else 'are'} left to be replaced, as its update settings say."
    else:
        yield "Nothing is left to be replaced: the update completes."


def _warnings(service: Service, *, is_on: bool) -> Iterator[str]:
    status = service.update_status
    if not is_on and "operator" not in status.message:
        yield f"It stopped by itself: {status.message}. Failures before count no more."


def _goes_back(service: Service) -> bool:
    Status = types_pb2.UpdateStatus
    return service.update_status.state in (Status.ROLLBACK_STARTED, Status.ROLLBACK_PAUSED)


def _slots(service: Service, view: ClusterView) -> tuple[int, int, int]:
    """Places whose tasks are all old, all of the spec that is rolled out, and of both kinds."""
    slots: dict[object, set[bool]] = {}
    for task in view.tasks_of_service(service.id):
        if task.desired_state <= types_pb2.RUNNING:
            node = view.get(objects_pb2.Node, task.node_id) if task.node_id else None
            slots.setdefault(task.slot or task.node_id or task.id, set()).add(is_dirty(service, task, node))
    kinds = list(slots.values())
    return kinds.count({True}), kinds.count({False}), kinds.count({True, False})
