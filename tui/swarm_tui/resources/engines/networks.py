"""Networks of all engines, and which containers are in them."""

from typing import Final

from swarm_tui.resources import format as fmt
from swarm_tui.resources.engines.items import ContainerItem, NetworkItem, item_id
from swarm_tui.resources.engines.shared import (
    ENGINE_COLUMN,
    engine_cell,
    engine_name,
    engine_words,
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

NOUN: Final = "engine-network"
BUILT_IN: Final = ("bridge", "host", "none")
"""Networks that every engine has, and gives to nobody."""


def name(item: NetworkItem, view: ClusterView | None = None) -> str:
    return item.record.name


def called(item: NetworkItem) -> tuple[str, ...]:
    """What containers call it: they know networks by name."""
    return (item_id(item.record.engine, item.record.name),)


def users(item: NetworkItem, view: ClusterView) -> list[str]:
    """Names of the containers that are in it."""
    held = (view.get(ContainerItem, id_) for id_ in view.users(NOUN, called(item)))
    return sorted(one.record.name for one in held if one is not None)


def state(item: NetworkItem, view: ClusterView) -> str:
    """Whether a container is in it; those that engines bring are neither."""
    if view.users(NOUN, called(item)):
        return "used"
    return "built in" if item.record.name in BUILT_IN else "unused"


def health(item: NetworkItem, view: ClusterView, now_ns: int) -> Health:
    return Health.OK if state(item, view) == "used" else Health.IDLE


def row(item: NetworkItem, view: ClusterView, now_ns: int) -> RowCells:
    one, word = item.record, state(item, view)
    return (
        engine_cell(one.engine, view),
        cell(one.name),
        cell(one.driver, Role.MUTED),
        cell(one.scope, Role.MUTED),
        cell(word, Role.TEXT if word == "used" else Role.MUTED),
        users_cell(users(item, view)),
        cell(fmt.short_id(one.id), Role.MUTED),
        cell(fmt.labels(one.labels), Role.SPECIAL),
    )


def describe(item: NetworkItem, view: ClusterView, now_ns: int) -> tuple[Section, ...]:
    one = item.record
    return (
        Section(
            "Network",
            (
                ("Engine", cell(engine_name(one.engine, view), Role.SPECIAL)),
                ("ID", cell(one.id)),
                ("Name", cell(one.name)),
                ("Driver", cell(one.driver)),
                ("Scope", cell(one.scope)),
                ("Created", cell(one.created or "–")),
                ("Used by", cell("\n".join(users(item, view)) or "no container")),
                ("Labels", cell("\n".join(fmt.label_list(one.labels)) or "–", Role.SPECIAL)),
            ),
        ),
    )


def _order(item: NetworkItem) -> tuple[object, ...]:
    return fmt.natural(item.record.name), item.record.engine


KIND: ResourceKind[NetworkItem] = ResourceKind(
    noun=NOUN,
    title="Networks",
    message=NetworkItem,
    realm=Realm.ENGINES,
    columns=(
        ENGINE_COLUMN,
        Column("name", "NAME", 16, grow=2),
        Column("driver", "DRIVER", 8, drop=2),
        Column("scope", "SCOPE", 6, drop=3),
        Column("state", "STATE", 8),
        Column("users", "USED BY", 12, grow=3, drop=1),
        Column("id", "ID", 12, drop=4),
        Column("labels", "LABELS", 12, grow=2, is_wide=True, drop=5),
    ),
    row=row,
    sort_keys={
        "name": lambda item, view, now: _order(item),
        "engine": lambda item, view, now: (fmt.natural(item.record.engine), *_order(item)),
        "driver": lambda item, view, now: (item.record.driver, *_order(item)),
        "state": lambda item, view, now: (state(item, view), *_order(item)),
        "users": lambda item, view, now: (-len(view.users(NOUN, called(item))), *_order(item)),
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
        "users": lambda item, view, now: float(len(view.users(NOUN, called(item)))),
        "label": lambda item, view, now: fmt.label_list(item.record.labels),
        "id": lambda item, view, now: item.record.id,
    },
    listing=(),
    verbs=("open", "used_by", "describe", "owner", "yaml", "json", "copy", "remove"),
    drill_in=lambda item, view: Link("containers", NOUN, item.id),
    called=called,
    owners={"engine": lambda item: (item.record.engine,)},
    owner=lambda item: ("engine", item.record.engine),
    list_key="V",
    tree_cells={"state": "state", "where": "engine", "cause": "driver"},
    aliases=("network", "networks", "net"),
)
