"""What every change of an engine's object needs: an engine that lives, a call, and its failure as the end of a sentence.

Rules (docs/design/engine-views.md 18.5)
1. A plan is made of what was last seen. One object that cannot be changed refuses the plan: nothing is half done that could be foreseen.
2. The call goes to the one engine that has the object, and has a limit (`swarm_core.engines.changing`).
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from swarm_core.engines.api import EngineApi
from swarm_core.engines.changing import changed
from swarm_core.engines.errors import EngineError, EngineUnanswered
from swarm_core.engines.records import EngineKey, EngineRecord

from swarm_tui.clusters.allowance import Level
from swarm_tui.clusters.engine_hands import EngineHands
from swarm_tui.operations.docker.engine import docker_words
from swarm_tui.operations.model import Act, Done, Nothing, Plan, Refused, Step, Unanswered
from swarm_tui.resources.engines.shared import engine_name, engine_of
from swarm_tui.resources.model import ClusterView, ResourceKind

T = TypeVar("T")
Call = Callable[[EngineApi], Awaitable[Any]]
"""What is asked of the engine. What it gives is a sentence's end, or nothing."""


def found(view: ClusterView, kind: type[T], ids: Sequence[str]) -> list[T]:
    """Those that are still there."""
    return [item for id_ in ids if (item := view.get(kind, id_)) is not None]


def away(key: EngineKey, view: ClusterView) -> str:
    """Why an engine takes no calls, as the end of a sentence; empty where it does."""
    record = engine_of(key, view)
    if record is None:
        return "its engine is not known any more"
    return "" if record.state.is_live else f"engine {record.name} is {record.word}"


def line(record: EngineRecord | None, *words: str) -> str:
    """The same with docker's command."""
    return "" if record is None else docker_words(record, *words)


def act(
    hands: EngineHands,
    key: EngineKey,
    id_: str,
    call: Call,
    *,
    level: Level,
    way_back: str,
    docker: str = "",
    back: str = "",
) -> Act:
    """Ask it of the engine with this key."""

    async def run() -> str:
        with told_as_refused():
            told = await changed(hands.opened.cluster, key, call)
        return told if isinstance(told, str) else ""

    return Act(id_, run, level, way_back, docker, key, back)


@contextmanager
def told_as_refused() -> Iterator[None]:
    """What goes wrong with an engine in the block is the end of a sentence. Raises Refused, and Unanswered where what came of it is not known."""
    try:
        yield
    except EngineUnanswered as error:
        raise Unanswered(str(error)) from None
    except EngineError as error:
        raise Refused(str(error)) from None


def nothing(name: str, id_: str, text: str) -> Step:
    """It is so already."""
    return Step(name, "", Nothing(id_), Done(text))


def place(name: str, key: EngineKey, view: ClusterView) -> str:
    """What tells it from others of its name."""
    return f"{engine_name(key, view)}/{name}"


def plan_of(
    title: str,
    steps: Sequence[Step],
    refusals: Sequence[str],
    *,
    warnings: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Plan:
    """The plan, or the refusals in its place."""
    if refusals:
        return Plan(title, refusals=tuple(refusals))
    return Plan(title, tuple(steps), tuple(dict.fromkeys(warnings)), notes=tuple(notes))


def subject(kind: ResourceKind[Any], names: Sequence[str]) -> str:
    """One by its name, several by their number."""
    word = kind.title.lower()
    return f"{word.removesuffix('s')} {names[0]}" if len(names) == 1 else f"{len(names)} {word}"
