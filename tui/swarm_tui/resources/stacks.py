"""Stacks: the services, networks, secrets and configs that carry one stack's label, and how they stand together."""

from dataclasses import dataclass
from typing import Any

from swarm_core.api.proto import objects_pb2
from swarm_core.api.proto.logbroker_pb2 import LogSelector

from swarm_tui.resources import format as fmt
from swarm_tui.resources import services
from swarm_tui.resources.model import (
    PROBLEMS,
    Align,
    Cell,
    ClusterView,
    Column,
    Health,
    Link,
    Listing,
    ResourceKind,
    Role,
    RowCells,
    Section,
    cell,
    no_problems,
    spans,
)
from swarm_tui.resources.states import brief

_Ids = frozenset[str]
_NONE: _Ids = frozenset()


@dataclass(frozen=True, slots=True)
class Stack:
    """Made from what the cluster holds; its id is its name."""

    id: str
    services: _Ids = _NONE
    networks: _Ids = _NONE
    secrets: _Ids = _NONE
    configs: _Ids = _NONE

    @property
    def members(self) -> int:
        """How many objects belong to it."""
        return len(self.member_ids)

    @property
    def member_ids(self) -> tuple[tuple[str, str], ...]:
        """Noun and id of each object that belongs to it."""
        kinds = {
            "service": self.services,
            "network": self.networks,
            "secret": self.secrets,
            "config": self.configs,
        }
        return tuple((noun, id_) for noun, ids in kinds.items() for id_ in sorted(ids))


def name(stack: Stack, view: ClusterView | None = None) -> str:
    return stack.id


def services_of(stack: Stack, view: ClusterView) -> list[objects_pb2.Service]:
    """Its services by name."""
    found = (view.get(objects_pb2.Service, id_) for id_ in stack.services)
    return sorted((one for one in found if one is not None), key=lambda one: fmt.natural(services.name(one)))


def health(stack: Stack, view: ClusterView, now_ns: int) -> Health:
    """The worst of its services'; idle when nothing is meant to run."""
    found = [services.health(one, view, now_ns) for one in services_of(stack, view)]
    return max(found, key=lambda one: one.severity, default=Health.IDLE)


def running(stack: Stack, view: ClusterView) -> tuple[int, int]:
    """Tasks that run, and that are meant to, of its services together."""
    have = goal = 0
    for service in services_of(stack, view):
        have += services.running(service, view)
        goal += services.wanted(service, view)
    return have, goal


def _fine(stack: Stack, view: ClusterView, now_ns: int) -> int:
    return sum(services.health(one, view, now_ns) not in PROBLEMS for one in services_of(stack, view))


def _changed_ns(stack: Stack, view: ClusterView) -> int:
    return max((services.updated_ns(one) for one in services_of(stack, view)), default=0)


def causes(stack: Stack, view: ClusterView, now_ns: int) -> list[str]:
    """What its services have trouble with, the worst first."""
    found = [one for service in services_of(stack, view) for one in services.problems(service, view, now_ns)]
    found.sort(key=lambda one: (-one.health.severity, one.name))
    return [f"{one.name}: {brief(one.cause)}" for one in found]


def row(stack: Stack, view: ClusterView, now_ns: int) -> RowCells:
    look = health(stack, view, now_ns)
    fine, total = _fine(stack, view, now_ns), len(stack.services)
    have, goal = running(stack, view)
    return (
        cell(look.glyph, look.role),
        cell(stack.id),
        _share(fine, total),
        _share(have, goal),
        cell("; ".join(causes(stack, view, now_ns)), look.role),
        _count(stack.networks),
        _count(stack.secrets),
        _count(stack.configs),
        cell(fmt.age(_changed_ns(stack, view), now_ns), Role.MUTED),
    )


def _share(have: int, goal: int) -> Cell:
    role = Role.WARNING if have < goal else Role.OK if goal else Role.MUTED
    return spans((str(have), role), (f"/{goal}", Role.MUTED))


def _count(ids: _Ids) -> Cell:
    return cell(str(len(ids)) if ids else "–", Role.MUTED)


COLUMNS = (
    Column("health", "", 2),
    Column("stack", "STACK", 10, grow=2),
    Column("services", "SERVICES", 8),
    Column("tasks", "TASKS", 7),
    Column("cause", "CAUSE", 20, grow=8, drop=1, wanted=44),
    Column("networks", "NETS", 4, align=Align.RIGHT, is_wide=True, drop=4),
    Column("secrets", "SECRETS", 7, align=Align.RIGHT, is_wide=True, drop=5),
    Column("configs", "CONFIGS", 7, align=Align.RIGHT, is_wide=True, drop=6),
    Column("age", "AGE", 4, align=Align.RIGHT, drop=3),
)


def describe(stack: Stack, view: ClusterView, now_ns: int) -> tuple[Section, ...]:
    look = health(stack, view, now_ns)
    fine, total = _fine(stack, view, now_ns), len(stack.services)
    have, goal = running(stack, view)
    overview = [
        ("Name", cell(stack.id)),
        (
            "Services",
            spans((f"{look.glyph} ", look.role), (f"{fine} of {total} without a problem", Role.TEXT)),
        ),
        ("Tasks", cell(f"{have} of {goal} running")),
    ]
    overview += [("Problem", cell(text, Role.WARNING)) for text in causes(stack, view, now_ns)]
    members = [Section("Stack", tuple(overview))]
    own = tuple(_service_line(service, view, now_ns) for service in services_of(stack, view))
    members += [Section("Services", own)] if own else []
    for title, kind, ids in (
        ("Networks", objects_pb2.Network, stack.networks),
        ("Secrets", objects_pb2.Secret, stack.secrets),
        ("Configs", objects_pb2.Config, stack.configs),
    ):
        members += [Section(title, _names(kind, ids, view))] if ids else []
    return tuple(members)


def _service_line(service: objects_pb2.Service, view: ClusterView, now_ns: int) -> tuple[str, Cell]:
    look = services.health(service, view, now_ns)
    counts = services.replicas_listed(service, view)
    return services.name(service), spans((f"{look.glyph} ", look.role), (counts, Role.TEXT))


def _names(kind: type[Any], ids: _Ids, view: ClusterView) -> tuple[tuple[str, Cell], ...]:
    found = (view.get(kind, id_) for id_ in ids)
    names = sorted((one.spec.annotations.name for one in found if one is not None), key=fmt.natural)
    return tuple(("", cell(one)) for one in names)


def _key_name(stack: Stack) -> tuple[tuple[bool, int, str], ...]:
    return fmt.natural(stack.id)


def _logs(id_: str, view: ClusterView) -> LogSelector:
    stack = view.get(Stack, id_)
    return LogSelector(service_ids=sorted(stack.services) if stack is not None else [])


KIND: ResourceKind[Stack] = ResourceKind(
    noun="stack",
    title="Stacks",
    message=Stack,
    columns=COLUMNS,
    row=row,
    tree_cells={"state": "tasks", "for": "age", "cause": "cause"},
    sort_keys={
        "health": lambda s, view, now: (-health(s, view, now).severity, _key_name(s)),
        "stack": lambda s, view, now: _key_name(s),
        "services": lambda s, view, now: (-len(s.services), _key_name(s)),
        "tasks": lambda s, view, now: (-running(s, view)[0], _key_name(s)),
        "age": lambda s, view, now: -_changed_ns(s, view),
    },
    default_sort="stack",
    name=name,
    health=health,
    problems=no_problems,
    describe=describe,
    fields={
        "state": lambda s, view, now: health(s, view, now).name.lower(),
        "health": lambda s, view, now: health(s, view, now).name.lower(),
        "service": lambda s, view, now: [services.name(one) for one in services_of(s, view)],
        "services": lambda s, view, now: float(len(s.services)),
        "running": lambda s, view, now: float(running(s, view)[0]),
        "cause": lambda s, view, now: " ".join(causes(s, view, now)) or None,
        "age": lambda s, view, now: max(now - _changed_ns(s, view), 0) / 1e9 if s.services else None,
    },
    listing=(
        Listing("NAME", "Name", lambda s, view, now: s.id),
        Listing("SERVICES", "Services", lambda s, view, now: str(len(s.services))),
    ),
    verbs=(
        "open",
        "logs",
        "previous_logs",
        "pin_logs",
        "describe",
        "pin",
        "timeline",
        "copy",
        "copy_command",
        "remove",
    ),
    listing_needs=(objects_pb2.Service, objects_pb2.Network, objects_pb2.Secret, objects_pb2.Config),
    drill_in=lambda stack, view: Link("services", "stack", stack.id),
    logs=_logs,
    list_key="5",
    is_derived=True,
    create_view="new-stack",
    empty_hint="n makes one from a compose file",
    aliases=("stacks",),
)


def stack_owner(item: Any) -> tuple[str, str] | None:
    """The stack that an object with labels belongs to."""
    found = services.stack(item)
    return ("stack", found) if found else None
