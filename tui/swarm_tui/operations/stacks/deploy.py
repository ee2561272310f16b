"""A plan carried out: what services need first, then services wave by wave, then what is left over (docs/design/stacks.md 12.8).

What stands in one wave is sent together. The first failure ends it; what was done stays, and the next deploy goes on from there, as a
plan is always made of what is held. With `atomic` what was done is taken back instead.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.compose.changes.held import Held
from swarm_core.compose.changes.plan import Do, Step
from swarm_core.compose.reading.errors import ComposeError

from swarm_tui.operations.model import Change, Done, Outcome, Plan, Remove, apply_together
from swarm_tui.operations.model import Step as Operation
from swarm_tui.operations.stacks.look import Reached, look
from swarm_tui.operations.stacks.prepare import Prepared
from swarm_tui.operations.stacks.steps import KINDS, operation
from swarm_tui.operations.stacks.waiting import CONVERGED, Follow, Follower, Judge, NeverHolds, Waited

WAVE_TIMEOUT_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Manner:
    """How a plan is carried out. Without `waits` every wave is written at once, as docker does."""

    judge: Judge
    follow: Follow
    say: Callable[[str], object] = lambda text: None
    """Told how far services are."""
    waits: bool = True
    """Until a wave is as the next one wants it."""
    waits_at_end: bool = False
    """Until every service is at its goal."""
    wave_timeout_s: float = WAVE_TIMEOUT_S
    atomic: bool = False


class DeployFailed(Exception):
    """The deploy ended early; the sentences say why."""

    @property
    def sentences(self) -> tuple[str, ...]:
        return tuple(map(str, self.args))

    def __str__(self) -> str:
        return "\n".join(self.sentences)


@dataclass(slots=True)
class _Run:
    cluster: Reached
    prepared: Prepared
    manner: Manner
    done: list[Step] = field(default_factory=list)
    created: dict[str, str] = field(default_factory=dict)
    """Ids of what was created, by noun and name."""


async def deploy(cluster: Reached, prepared: Prepared, held: Held, manner: Manner) -> AsyncIterator[Outcome]:
    """Carry the plan out; an outcome for each object. Raises DeployFailed, which names what ended it."""
    if prepared.plan.refusals:
        raise DeployFailed(*prepared.plan.refusals)
    run = _Run(cluster, prepared, manner)
    try:
        async for outcome in _carry_out(run, held):
            yield outcome
    except DeployFailed as failure:
        if not manner.atomic:
            raise
        async for outcome in _take_back(run, held):
            yield outcome
        raise DeployFailed(*failure.sentences, "What was done is taken back.") from None


async def _carry_out(run: _Run, held: Held) -> AsyncIterator[Outcome]:
    plan = run.prepared.plan
    # The state first: it holds the salt by which a deploy that is cut short knows its secrets again.
    for steps in (
        [step for step in plan.needs if step.noun == "state"],
        [step for step in plan.needs if step.noun != "state"],
    ):
        async for outcome in _together(run, steps, held):
            yield outcome
    if not _changes(step for wave in plan.waves for step in wave) and not run.manner.waits_at_end:
        now = held
    else:
        now = await look(run.cluster, plan.stack)
        async for outcome in _waves(run, now):
            yield outcome
    async for outcome in _together(run, plan.leftovers, now):
        yield outcome


def _changes(steps: Any) -> bool:
    return any(step.is_change for step in steps)


async def _waves(run: _Run, held: Held) -> AsyncIterator[Outcome]:
    if not (run.manner.waits or run.manner.waits_at_end):
        for wave in run.prepared.plan.waves:
            async for outcome in _together(run, wave, held):
                yield outcome
        return
    waves = run.prepared.plan.waves
    last = max((number for number, wave in enumerate(waves) if _changes(wave)), default=-1)
    for number, wave in enumerate(waves[: last + 1]):
        if number and run.manner.waits:
            await _wait(run, _conditions(run, wave))
        async for outcome in _together(run, wave, held):
            yield outcome
    if run.manner.waits_at_end:
        await _wait(run, _goals(run))


def _conditions(run: _Run, wave: Sequence[Step]) -> list[Waited]:
    """What the services of a wave that change wait for, each once."""
    found: dict[Waited, None] = {}
    for step in wave:
        if not step.is_change:
            continue
        for one in run.prepared.desired.dependencies[step.short]:
            name = run.prepared.desired.space.scoped(one.on)
            found[Waited(name, one.condition)] = None
    return list(found)


def _goals(run: _Run) -> list[Waited]:
    return [Waited(spec.annotations.name, CONVERGED) for spec in run.prepared.desired.services.values()]


async def _wait(run: _Run, wanted: list[Waited]) -> None:
    if not wanted:
        return

    dated = [await _dated(run, one) for one in wanted]

    async def work(follower: Follower) -> None:
        await follower.until(dated, run.manner.judge, run.manner.say, run.manner.wave_timeout_s)

    try:
        await with_follower(run.manner.follow, work)
    except NeverHolds as error:
        raise DeployFailed(f"{error}.") from None


async def _dated(run: _Run, one: Waited) -> Waited:
    """What is waited for, with the version that this run wrote."""
    id_ = run.created.get(f"service {one.name}")
    if id_ is None:
        return one
    stored = await run.cluster.control.get(objects_pb2.Service, id_)
    return replace(one, since=stored.meta.version.index)


async def with_follower(follow: Follow, work: Callable[[Follower], Awaitable[None]]) -> None:
    """Do `work` with a follower; what fails in it comes out as it is."""
    try:
        async with follow() as follower:
            await work(follower)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def _together(run: _Run, steps: Sequence[Step], held: Held) -> AsyncIterator[Outcome]:
    """Steps that need nothing of one another, sent at once. Raises DeployFailed once all of them have answered."""
    try:
        operations = [operation(step, held) for step in steps]
    except ComposeError as error:
        raise DeployFailed(str(error)) from None
    wrong = []
    for number in range(max(map(len, operations), default=0)):
        part = [(step, one[number]) for step, one in zip(steps, operations, strict=True) if len(one) > number]
        outcomes = await apply_together(Plan("", tuple(one for _, one in part)), run.cluster.control)
        for (step, _), outcome in zip(part, outcomes, strict=True):
            if outcome.is_error:
                wrong.append(outcome.text)
                continue
            run.done.append(step)
            run.created[f"{step.noun} {step.name}"] = outcome.id
            yield outcome
        if wrong:
            raise DeployFailed(*wrong)


async def _take_back(run: _Run, held: Held) -> AsyncIterator[Outcome]:
    """The inverse of what was done, last first: created objects go, changed services get their specs back."""
    for step in reversed(run.done):
        back = _inverse(step, run, held)
        if back is not None:
            for outcome in await apply_together(Plan("", (back,)), run.cluster.control):
                yield outcome


def _inverse(step: Step, run: _Run, held: Held) -> Operation | None:
    if step.do is Do.CREATE:
        id_ = run.created[f"{step.noun} {step.name}"]
        done = Done(f"Removing {step.noun} {step.name} again")
        return Operation(step.name, f"remove {step.noun} {step.name}", Remove(KINDS[step.noun], id_), done)
    before = held.services.get(step.name)
    if step.do is not Do.CHANGE or step.noun != "service" or before is None:
        return None
    done = Done(f"Taking service {step.name} back to its spec")

    def edit(spec: specs_pb2.ServiceSpec) -> Done:
        spec.CopyFrom(before.spec)
        return done

    return Operation(
        step.name, f"take back service {step.name}", Change(objects_pb2.Service, before.id, edit), done
    )
