"""A stack's plan for people and for programs."""

from collections.abc import Mapping
from typing import Any, Final

from swarm_core.compose.changes.plan import Do, StackPlan, Step

from swarm_tui.cli.plumbing.say import say
from swarm_tui.resources.format import plural

_SHOWN_MAX: Final = 12


def say_plan(plan: StackPlan, fits: Mapping[str, str]) -> None:
    """What would be done, object by object; `fits` says by service where its tasks find a place."""
    for text in plan.warnings:
        say(f"Warning: {text}.", err=True)
    for step in plan.needs:
        _say_step(step, fits)
    for number, wave in enumerate(plan.waves, 1):
        changing = [step for step in wave if step.is_change]
        if changing and len(plan.waves) > 1:
            say(f"wave {number}")
        for step in changing:
            _say_step(step, fits)
    for step in plan.leftovers:
        _say_step(step, fits)
    kept = sum(step.do is Do.KEEP for step in plan.steps)
    if not plan.has_changes:
        say("Nothing to do: the stack is as the files say.")
    elif kept:
        say(f"keep     {kept} unchanged")


def _say_step(step: Step, fits: Mapping[str, str]) -> None:
    if not step.is_change:
        return
    say(f"{step.do:<8} {step.noun} {step.name}{_tail(step)}")
    for difference in step.differences[:_SHOWN_MAX]:
        say(f"           {difference}")
    if len(step.differences) > _SHOWN_MAX:
        say(f"           and {len(step.differences) - _SHOWN_MAX} more")
    if fit := fits.get(step.name):
        say(f"           {fit}")


def _tail(step: Step) -> str:
    if step.restarts:
        return f" · {plural(step.restarts, 'task')} replaced"
    return ""


def as_records(plan: StackPlan, fits: Mapping[str, str]) -> dict[str, Any]:
    """The plan for a program."""
    waves = {step.name: number for number, wave in enumerate(plan.waves, 1) for step in wave}
    return {
        "stack": plan.stack,
        "changes": plan.has_changes,
        "refusals": list(plan.refusals),
        "warnings": list(plan.warnings),
        "steps": [
            {
                "do": str(step.do),
                "noun": step.noun,
                "name": step.name,
                "wave": waves.get(step.name, 0),
                "differences": [
                    {"field": one.field, "old": one.old, "new": one.new} for one in step.differences
                ],
                "tasksReplaced": step.restarts,
                "fits": fits.get(step.name, ""),
            }
            for step in plan.steps
        ],
    }
