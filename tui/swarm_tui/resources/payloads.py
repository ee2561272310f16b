"""What secrets and configs have in common: a name, an age and the services that use them."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.timestamps import timestamp_ns

from swarm_tui.resources import format as fmt
from swarm_tui.resources import services
from swarm_tui.resources.model import Align, Cell, ClusterView, Column, Role, cell


class _Spec(Protocol):
    @property
    def annotations(self) -> types_pb2.Annotations: ...


class Payload(Protocol):
    """A secret or a config."""

    @property
    def id(self) -> str: ...
    @property
    def meta(self) -> objects_pb2.Meta: ...
    @property
    def spec(self) -> _Spec: ...


COLUMNS = (
    Column("name", "NAME", 16, grow=3),
    Column("users", "USED BY", 12, grow=3, drop=4),
    Column("labels", "LABELS", 10, grow=2, drop=2),
    Column("driver", "DRIVER", 8, drop=3),
    Column("age", "AGE", 4, align=Align.RIGHT, drop=1),
    Column("id", "ID", 12, is_wide=True, drop=4),
)


def name(item: Payload, view: ClusterView | None = None) -> str:
    return item.spec.annotations.name or fmt.short_id(item.id)


def row(item: Payload, noun: str, driver: str, view: ClusterView, now_ns: int) -> tuple[Cell, ...]:
    return (
        cell(name(item)),
        users_cell(services.users_of(noun, (item.id,), view)),
        cell(fmt.labels(item.spec.annotations.labels), Role.SPECIAL),
        cell(driver, Role.MUTED),
        cell(fmt.age_of(item.meta.created_at, now_ns), Role.MUTED),
        cell(fmt.short_id(item.id), Role.MUTED),
    )


def overview(item: Payload) -> list[tuple[str, Cell]]:
    """The first lines of the detail view."""
    return [
        ("ID", cell(item.id)),
        ("Name", cell(name(item))),
        ("Labels", cell(fmt.labels_below(item.spec.annotations.labels), Role.SPECIAL)),
        ("Created", cell(fmt.moment(timestamp_ns(item.meta.created_at)))),
        ("Updated", cell(fmt.moment(timestamp_ns(item.meta.updated_at)))),
    ]


def users_cell(names: Sequence[str]) -> Cell:
    """Who uses it; that nobody does is worth a word."""
    return cell(", ".join(names)) if names else cell("unused", Role.MUTED)


def changes(old: Payload | None, new: Payload | None, view: ClusterView) -> Iterator[str]:
    """What became different. The payload itself can never change."""
    if new is None:
        yield "removed"
    elif old is None:
        yield "created"
    elif old.spec.annotations.labels != new.spec.annotations.labels:
        yield "labels"


def consequences(noun: str, items: Sequence[Payload], view: ClusterView) -> list[str]:
    """What removing these does."""
    sentences = [
        f"{name(item)} is used by {', '.join(found)}, so the manager will refuse it."
        for item in items
        if (found := services.users_of(noun, (item.id,), view))
    ]
    return [*sentences, "There is no undo."]


def name_listed(item: Payload, view: ClusterView, now_ns: int) -> str:
    return name(item)


def created(item: Payload, view: ClusterView, now_ns: int) -> str:
    """For the command line: "3 days ago"."""
    since = fmt.ago(timestamp_ns(item.meta.created_at), now_ns)
    return f"{since} ago" if since else ""


def updated(item: Payload, view: ClusterView, now_ns: int) -> str:
    since = fmt.ago(timestamp_ns(item.meta.updated_at), now_ns)
    return f"{since} ago" if since else ""
