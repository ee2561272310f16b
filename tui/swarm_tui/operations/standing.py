"""How far a service is on the way to its goal, for whoever waits for it (docs/design/terminal.md 11.6). Pure.

An update is at its goal when its status says so: until then new tasks are watched.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from swarm_core.api.jobs import is_job, is_of_iteration
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.timestamps import timestamp_ns
from swarm_core.rules.dirty import is_dirty
from swarm_core.rules.rollout import is_going, is_paused

from swarm_tui.clusters.mirror import Mirror
from swarm_tui.resources import jobs, services
from swarm_tui.resources.model import Health
from swarm_tui.resources.states import cause, is_wanted
from swarm_tui.resources.tasks import busy_with


@dataclass(frozen=True, slots=True)
class Progress:
    done: int
    goal: int
    cause: str = ""
    newest_ns: int = 0
    """When the last of the tasks that count began to run."""
    given_up: str = ""
    """Why the goal will never be reached, as it looks now."""
    verb: str = "running"
    busy_with: str = ""
    """What the tasks wait for that are the least far."""
    is_updating: bool = False

    @property
    def is_converged(self) -> bool:
        return self.done >= self.goal and not self.is_updating

    def __str__(self) -> str:
        text = f"{self.done} of {self.goal} tasks {self.verb}"
        if self.done >= self.goal and self.is_updating and not self.cause:
            return f"{text} · watching that they stay"
        more = self.cause or self.busy_with
        return f"{text} · {more}" if more else text


def progress_of(mirror: Mirror, service: objects_pb2.Service, now_ns: int) -> Progress:
    """How far a service is: only tasks of its present spec count, and older ones must be gone."""
    if is_job(service):
        return _job_progress(mirror, service, now_ns)
    tasks = mirror.tasks_of_service(service.id)
    is_old = {task.id: _is_old(task, service, mirror) for task in tasks}
    current = [task for task in tasks if not is_old[task.id]]
    running = [task for task in current if is_wanted(task) and task.status.state == types_pb2.RUNNING]
    done = len(running)
    goal = services.wanted(service, mirror)
    if service.spec.WhichOneof("mode") == "global" and not tasks:
        goal = max(goal, _expected_of_nodes(mirror))
    leftover = sum(is_wanted(task) for task in tasks if is_old[task.id])
    return Progress(
        min(done, goal),
        goal + leftover,
        _cause(mirror, service, now_ns),
        max((timestamp_ns(task.status.timestamp) for task in running), default=0),
        "" if is_going(service) else _given_up(service, current),
        is_updating=is_going(service),
        busy_with=_busy_with(current, mirror),
    )


def _job_progress(mirror: Mirror, service: objects_pb2.Service, now_ns: int) -> Progress:
    """Completions of the present iteration; what is left of earlier ones is being removed and not waited for."""
    done, goal = jobs.completed(service, mirror), jobs.total(service, mirror)
    if service.spec.HasField("global_job"):
        tasks = mirror.tasks_of_service(service.id)
        goal += jobs.given_up(service, tasks)
        if not any(is_of_iteration(service, task) for task in tasks):
            goal = max(goal, _expected_of_nodes(mirror))
    why = _cause(mirror, service, now_ns)
    is_over = jobs.health(service, mirror) is Health.FAILED
    given_up = (why or "it ended without a reason") if is_over else ""
    busy_with = _busy_with(mirror.tasks_of_service(service.id), mirror)
    return Progress(done, goal, why, given_up=given_up, verb="completed", busy_with=busy_with)


def _busy_with(tasks: Iterable[objects_pb2.Task], mirror: Mirror) -> str:
    """How far the one is that is the least far."""
    told = [(progress, task) for task in tasks if (progress := mirror.progress(task.id)) is not None]
    if not told:
        return ""
    _, task = min(told, key=lambda each: (each[0].activity, each[0].percent))
    return busy_with(task, mirror)


def _cause(mirror: Mirror, service: objects_pb2.Service, now_ns: int) -> str:
    problems = services.problems(service, mirror, now_ns)
    return problems[0].cause if problems else mirror.failures(service, now_ns).cause


def _given_up(service: objects_pb2.Service, current: Iterable[objects_pb2.Task]) -> str:
    """How a task ended that nothing will follow: the newest one of its place, where the restart policy lets tasks end for good."""
    policy = service.spec.task.restart
    if policy.condition == types_pb2.RestartPolicy.ANY and not policy.max_attempts:
        return ""
    newest: dict[tuple[int, str], objects_pb2.Task] = {}
    for task in current:
        place = (task.slot, "" if task.slot else task.node_id)
        if place not in newest or newest[place].meta.version.index < task.meta.version.index:
            newest[place] = task
    ended = [task for task in newest.values() if task.status.state > types_pb2.RUNNING]
    if not ended or any(task.status.state < types_pb2.RUNNING for task in newest.values()):
        return ""
    last = max(ended, key=lambda task: timestamp_ns(task.status.timestamp))
    return cause(last) or "it ended without a failure"


def _is_old(task: objects_pb2.Task, service: objects_pb2.Service, mirror: Mirror) -> bool:
    """Whether the leader will replace it: a new scale or label leaves tasks as they are, as does a placement that they meet."""
    return is_dirty(service, task, mirror.get(objects_pb2.Node, task.node_id) if task.node_id else None)


def _expected_of_nodes(mirror: Mirror) -> int:
    """Tasks that a service for every node will have at the least, before the first one was made."""
    return 1 if mirror.objects(objects_pb2.Node) else 0


def failure_of(mirror: Mirror, service: objects_pb2.Service, *, goes_back: bool) -> str:
    """What went wrong with an update, or "" when nothing did; with `goes_back` a rollback is what was asked for."""
    status = service.update_status
    went_back = status.state == types_pb2.UpdateStatus.ROLLBACK_STARTED and not goes_back
    if not (is_paused(service) or went_back):
        return ""
    task = mirror.get(objects_pb2.Task, status.message.rpartition(" task ")[2].partition(";")[0])
    said = cause(task) if task is not None else ""
    return f"{status.message}: {said}" if said else status.message


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a service is; an update that paused or went back will not get there."""

    progress: Progress
    failed: str

    @property
    def done(self) -> int:
        return self.progress.done

    @property
    def goal(self) -> int:
        return self.progress.goal

    @property
    def cause(self) -> str:
        return self.progress.cause

    @property
    def given_up(self) -> str:
        return self.failed or self.progress.given_up

    @property
    def is_converged(self) -> bool:
        return self.progress.is_converged

    def __str__(self) -> str:
        return str(self.progress)


def judge(mirror: Mirror, service: objects_pb2.Service, now_ns: int) -> Standing:
    """The same judgement for every wait, of commands and of the dashboard."""
    return Standing(progress_of(mirror, service, now_ns), failure_of(mirror, service, goes_back=False))
