"""Tasks: where a slot runs, since when, and how it ended."""

from swarm_core.api.names import STACK_LABEL
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.proto.logbroker_pb2 import LogSelector
from swarm_core.api.proto.progress_pb2 import TaskProgress
from swarm_core.api.timestamps import timestamp_ns
from swarm_core.api.words import enum_word

from swarm_tui.resources import format as fmt
from swarm_tui.resources import nodes, service_page, usage
from swarm_tui.resources.model import (
    Align,
    ClusterView,
    Column,
    Health,
    Listing,
    Problem,
    ResourceKind,
    Role,
    RowCells,
    Section,
    cell,
    description_of,
    spans,
)
from swarm_tui.resources.owners import service_or_node_of
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.resources.states import (
    cause,
    has_ended_badly,
    is_wanted,
    is_wanted_otherwise,
    short_cause,
    since_ns,
    state_health,
    state_word,
    unexplained,
    wanted_word,
)
from swarm_tui.resources.task_specs import image_listed, ports_listed, runtime_text, task_spec_sections

Task = objects_pb2.Task
_ERROR_WIDTH = 60


def service_name(task: Task) -> str:
    return task.service_annotations.name or task.annotations.name or fmt.short_id(task.service_id or task.id)


def node_name(task: Task, view: ClusterView) -> str:
    """The host's name; the id's beginning when the node is unknown; empty without one."""
    node = view.get(objects_pb2.Node, task.node_id) if task.node_id else None
    return nodes.name(node, view) if node is not None else fmt.short_id(task.node_id)


def name(task: Task, view: ClusterView) -> str:
    """service.slot, or service.node for a task without slot."""
    return f"{service_name(task)}.{task.slot or node_name(task, view) or fmt.short_id(task.id)}"


def unresolved_name(task: Task) -> str:
    """The name with ids in place of the names of service and node."""
    return f"{task.service_id}.{task.slot or task.node_id or task.id}"


def _is_node_gone(task: Task, view: ClusterView) -> bool:
    if not task.node_id:
        return False
    node = view.get(objects_pb2.Node, task.node_id)
    return node is None or node.status.state == types_pb2.NodeStatus.DOWN


def health(task: Task, view: ClusterView, now_ns: int) -> Health:
    """The state's health; what runs on a lost node is stale, what nobody can place has failed its purpose."""
    own = state_health(task.status.state)
    if own in (Health.OK, Health.MOTION) and _is_node_gone(task, view):
        return Health.STALE
    if task.status.state == types_pb2.PENDING and task.status.err and is_wanted(task):
        return Health.WARNING
    return own


def busy_with(task: Task, view: ClusterView) -> str:
    """How far its preparation is: "pulling 34 %". Empty when nothing is told."""
    told = view.progress(task.id) if task.status.state == types_pb2.PREPARING else None
    if told is None or told.activity == TaskProgress.UNKNOWN:
        return ""
    return f"{enum_word(TaskProgress.Activity, told.activity, 'activity')} {told.percent} %"


def row(task: Task, view: ClusterView, now_ns: int) -> RowCells:
    look = health(task, view, now_ns)
    is_past = not is_wanted(task) and look is not Health.OK
    text_role = Role.MUTED if is_past or look is Health.STALE else Role.TEXT
    word = state_word(task.status.state)
    host = node_name(task, view)
    runtime, runs = runtime_text(task.spec)
    state_role = Role.MUTED if is_past or look is Health.OK else look.role
    return (
        spans((f"{look.glyph} ", look.role), (service_name(task), text_role), (_slot(task), Role.MUTED)),
        cell(f"stale {word}" if look is Health.STALE else word, state_role),
        cell(fmt.age(since_ns(task), now_ns), Role.MUTED),
        usage.cpus_cell(task.id, view),
        usage.memory_cell(task.id, view),
        cell(host or "–", text_role if host else Role.MUTED),
        spans(
            (f"to be {wanted_word(task.desired_state)}  " if is_wanted_otherwise(task) else "", Role.MUTED),
            (short_cause(task) or busy_with(task, view), Role.MUTED if is_past else look.role),
        ),
        cell(fmt.image(runs) if runtime == "container" else f"{runtime} {runs}", Role.MUTED),
        cell(fmt.short_id(task.id), Role.MUTED),
    )


COLUMNS = (
    Column("task", "TASK", 14, grow=4),
    Column("state", "STATE", 9),
    Column("since", "FOR", 4, align=Align.RIGHT),
    Column("cpu", "CPU", 4, align=Align.RIGHT, is_wide=True, is_of_usage=True, drop=1),
    Column("memory", "MEM", 4, align=Align.RIGHT, is_wide=True, is_of_usage=True, drop=1),
    Column("node", "NODE", 8, grow=1, drop=1),
    Column("cause", "CAUSE", 12, grow=8, drop=2, wanted=40),
    Column("image", "IMAGE", 14, grow=4, is_wide=True, drop=4),
    Column("id", "ID", 12, is_wide=True, drop=5),
)


def _slot(task: Task) -> str:
    return f".{task.slot}" if task.slot else ""


def problems(task: Task, view: ClusterView, now_ns: int) -> tuple[Problem, ...]:
    look = health(task, view, now_ns)
    if look not in (Health.FAILED, Health.STALE, Health.WARNING):
        return ()
    text = cause(task)
    if look is Health.STALE:
        text = text or f"Its node {node_name(task, view)} is down: this is how it was last seen."
    text = text or f"The task was {unexplained(task)}."
    summary = f"{state_word(task.status.state)} {fmt.age(since_ns(task), now_ns)}"
    ref = ObjectRef(view.cluster, "task", task.id)
    return (Problem(ref, name(task, view), look, summary, text, "l", "logs", since_ns(task)),)


def describe(task: Task, view: ClusterView, now_ns: int) -> tuple[Section, ...]:
    look = health(task, view, now_ns)
    status = task.status
    lines = [
        ("ID", cell(task.id)),
        ("Name", cell(name(task, view))),
        (
            "State",
            spans(
                (f"{look.glyph} {state_word(status.state)}", look.role),
                (f"  {busy_with(task, view) or status.message}", Role.MUTED),
            ),
        ),
        ("Desired", cell(state_word(task.desired_state))),
        ("Since", cell(fmt.moment(since_ns(task)))),
        ("Created", cell(fmt.moment(timestamp_ns(task.meta.created_at)))),
        ("Service", cell(f"{service_name(task)}  {task.service_id}")),
        ("Node", cell(f"{node_name(task, view) or '–'}  {task.node_id}")),
    ]
    if text := cause(task):
        lines.append(("Cause", cell(text, look.role)))
    if status.WhichOneof("runtime_status") == "container":
        container = status.container
        lines += [("Container", cell(container.container_id))] if container.container_id else []
        lines += [("PID", cell(str(container.pid)))] if container.pid else []
        if status.state > types_pb2.RUNNING:
            lines.append(("Exit code", cell(str(container.exit_code))))
    limits = task.spec.resources.limits
    lines += usage.lines(task.id, view, limits.nano_cpus, limits.memory_bytes)
    return (
        Section("Task", tuple(lines)),
        *_attempts(task, view, now_ns),
        *_failures(task, view, now_ns),
        *task_spec_sections(task.spec),
    )


def _failures(task: Task, view: ClusterView, now_ns: int) -> tuple[Section, ...]:
    """Of one that failed: how the attempts of its service ended."""
    if not task.service_id or not has_ended_badly(task):
        return ()
    return service_page.failures_section(view.tasks_of_service(task.service_id), now_ns)


def _attempts(task: Task, view: ClusterView, now_ns: int) -> tuple[Section, ...]:
    """The other tasks of the same place in the service, newest first."""
    others = [
        other
        for other in view.tasks_of_service(task.service_id)
        if other.id != task.id and other.slot == task.slot and (task.slot or other.node_id == task.node_id)
    ]
    if not others:
        return ()
    others.sort(key=lambda other: -timestamp_ns(other.meta.created_at))
    return (
        Section(
            "Other attempts",
            tuple(
                (
                    fmt.short_id(other.id),
                    spans(
                        (f"{state_health(other.status.state).glyph} ", state_health(other.status.state).role),
                        (
                            f"{state_word(other.status.state)} {fmt.age(since_ns(other), now_ns)} ago",
                            Role.TEXT,
                        ),
                        (f"  {cause(other)}", Role.MUTED),
                    ),
                )
                for other in others
            ),
        ),
    )


def _name_key(task: Task, view: ClusterView) -> tuple[object, ...]:
    place = fmt.natural(node_name(task, view)) if not task.slot else ()
    return (service_name(task).lower(), task.slot, place, -timestamp_ns(task.meta.created_at))


def _current_state(task: Task, view: ClusterView, now_ns: int) -> str:
    word = state_word(task.status.state).title()
    since = fmt.ago(since_ns(task), now_ns)
    return f"{word} {since[:1].lower()}{since[1:]} ago" if since else word


def _error_listed(task: Task, view: ClusterView, now_ns: int) -> str:
    return f'"{task.status.err}"' if task.status.err else ""


KIND: ResourceKind[Task] = ResourceKind(
    noun="task",
    title="Tasks",
    message=Task,
    columns=COLUMNS,
    row=row,
    tree_cells={"state": "state", "for": "since", "where": "node", "cause": "cause"},
    sort_keys={
        "task": lambda t, view, now: _name_key(t, view),
        "state": lambda t, view, now: (-health(t, view, now).severity, *_name_key(t, view)),
        "since": lambda t, view, now: -since_ns(t),
        "node": lambda t, view, now: (fmt.natural(node_name(t, view)), *_name_key(t, view)),
        "cause": lambda t, view, now: (not cause(t), cause(t), *_name_key(t, view)),
        "cpu": lambda t, view, now: (-(usage.cpus(t.id, view) or 0.0), *_name_key(t, view)),
        "memory": lambda t, view, now: (-(usage.memory(t.id, view) or 0.0), *_name_key(t, view)),
    },
    default_sort="task",
    keeps_key=lambda t, key: key == "task" and t.slot != 0,
    live_keys=frozenset(("cpu", "memory")),
    name=name,
    health=health,
    problems=problems,
    describe=describe,
    fields={
        "state": lambda t, view, now: state_word(t.status.state),
        "desired": lambda t, view, now: state_word(t.desired_state),
        "health": lambda t, view, now: health(t, view, now).name.lower(),
        "service": lambda t, view, now: service_name(t),
        "node": lambda t, view, now: node_name(t, view),
        "stack": lambda t, view, now: t.service_annotations.labels.get(STACK_LABEL, ""),
        "image": lambda t, view, now: runtime_text(t.spec)[1],
        "label": lambda t, view, now: fmt.label_list(t.service_annotations.labels),
        "cause": lambda t, view, now: cause(t) or None,
        "slot": lambda t, view, now: float(t.slot),
        "cpu": lambda t, view, now: usage.cpus(t.id, view),
        "mem": lambda t, view, now: usage.memory(t.id, view),
        "age": lambda t, view, now: fmt.age_s(t.status.timestamp, now),
        "id": lambda t, view, now: t.id,
    },
    listing=(
        Listing("ID", "ID", lambda t, view, now: t.id, is_id=True),
        Listing("NAME", "Name", lambda t, view, now: name(t, view)),
        Listing("IMAGE", "Image", lambda t, view, now: image_listed(t.spec)),
        Listing("NODE", "Node", lambda t, view, now: node_name(t, view)),
        Listing("DESIRED STATE", "DesiredState", lambda t, view, now: state_word(t.desired_state).title()),
        Listing("CURRENT STATE", "CurrentState", _current_state),
        Listing("ERROR", "Error", _error_listed, width_max=_ERROR_WIDTH),
        Listing("PORTS", "Ports", lambda t, view, now: ports_listed(t.status.port_status.ports)),
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
        "owner",
        "yaml",
        "json",
        "compare",
        "copy",
        "copy_command",
        "kill",
    ),
    drill_in=description_of("task"),
    owner=service_or_node_of,
    owners={"service": lambda t: (t.service_id,), "node": lambda t: (t.node_id,)},
    logs=lambda id_, view: LogSelector(task_ids=[id_]),
    list_key="4",
    is_told_by_owners=True,
    aliases=("tasks",),
)


def is_problem(task: Task, view: ClusterView, now_ns: int) -> bool:
    """Whether a task that is still wanted, or ended badly, needs a look."""
    return has_ended_badly(task) or bool(problems(task, view, now_ns))
