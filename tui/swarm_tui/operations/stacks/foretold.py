"""A stack's plan as a person reads it before it is carried out: the same operations, the waves, and what goes at which level. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from swarm_core.compose.changes.held import Held
from swarm_core.compose.changes.plan import Do, StackPlan
from swarm_core.compose.changes.plan import Step as StackStep

from swarm_tui.operations.model import Plan, Remove, Step
from swarm_tui.operations.stacks.prepare import Prepared
from swarm_tui.operations.stacks.steps import KINDS, operation
from swarm_tui.resources.format import plural

_SHOWN_MAX: Final = 12
_NAMED_MAX: Final = 4
NO_UNDO: Final = "z does not take it back"


def going(plan: StackPlan) -> list[str]:
    """The services that it removes."""
    gone = (Do.REMOVE, Do.REPLACE)
    return [step.name for step in plan.steps if step.noun == "service" and step.do in gone]


def within(prepared: Prepared, *, is_highest: bool) -> Prepared:
    """What of it is left at a level: below the highest one old generations and states stay for a later deploy. Services that go are left in
    it, so that it is seen what needs the highest level."""
    if is_highest:
        return prepared
    services = tuple(step for step in prepared.plan.leftovers if step.noun == "service")
    return replace(prepared, plan=replace(prepared.plan, leftovers=services))


def foretold(prepared: Prepared, held: Held) -> Plan:
    """What a deploy would do, for a forecast and a person: what is new stands in for itself. Keeping the state and sweeping out old
    generations is part of every deploy, and of no plan."""
    made = prepared.plan
    title = f"Deploy stack {made.stack}"
    if made.refusals:
        return Plan(
            title, refusals=tuple(f"Could not deploy stack {made.stack}: {one}." for one in made.refusals)
        )
    around = _with_new(made, held)
    shown = [step for step in made.steps if step.is_change and _is_told(step)]
    steps = tuple(one for step in shown for one in _operations(step, around))
    word = made.stack if going(made) else ""
    warnings = tuple(f"{one[:1].upper()}{one[1:]}." for one in made.warnings)
    return Plan(title, steps, warnings, word=word, notes=tuple(_notes(made)))


def _is_told(step: StackStep) -> bool:
    return step.noun != "state" and (step.noun == "service" or step.do is not Do.REMOVE)


def _operations(step: StackStep, held: Held) -> Iterator[Step]:
    said = tuple(map(str, step.differences[:_SHOWN_MAX]))
    if len(step.differences) > _SHOWN_MAX:
        said += (f"and {len(step.differences) - _SHOWN_MAX} more",)
    for one in operation(step, held):
        name = f"{step.noun} {step.name}"
        told = (
            ("removed, to be made anew",)
            if isinstance(one.action, Remove) and step.do is Do.REPLACE
            else said
        )
        yield replace(one, name=name, changes=told)


def _with_new(plan: StackPlan, held: Held) -> Held:
    """What is held, and what the plan makes first, under its name as an id."""
    items: list[Any] = [
        *held.networks.values(), *held.secrets.values(), *held.configs.values(), *held.services.values()
    ]  # fmt: skip
    for step in plan.needs:
        if step.do is Do.CREATE and step.noun != "state":
            item: Any = KINDS[step.noun](id=step.name)
            item.spec.CopyFrom(step.spec)
            items.append(item)
    return Held.of(held.stack, items)


def _notes(plan: StackPlan) -> Iterator[str]:
    waves = [[step.short or step.name for step in wave if step.is_change] for wave in plan.waves]
    waves = [wave for wave in waves if wave]
    if len(waves) > 1:
        told = ", then ".join(_names(wave) for wave in waves)
        yield f"In {len(waves)} waves: {told}. Each waits for what it depends on."
    kept = sum(step.do is Do.KEEP for step in plan.steps)
    if kept:
        yield f"{plural(kept, 'object')} stay{'s' if kept == 1 else ''} as {'it is' if kept == 1 else 'they are'}."
    if restarts := sum(step.restarts for step in plan.steps if step.do in (Do.CHANGE, Do.REPLACE)):
        yield f"{plural(restarts, 'task')} {'is' if restarts == 1 else 'are'} replaced."


def _names(names: list[str]) -> str:
    more = len(names) - _NAMED_MAX
    return " and ".join([", ".join(names[:_NAMED_MAX]), *([f"{more} more"] if more > 0 else [])])


# -- line by line --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """What is done to one object; `sign` and `role` say it at a glance."""

    sign: str
    role: str
    text: str


_SIGNS: Final = {
    Do.CREATE: ("+", "ok"),
    Do.CHANGE: ("~", "warning"),
    Do.REPLACE: ("±", "warning"),
    Do.REMOVE: ("−", "error"),
}


def lines(plan: StackPlan) -> Iterator[Line]:
    """The plan line by line, what is wrong first."""
    yield from (Line("✖", "error", text) for text in plan.refusals)
    yield from (Line("▲", "warning", text) for text in plan.warnings)
    if not plan.has_changes:
        yield Line("●", "ok", "the stack is as the text says")
        return
    waves = {id(step): number for number, wave in enumerate(plan.waves, 1) for step in wave}
    for step in plan.steps:
        if not (step.is_change and _is_told(step)):
            continue
        sign, role = _SIGNS[step.do]
        wave = f"wave {waves[id(step)]}" if len(plan.waves) > 1 and id(step) in waves else ""
        replaced = f"{plural(step.restarts, 'task')} replaced" if step.restarts else ""
        first = str(step.differences[0]) if step.differences else ""
        more = f"and {len(step.differences) - 1} more" if len(step.differences) > 1 else ""
        tail = " · ".join(part for part in (first, more, replaced, wave) if part)
        yield Line(sign, role, f"{step.noun} {step.short or step.name}{f'  {tail}' if tail else ''}")
    if kept := sum(step.do is Do.KEEP for step in plan.steps):
        yield Line("=", "muted", f"{kept} unchanged")


def is_of_processes(prepared: Prepared) -> bool:
    """Whether something in it is no container, so that docker's command cannot deploy it."""
    return any(not spec.task.HasField("container") for spec in prepared.desired.services.values())


def services_of(prepared: Prepared) -> int:
    return len(prepared.desired.services)
