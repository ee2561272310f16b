"""Nodes: role, state, availability, what is reserved of them, how many tasks run there."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.api.proto.logbroker_pb2 import LogSelector
from swarm_core.api.timestamps import timestamp_ns
from swarm_core.api.words import enum_word
from swarm_core.specs import surge

from swarm_tui.resources import format as fmt
from swarm_tui.resources import managers, node_shares, usage
from swarm_tui.resources.model import (
    LEADER,
    Align,
    Cell,
    ClusterView,
    Column,
    FieldValue,
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
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.resources.shares import bar_cell, share_cell

Node = objects_pb2.Node
_State = types_pb2.NodeStatus
_Spec = specs_pb2.NodeSpec
_STATES: dict[int, tuple[str, Health]] = {
    _State.UNKNOWN: ("unknown", Health.IDLE),
    _State.DOWN: ("down", Health.FAILED),
    _State.READY: ("ready", Health.OK),
    _State.DISCONNECTED: ("disconnected", Health.STALE),
}
_NOT_LET_IN = (types_pb2.IssuanceStatus.UNKNOWN, types_pb2.IssuanceStatus.PENDING)
_ID_BESIDE_NAME = 6


def name(node: Node, view: ClusterView | None = None) -> str:
    """The host's name, or the id's beginning before it told one; both where another node has the same name."""
    host = node.description.hostname
    if host and view is not None and view.namesakes(host) > 1:
        return f"{host}·{node.id[:_ID_BESIDE_NAME]}"
    return host or fmt.short_id(node.id)


def state_of(node: Node) -> tuple[str, Health]:
    """Word and health of the node's own state. `docker node update` writes every spec as pending, of nodes too that were let in long ago: those
    have a certificate."""
    if node.spec.membership == _Spec.PENDING and node.certificate.status.state in _NOT_LET_IN:
        return "pending", Health.IDLE
    return _STATES.get(node.status.state, ("unknown", Health.IDLE))


def takes_tasks(node: Node) -> bool:
    """Whether the scheduler may place tasks on it."""
    return node.status.state == _State.READY and node.spec.availability == _Spec.ACTIVE


def availability(node: Node) -> str:
    """active, pause or drain."""
    return enum_word(_Spec.Availability, node.spec.availability)


def health(node: Node, view: ClusterView, now_ns: int) -> Health:
    """The state's health; a ready node with tasks left to drain is partly so."""
    own = state_of(node)[1]
    if own is not Health.OK:
        return own
    if managers.word(node) == "Unreachable":
        return Health.FAILED
    if node.spec.availability == _Spec.DRAIN and view.node_sums(node.id).running:
        return Health.PARTLY
    return Health.OK


def reserved(node: Node, view: ClusterView) -> tuple[float | None, float | None]:
    """Shares of CPU and memory that tasks have reserved; None where the node told no size."""
    sums, have = view.node_sums(node.id), node.description.resources
    return (
        sums.nano_cpus / have.nano_cpus if have.nano_cpus else None,
        sums.memory_bytes / have.memory_bytes if have.memory_bytes else None,
    )


def used(node: Node, view: ClusterView) -> tuple[float | None, float | None]:
    """Shares of CPU and memory that the whole machine uses; None where that is not told."""
    have = node.description.resources
    return (
        usage.share(usage.cpus(node.id, view), have.nano_cpus / 1e9),
        usage.share(usage.memory(node.id, view), have.memory_bytes),
    )


def row(node: Node, view: ClusterView, now_ns: int) -> RowCells:
    word, own = state_of(node)
    look = health(node, view, now_ns)
    if own is Health.OK and look is Health.FAILED:
        word = "unreached"
    state_role = Role.MUTED if own is Health.OK and look is not Health.FAILED else look.role
    cpu, memory = reserved(node, view)
    used_cpu, used_memory = used(node, view)
    is_leader = node.HasField("manager_status") and node.manager_status.leader
    is_active = node.spec.availability == _Spec.ACTIVE
    return (
        replace(
            spans((name(node, view), Role.TEXT), (f" {LEADER}" if is_leader else "", Role.WARNING)),
            is_end_kept=is_leader,
        ),
        spans((f"{look.glyph} ", look.role), (word, state_role)),
        cell(availability(node), Role.TEXT if is_active else Role.WARNING),
        bar_cell(cpu),
        share_cell(cpu),
        share_cell(used_cpu),
        bar_cell(memory),
        share_cell(memory),
        share_cell(used_memory),
        cell(str(view.node_sums(node.id).running)),
        managers.word_cell(node),
        managers.log_position(node, view),
        cell(node.status.addr, Role.MUTED),
        cell(node.description.engine.engine_version, Role.MUTED),
        cell(fmt.labels(node.spec.annotations.labels), Role.SPECIAL),
        cell(fmt.age_of(node.meta.created_at, now_ns), Role.MUTED),
    )


COLUMNS = (
    Column("node", "NODE", 10, grow=3),
    Column("state", "STATE", 10),
    Column("availability", "AVAIL", 6, drop=1),
    Column("cpu_bar", "CPU resv", 12, grow=1, drop=4),
    Column("cpu", "", 4, align=Align.RIGHT, drop=2),
    Column("cpu_used", "used", 4, align=Align.RIGHT, is_wide=True, is_of_usage=True, drop=1),
    Column("memory_bar", "MEM resv", 12, grow=1, drop=4),
    Column("mem", "", 4, align=Align.RIGHT, drop=2),
    Column("mem_used", "used", 4, align=Align.RIGHT, is_wide=True, is_of_usage=True, drop=1),
    Column("running", "RUN", 5, align=Align.RIGHT),
    Column("role", "MANAGER", 11, is_wide=True, drop=6),
    Column("log", "RAFT LOG", 12, align=Align.RIGHT, is_wide=True, drop=5),
    Column("addr", "ADDR", 15, is_wide=True, drop=6),
    Column("engine", "ENGINE", 8, is_wide=True, drop=6),
    Column("labels", "LABELS", 12, grow=2, is_wide=True, drop=7),
    Column("age", "AGE", 4, align=Align.RIGHT, is_wide=True, drop=5),
)


def problems(node: Node, view: ClusterView, now_ns: int) -> tuple[Problem, ...]:
    look = health(node, view, now_ns)
    word, _ = state_of(node)
    if look is Health.PARTLY:
        left = view.node_sums(node.id).running
        return (
            _problem(
                node, view, look, f"draining · {left} left", f"{fmt.plural(left, 'task')} still run here."
            ),
        )
    if look in (Health.FAILED, Health.STALE):
        since = fmt.age_of(node.meta.updated_at, now_ns)
        stranded = sum(task.status.state == types_pb2.RUNNING for task in view.tasks_of_node(node.id))
        text = node.status.message or "The manager hears no heartbeat from it."
        if stranded:
            text = f"{text.rstrip('.')}; {fmt.plural(stranded, 'task')} last seen running there."
        shown = "unreachable as manager" if word == "ready" else word
        return (_problem(node, view, look, f"{shown} · {since}", text),)
    return ()


def _problem(node: Node, view: ClusterView, look: Health, summary: str, cause: str) -> Problem:
    ref = ObjectRef(view.cluster, "node", node.id)
    return Problem(
        ref, name(node, view), look, summary, cause, "enter", "its tasks", timestamp_ns(node.meta.updated_at)
    )


def describe(node: Node, view: ClusterView, now_ns: int) -> tuple[Section, ...]:
    word, _ = state_of(node)
    look = health(node, view, now_ns)
    description, sums = node.description, view.node_sums(node.id)
    have = description.resources
    cpu, memory = reserved(node, view)
    platform = f"{description.platform.os}/{description.platform.architecture}".strip("/")
    plugins = sorted({f"{plugin.type}/{plugin.name}" for plugin in description.engine.plugins})
    sections = [
        Section(
            "Node",
            (
                ("ID", cell(node.id)),
                ("Hostname", cell(description.hostname or "–")),
                (
                    "State",
                    spans((f"{look.glyph} {word}", look.role), (_tail(node.status.message), Role.TEXT)),
                ),
                ("Availability", cell(availability(node))),
                *_surge(node, view),
                ("Role", cell("manager" if node.role == types_pb2.MANAGER else "worker")),
                ("Address", cell(node.status.addr or "–")),
                ("Joined", cell(fmt.moment(timestamp_ns(node.meta.created_at)))),
                ("Labels", cell(fmt.labels_below(node.spec.annotations.labels), Role.SPECIAL)),
            ),
        ),
        Section(
            "Machine",
            (
                ("Platform", cell(platform or "–")),
                ("Engine", cell(description.engine.engine_version or "–")),
                ("Engine labels", cell(fmt.labels_below(description.engine.labels))),
                ("CPUs", cell(_use(fmt.cpus(sums.nano_cpus), fmt.cpus(have.nano_cpus), cpu))),
                ("Memory", cell(_use(fmt.size(sums.memory_bytes), fmt.size(have.memory_bytes), memory))),
                *usage.lines(node.id, view, have.nano_cpus, have.memory_bytes),
                ("Plugins", cell(", ".join(plugins) or "–")),
                *(("Volumes by", cell(_storage(info))) for info in description.csi_info),
                ("Running tasks", cell(str(sums.running))),
            ),
        ),
    ]
    sections += node_shares.section(node, view)
    if section := managers.section(node, view):
        sections.append(section)
    return tuple(sections)


def _surge(node: Node, view: ClusterView) -> Iterator[tuple[str, Cell]]:
    """The services that a drain with the replacements first moves off the node just now."""
    marks = ((service, surge.mark_of(service.spec)) for service in view.objects(objects_pb2.Service))
    found = [one.spec.annotations.name for one, mark in marks if mark is not None and node.id in mark.nodes]
    if found:
        names = ", ".join(sorted(found, key=fmt.natural))
        yield "Drain", spans(("⟳ ", Role.MOTION), (f"replacements first: {names} moving off", Role.TEXT))


def _storage(info: types_pb2.NodeCSIInfo) -> str:
    """A storage plugin: its name, the node's in it, from where it reaches volumes, and how many it takes."""
    parts = [f"as {info.node_id}", fmt.labels(info.accessible_topology.segments)]
    if info.max_volumes_per_node > 0:
        parts.append(f"at most {info.max_volumes_per_node}")
    return f"{info.plugin_name} ({', '.join(filter(None, parts))})"


def _tail(message: str) -> str:
    return f"  {message}" if message else ""


def _use(used: str, total: str, share: float | None) -> str:
    return "–" if share is None else f"{used} of {total} reserved ({share:.0%})"


def _field_state(node: Node, view: ClusterView, now_ns: int) -> FieldValue:
    return [state_of(node)[0], availability(node)]


def _field_role(node: Node, view: ClusterView, now_ns: int) -> FieldValue:
    return "manager" if node.role == types_pb2.MANAGER else "worker"


def changes(old: Node | None, new: Node | None, view: ClusterView) -> Iterator[str]:
    """What befell the node, or what a person did with it."""
    if new is None:
        yield "removed"
    elif old is None:
        yield "joined"
    else:
        if old.status.state != new.status.state:
            yield state_of(new)[0]
        if old.spec.availability != new.spec.availability:
            yield f"{availability(old)} → {availability(new)}"
        if old.role != new.role:
            yield f"now a {'manager' if new.role else 'worker'}"
        if old.manager_status.leader != new.manager_status.leader and new.manager_status.leader:
            yield "leads now"
        if old.spec.annotations.labels != new.spec.annotations.labels:
            yield "labels"


def is_drain_unfinished(node: Node, view: ClusterView, now_ns: int) -> bool:
    """Whether the node is to be empty and is not yet."""
    return node.spec.availability == _Spec.DRAIN and view.node_sums(node.id).running > 0


def _drain_note(node: Node, view: ClusterView, now_ns: int) -> MotionNote:
    left = fmt.plural(view.node_sums(node.id).running, "task")
    return MotionNote(Health.PARTLY, (spans(("draining  ", Role.MUTED), (f"{left} left", Role.TEXT)),))


def consequences(found: Sequence[Node], view: ClusterView) -> list[str]:
    """What removing these nodes does."""
    up = [name(node, view) for node in found if state_of(node)[0] != "down"]
    return [f"Not down, so the manager will refuse it: {', '.join(up)}."] if up else []


KIND: ResourceKind[Node] = ResourceKind(
    noun="node",
    title="Nodes",
    message=Node,
    columns=COLUMNS,
    row=row,
    tree_cells={"state": "state", "for": "age", "where": "availability", "cause": "labels"},
    sort_keys={
        "node": lambda node, view, now: (node.role != types_pb2.MANAGER, fmt.natural(name(node, view))),
        "state": lambda node, view, now: (-health(node, view, now).severity, fmt.natural(name(node, view))),
        "availability": lambda node, view, now: (-node.spec.availability, fmt.natural(name(node, view))),
        "cpu": lambda node, view, now: -(reserved(node, view)[0] or 0),
        "mem": lambda node, view, now: -(reserved(node, view)[1] or 0),
        "cpu_used": lambda node, view, now: -(used(node, view)[0] or 0),
        "mem_used": lambda node, view, now: -(used(node, view)[1] or 0),
        "running": lambda node, view, now: -view.node_sums(node.id).running,
        "role": lambda node, view, now: (-node.role, fmt.natural(name(node, view))),
        "addr": lambda node, view, now: fmt.natural(node.status.addr),
        "age": lambda node, view, now: -timestamp_ns(node.meta.created_at),
    },
    default_sort="node",
    live_keys=frozenset(("cpu_used", "mem_used")),
    name=name,
    health=health,
    problems=problems,
    describe=describe,
    fields={
        "state": _field_state,
        "role": _field_role,
        "label": lambda node, view, now: fmt.label_list(node.spec.annotations.labels),
        "cpu": lambda node, view, now: reserved(node, view)[0],
        "mem": lambda node, view, now: reserved(node, view)[1],
        "cpu_used": lambda node, view, now: used(node, view)[0],
        "mem_used": lambda node, view, now: used(node, view)[1],
        "tasks": lambda node, view, now: float(view.node_sums(node.id).running),
        "age": lambda node, view, now: fmt.age_s(node.meta.created_at, now),
        "id": lambda node, view, now: node.id,
    },
    listing=(
        Listing("ID", "ID", lambda node, view, now: node.id),
        Listing("HOSTNAME", "Hostname", lambda node, view, now: node.description.hostname),
        Listing("STATUS", "Status", lambda node, view, now: state_of(node)[0].title()),
        Listing("AVAILABILITY", "Availability", lambda node, view, now: availability(node).title()),
        Listing("MANAGER STATUS", "ManagerStatus", lambda node, view, now: managers.word(node)),
        Listing(
            "ENGINE VERSION", "EngineVersion", lambda node, view, now: node.description.engine.engine_version
        ),
    ),
    verbs=(
        "open",
        "logs",
        "previous_logs",
        "pin_logs",
        "describe",
        "pin",
        "availability",
        "drill",
        "role",
        "labels",
        "timeline",
        "yaml",
        "json",
        "compare",
        "copy",
        "copy_command",
        "remove",
    ),
    drill_in=lambda node, view: Link("tasks", "node", node.id),
    changes=changes,
    motion=Motion(is_drain_unfinished, _drain_note),
    consequences=consequences,
    logs=lambda id_, view: LogSelector(node_ids=[id_]),
    list_key="2",
    aliases=("nodes", "no"),
)
