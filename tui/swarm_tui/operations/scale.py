"""Scaling: how many tasks services are meant to have, as a number or a change of the present one.

A replicated service has a number of replicas, a replicated job one of tasks to complete; other services have no number.
What an amount makes is computed of the number found when it is written, so two people who add one each add two.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.specs import replicas
from swarm_core.specs.replicas import TASKS_MAX

from swarm_tui.operations import changes
from swarm_tui.operations.model import Done, Edit, Plan, Refused
from swarm_tui.resources.format import plural
from swarm_tui.resources.model import ClusterView
from swarm_tui.resources.services import KIND, running

Service = objects_pb2.Service
_AMOUNT: Final = re.compile(r"\s*+([=+\-x]?)\s*+([0-9]{1,20})\s*+")
HINT: Final = "write 5, =5, +3, -1 or x2"
_SHOWN_MAX: Final = 5


@dataclass(frozen=True, slots=True)
class Amount:
    """`sign` is = + - or x; what it makes of the present number is `of`."""

    sign: str
    number: int

    def of(self, count: int) -> int:
        """The new number of tasks. Raises Refused where there is none."""
        match self.sign:
            case "+":
                new = count + self.number
            case "-":
                new = count - self.number
            case "x":
                new = count * self.number
            case _:
                new = self.number
        if new < 0:
            raise Refused(f"{count} − {self.number} is below zero")
        if new > TASKS_MAX:
            raise Refused(replicas.TOO_MANY)
        return new


def parse_amount(text: str) -> Amount | None:
    """`5`, `=5`, `+3`, `-1` or `x2`; None for anything else."""
    match = _AMOUNT.fullmatch(text)
    return Amount(match[1] or "=", int(match[2])) if match else None


def count_of(spec: specs_pb2.ServiceSpec) -> int:
    """How many tasks the spec asks for. Raises Refused where it has no number."""
    number = replicas.count(spec)
    if number is None:
        word = (spec.WhichOneof("mode") or "of no known mode").replace("_", " ")
        raise Refused(f"it is {word}, and {replicas.NO_NUMBER}")
    return number


def plan(view: ClusterView, ids: Sequence[str], amount: Amount) -> Plan:
    """These services by that amount."""
    steps, refused = changes.steps(view, KIND, ids, verb="scale", edit=lambda name: _edit(name, amount))
    fewer = 0 if refused else sum(_stopped(view, one, amount) for one in _found(view, ids))
    warnings = (f"{plural(fewer, 'running task')} will be stopped.",) if fewer else ()
    return Plan(f"Scale {changes.subject(view, KIND, ids)}", steps, warnings, refused)


def _stopped(view: ClusterView, found: Service, amount: Amount) -> int:
    """How many running tasks there are beyond the new number."""
    return max(running(found, view) - amount.of(count_of(found.spec)), 0)


def subject_of(view: ClusterView, ids: Sequence[str]) -> str:
    """What is scaled, for a title."""
    return changes.subject(view, KIND, ids)


def refusals(view: ClusterView, ids: Sequence[str]) -> tuple[str, ...]:
    """Why these services cannot be scaled, whatever the amount; nothing where they can."""
    return plan(view, ids, Amount("x", 1)).refusals


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a text that is being typed means for the services: what to say, in which role, and the amount if there is one."""

    text: str
    role: str
    amount: Amount | None = None


def judge(view: ClusterView, ids: Sequence[str], text: str) -> Verdict:
    """What scaling these services by `text` would do."""
    if not text.strip():
        return Verdict("", "muted")
    amount = parse_amount(text)
    if amount is None:
        return Verdict(f"✖ {HINT}", "error")
    try:
        before = [count_of(one.spec) for one in _found(view, ids)]
        after = [amount.of(count) for count in before]
    except Refused as error:
        return Verdict(f"✖ {error}", "error")
    if before == after:
        return Verdict(f"{_counts(before)} already", "muted", amount)
    change = f"{_counts(before)} → {_counts(after)}"
    if stopped := sum(_stopped(view, one, amount) for one in _found(view, ids)):
        return Verdict(f"▲ {change} · {plural(stopped, 'running task')} will stop", "warning", amount)
    return Verdict(f"✓ {change}", "ok", amount)


def present(view: ClusterView, ids: Sequence[str]) -> str:
    """How many tasks there are meant to be now."""
    return _counts([count_of(one.spec) for one in _found(view, ids)])


def _counts(counts: Sequence[int]) -> str:
    """One number; of several services the first few, as a person compares them one by one."""
    shown = ", ".join(str(count) for count in counts[:_SHOWN_MAX])
    return shown + " …" if len(counts) > _SHOWN_MAX else shown


def _edit(name: str, amount: Amount) -> Edit:
    def edit(spec: specs_pb2.ServiceSpec) -> Done:
        before = count_of(spec)
        after = amount.of(before)
        replicas.set_count(spec, after)
        if after:
            replicas.forget_parked(spec)
        return Done(f"{name} scaled to {after}", f"from {before}")

    return edit


def _found(view: ClusterView, ids: Sequence[str]) -> list[Service]:
    return changes.found(view, KIND, ids)
