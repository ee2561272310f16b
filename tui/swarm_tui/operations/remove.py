"""Removing objects of any kind, after a confirmation: there is no undo."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from swarm_tui.operations.model import Done, Plan, Remove, Step, subject
from swarm_tui.resources import nodes, services
from swarm_tui.resources.format import plural
from swarm_tui.resources.model import ClusterView, ResourceKind

_NO_UNDO: Final = "There is no undo."


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
    consequences = _CONSEQUENCES.get(kind.noun, _nothing_known)(view, found, force)
    which = () if len(found) == 1 else (", ".join(names),)
    word = names[0] if len(found) == 1 else str(len(found))
    return Plan(f"Remove {of}", steps, (*which, *consequences), word=word)


def _of_services(view: ClusterView, found: Sequence[Any], force: bool) -> tuple[str, ...]:
    running = sum(services.running(item, view) for item in found)
    if not running:
        return (_NO_UNDO,)
    return (f"{plural(running, 'running task')} will be stopped; there is no undo.",)


def _of_nodes(view: ClusterView, found: Sequence[Any], force: bool) -> tuple[str, ...]:
    up = [nodes.name(item) for item in found if nodes.state_of(item)[0] != "down"]
    if not up or force:
        return ()
    return (f"Not down, so the manager will refuse it: {', '.join(up)}.",)


def _nothing_known(view: ClusterView, found: Sequence[Any], force: bool) -> tuple[str, ...]:
    return (_NO_UNDO,)


_CONSEQUENCES: Mapping[str, Callable[[ClusterView, Sequence[Any], bool], tuple[str, ...]]] = {
    "service": _of_services,
    "node": _of_nodes,
}
