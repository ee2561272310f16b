"""A plan described for a person or a program, in one way for every face: what changes, what it comes to, and what to look out for.

The description is a value. What it foretells is `operations.forecast`'s; what stands in it as sentences is shown as it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from swarm_core.api.proto import objects_pb2

from swarm_tui.clusters.allowance import Level
from swarm_tui.operations.docker.commands import Commands, commands_of
from swarm_tui.operations.forecast.changed import changed
from swarm_tui.operations.forecast.model import Forecast, Pair, ServiceCourse
from swarm_tui.operations.forecast.play import forecast
from swarm_tui.operations.levels import level_of
from swarm_tui.operations.model import Act, Change, Create, Hold, Nothing, Plan, Remove
from swarm_tui.operations.rollout_notes import change_note
from swarm_tui.resources import format as fmt
from swarm_tui.resources.model import ClusterView

_NAMED_MAX: Final = 6
REVERSIBLE: Final = "reversible"
MADE_AGAIN: Final = "comes back with another id"
LOST: Final = "cannot be taken back"


@dataclass(frozen=True, slots=True)
class Description:
    """`way_back` is REVERSIBLE, MADE_AGAIN or LOST. `changes` are (name, what becomes different); `effects` and `cautions` are whole
    sentences, the latter what a person should weigh before. `is_change` is False where everything is as it should be already. `docker` is
    the same as docker's commands."""

    title: str
    level: Level
    way_back: str
    changes: tuple[tuple[str, str], ...]
    effects: tuple[str, ...]
    cautions: tuple[str, ...]
    refusals: tuple[str, ...]
    word: str
    forecast: Forecast
    is_change: bool
    docker: Commands
    back: tuple[str, ...] = ()
    """Our commands that take it back, where they can be written down."""


def describe(plan: Plan, view: ClusterView) -> Description:
    """What `plan` would do to the cluster that `view` shows."""
    pairs = changed(plan, view)
    found = forecast(view, pairs)
    if found.relieved:
        # Who finds a node without the plan as well has nothing of it.
        found = replace(found, relieved=max(found.relieved - forecast(view, ()).relieved, 0))
    changes = tuple(_changes(plan))
    # Notes stand alone where a change is typed; below the changes themselves they would say them twice.
    repeated = {f"{of}{change_note(text)}" for name, text in changes for of in ("", f"{name}: ")}
    return Description(
        title=plan.title,
        level=level_of(plan, pairs),
        way_back=_way_back(plan),
        changes=changes,
        effects=(
            *(one for one in plan.notes if one not in repeated),
            *_effects(found, is_told=bool(plan.notes)),
        ),
        cautions=(*plan.warnings, *_cautions(found, pairs)),
        refusals=(*plan.refusals, *_foreseen(plan, view)),
        word=plan.word or _word(plan, pairs, found),
        forecast=found,
        is_change=bool(pairs) or any(_is_change(step.action) for step in plan.steps),
        docker=commands_of(plan, pairs, view),
        back=tuple(
            step.action.back for step in plan.steps if isinstance(step.action, Act) and step.action.back
        ),
    )


def _word(plan: Plan, pairs: list[Pair], found: Forecast) -> str:
    """What a person types where the highest level is needed: the one object's name, or how many there are. A drain that stops
    nothing needs none."""
    if level_of(plan, pairs) < Level.IMPACT:
        return ""
    acts = any(isinstance(step.action, Act) for step in plan.steps)
    if not acts and all(_is_drain_alone(pair) for pair in pairs) and not found.restarts + found.stops:
        return ""
    touched = [step for step in plan.steps if not isinstance(step.action, Nothing)]
    return touched[0].name if len(touched) == 1 else str(len(touched))


def _is_drain_alone(pair: Pair) -> bool:
    """Whether a node keeps its role."""
    return (
        isinstance(pair.before, objects_pb2.Node)
        and pair.after is not None
        and pair.before.spec.desired_role == pair.after.spec.desired_role
    )


def _acts_without_spec(action: object) -> bool:
    """Whether it does something that the specs do not show, such as a rotation of a key."""
    return isinstance(action, Change) and bool(action.more) and not _is_rollback(action)


def _is_change(action: object) -> bool:
    """Whether it changes something, whatever the specs show."""
    return isinstance(action, Create | Remove | Act | Hold) or _acts_without_spec(action)


def _is_rollback(action: Change) -> bool:
    return "rollback" in action.more


def _foreseen(plan: Plan, view: ClusterView) -> Iterator[str]:
    """What the manager alone would refuse otherwise: it knows the spec that a rollback goes to."""
    for step in plan.steps:
        if isinstance(step.action, Change) and _is_rollback(step.action):
            service = view.get(objects_pb2.Service, step.action.id)
            if service is not None and not service.HasField("previous_spec"):
                yield f"Could not {step.doing}: it has no spec before this one."


def _way_back(plan: Plan) -> str:
    """What undo (13.3) can make of it: of all that is removed, only services are made again."""
    ways = [step.action.way_back for step in plan.steps if isinstance(step.action, Act)]
    if ways:
        return max(ways, key=(REVERSIBLE, MADE_AGAIN, LOST).index)
    removed = [step.action.kind for step in plan.steps if isinstance(step.action, Remove)]
    if any(kind is not objects_pb2.Service for kind in removed) or any(
        _acts_without_spec(step.action) for step in plan.steps
    ):
        return LOST
    return MADE_AGAIN if removed else REVERSIBLE


def _changes(plan: Plan) -> Iterator[tuple[str, str]]:
    for step in plan.steps:
        match step.action:
            case Create():
                yield step.name, "created"
            case Remove(kind, _, _):
                yield (
                    step.name,
                    ", ".join(step.changes) or ("stopped" if kind is objects_pb2.Task else "removed"),
                )
            case Nothing():
                yield step.name, "as it is already"
            case _:
                yield step.name, ", ".join(step.changes) or step.done.text


def _effects(found: Forecast, *, is_told: bool) -> Iterator[str]:
    """`is_told`: the plan's own notes say already how many tasks restart."""
    counts = ((0 if is_told else found.restarts, "replaced"), (found.starts, "new"), (found.stops, "stopped"))
    if parts := [f"{count} {word}" for count, word in counts if count]:
        yield f"Tasks: {', '.join(parts)}."
    if found.landing:
        shown = [f"{name} {count}" for name, count in found.landing[:_NAMED_MAX]]
        more = len(found.landing) - len(shown)
        yield f"New tasks land on {', '.join(shown)}{f' and {more} more nodes' if more else ''}."
    if found.relieved:
        yield f"{fmt.plural(found.relieved, 'task')} that wait{'s' if found.relieved == 1 else ''} now will find a node."
    yield from _lower([one for one in found.services if one.lowest < min(one.now, one.end)])
    if found.seconds is not None:
        yield f"It takes about {fmt.short_duration(found.seconds)}, as its tasks started before."
    if found.managers is not None and not found.managers.is_lost:
        managers = found.managers
        yield f"Managers: {managers.before} → {managers.after}; {managers.tolerates} of them may be lost then."
    if not found.is_whole:
        yield "It is too large to be foretold to its end: the numbers are those of its beginning."


def _lower(found: list[ServiceCourse]) -> Iterator[str]:
    """Of many services those that lose the largest share of their tasks."""
    if len(found) > _NAMED_MAX:
        found.sort(key=lambda one: one.lowest / one.now)
    for one in found[:_NAMED_MAX]:
        yield f"{one.name} runs {one.lowest} of {one.now} tasks at the least meanwhile."
    if (more := len(found) - _NAMED_MAX) > 0:
        yield f"{fmt.plural(more, 'more service')} run{'s' if more == 1 else ''} fewer tasks meanwhile."


def _cautions(found: Forecast, pairs: list[Pair]) -> Iterator[str]:
    for stuck in found.stuck[:_NAMED_MAX]:
        done = f"{stuck.replaced} of {fmt.plural(stuck.dirty, 'task')} replaced"
        yield f"The rollout of {stuck.service} gets stuck: {done}, and the next finds no node."
    if (more := len(found.stuck) - _NAMED_MAX) > 0:
        yield f"{fmt.plural(more, 'more rollout')} get{'s' if more == 1 else ''} stuck."
    for one in found.homeless[:_NAMED_MAX]:
        yield f"{fmt.plural(one.count, 'task')} of {one.service} find{'s' if one.count == 1 else ''} no node. {one.why}"
    if (more := len(found.homeless) - _NAMED_MAX) > 0:
        yield f"Tasks of {fmt.plural(more, 'more service')} find no node."
    silent = [one.name for one in found.services if one.lowest == 0 and one.now and one.end]
    if silent:
        more = len(silent) - _NAMED_MAX
        others = f" and {fmt.plural(more, 'more service')}" if more > 0 else ""
        yield f"No task of {', '.join(silent[:_NAMED_MAX])}{others} runs for a while."
    managers = found.managers
    if managers is not None and managers.is_lost:
        yield f"Of {managers.after} managers too few would be reachable: nothing could be changed any more."
    elif managers is not None and managers.after < managers.before and managers.tolerates == 0:
        yield "The loss of one more manager would stop every change."
    if managers is not None and managers.after % 2 == 0 and managers.after:
        yield f"{managers.after} managers bear no more losses than {managers.after - 1}."


def as_record(description: Description) -> dict[str, Any]:
    """The same for programs."""
    found = description.forecast
    return {
        "Title": description.title,
        "Level": int(description.level),
        "Reversible": description.way_back == REVERSIBLE,
        "WayBack": description.way_back,
        "Changes": description.is_change and not description.refusals,
        "Objects": [{"Name": name, "Change": text} for name, text in description.changes],
        "Effects": list(description.effects),
        "Cautions": list(description.cautions),
        "Refusals": list(description.refusals),
        "Restarts": found.restarts,
        "Starts": found.starts,
        "Stops": found.stops,
        "Landing": dict(found.landing),
        "NoNode": [{"Service": one.service, "Tasks": one.count, "Why": one.why} for one in found.homeless],
        "Services": [
            {"Name": one.name, "Now": one.now, "Least": one.lowest, "End": one.end} for one in found.services
        ],
        "Managers": None
        if found.managers is None
        else {
            "Now": found.managers.before,
            "Then": found.managers.after,
            "MayLose": found.managers.tolerates,
        },
        "Seconds": found.seconds,
        "Stuck": [{"Service": one.service, "Replaced": one.replaced, "Of": one.dirty} for one in found.stuck],
        "Docker": list(description.docker.lines),
        "NoDocker": description.docker.why_none,
        "Back": list(description.back),
    }
