"""Volumes of all engines, and which containers use them."""

from typing import Final

from swarm_tui.resources import format as fmt
from swarm_tui.resources.engines.items import VolumeItem
from swarm_tui.resources.engines.shared import (
    ENGINE_COLUMN,
    engine_cell,
    engine_name,
    engine_words,
    is_used,
    users,
    users_cell,
)
from swarm_tui.resources.model import (
    ClusterView,
    Column,
    Health,
    Link,
    Realm,
    ResourceKind,
    Role,
    RowCells,
    Section,
    cell,
    no_problems,
)

NOUN: Final = "engine-volume"


def name(item: VolumeItem, view: ClusterView | None = None) -> str:
    return item.record.name


def state(item: VolumeItem, view: ClusterView) -> str:
    """Whether a container has it."""
    return "used" if is_used(NOUN, item, view) else "unused"


def health(item: VolumeItem, view: ClusterView, now_ns: int) -> Health:
    return Health.OK if is_used(NOUN, item, view) else Health.IDLE


def row(item: VolumeItem, view: ClusterView, now_ns: int) -> RowCells:
    one, word = item.record, state(item, view)
    return (
        engine_cell(one.engine, view),
        cell(one.name),
        cell(one.driver, Role.MUTED),
        cell(one.scope, Role.MUTED),
        cell(word, Role.TEXT if word == "used" else Role.MUTED),
        users_cell(users(NOUN, item, view)),
        cell(one.mountpoint, Role.MUTED),
        cell(fmt.labels(one.labels), Role.SPECIAL),
    )


def describe(item: VolumeItem, view: ClusterView, now_ns: int) -> tuple[Section, ...]:
    one = item.record
    return (
        Section(
            "Volume",
            (
                ("Engine", cell(engine_name(one.engine, view), Role.SPECIAL)),
                ("Name", cell(one.name)),
                ("Driver", cell(one.driver)),
                ("Scope", cell(one.scope)),
                ("Mountpoint", cell(one.mountpoint or "–")),
                ("Created", cell(one.created or "–")),
                ("Used by", cell("\n".join(users(NOUN, item, view)) or "no container")),
                ("Labels", cell("\n".join(fmt.label_list(one.labels)) or "–", Role.SPECIAL)),
            ),
        ),
    )


def _order(item: VolumeItem) -> tuple[object, ...]:
    return fmt.natural(item.record.name), item.record.engine


KIND: ResourceKind[VolumeItem] = ResourceKind(
    noun=NOUN,
    title="Volumes",
    message=VolumeItem,
    realm=Realm.ENGINES,
    columns=(
        ENGINE_COLUMN,
        Column("name", "NAME", 16, grow=3),
        Column("driver", "DRIVER", 8, drop=3),
        Column("scope", "SCOPE", 6, drop=4),
        Column("state", "STATE", 7),
        Column("users", "USED BY", 12, grow=3, drop=1),
        Column("mountpoint", "MOUNTPOINT", 14, grow=3, is_wide=True, drop=5),
        Column("labels", "LABELS", 12, grow=2, is_wide=True, drop=6),
    ),
    row=row,
    sort_keys={
        "name": lambda item, view, now: _order(item),
        "engine": lambda item, view, now: (fmt.natural(item.record.engine), *_order(item)),
        "driver": lambda item, view, now: (item.record.driver, *_order(item)),
        "state": lambda item, view, now: (state(item, view), *_order(item)),
        "users": lambda item, view, now: (-len(view.users(NOUN, (item.id,))), *_order(item)),
    },
    default_sort="name",
    name=name,
    health=health,
    problems=no_problems,
    describe=describe,
    fields={
        "engine": lambda item, view, now: engine_words(item.record.engine, view),
        "driver": lambda item, view, now: item.record.driver,
        "scope": lambda item, view, now: item.record.scope,
        "state": lambda item, view, now: state(item, view),
        "users": lambda item, view, now: float(len(view.users(NOUN, (item.id,)))),
        "label": lambda item, view, now: fmt.label_list(item.record.labels),
    },
    listing=(),
    verbs=("open", "used_by", "describe", "owner", "yaml", "json", "copy", "remove"),
    drill_in=lambda item, view: Link("containers", NOUN, item.id),
    owners={"engine": lambda item: (item.record.engine,)},
    owner=lambda item: ("engine", item.record.engine),
    list_key="V",
    tree_cells={"state": "state", "where": "engine", "cause": "driver"},
    aliases=("volume", "volumes", "vol"),
)
