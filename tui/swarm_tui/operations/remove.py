"""Removing objects of any kind, after a confirmation. Only of a service something comes back: another one of its spec (`undo`)."""

from collections.abc import Mapping, Sequence
from typing import Any

from swarm_tui.operations import changes
from swarm_tui.operations.model import Done, Plan, Remove, Step
from swarm_tui.resources.model import ClusterView, ResourceKind


def plan(view: ClusterView, kind: ResourceKind[Any], ids: Sequence[str], *, force: bool = False) -> Plan:
    """These objects of a kind; `force` also a node that is not down."""
    found = changes.found(view, kind, ids)
    if not found:
        return Plan(f"Remove {kind.plural}")
    names = [kind.name(item, view) for item in found]
    more: Mapping[str, Any] = {"force": True} if force else {}
    steps = tuple(
        Step(name, f"remove {name}", Remove(kind.message, item.id, more), Done(f"{kind.noun} {name} removed"))
        for item, name in zip(found, names, strict=True)
    )
    # What a manager would refuse otherwise is done by force.
    consequences = () if force else tuple(kind.consequences(found, view))
    if len(found) == 1:
        return Plan(f"Remove {kind.noun} {names[0]}", steps, consequences, word=names[0])
    title = f"Remove {changes.subject(view, kind, ids)}"
    return Plan(title, steps, (", ".join(names), *consequences), word=str(len(found)))
