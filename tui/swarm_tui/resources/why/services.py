"""Why a service is not at its goal."""

from collections.abc import Hashable, Iterable

from swarm_core.api.jobs import is_job
from swarm_core.api.proto import objects_pb2, types_pb2

from swarm_tui.resources import format as fmt
from swarm_tui.resources import jobs, services, tasks
from swarm_tui.resources.model import ClusterView
from swarm_tui.resources.states import cause, has_ended_badly, is_wanted, since_ns
from swarm_tui.resources.why.ends import end_of
from swarm_tui.resources.why.explanation import Explanation, Finding, sentence
from swarm_tui.resources.why.placement import Places
from swarm_tui.resources.why.tasks import explain as explain_task
from swarm_tui.resources.why.tasks import homeless, unallocated

Service = objects_pb2.Service
Task = objects_pb2.Task
_PAUSED = (types_pb2.UpdateStatus.PAUSED, types_pb2.UpdateStatus.ROLLBACK_PAUSED)


def explain(service: Service, view: ClusterView, now_ns: int, *, with_nodes: bool = False) -> Explanation:
    """Everything that stands between a service and its goal. `with_nodes` asks every node about one more task also when
    nothing is wrong."""
    mine = sorted(view.tasks_of_service(service.id), key=lambda task: (task.slot, task.id))
    wanted = [task for task in mine if is_wanted(task)]
    findings = [
        *_paused(service),
        *_waiting(wanted, view),
        *_failing(service, mine, view, now_ns),
        *_stuck(wanted, view, now_ns),
    ]
    if not findings and (with_nodes or not wanted):
        findings += _none_made(service, wanted, view, with_nodes)
    return Explanation(f"service {services.name(service)}", _summary(service, view), tuple(findings))


def _summary(service: Service, view: ClusterView) -> str:
    if is_job(service):
        done, goal = jobs.completed(service, view), jobs.total(service, view)
        return f"{done} of {fmt.plural(goal, 'task')} completed."
    have, goal = services.running(service, view), services.wanted(service, view)
    if not goal:
        return "No task is wanted."
    if have < goal:
        return f"{have} of {fmt.plural(goal, 'task')} run."
    return "Its only task runs." if goal == 1 else f"All {goal} tasks run."


def _paused(service: Service) -> Iterable[Finding]:
    if service.update_status.state in _PAUSED:
        is_back = service.update_status.state == types_pb2.UpdateStatus.ROLLBACK_PAUSED
        yield Finding(
            f"Its {'rollback' if is_back else 'update'} is paused",
            sentence(service.update_status.message) or "It waits for a person.",
            remedies=(
                "Mend the cause and update again; it goes on with the tasks that are left.",
                *(() if is_back else ("Or go back to the spec before: service rollback.",)),
            ),
        )


def _waiting(wanted: list[Task], view: ClusterView) -> Iterable[Finding]:
    new = [task for task in wanted if task.status.state < types_pb2.PENDING]
    if new:
        yield unallocated(new, view, len(wanted))
    pending = [task for task in wanted if task.status.state == types_pb2.PENDING]
    if not pending:
        return
    places = Places(view)
    groups: dict[Hashable, list[Task]] = {}
    for task in pending:
        groups.setdefault((task.spec_version.index, bool(task.node_id)), []).append(task)
    for group in groups.values():
        yield homeless(group, view, len(wanted), places)


def _failing(service: Service, mine: list[Task], view: ClusterView, now_ns: int) -> Iterable[Finding]:
    """Tasks of the present spec that ended badly, by the way in which they did; not where all was mended since."""
    version = service.spec_version.index
    if services.running(service, view) >= services.wanted(service, view) and not (
        is_job(service) or view.failures(service, now_ns).is_loop
    ):
        return
    ended = [task for task in mine if has_ended_badly(task) and task.spec_version.index == version]
    kinds: dict[str, list[Task]] = {}
    for task in ended:
        kinds.setdefault(end_of(task).name, []).append(task)
    for name, found in kinds.items():
        newest = max(found, key=since_ns)
        places = {task.slot or task.node_id for task in found}
        loop = "again and again " if len(found) > len(places) else ""
        yield Finding(
            f"{fmt.plural(len(found), 'attempt')} ended {loop}because {name}",
            sentence(cause(newest)) or "It gave no reason.",
            tuple(sorted({tasks.name(task, view) for task in found}, key=fmt.natural)),
            end_of(newest).remedies,
        )


def _stuck(wanted: list[Task], view: ClusterView, now_ns: int) -> Iterable[Finding]:
    """Tasks with a node that do not get on, one finding for those that say the same."""
    alike: dict[tuple[str, str], tuple[Finding, list[str]]] = {}
    for task in wanted:
        if task.status.state <= types_pb2.PENDING or has_ended_badly(task):
            continue
        for finding in explain_task(task, view, now_ns).findings:
            _, names = alike.setdefault((finding.heading, finding.cause), (finding, []))
            names.append(tasks.name(task, view))
    for finding, names in alike.values():
        heading = finding.heading if len(names) == 1 else f"{finding.heading} ({len(names)} tasks)"
        yield Finding(heading, finding.cause, tuple(sorted(names, key=fmt.natural)), finding.remedies)


def _none_made(
    service: Service, wanted: list[Task], view: ClusterView, with_nodes: bool
) -> Iterable[Finding]:
    """A service for every node that found none, or what each node would say of one more task."""
    is_for_nodes = service.spec.WhichOneof("mode") in ("global", "global_job")
    if not with_nodes and not is_for_nodes:
        return
    matrix = Places(view).one_more(service)
    if with_nodes or not matrix.fitting:
        heading = "No node qualifies" if is_for_nodes and not wanted else "One more task"
        yield Finding(heading, matrix.sentence, (), matrix.remedies, matrix)
