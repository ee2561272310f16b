"""Events: what became different while the program was looking, and how the object stands now.

They are this program's own memory: it begins with the program and keeps the last `EVENTS_MAX`.
"""

from dataclasses import dataclass
from typing import Any, Final

from swarm_tui.resources import configs, networks, nodes, secrets, services, volumes
from swarm_tui.resources import format as fmt
from swarm_tui.resources.model import (
    DASH,
    Cell,
    ClusterView,
    Column,
    Health,
    Listing,
    ResourceKind,
    Role,
    RowCells,
    Section,
    cell,
    description_of,
    no_problems,
    spans,
)
from swarm_tui.resources.refs import ONLY_CLUSTER, ObjectRef

EVENTS_MAX: Final = 2000
_KINDS: Final = {
    module.KIND.noun: module.KIND for module in (services, nodes, networks, secrets, configs, volumes)
}
"""Kinds whose objects have a list of events of their own."""

NO_REF: Final = ObjectRef(ONLY_CLUSTER, "", "")


@dataclass(frozen=True, slots=True)
class Event:
    """One change of one object; of failures with the same cause, all within a while."""

    id: str
    """A number that grows, as ten digits: ids are in the order of time."""
    at_ns: int = 0
    ref: ObjectRef = NO_REF
    name: str = ""
    """What the object was called."""
    text: str = ""
    is_failure: bool = False
    count: int = 1
    stack: str = ""
    """The stack that the object belonged to; empty for none."""


def _subject(event: Event, view: ClusterView) -> Any:
    """The object, if it is still there."""
    kind = _KINDS.get(event.ref.kind)
    return None if kind is None else view.get(kind.message, event.ref.id)


def name(event: Event, view: ClusterView | None = None) -> str:
    return event.name


def health(event: Event, view: ClusterView, now_ns: int) -> Health:
    return Health.FAILED if event.is_failure else Health.IDLE


def text(event: Event) -> str:
    """What happened, and how often."""
    return f"{event.text} ({event.count} times)" if event.count > 1 else event.text


def now(event: Event, view: ClusterView, now_ns: int) -> Cell:
    """How the object stands now: what the change led to."""
    kind = _KINDS.get(event.ref.kind)
    if kind is None:
        return DASH
    item = _subject(event, view)
    if item is None:
        return cell("gone", Role.MUTED)
    look = kind.health(item, view, now_ns)
    counts = f" {services.replicas_listed(item, view)}" if event.ref.kind == "service" else ""
    return spans((look.glyph, look.role), (counts or f" {look.name.lower()}", Role.MUTED))


def row(event: Event, view: ClusterView, now_ns: int) -> RowCells:
    role = Role.ERROR if event.is_failure else Role.TEXT
    return (
        cell(fmt.time_of_day(event.at_ns), Role.MUTED),
        cell(event.ref.kind, Role.MUTED),
        cell(event.name, Role.SPECIAL),
        cell(text(event), role),
        now(event, view, now_ns),
        cell(fmt.age(event.at_ns, now_ns), Role.MUTED),
    )


def describe(event: Event, view: ClusterView, now_ns: int) -> tuple[Section, ...]:
    lines = (
        ("When", cell(f"{fmt.moment(event.at_ns)}, {fmt.age(event.at_ns, now_ns)} ago")),
        ("Object", spans((f"{event.ref.kind} ", Role.MUTED), (event.name, Role.SPECIAL))),
        ("What", cell(text(event), Role.ERROR if event.is_failure else Role.TEXT)),
        ("Now", now(event, view, now_ns)),
    )
    item, kind = _subject(event, view), _KINDS.get(event.ref.kind)
    of_object = kind.describe(item, view, now_ns) if item is not None and kind is not None else ()
    return (Section("Event", lines), *of_object)


def _of(noun: str) -> Any:
    return lambda event: (event.ref.id,) if event.ref.kind == noun else ()


def _of_stack(event: Event) -> tuple[str, ...]:
    return (event.stack,) if event.stack else ()


KIND: ResourceKind[Event] = ResourceKind(
    noun="event",
    title="Events",
    message=Event,
    columns=(
        Column("time", "TIME", 8),
        Column("kind", "KIND", 8, drop=3),
        Column("object", "OBJECT", 12, grow=1),
        Column("what", "WHAT", 28, grow=4),
        Column("now", "NOW", 10, drop=2),
        Column("age", "AGE", 4, drop=4),
    ),
    row=row,
    sort_keys={
        "time": lambda event, view, now: (-event.at_ns, -int(event.id or 0)),
        "kind": lambda event, view, now: (event.ref.kind, -event.at_ns),
        "object": lambda event, view, now: (fmt.natural(event.name), -event.at_ns),
        "what": lambda event, view, now: (event.text, -event.at_ns),
    },
    default_sort="time",
    name=name,
    health=health,
    problems=no_problems,
    describe=describe,
    fields={
        "kind": lambda event, view, now: event.ref.kind,
        "what": lambda event, view, now: event.text,
        "state": lambda event, view, now: "failed" if event.is_failure else "changed",
        "age": lambda event, view, now: (now - event.at_ns) / 1e9,
    },
    listing=(
        Listing("TIME", "Time", lambda event, view, now: fmt.moment(event.at_ns)),
        Listing("OBJECT", "Object", lambda event, view, now: f"{event.ref.kind}/{event.name}"),
        Listing("WHAT", "What", lambda event, view, now: text(event)),
    ),
    verbs=("open", "owner", "describe", "pin"),
    drill_in=description_of("event"),
    owners={**{noun: _of(noun) for noun in _KINDS}, "stack": _of_stack},
    owner=lambda event: (event.ref.kind, event.ref.id) if event.ref.id else None,
    list_key="9",
    is_derived=True,
    aliases=("events", "ev"),
)
