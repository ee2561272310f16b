"""Changes of objects that exist, planned: the edit is tried on a copy of each object as the view shows it.

So a plan says what would become different, and what an edit refuses is known before anything is written.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from swarm_core.specs.errors import SpecError

from swarm_tui.operations.model import Change, Edit, Refused, Step
from swarm_tui.operations.sentences import refusal
from swarm_tui.resources.format import plural
from swarm_tui.resources.model import ClusterView, ResourceKind

Steps = tuple[tuple[Step, ...], tuple[str, ...]]


def found(view: ClusterView, kind: ResourceKind[Any], ids: Sequence[str]) -> list[Any]:
    """Those of these objects that are still there."""
    return [item for id_ in ids if (item := view.get(kind.message, id_)) is not None]


def subject(view: ClusterView, kind: ResourceKind[Any], ids: Sequence[str]) -> str:
    """One by its name, several by their number: "api", "2 services"."""
    items = found(view, kind, ids)
    return kind.name(items[0], view) if len(items) == 1 else plural(len(items), kind.noun)


def steps(
    view: ClusterView,
    kind: ResourceKind[Any],
    ids: Sequence[str],
    *,
    verb: str,
    edit: Callable[[str], Edit],
    more: Mapping[str, Any] | None = None,
) -> Steps:
    """A step per object, and the sentences of those that refuse; with any refusal there is no step. `edit` gets the object's
    name, and `verb` completes "Could not … <name>"."""
    planned, refusals = [], []
    for item in found(view, kind, ids):
        name = kind.name(item, view)
        doing = f"{verb} {name}"
        change = edit(name)
        after = type(item)()
        after.CopyFrom(item)
        try:
            done = change(after.spec)
        except (Refused, SpecError) as error:
            refusals.append(refusal(str(error), doing))
            continue
        different = tuple(kind.changes(item, after, view)) if kind.changes is not None else ()
        planned.append(Step(name, doing, Change(kind.message, item.id, change, more or {}), done, different))
    return (() if refusals else tuple(planned)), tuple(refusals)
