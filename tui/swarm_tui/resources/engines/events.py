"""What engines told while this program looked, the newest first, and what befell our connections with them."""

from typing import Final

from swarm_core.engines.records import Event

from swarm_tui.resources import format as fmt
from swarm_tui.resources.engines.items import ContainerItem, EventItem, item_id
from swarm_tui.resources.engines.shared import ENGINE_COLUMN, NS, engine_cell, engine_name, engine_words
from swarm_tui.resources.model import (
    ClusterView,
    Column,
    Health,
    Realm,
    ResourceKind,
    Role,
    RowCells,
    Section,
    cell,
    description_of,
    no_problems,
)

NOUN: Final = "engine-event"
EVENTS_MAX: Final = 2_000
"""So many are kept, the newest."""
_FAILURES: Final = ("oom", "health_status: unhealthy", "engine_disconnect")


def subject(one: Event) -> str:
    """What it is about: a name where the engine tells one, else the short id."""
    return one.attributes.get("name") or fmt.short_id(one.id.removeprefix("sha256:"))


def name(item: EventItem, view: ClusterView | None = None) -> str:
    return subject(item.record)


def text(one: Event) -> str:
    """What happened, with the exit code of what ended."""
    code = one.attributes.get("exitCode", "")
    return f"{one.action} ({code})" if one.action == "die" and code else one.action


def is_failure(one: Event) -> bool:
    """Whether it is bad news."""
    return one.action in _FAILURES or (one.action == "die" and one.attributes.get("exitCode", "0") != "0")


def health(item: EventItem, view: ClusterView, now_ns: int) -> Health:
    return Health.FAILED if is_failure(item.record) else Health.IDLE


def row(item: EventItem, view: ClusterView, now_ns: int) -> RowCells:
    one = item.record
    return (
        cell(fmt.time_of_day(one.at_ns), Role.MUTED),
        engine_cell(one.engine, view),
        cell(one.type, Role.MUTED),
        cell(subject(one)),
        cell(text(one), Role.ERROR if is_failure(one) else Role.TEXT),
        cell(one.attributes.get("image", ""), Role.MUTED),
        cell(fmt.age(one.at_ns, now_ns), Role.MUTED),
    )


def describe(item: EventItem, view: ClusterView, now_ns: int) -> tuple[Section, ...]:
    one = item.record
    held = view.get(ContainerItem, item_id(one.engine, one.id)) if one.type == "container" else None
    lines = [
        ("When", cell(f"{fmt.moment(one.at_ns)}, {fmt.age(one.at_ns, now_ns)} ago")),
        ("Engine", cell(engine_name(one.engine, view), Role.SPECIAL)),
        ("Type", cell(one.type)),
        ("What", cell(text(one), Role.ERROR if is_failure(one) else Role.TEXT)),
        ("Object", cell(subject(one))),
        ("ID", cell(one.id or "–")),
    ]
    if one.type == "container":
        lines.append(("Now", cell(held.record.status or held.record.state if held is not None else "gone")))
    attributes = tuple((key, cell(value)) for key, value in sorted(one.attributes.items()))
    return Section("Event", tuple(lines)), Section("Attributes", attributes or (("", cell("none")),))


KIND: ResourceKind[EventItem] = ResourceKind(
    noun=NOUN,
    title="Events",
    message=EventItem,
    realm=Realm.ENGINES,
    columns=(
        Column("time", "TIME", 8),
        ENGINE_COLUMN,
        Column("type", "TYPE", 9, drop=3),
        Column("object", "OBJECT", 14, grow=2),
        Column("what", "WHAT", 16, grow=2),
        Column("image", "IMAGE", 10, grow=1, drop=2),
        Column("age", "AGE", 4, drop=1),
    ),
    row=row,
    sort_keys={
        "time": lambda item, view, now: (-item.record.at_ns, -int(item.id)),
        "engine": lambda item, view, now: (fmt.natural(item.record.engine), -item.record.at_ns),
        "type": lambda item, view, now: (item.record.type, -item.record.at_ns),
        "object": lambda item, view, now: (fmt.natural(subject(item.record)), -item.record.at_ns),
        "what": lambda item, view, now: (item.record.action, -item.record.at_ns),
    },
    default_sort="time",
    name=name,
    health=health,
    problems=no_problems,
    describe=describe,
    fields={
        "engine": lambda item, view, now: engine_words(item.record.engine, view),
        "type": lambda item, view, now: item.record.type,
        "what": lambda item, view, now: text(item.record),
        "state": lambda item, view, now: "failed" if is_failure(item.record) else "told",
        "image": lambda item, view, now: item.record.attributes.get("image", ""),
        "age": lambda item, view, now: (now - item.record.at_ns) / NS,
        "id": lambda item, view, now: item.record.id,
    },
    listing=(),
    verbs=("open", "describe", "owner", "yaml", "json"),
    drill_in=description_of(NOUN),
    owners={"engine": lambda item: (item.record.engine,)},
    owner=lambda item: ("engine", item.record.engine),
    list_key="V",
    empty_hint="they begin with this view",
    is_derived=True,
    aliases=("event", "events", "ev"),
)
