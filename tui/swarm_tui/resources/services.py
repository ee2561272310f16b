"""Services: goal and reality, what runs, and the reason when they differ."""

from collections.abc import Callable, Collection, Sequence
from heapq import nsmallest

from swarm_core.api.jobs import is_job
from swarm_core.api.names import STACK_LABEL
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.proto.logbroker_pb2 import LogSelector
from swarm_core.api.timestamps import timestamp_ns
from swarm_core.api.words import enum_word
from swarm_core.rules import autoscale
from swarm_core.rules.autoscale import POLICY
from swarm_core.specs.replicas import parked

from swarm_tui.resources import format as fmt
from swarm_tui.resources import jobs, service_changes, service_page
from swarm_tui.resources.fingerprints import fingerprints
from swarm_tui.resources.model import (
    PROBLEMS,
    Align,
    Cell,
    ClusterView,
    Column,
    Health,
    Link,
    Listing,
    Motion,
    MotionNote,
    Problem,
    ResourceKind,
    Role,
    RowCells,
    Section,
    cell,
    spans,
)
from swarm_tui.resources.owners import stack_of
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.resources.states import cause, since_ns, state_word, unexplained
from swarm_tui.resources.task_specs import image_listed, ports_listed, runtime_text, task_spec_sections
from swarm_tui.resources.update_progress import advance, left, update_section
from swarm_tui.resources.uses import CONFIG, NETWORK, SECRET, VOLUME, uses

Service = objects_pb2.Service
Task = objects_pb2.Task
_CRASH_WINDOW_S = 300
_SLOTS_NAMED = 2
"""Beyond this many tasks no slot of a service is named: two of thousands tell nothing."""
_UPDATE_MOTION = frozenset({types_pb2.UpdateStatus.UPDATING, types_pb2.UpdateStatus.ROLLBACK_STARTED})
_UPDATE_PAUSED = frozenset({types_pb2.UpdateStatus.PAUSED, types_pb2.UpdateStatus.ROLLBACK_PAUSED})


def name(service: Service, view: ClusterView | None = None) -> str:
    return service.spec.annotations.name or fmt.short_id(service.id)


def stack(service: Service) -> str:
    """The stack it was deployed with, if any."""
    return service.spec.annotations.labels.get(STACK_LABEL, "")


def users_of(noun: str, called: Collection[str], view: ClusterView) -> list[str]:
    """Names of the services that use the secret, config, network or volume that is called by any of these, in order."""
    found = (view.get(Service, id_) for id_ in view.users(noun, called))
    return sorted((name(service) for service in found if service is not None), key=fmt.natural)


def mode(service: Service) -> str:
    """replicated, global, replicated job or global job."""
    return (service.spec.WhichOneof("mode") or "replicated").replace("_", " ")


def wanted(service: Service, view: ClusterView) -> int:
    """How many tasks are meant to run."""
    match service.spec.WhichOneof("mode"):
        case "replicated":
            return service.spec.replicated.replicas
        case "replicated_job":
            return service.spec.replicated_job.max_concurrent
        case _:
            return view.service_sums(service.id).wanted


def running(service: Service, view: ClusterView) -> int:
    """How many run on nodes that are not down."""
    sums = view.service_sums(service.id)
    return sums.running - sum(sums.running_on.get(node_id, 0) for node_id in view.down_nodes)


def replicas_listed(service: Service, view: ClusterView) -> str:
    """Running and wanted tasks, and of a job how many completed, as docker lists them."""
    return f"{running(service, view)}/{wanted(service, view)}{jobs.listed(service, view)}"


def health(service: Service, view: ClusterView, now_ns: int) -> Health:
    """Fine at its goal, unless it was there just now only because what crashes again and again was started again; otherwise
    failed, refused, or in motion."""
    goal, have = wanted(service, view), running(service, view)
    update = service.update_status.state
    if update in _UPDATE_PAUSED:
        return Health.WARNING
    if is_job(service):
        return jobs.health(service, view)
    is_loop = view.failures(service, now_ns).is_loop
    if have >= goal and goal and is_loop:
        return Health.PARTLY
    if have >= goal and update in _UPDATE_MOTION:
        return Health.MOTION
    if have >= goal:
        return Health.OK if goal else Health.IDLE
    if is_loop or _trouble(service, view) is not None:
        return Health.FAILED if have * 2 < goal or not have else Health.PARTLY
    return Health.MOTION


def _advance(service: Service, view: ClusterView) -> tuple[int, int]:
    """How far it is, and its goal: tasks that run, or of a job those that completed."""
    if is_job(service):
        return jobs.completed(service, view), jobs.total(service, view)
    return running(service, view), wanted(service, view)


def _trouble(service: Service, view: ClusterView) -> Task | None:
    """The task that says best why the goal is not met: one nobody can place, else the latest that ended badly."""
    worst: Task | None = None
    for task in _troubled(service, view):
        if task.status.state == types_pb2.PENDING:
            return task
        if worst is None or since_ns(task) > since_ns(worst):
            worst = task
    return worst


def _troubled(service: Service, view: ClusterView) -> list[Task]:
    """Tasks that ended badly or find no node, and may be why the goal is not met. What ended before a rollout that is on its way is not, nor
    what was lost with its node before the last order: another task took its place."""
    update = service.update_status
    begun_ns = timestamp_ns(update.started_at) if update.state in _UPDATE_MOTION else 0
    after_ns = {types_pb2.PENDING: 0, types_pb2.ORPHANED: max(begun_ns, updated_ns(service))}
    found = filter(None, (view.get(Task, task_id) for task_id in view.service_sums(service.id).troubled))
    return [task for task in found if since_ns(task) >= after_ns.get(task.status.state, begun_ns)]


def updated_ns(service: Service) -> int:
    return timestamp_ns(service.meta.updated_at) or timestamp_ns(service.meta.created_at)


def _scales_by_itself(service: Service) -> bool:
    """Whether it has a policy that can be read."""
    labels = service.spec.annotations.labels
    return POLICY in labels and autoscale.parse(labels[POLICY]) is not None


def row(service: Service, view: ClusterView, now_ns: int) -> RowCells:
    look = health(service, view, now_ns)
    have, goal = _advance(service, view)
    is_short = have < goal and not is_job(service)
    role = Role.ERROR if look is Health.FAILED else Role.WARNING if is_short or look in PROBLEMS else Role.OK
    shown_mode = mode(service)
    runtime, runs = runtime_text(service.spec.task)
    return (
        cell(look.glyph, look.role),
        cell(name(service)),
        cell(stack(service), Role.MUTED),
        spans(
            (str(have), role if goal else Role.MUTED),
            (f"/{goal}", Role.MUTED),
            (" stopped" if parked(service.spec) is not None else "", Role.MUTED),
            (" auto" if _scales_by_itself(service) else "", Role.MUTED),
            ("" if shown_mode == "replicated" else f" {shown_mode}", Role.MUTED),
        ),
        _curve(service, view, now_ns, look),
        cell(fmt.image(runs))
        if runtime == "container"
        else spans((runtime, Role.SPECIAL), (f" {runs}", Role.MUTED)),
        cell(fmt.age(updated_ns(service), now_ns), Role.MUTED),
        cell(fmt.short_id(service.id), Role.MUTED),
    )


COLUMNS = (
    Column("health", "", 2),
    Column("service", "SERVICE", 10, grow=3, wanted=16),
    Column("stack", "STACK", 6, grow=1, drop=3),
    Column("tasks", "TASKS", 7, grow=1, wanted=10),
    Column("history", "10 MIN", 10, drop=4),
    Column("image", "IMAGE", 14, grow=4, drop=2, wanted=20),
    Column("age", "AGE", 4, align=Align.RIGHT, drop=1),
    Column("id", "ID", 12, is_wide=True, drop=5),
)


def _curve(service: Service, view: ClusterView, now_ns: int, look: Health) -> Cell:
    role = look.role if look in PROBLEMS or look is Health.MOTION else Role.DATA
    return Cell(curve=tuple(view.running_history(service.id, now_ns)), role=role)


def problems(service: Service, view: ClusterView, now_ns: int) -> tuple[Problem, ...]:
    look = health(service, view, now_ns)
    if look not in PROBLEMS:
        return ()
    if look is Health.WARNING:
        is_back = service.update_status.state == types_pb2.UpdateStatus.ROLLBACK_PAUSED
        began_ns = timestamp_ns(service.meta.updated_at)
        summary = (
            f"{'/'.join(map(str, _advance(service, view)))} · {'rollback' if is_back else 'update'} paused"
        )
        return (
            _problem(
                service, view, look, summary, _why_paused(service, view, now_ns), ("w", "why"), began_ns
            ),
        )
    task, failed = _trouble(service, view), view.failures(service, now_ns)
    count = "/".join(map(str, _advance(service, view)))
    began_ns = since_ns(task) if task is not None else 0
    since = fmt.age(began_ns, now_ns)
    if task is not None and task.status.state == types_pb2.PENDING:
        summary, text, follow_up = f"{count} · pending {since}", cause(task), ("w", "why")
    elif failed.count > 1:
        window = fmt.short_duration(_CRASH_WINDOW_S)
        summary, follow_up = f"{count} · failed {failed.count} times in {window}", ("l", "logs")
        text = failed.cause + _since(service, view, now_ns)
    elif task is not None:
        summary, text, follow_up = f"{count} · failed {since} ago", cause(task), ("l", "logs")
    else:
        summary, text, follow_up = count, "Not enough tasks run.", ("w", "why")
    if not text and task is not None:
        text = f"The task was {unexplained(task)}."
    return (_problem(service, view, look, summary, text, follow_up, began_ns),)


def _why_paused(service: Service, view: ClusterView, now_ns: int) -> str:
    """How its tasks fail; where none is known to have, what the update's status says, which names no cause."""
    task = _trouble(service, view)
    text = view.failures(service, now_ns).cause or (cause(task) if task is not None else "")
    return (
        text + _since(service, view, now_ns)
        if text
        else service.update_status.message or "It waits for a person."
    )


_COMPARED_MAX = 200
"""Of more tasks the attempts are compared in the description alone: a problem's text is made anew every second."""


def _since(service: Service, view: ClusterView, now_ns: int) -> str:
    """How many of the attempts that the cluster still has ended like most of them, since which change of the spec."""
    tasks = view.tasks_of_service(service.id)
    found = fingerprints(tasks, {}, now_ns) if len(tasks) <= _COMPARED_MAX else []
    return f" · {found[0].count_words()}" if found and found[0].since else ""


def _problem(
    service: Service,
    view: ClusterView,
    look: Health,
    summary: str,
    text: str,
    follow_up: tuple[str, str],
    began_ns: int,
) -> Problem:
    ref = ObjectRef(view.cluster, "service", service.id)
    return Problem(ref, name(service), look, summary, text, *follow_up, began_ns)


def describe(service: Service, view: ClusterView, now_ns: int) -> tuple[Section, ...]:
    look = health(service, view, now_ns)
    spec = service.spec
    goal, have = wanted(service, view), running(service, view)
    overview = [
        ("ID", cell(service.id)),
        ("Name", cell(name(service))),
        ("Mode", cell(mode(service))),
        (
            "Tasks",
            spans(
                (f"{look.glyph} ", look.role),
                (f"{have} of {goal} running{jobs.listed(service, view)}", Role.TEXT),
            ),
        ),
        *(("Problem", cell(p.cause, p.health.role)) for p in problems(service, view, now_ns)),
        *service_page.by_itself(service, view),
        ("Labels", cell(fmt.labels_below(spec.annotations.labels), Role.SPECIAL)),
        ("Created", cell(fmt.moment(timestamp_ns(service.meta.created_at)))),
        ("Updated", cell(fmt.moment(timestamp_ns(service.meta.updated_at)))),
    ]
    if service.HasField("update_status"):
        state = enum_word(types_pb2.UpdateStatus.UpdateState, service.update_status.state)
        overview.append(("Update", cell(f"{state}  {service.update_status.message}")))
    return (
        Section("Service", tuple(overview)),
        *update_section(service, view),
        *service_page.places_section(service, view, now_ns),
        *service_page.failures_section(view.tasks_of_service(service.id), now_ns),
        *service_page.change_section(service),
        *service_page.uses_section(service, view),
        *task_spec_sections(spec.task),
    )


def _key_name(service: Service) -> tuple[tuple[bool, int, str], ...]:
    return fmt.natural(name(service))


def _is_moving(service: Service, view: ClusterView, now_ns: int) -> bool:
    return health(service, view, now_ns) is Health.MOTION


def _motion_note(service: Service, view: ClusterView, now_ns: int) -> MotionNote:
    """How far it is from its goal, and the first slots on their way; of a rollout those done, and before the slots the time left."""
    found = advance(service, view)
    have, goal = found or _advance(service, view)
    counts = spans(
        (f" {have}", Role.TEXT), (f"/{goal}", Role.MUTED), (" replaced" if found else "", Role.MUTED)
    )
    share = (Cell(bar=min(have / goal, 1.0), role=Role.MOTION),) if goal else ()
    remaining = left(service, have, goal, now_ns) if found else ""
    slots = spans((f"{remaining}  " if remaining else "", Role.MUTED), *_moving_slots(service, view))
    lines = (cell(service_changes.moving_off(service, view), Role.MUTED), slots)
    return MotionNote(Health.MOTION, (*share, counts), tuple(one for one in lines if one.text))


def _moving_slots(service: Service, view: ClusterView) -> list[tuple[str, Role]]:
    moving = view.service_sums(service.id).rising
    parts: list[tuple[str, Role]] = []
    first = nsmallest(_SLOTS_NAMED, ((slot, id_) for id_, slot in moving.items()))
    for task in filter(None, (view.get(Task, id_) for _, id_ in first)):
        parts.append((f"slot {task.slot} " if task.slot else "", Role.MUTED))
        parts.append((f"{state_word(task.status.state)}  ", Role.MOTION))
    if len(moving) > _SLOTS_NAMED:
        parts.append((f"+{len(moving) - _SLOTS_NAMED}", Role.MUTED))
    return parts


def consequences(found: Sequence[Service], view: ClusterView) -> list[str]:
    """What removing these services does."""
    count = sum(running(service, view) for service in found)
    return [
        f"{fmt.plural(count, 'running task')} will be stopped; earlier specs are lost."
        if count
        else "Earlier specs are lost."
    ]


def _used(noun: str) -> Callable[[Service], Collection[str]]:
    return lambda service: [called for of, called in uses(service) if of == noun]


KIND: ResourceKind[Service] = ResourceKind(
    noun="service",
    title="Services",
    message=Service,
    columns=COLUMNS,
    row=row,
    tree_cells={"state": "tasks", "for": "age", "where": "stack", "cause": "image"},
    sort_keys={
        "health": lambda s, view, now: (-health(s, view, now).severity, _key_name(s)),
        "service": lambda s, view, now: _key_name(s),
        "stack": lambda s, view, now: (stack(s), _key_name(s)),
        "tasks": lambda s, view, now: (-running(s, view), _key_name(s)),
        "image": lambda s, view, now: (runtime_text(s.spec.task), _key_name(s)),
        "age": lambda s, view, now: -updated_ns(s),
    },
    default_sort="service",
    name=name,
    health=health,
    problems=problems,
    describe=describe,
    fields={
        "state": lambda s, view, now: health(s, view, now).name.lower(),
        "health": lambda s, view, now: health(s, view, now).name.lower(),
        "stack": lambda s, view, now: stack(s),
        "image": lambda s, view, now: runtime_text(s.spec.task)[1],
        "mode": lambda s, view, now: mode(s),
        "runtime": lambda s, view, now: runtime_text(s.spec.task)[0],
        "label": lambda s, view, now: fmt.label_list(s.spec.annotations.labels),
        "replicas": lambda s, view, now: float(wanted(s, view)),
        "running": lambda s, view, now: float(running(s, view)),
        "cause": lambda s, view, now: " ".join(p.cause for p in problems(s, view, now)) or None,
        "node": lambda s, view, now: [
            found.description.hostname or node_id
            for node_id in view.service_sums(s.id).running_on
            if (found := view.get(objects_pb2.Node, node_id)) is not None
        ],
        "age": lambda s, view, now: fmt.age_s(s.meta.updated_at, now),
        "id": lambda s, view, now: s.id,
    },
    listing=(
        Listing("ID", "ID", lambda s, view, now: s.id, is_id=True),
        Listing("NAME", "Name", lambda s, view, now: name(s)),
        Listing("MODE", "Mode", lambda s, view, now: mode(s)),
        Listing("REPLICAS", "Replicas", lambda s, view, now: replicas_listed(s, view)),
        Listing("IMAGE", "Image", lambda s, view, now: image_listed(s.spec.task)),
        Listing(
            "PORTS", "Ports", lambda s, view, now: ports_listed(s.endpoint.ports or s.spec.endpoint.ports)
        ),
    ),
    verbs=(
        "open",
        "logs",
        "shell",
        "forward",
        "previous_logs",
        "pin_logs",
        "why",
        "crashes",
        "describe",
        "pin",
        "scale",
        "suggest",
        "update",
        "edit",
        "restart",
        "rollback",
        "hold",
        "resume",
        "stop",
        "start",
        "move",
        "labels",
        "owner",
        "timeline",
        "yaml",
        "json",
        "compare",
        "copy",
        "copy_command",
        "remove",
    ),
    drill_in=lambda service, view: Link("tasks", "service", service.id),
    owners={
        "stack": lambda s: (stack(s),),
        **{noun: _used(noun) for noun in (SECRET, CONFIG, NETWORK, VOLUME)},
    },
    owner=stack_of,
    changes=service_changes.changes,
    motion=Motion(_is_moving, _motion_note),
    consequences=consequences,
    logs=lambda id_, view: LogSelector(service_ids=[id_]),
    list_key="3",
    create_view="form",
    empty_hint="n creates one",
    aliases=("services", "svc"),
)
