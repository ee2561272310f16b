"""What an operation is: a plan, which is a value, and one function that applies any plan.

Rules:
- Planning is pure. A plan is made of a view of the cluster and says, object by object, what will be done, what to know
  before, and what is refused. A refused plan has no effect on any object: nothing is half done that could be foreseen.
- Applying makes one call per object, in order. A change reads the object, edits its spec and writes it back, again when
  somebody else was faster; so an edit must be fit to run more than once, and says what it made of what it found.
- A failure is an outcome. What was done before it stays done, and the next object is tried, unless no manager answers.
- What is asked of several engines is asked side by side: a slow one holds up nobody else. One engine is asked one thing after the other.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never

from google.protobuf.message import Message
from swarm_core.client.control import Control
from swarm_core.client.errors import CallFailed, Unreachable
from swarm_core.specs.errors import SpecError

from swarm_tui.clusters.allowance import Level
from swarm_tui.operations.sentences import refusal, sentence, unanswered


class Refused(Exception):
    """An object cannot be changed like this; the text is the rest of a sentence, "it is global"."""


class Unanswered(Refused):
    """Nobody said what came of it; the text says who, and that it is not known."""


@dataclass(frozen=True, slots=True)
class Done:
    """What to say of an object that was changed; `detail` is for faces that have room for more."""

    text: str
    detail: str = ""


Edit = Callable[[Any], Done]
"""Changes the spec it is given in place, and says what it made of it. Raises Refused or SpecError. Fit to run again."""


@dataclass(frozen=True, slots=True)
class Create:
    """A new object of `kind`."""

    kind: type[Message]
    spec: Message


@dataclass(frozen=True, slots=True)
class Change:
    """`edit` changes the spec of the object with this id."""

    kind: type[Message]
    id: str
    edit: Edit
    more: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the request."""


@dataclass(frozen=True, slots=True)
class Remove:
    """The object with this id goes."""

    kind: type[Message]
    id: str
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Act:
    """Something that is done to what no manager keeps, such as a container of an engine. `run` does it, and says more of it where there is
    more to say. It raises Refused."""

    id: str
    run: Callable[[], Awaitable[str]]
    level: Level
    way_back: str
    """What can be made of it afterwards, as a description says it."""
    docker: str = ""
    """The line that does the same with docker's command."""
    lane: str = ""
    """Whom it is asked of: what is asked of one is done in turn, what is asked of several side by side."""
    back: str = ""
    """Our command that takes it back, without the program's name; empty where there is none, or where `way_back` says that there is none."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The rollout of the service with this id stops where it is, or with `is_on` False goes on. `spec_version` is the index of the
    spec that is rolled out: of no other."""

    id: str
    spec_version: int
    is_on: bool


@dataclass(frozen=True, slots=True)
class Nothing:
    """The object is as it should be already."""

    id: str


@dataclass(frozen=True, slots=True)
class Step:
    """What is done to one object."""

    name: str
    """What people call the object."""
    doing: str
    """Completes "Could not …": "scale api"."""
    action: Create | Change | Remove | Act | Hold | Nothing
    done: Done
    """What is said when it is done; of a change, as far as it could be foreseen."""
    changes: tuple[str, ...] = ()
    """What becomes different, in a few words each: "scaled 3 → 5"."""
    back: "Step | None" = None
    """What takes it back, where the specs do not show what is done."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done. With `refusals`, nothing will: they are whole sentences, and so are `warnings` and `notes`, which tell what it
    comes to."""

    title: str
    steps: tuple[Step, ...] = ()
    warnings: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    word: str = ""
    """What a person types to go on, where it cannot be taken back; empty where no confirmation is due."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one step, as a sentence for people."""

    text: str
    is_error: bool = False
    name: str = ""
    id: str = ""
    """Of the object; of a created one, the new id."""
    detail: str = ""
    was: Any = field(default=None, compare=False, repr=False)
    """The spec that was read and changed; None of what was created or removed."""
    made: Any = field(default=None, compare=False, repr=False)
    """The object as it was written; None of what was removed."""
    is_removal: bool = field(default=False, compare=False)
    back: Step | None = field(default=None, compare=False, repr=False)
    """What takes it back, where the specs do not show what was done."""

    @property
    def told(self) -> str:
        """The text with its detail."""
        return f"{self.text}, {self.detail}" if self.detail else self.text


def joined(title: str, plans: Sequence[Plan]) -> Plan:
    """Several plans as one: refused when one of them is, and applied in their order. None may need a word."""
    assert not any(plan.word for plan in plans)
    refusals = tuple(text for plan in plans for text in plan.refusals)
    return Plan(
        title,
        () if refusals else tuple(step for plan in plans for step in plan.steps),
        tuple(text for plan in plans for text in plan.warnings),
        refusals,
    )


def outcome_of(plan: Plan) -> tuple[Outcome, ...]:
    """What a refused plan comes to, without a call."""
    return tuple(Outcome(text, is_error=True) for text in plan.refusals)


async def apply(plan: Plan, control: Control) -> AsyncIterator[Outcome]:
    """Carry the plan out; an outcome for each object as soon as it is known."""
    for outcome in outcome_of(plan):
        yield outcome
    steps = () if plan.refusals else plan.steps
    if len(lanes := _lanes(steps)) > 1:
        async for outcome in _side_by_side(lanes, control):
            yield outcome
        return
    for number, step in enumerate(steps, 1):
        try:
            outcome = await _tried(step, control)
        except Unreachable as error:
            yield _failed(step, sentence(error, step.doing))
            if rest := steps[number:]:
                yield Outcome(f"Not tried: {', '.join(one.doing for one in rest)}.", is_error=True)
            return
        yield outcome


def _lanes(steps: Sequence[Step]) -> list[list[Step]]:
    """The steps by whom they are asked of; all in one where any is asked of the managers."""
    lanes: dict[str, list[Step]] = {}
    for step in steps:
        match step.action:
            case Act(lane=lane) if lane:
                lanes.setdefault(lane, []).append(step)
            case Nothing():
                lanes.setdefault("", []).append(step)
            case _:
                return [list(steps)]
    return list(lanes.values())


async def _side_by_side(lanes: Sequence[Sequence[Step]], control: Control) -> AsyncIterator[Outcome]:
    """The outcomes of acts as they come. Acts call no manager, so that none of them ends the others."""
    told: asyncio.Queue[Outcome] = asyncio.Queue()

    async def carry_out(lane: Sequence[Step]) -> None:
        for step in lane:
            told.put_nowait(await _tried(step, control))

    async with asyncio.TaskGroup() as group:
        for lane in lanes:
            group.create_task(carry_out(lane))
        for _ in range(sum(map(len, lanes))):
            yield await told.get()


async def _tried(step: Step, control: Control) -> Outcome:
    """What came of one step. Raises Unreachable."""
    try:
        return await _carry_out(step, control)
    except Unanswered as error:
        return _failed(step, unanswered(str(error), step.doing))
    except (Refused, SpecError) as error:
        return _failed(step, refusal(str(error), step.doing))
    except CallFailed as error:
        return _failed(step, sentence(error, step.doing))


async def apply_together(plan: Plan, control: Control) -> list[Outcome]:
    """Carry out a plan whose steps need nothing of one another, all at once: a manager writes what comes together as one entry.
    The outcomes stand in the order of the steps."""

    async def one(step: Step) -> Outcome:
        (outcome,) = [outcome async for outcome in apply(Plan(plan.title, (step,)), control)]
        return outcome

    if plan.refusals:
        return list(outcome_of(plan))
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(one(step)) for step in plan.steps]
    return [task.result() for task in running]


async def _carry_out(step: Step, control: Control) -> Outcome:
    said = step.done
    was: Any = None
    made: Any = None
    match step.action:
        case Create(kind, spec):
            made = await control.create(kind, spec)
            id_ = made.id
        case Change(kind, id_, edit, more):

            def run(spec: Any) -> None:
                nonlocal said, was
                was = type(spec)()
                was.CopyFrom(spec)
                said = edit(spec)

            made = await control.change(kind, id_, run, **more)
        case Remove(kind, id_, more):
            await control.remove(kind, id_, **more)
        case Act(id_, act):
            detail = await act()
            said = Done(said.text, detail or said.detail)
        case Hold(id_, spec_version, is_on):
            await control.hold_rollout(id_, spec_version, is_on=is_on)
        case Nothing(id_):
            pass
        case never:
            assert_never(never)
    is_removal = isinstance(step.action, Remove)
    return Outcome(said.text, False, step.name, id_, said.detail, was, made, is_removal, step.back)


def _failed(step: Step, text: str) -> Outcome:
    id_ = "" if isinstance(step.action, Create) else step.action.id
    return Outcome(text, is_error=True, name=step.name, id=id_)
