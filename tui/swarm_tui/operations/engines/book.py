"""The person's list of engines: one more, one less, and which take no new containers."""

from collections.abc import Callable, Sequence
from typing import Final

from swarm_tui.clusters.engine_hands import EngineHands
from swarm_tui.operations.describe import REVERSIBLE
from swarm_tui.operations.engines import acts, levels
from swarm_tui.operations.model import Act, Done, Plan, Refused, Step
from swarm_tui.resources.engines.engines import KIND
from swarm_tui.resources.engines.items import EngineItem
from swarm_tui.resources.model import ClusterView

_ELSEWHERE: Final = "it is not in {place}: whoever names it ({source}) can take it away"


def _act(id_: str, change: Callable[[], None], back: str) -> Act:
    async def run() -> str:
        try:
            change()
        except (OSError, LookupError, ValueError) as error:
            raise Refused(str(error)) from None
        return ""

    return Act(id_, run, levels.LIST, REVERSIBLE, back=back)


def addition(name: str, url: str, hands: EngineHands) -> Plan:
    """One more engine."""
    title = f"Add engine {name}"
    if problem := hands.book.problem(name, url):
        return Plan(title, refusals=(f"Could not add engine {name}: it {problem}.",))
    step = Step(
        name,
        f"add engine {name}",
        _act(name, lambda: hands.book.add(name, url), f"engine rm {name}"),
        Done(f"{name} added"),
        (f"{url}, in {hands.book.place}",),
    )
    return Plan(title, (step,), notes=("Nothing is installed there: it is asked from here.",))


def removal(view: ClusterView, ids: Sequence[str], hands: EngineHands) -> Plan:
    """Engines, out of the list; they are left alone."""
    items = acts.found(view, EngineItem, ids)
    title = f"Forget {acts.subject(KIND, [one.record.name for one in items])}"
    refusals = _not_in_book(items, hands, "forget")
    steps = [
        Step(
            one.record.name,
            f"forget {one.record.name}",
            _act(
                one.id,
                lambda key=one.id: hands.book.remove(key),  # type: ignore[misc]
                f"engine add {one.record.name} {one.record.entry.url}",
            ),
            Done(f"{one.record.name} is not looked at any more"),
            (f"out of {hands.book.place}",),
        )
        for one in items
    ]
    return acts.plan_of(title, steps, refusals, notes=("What runs there runs on.",))


def maintenance(view: ClusterView, ids: Sequence[str], hands: EngineHands, *, is_on: bool) -> Plan:
    """Engines, given no new containers, or again."""
    items = acts.found(view, EngineItem, ids)
    title = f"{'Maintain' if is_on else 'Activate'} {acts.subject(KIND, [one.record.name for one in items])}"
    refusals = _not_in_book(items, hands, "change")
    word = "takes no new containers" if is_on else "takes new containers again"
    steps = [
        acts.nothing(one.record.name, one.id, f"{one.record.name} {word} already")
        if one.record.in_maintenance == is_on
        else Step(
            one.record.name,
            f"change {one.record.name}",
            _act(
                one.id,
                lambda key=one.id: hands.book.maintain(key, is_on=is_on),  # type: ignore[misc]
                f"engine maintain {one.record.name}{' --off' if is_on else ''}",
            ),
            Done(f"{one.record.name} {word}"),
            (word,),
        )
        for one in items
    ]
    notes = ["What runs there runs on."] if is_on else []
    return acts.plan_of(title, steps, refusals, notes=notes)


def _not_in_book(items: Sequence[EngineItem], hands: EngineHands, doing: str) -> list[str]:
    return [
        f"Could not {doing} {one.record.name}: "
        f"{_ELSEWHERE.format(place=hands.book.place, source=one.record.entry.source or 'its source')}."
        for one in items
        if not hands.book.has(one.id)
    ]
