"""What a change of a service comes to, in sentences for people before it is applied: what changes, what restarts, how many at a time.

The rules are the leader's own: which tasks are of an older spec (`rules.dirty`), and how an update proceeds (`rules.rollout`).
"""

from collections.abc import Iterable, Sequence
from typing import Final

from swarm_core.api.jobs import is_job, is_of_iteration
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.rules.dirty import is_dirty
from swarm_core.rules.rollout import Settings, is_going, is_paused

from swarm_tui.resources import format as fmt
from swarm_tui.resources.model import ClusterView
from swarm_tui.resources.services import name
from swarm_tui.resources.spec_changes import differences

Service = objects_pb2.Service
_NO_RESTART: Final = "No task restarts."


def notes(
    view: ClusterView, services: Sequence[tuple[Service, specs_pb2.ServiceSpec]], *, goes_back: bool = False
) -> tuple[str, ...]:
    """The sentences for each service with the spec that it gets; of several each begins with the service's name, but that no task of any
    restarts is said once."""
    told = [list(_notes(view, service, spec, goes_back=goes_back)) for service, spec in services]
    if len(services) == 1:
        return tuple(told[0])
    if is_calm := bool(told) and all(_NO_RESTART in texts for texts in told):
        told = [[text for text in texts if text != _NO_RESTART] for texts in told]
    found = [
        f"{name(service)}: {text}"
        for (service, _), texts in zip(services, told, strict=True)
        for text in texts
    ]
    return (*found, *((_NO_RESTART,) if is_calm else ()))


def change_note(changed: str) -> str:
    """The sentence that says what becomes different."""
    return f"Changes: {changed}."


def _notes(
    view: ClusterView, service: Service, spec: specs_pb2.ServiceSpec, *, goes_back: bool
) -> Iterable[str]:
    changed = differences(service.spec, spec)
    yield change_note(", ".join(changed)) if changed else "Nothing of the spec changes."
    if is_job(service):
        yield _next_run(view, service)
        return
    yield from _replacing(view, service, _after(service, spec, goes_back=goes_back))
    if is_going(service) or is_paused(service):
        yield "It takes the place of the update that has not ended."


def _after(service: Service, spec: specs_pb2.ServiceSpec, *, goes_back: bool) -> Service:
    """The service as it will be."""
    after = Service()
    after.CopyFrom(service)
    after.spec.CopyFrom(spec)
    after.spec_version.CopyFrom(service.previous_spec_version if goes_back else service.meta.version)
    after.ClearField("update_status")
    if goes_back:
        after.update_status.state = types_pb2.UpdateStatus.ROLLBACK_STARTED
    return after


def _next_run(view: ClusterView, service: Service) -> str:
    tasks = view.tasks_of_service(service.id)
    running = sum(is_of_iteration(service, task) and task.status.state == types_pb2.RUNNING for task in tasks)
    stopped = (
        f"; {fmt.plural(running, 'task')} that still run{'s' if running == 1 else ''} will be stopped"
        if running
        else ""
    )
    return f"The job begins anew{stopped}."


def _replacing(view: ClusterView, service: Service, after: Service) -> Iterable[str]:
    slots: dict[object, bool] = {}
    for task in view.tasks_of_service(service.id):
        if task.desired_state <= types_pb2.RUNNING:
            node = view.get(objects_pb2.Node, task.node_id) if task.node_id else None
            key = task.slot or task.node_id or task.id
            slots[key] = slots.get(key, False) or is_dirty(after, task, node)
    dirty = sum(slots.values())
    if not dirty:
        yield _NO_RESTART
        return
    settings = Settings.of(after)
    yield f"{dirty} of {fmt.plural(len(slots), 'task')} restart{'s' if dirty == 1 else ''}, {_pace(settings, dirty)}."
    if settings.is_start_first:
        yield "Each old task stops when the new one runs."
    else:
        yield "Each old task stops before the new one starts."
    yield _failing(settings)


def _pace(settings: Settings, dirty: int) -> str:
    at_once = settings.parallelism or dirty
    pace = (
        "all at once"
        if at_once >= dirty > 1
        else "one at a time"
        if at_once == 1 or dirty == 1
        else f"{at_once} at a time"
    )
    return (
        f"{pace}, {fmt.short_duration(settings.delay_s)} apart"
        if settings.delay_s and at_once < dirty
        else pace
    )


def _failing(settings: Settings) -> str:
    Config = types_pb2.UpdateConfig
    watched = fmt.short_duration(settings.monitor_s)
    failure = f"A new task that fails within {watched}"
    if settings.max_failure_ratio:
        failure = f"More than {settings.max_failure_ratio:.0%} of new tasks that fail within {watched}"
    match settings.action:
        case Config.CONTINUE:
            return "Failures are passed over."
        case Config.ROLLBACK if not settings.is_rollback:
            return (
                f"{failure} takes it back to the spec of now."
                if not settings.max_failure_ratio
                else f"{failure} take it back to the spec of now."
            )
        case _:
            return f"{failure} pauses it." if not settings.max_failure_ratio else f"{failure} pause it."
