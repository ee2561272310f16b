"""Removing objects of any kind, after a confirmation: there is no undo."""

from collections.abc import Mapping, Sequence
from typing import Any

from swarm_tui.operations.model import Done, Plan, Remove, Step, subject
from swarm_tui.resources.model import ClusterView, ResourceKind


def plan(view: ClusterView, kind: ResourceKind[Any], ids: Sequence[str], *, force: bool = False) -> Plan:
    """These objects of a kind; `force` also a node that is not down."""
    found: list[Any] = [item for id_ in ids if (item := view.get(kind.message, id_)) is not None]
    names = [kind.name(item, view) for item in found]
    more: Mapping[str, Any] = {"force": True} if force else {}
    steps = tuple(
        Step(name, f"remove {name}", Remove(kind.message, item.id, more), Done(f"{kind.noun} {name} removed"))
        for item, name in zip(found, names, strict=True)
    )
    if not found:
        return Plan(f"Remove {kind.noun}s")
    of = f"{kind.noun} {names[0]}" if len(found) == 1 else subject(names, kind.noun)
    consequences = kind.consequences(found, view, force)
    which = () if len(found) == 1 else (", ".join(names),)
    word = names[0] if len(found) == 1 else str(len(found))
    return Plan(f"Remove {of}", steps, (*which, *consequences), word=word)
