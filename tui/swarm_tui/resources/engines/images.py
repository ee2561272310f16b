"""Images of all engines: what they are called, how large, and which containers are made of them."""

from typing import Final

from swarm_core.engines.records import Image

from swarm_tui.resources import format as fmt
from swarm_tui.resources.engines.items import ImageItem
from swarm_tui.resources.engines.shared import (
    ENGINE_COLUMN,
    NS,
    engine_cell,
    engine_name,
    engine_words,
    is_used,
    users,
    users_cell,
)
from swarm_tui.resources.model import (
    Align,
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

NOUN: Final = "image"
_NONE: Final = "<none>"


def title(one: Image) -> str:
    """Its first name; without one its short id."""
    return one.tags[0] if one.tags else f"{_NONE} {short_id(one)}"


def short_id(one: Image) -> str:
    """The id as docker shortens it."""
    return fmt.short_id(one.id.removeprefix("sha256:"))


def name(item: ImageItem, view: ClusterView | None = None) -> str:
    return title(item.record)


def state(item: ImageItem, view: ClusterView) -> str:
    """Whether somebody needs it: used, unused, or unused and without a name."""
    if is_used(NOUN, item, view):
        return "used"
    return "unused" if item.record.tags else "dangling"


def health(item: ImageItem, view: ClusterView, now_ns: int) -> Health:
    return Health.OK if state(item, view) == "used" else Health.IDLE


def row(item: ImageItem, view: ClusterView, now_ns: int) -> RowCells:
    one, word = item.record, state(item, view)
    return (
        engine_cell(one.engine, view),
        cell(title(one), Role.TEXT if one.tags else Role.MUTED),
        cell(", ".join(one.tags[1:]), Role.MUTED),
        cell(short_id(one), Role.MUTED),
        cell(fmt.size(one.size_bytes)),
        cell(word, Role.TEXT if word == "used" else Role.MUTED),
        users_cell(users(NOUN, item, view)),
        cell(fmt.age(int(one.created_s * NS), now_ns), Role.MUTED),
    )


def describe(item: ImageItem, view: ClusterView, now_ns: int) -> tuple[Section, ...]:
    one = item.record
    return (
        Section(
            "Image",
            (
                ("Engine", cell(engine_name(one.engine, view), Role.SPECIAL)),
                ("ID", cell(one.id)),
                ("Names", cell("\n".join(one.tags) or _NONE)),
                ("Digests", cell("\n".join(one.digests) or "–")),
                ("Size", cell(fmt.size(one.size_bytes))),
                ("Created", cell(fmt.moment(int(one.created_s * NS)))),
                ("Used by", cell("\n".join(users(NOUN, item, view)) or "no container")),
                ("Labels", cell("\n".join(fmt.label_list(one.labels)) or "–", Role.SPECIAL)),
            ),
        ),
    )


def _order(item: ImageItem) -> tuple[object, ...]:
    return fmt.natural(title(item.record)), item.record.engine


KIND: ResourceKind[ImageItem] = ResourceKind(
    noun=NOUN,
    title="Images",
    message=ImageItem,
    realm=Realm.ENGINES,
    columns=(
        ENGINE_COLUMN,
        Column("name", "IMAGE", 20, grow=3),
        Column("names", "MORE NAMES", 10, grow=2, is_wide=True, drop=4),
        Column("id", "ID", 12, drop=3),
        Column("size", "SIZE", 5, align=Align.RIGHT),
        Column("state", "STATE", 8),
        Column("users", "USED BY", 12, grow=3, drop=2),
        Column("age", "AGE", 4, align=Align.RIGHT, drop=1),
    ),
    row=row,
    sort_keys={
        "name": lambda item, view, now: _order(item),
        "engine": lambda item, view, now: (fmt.natural(item.record.engine), *_order(item)),
        "size": lambda item, view, now: (-item.record.size_bytes, *_order(item)),
        "state": lambda item, view, now: (state(item, view), *_order(item)),
        "users": lambda item, view, now: (-len(view.users(NOUN, (item.id,))), *_order(item)),
        "age": lambda item, view, now: (-item.record.created_s, *_order(item)),
    },
    default_sort="name",
    name=name,
    health=health,
    problems=no_problems,
    describe=describe,
    fields={
        "engine": lambda item, view, now: engine_words(item.record.engine, view),
        "state": lambda item, view, now: state(item, view),
        "size": lambda item, view, now: float(item.record.size_bytes),
        "users": lambda item, view, now: float(len(view.users(NOUN, (item.id,)))),
        "label": lambda item, view, now: fmt.label_list(item.record.labels),
        "age": lambda item, view, now: (now - item.record.created_s * NS) / NS,
        "id": lambda item, view, now: item.record.id,
    },
    listing=(),
    verbs=("open", "used_by", "describe", "owner", "yaml", "json", "copy", "remove"),
    drill_in=lambda item, view: Link("containers", NOUN, item.id),
    owners={"engine": lambda item: (item.record.engine,)},
    owner=lambda item: ("engine", item.record.engine),
    list_key="V",
    tree_cells={"state": "state", "for": "age", "where": "engine", "cause": "size"},
    aliases=("images", "img"),
)
