"""What rows of every kind of an engine's objects have: the engine in front, and who uses them."""

from collections.abc import Collection
from typing import Any, Final

from swarm_core.engines.records import EngineKey, EngineRecord

from swarm_tui.resources.engines.items import ContainerItem, EngineItem
from swarm_tui.resources.model import Cell, ClusterView, Column, Role, cell

ENGINE_COLUMN: Final = Column("engine", "ENGINE", 8, grow=1)
NS: Final = 1_000_000_000


def engine_of(key: EngineKey, view: ClusterView) -> EngineRecord | None:
    """The engine that has it."""
    item = view.get(EngineItem, key)
    return None if item is None else item.record


def engine_name(key: EngineKey, view: ClusterView) -> str:
    """What people call it."""
    record = engine_of(key, view)
    return record.name if record is not None else key


def is_away(key: EngineKey, view: ClusterView) -> bool:
    """Whether what is shown of it is what was last seen."""
    record = engine_of(key, view)
    return record is not None and not record.state.is_live


def engine_cell(key: EngineKey, view: ClusterView) -> Cell:
    """Whose object it is; set off while the engine is away."""
    return cell(engine_name(key, view), Role.WARNING if is_away(key, view) else Role.SPECIAL)


def engine_words(key: EngineKey, view: ClusterView) -> list[str]:
    """What a filter finds it by."""
    return list(dict.fromkeys((engine_name(key, view), str(key))))


def users(noun: str, item: Any, view: ClusterView) -> list[str]:
    """Names of the containers that use an object."""
    held = (view.get(ContainerItem, id_) for id_ in view.users(noun, (item.id,)))
    return sorted(one.record.name for one in held if one is not None)


def users_cell(names: Collection[str]) -> Cell:
    """The same in a row."""
    return cell(", ".join(names)) if names else cell("nobody", Role.MUTED)


def is_used(noun: str, item: Any, view: ClusterView) -> bool:
    """Whether any container uses it."""
    return bool(view.users(noun, (item.id,)))
