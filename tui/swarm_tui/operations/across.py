"""One plan for objects of several clusters: a part for each, planned, described and carried out by its own cluster alone
(docs/design/contexts.md 17.3). Pure.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from swarm_tui.clusters.merged import Merged, homes
from swarm_tui.operations.describe import LOST, MADE_AGAIN, REVERSIBLE, Description, describe
from swarm_tui.operations.docker.commands import Commands
from swarm_tui.operations.model import Create, Plan, Step
from swarm_tui.resources import registry
from swarm_tui.resources.model import ClusterView

NO_CLUSTER = "Several clusters are shown, and it would be made in one of them: go to that one first."
_WAYS_BACK = (REVERSIBLE, MADE_AGAIN, LOST)


@dataclass(frozen=True, slots=True)
class Part:
    """What a plan does to one cluster."""

    view: ClusterView
    plan: Plan


def planned(
    view: ClusterView, kind: type[Any], ids: Sequence[str], make: Callable[[ClusterView, list[str]], Plan]
) -> Plan:
    """The plan that `make` makes of these objects. Where they are of several clusters it makes one for each, and they stand together."""
    parts = [Part(home, make(home, own)) for home, own in homes(view, kind, ids)]
    if not parts:
        return make(view, list(ids))
    return parts[0].plan if len(parts) == 1 else _together(parts)


def _together(parts: Sequence[Part]) -> Plan:
    """Refused when one of them is: nothing is done to one cluster that was wanted of two."""
    refusals = _named((part, part.plan.refusals) for part in parts)
    steps = tuple(_step(part, step) for part in parts for step in part.plan.steps)
    return Plan(
        "; ".join(f"{part.plan.title} in {part.view.cluster}" for part in parts),
        () if refusals else steps,
        _named((part, part.plan.warnings) for part in parts),
        refusals,
        str(len(steps)) if any(part.plan.word for part in parts) else "",
        _named((part, part.plan.notes) for part in parts),
    )


def _step(part: Part, step: Step) -> Step:
    return replace(step, name=f"{part.view.cluster}/{step.name}")


def _named(told: Iterable[tuple[Part, Sequence[str]]]) -> tuple[str, ...]:
    return tuple(f"{part.view.cluster}: {text}" for part, texts in told for text in texts)


def parts_of(plan: Plan, view: ClusterView) -> list[Part]:
    """What the plan does to each cluster, in the order of its steps. An object that is gone is of none of them: its step goes with the
    first, whose manager says that it is not there. Raises ValueError where something would be made in one of several."""
    if not isinstance(view, Merged):
        return [Part(view, plan)]
    if any(isinstance(step.action, Create) for step in plan.steps):
        raise ValueError(NO_CLUSTER)
    found: dict[str, tuple[ClusterView, list[Step]]] = {}
    for step in plan.steps:
        home = _home(view, step)
        found.setdefault(home.cluster, (home, []))[1].append(step)
    return [Part(home, replace(plan, steps=tuple(steps))) for home, steps in found.values()]


def _home(view: Merged, step: Step) -> ClusterView:
    assert not isinstance(step.action, Create)
    id_ = step.action.id
    every = (view.home(kind.message, id_) for kind in registry.stored())
    return next((home for home in every if home is not view), view.parts[0])


def described(plan: Plan, view: ClusterView) -> Description:
    """What the plan comes to, each part by the rules and the nodes of its own cluster. Raises ValueError as `parts_of`."""
    parts = parts_of(plan, view)
    if not isinstance(view, Merged) or not parts:
        return describe(plan, view)
    if len(parts) == 1:
        own = describe(parts[0].plan, parts[0].view)
        place = f" in {parts[0].view.cluster}"
        return own if place in own.title else replace(own, title=own.title + place)
    # What is said of the plan as a whole names its clusters already.
    told = [(part, describe(replace(part.plan, notes=(), warnings=(), word=""), part.view)) for part in parts]
    first = told[0][1]
    return replace(
        first,
        title=plan.title,
        level=max(one.level for _, one in told),
        way_back=max((one.way_back for _, one in told), key=_WAYS_BACK.index),
        changes=tuple(change for _, one in told for change in one.changes),
        effects=(*plan.notes, *_named((part, one.effects) for part, one in told)),
        cautions=(*plan.warnings, *_named((part, one.cautions) for part, one in told)),
        refusals=_named((part, one.refusals) for part, one in told),
        word=plan.word or (str(len(plan.steps)) if any(one.word for _, one in told) else ""),
        is_change=any(one.is_change for _, one in told),
        docker=_commands(told),
    )


def _commands(told: Sequence[tuple[Part, Description]]) -> Commands:
    lines = _named((part, one.docker.lines) for part, one in told)
    return Commands(lines) if lines else told[0][1].docker
