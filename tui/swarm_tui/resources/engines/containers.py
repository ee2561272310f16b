"""Containers of all engines: docker's columns with the engine in front, how they fare, and what they use where that is asked for."""

from typing import Final

from swarm_core.api.proto import logbroker_pb2
from swarm_core.engines.records import Container, Port

from swarm_tui.resources import format as fmt
from swarm_tui.resources import usage
from swarm_tui.resources.engines.items import ContainerItem, item_id
from swarm_tui.resources.engines.shared import (
    ENGINE_COLUMN,
    NS,
    engine_cell,
    engine_name,
    engine_of,
    engine_words,
    is_away,
)
from swarm_tui.resources.model import (
    Align,
    ClusterView,
    Column,
    FieldValue,
    Health,
    Problem,
    Realm,
    ResourceKind,
    Role,
    RowCells,
    Section,
    cell,
    description_of,
    spans,
)
from swarm_tui.resources.refs import ObjectRef

NOUN: Final = "container"
SERVICE_LABEL: Final = "com.docker.swarm.service.name"
"""On containers that are tasks of a swarm's service."""
STACK_LABELS: Final = ("com.docker.compose.project", "com.docker.stack.namespace")
_STOPPED: Final = (0, 137, 143)
"""Exit codes of what ended well, or was ended by somebody."""
COLUMNS = (
    ENGINE_COLUMN,
    Column("name", "NAME", 14, grow=3),
    Column("image", "IMAGE", 12, grow=3, drop=3),
    Column("state", "STATE", 12),
    Column("status", "STATUS", 12, grow=1, drop=2),
    Column("cpu", "CPU", 4, align=Align.RIGHT, is_of_usage=True),
    Column("mem", "MEM", 5, align=Align.RIGHT, is_of_usage=True),
    Column("ports", "PORTS", 10, grow=2, drop=4),
    Column("stack", "STACK", 8, grow=1, is_wide=True, drop=6),
    Column("networks", "NETWORKS", 8, grow=1, is_wide=True, drop=7),
    Column("command", "COMMAND", 12, grow=2, is_wide=True, drop=8),
    Column("id", "ID", 12, is_wide=True, drop=5),
    Column("age", "AGE", 4, align=Align.RIGHT, drop=1),
)


def name(item: ContainerItem, view: ClusterView | None = None) -> str:
    return item.record.name


def word(one: Container) -> str:
    """Its state, or what its health check says."""
    if one.state == "running" and one.health in ("unhealthy", "starting"):
        return one.health
    if one.state == "exited" and one.exit_code:
        return f"exited {one.exit_code}"
    return one.state


def health(item: ContainerItem, view: ClusterView, now_ns: int) -> Health:
    return Health.STALE if is_away(item.record.engine, view) else _own_health(item.record)


def _own_health(one: Container) -> Health:
    match one.state:
        case "running":
            return {"unhealthy": Health.FAILED, "starting": Health.MOTION}.get(one.health, Health.OK)
        case "restarting":
            return Health.WARNING
        case "removing":
            return Health.MOTION
        case "exited":
            return Health.DONE if one.exit_code is None or one.exit_code in _STOPPED else Health.FAILED
        case "dead":
            return Health.FAILED
        case _:
            return Health.IDLE


def stack(one: Container) -> str:
    """The compose project or stack that it is part of."""
    return next((one.labels[label] for label in STACK_LABELS if label in one.labels), "")


def row(item: ContainerItem, view: ClusterView, now_ns: int) -> RowCells:
    one, look = item.record, health(item, view, now_ns)
    return (
        engine_cell(one.engine, view),
        cell(one.name),
        cell(fmt.image(one.image), Role.MUTED),
        spans((f"{look.glyph} ", look.role), (word(one), Role.MUTED if look is Health.OK else look.role)),
        cell(one.status, Role.MUTED),
        usage.cpus_cell(item.id, view),
        usage.memory_cell(item.id, view),
        cell(ports(one.ports), Role.MUTED),
        cell(stack(one), Role.SPECIAL),
        cell(", ".join(one.networks), Role.MUTED),
        cell(one.command, Role.MUTED),
        cell(fmt.short_id(one.id), Role.MUTED),
        cell(fmt.age(int(one.created_s * NS), now_ns), Role.MUTED),
    )


def ports(found: tuple[Port, ...]) -> str:
    """As docker writes them: 0.0.0.0:80->80/tcp."""
    return ", ".join(dict.fromkeys(map(_port, found)))


def _port(one: Port) -> str:
    inside = f"{one.private}/{one.protocol}"
    return f"{f'[{one.ip}]' if ':' in one.ip else one.ip}:{one.public}->{inside}" if one.public else inside


def problems(item: ContainerItem, view: ClusterView, now_ns: int) -> tuple[Problem, ...]:
    """What fares badly now. What ended is history, and what an engine has that is away is the engine's problem."""
    look, one = health(item, view, now_ns), item.record
    if look not in (Health.WARNING, Health.FAILED) or one.state == "exited":
        return ()
    where = engine_name(one.engine, view)
    cause = {
        "running": "Its health check fails.",
        "restarting": "It ends again and again, and its engine restarts it.",
    }.get(one.state, "Its engine could not remove it.")
    ref = ObjectRef(view.cluster, NOUN, item.id)
    return (Problem(ref, one.name, look, f"{word(one)} · {where}", cause, "l", "its logs"),)


def describe(item: ContainerItem, view: ClusterView, now_ns: int) -> tuple[Section, ...]:
    one, look = item.record, health(item, view, now_ns)
    engine = engine_of(one.engine, view)
    is_stale = engine is not None and is_away(one.engine, view)
    stale = f"  as last seen: {engine.name} is {engine.word}" if engine is not None and is_stale else ""
    lines = (
        ("Engine", cell(engine_name(one.engine, view), Role.SPECIAL)),
        ("ID", cell(one.id)),
        ("Image", cell(one.image)),
        ("State", spans((f"{look.glyph} {word(one)}", look.role), (stale, Role.WARNING))),
        ("Status", cell(one.status)),
        ("Command", cell(one.command or "–")),
        ("Created", cell(fmt.moment(int(one.created_s * NS)))),
        ("Ports", cell("\n".join(map(_port, one.ports)) or "–")),
        ("Networks", cell(", ".join(one.networks) or "–")),
        ("Volumes", cell("\n".join(one.volumes) or "–")),
        ("Stack", cell(stack(one) or "–", Role.SPECIAL)),
        ("Service", cell(one.labels.get(SERVICE_LABEL, "–"), Role.SPECIAL)),
        ("Labels", cell("\n".join(fmt.label_list(one.labels)) or "–", Role.SPECIAL)),
    )
    held = one.reserved
    used = usage.lines(item.id, view, held.nano_cpus if held else 0, held.memory_bytes if held else 0)
    resources = (
        ("CPUs reserved", cell(fmt.cpus(held.nano_cpus) if held else "not looked at yet")),
        ("Memory reserved", cell(fmt.size(held.memory_bytes) if held else "not looked at yet")),
        *used,
    )
    return Section("Container", lines), Section("Resources", resources)


def logs(id_: str, view: ClusterView) -> logbroker_pb2.LogSelector:
    """Its own."""
    return logbroker_pb2.LogSelector(task_ids=[id_])


def _state(item: ContainerItem, view: ClusterView, now_ns: int) -> FieldValue:
    one = item.record
    return [one.state, word(one), *(["down"] if is_away(one.engine, view) else [])]


def _order(item: ContainerItem) -> tuple[object, ...]:
    return fmt.natural(item.record.name), item.record.engine


KIND: ResourceKind[ContainerItem] = ResourceKind(
    noun=NOUN,
    title="Containers",
    message=ContainerItem,
    realm=Realm.ENGINES,
    columns=COLUMNS,
    row=row,
    sort_keys={
        "name": lambda item, view, now: _order(item),
        "engine": lambda item, view, now: (fmt.natural(item.record.engine), *_order(item)),
        "image": lambda item, view, now: (item.record.image, *_order(item)),
        "state": lambda item, view, now: (-health(item, view, now).severity, *_order(item)),
        "cpu": lambda item, view, now: (-(usage.cpus(item.id, view) or 0), *_order(item)),
        "mem": lambda item, view, now: (-(usage.memory(item.id, view) or 0), *_order(item)),
        "stack": lambda item, view, now: (stack(item.record), *_order(item)),
        "age": lambda item, view, now: (-item.record.created_s, *_order(item)),
    },
    default_sort="name",
    live_keys=frozenset(("cpu", "mem")),
    name=name,
    health=health,
    problems=problems,
    describe=describe,
    fields={
        "engine": lambda item, view, now: engine_words(item.record.engine, view),
        "state": _state,
        "health": lambda item, view, now: item.record.health,
        "image": lambda item, view, now: item.record.image,
        "label": lambda item, view, now: fmt.label_list(item.record.labels),
        "stack": lambda item, view, now: stack(item.record),
        "service": lambda item, view, now: item.record.labels.get(SERVICE_LABEL, ""),
        "network": lambda item, view, now: list(item.record.networks),
        "volume": lambda item, view, now: list(item.record.volumes),
        "port": lambda item, view, now: [str(one.public or one.private) for one in item.record.ports],
        "cpu_used": lambda item, view, now: usage.cpus(item.id, view),
        "mem_used": lambda item, view, now: usage.memory(item.id, view),
        "age": lambda item, view, now: (now - item.record.created_s * NS) / NS,
        "id": lambda item, view, now: item.record.id,
    },
    listing=(),
    verbs=(
        "open",
        "logs",
        "shell",
        "describe",
        "availability",
        "start",
        "stop",
        "restart",
        "pause",
        "unpause",
        "kill",
        "owner",
        "pin",
        "pin_logs",
        "yaml",
        "json",
        "compare",
        "copy",
        "remove",
    ),
    drill_in=description_of(NOUN),
    owners={
        "engine": lambda item: (item.record.engine,),
        "image": lambda item: (item_id(item.record.engine, item.record.image_id),),
        "engine-volume": lambda item: [item_id(item.record.engine, one) for one in item.record.volumes],
        "engine-network": lambda item: [item_id(item.record.engine, one) for one in item.record.networks],
    },
    owner=lambda item: ("engine", item.record.engine),
    logs=logs,
    list_key="V",
    tree_cells={"state": "state", "for": "age", "where": "engine", "cause": "status"},
    create_view="run-container",
    empty_hint="an engine that answers shows what it has",
    aliases=("containers", "ps", "ctr"),
)
