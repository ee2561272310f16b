"""Starting, stopping and the like, and removing, of containers of any engines."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from swarm_core.engines.api import EngineApi
from swarm_core.engines.changing import CHANGE_S, stopping_s
from swarm_core.engines.records import Container

from swarm_tui.clusters.engine_hands import EngineHands
from swarm_tui.operations.describe import LOST, REVERSIBLE
from swarm_tui.operations.engines import acts, levels
from swarm_tui.operations.model import Act, Done, Plan, Step
from swarm_tui.resources.engines.containers import KIND, SERVICE_LABEL
from swarm_tui.resources.engines.items import ContainerItem
from swarm_tui.resources.engines.shared import engine_name, engine_of
from swarm_tui.resources.model import ClusterView


@dataclass(frozen=True, slots=True)
class Turn:
    """One way in which containers go on. `refusal` and `so_already` are ends of sentences, empty where they do not hold."""

    word: str
    done: str
    means: str
    back: str = ""
    """The turn that takes it back; empty where none does."""
    refusal: Callable[[Container], str] = lambda one: ""
    so_already: Callable[[Container], str] = lambda one: ""
    warning: str = ""
    waits_for_end: bool = False
    """Whether the engine answers once the container has ended, for which it has its own time."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is said of a turn besides its word. `seconds`: before what is asked to end is killed, None for its own time; `signal`: what a
    kill sends."""

    seconds: int | None = None
    signal: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """As docker's flags."""
        time = () if self.seconds is None else ("--time", str(self.seconds))
        return (*time, *(("--signal", self.signal) if self.signal else ()))


NOTHING_ASKED: Final = Asked()


def _unless(state: str) -> Callable[[Container], str]:
    return lambda one: "" if one.state == state else f"it is {one.state}"


def _runs(one: Container) -> str:
    return "" if one.is_running else "it does not run"


TURNS: Final = {
    turn.word: turn
    for turn in (
        Turn(
            "start",
            "started",
            "run what has ended, or was never started",
            "stop",
            so_already=lambda one: "runs already" if one.is_running else "",
        ),
        Turn(
            "stop",
            "stopped",
            "ask it to end; its engine kills it after its grace period",
            "start",
            so_already=_runs,
            waits_for_end=True,
        ),
        Turn(
            "restart",
            "restarted",
            "stop and start it; what does not run is started",
            waits_for_end=True,
        ),
        Turn("pause", "paused", "let it do nothing until it is unpaused", "unpause", _unless("running")),
        Turn("unpause", "unpaused", "let what was paused go on", "pause", _unless("paused")),
        Turn(
            "kill",
            "killed",
            "end it at once",
            "start",
            _runs,
            warning="What is killed cannot finish what it is at.",
        ),
    )
}


def turned(
    view: ClusterView, ids: Sequence[str], word: str, hands: EngineHands, asked: Asked = NOTHING_ASKED
) -> Plan:
    """These containers, started, stopped and so on: one plan for all of them."""
    turn, items = TURNS[word], acts.found(view, ContainerItem, ids)
    steps, refusals = [], []
    for item in items:
        one = item.record
        if reason := acts.away(one.engine, view) or turn.refusal(one):
            refusals.append(f"Could not {word} {one.name}: {reason}.")
        elif so := turn.so_already(one):
            steps.append(acts.nothing(acts.place(one.name, one.engine, view), item.id, f"{one.name} {so}"))
        else:
            steps.append(_turn_step(view, item, turn, hands, asked))
    names = [item.record.name for item in items]
    warnings = [turn.warning] if turn.warning and steps and not asked.signal else []
    return acts.plan_of(
        f"{word.capitalize()} {acts.subject(KIND, names)}", steps, refusals, warnings=warnings
    )


def _turn_step(view: ClusterView, item: ContainerItem, turn: Turn, hands: EngineHands, asked: Asked) -> Step:
    one, where = item.record, engine_name(item.record.engine, view)

    async def call(api: EngineApi) -> None:
        query = {"t": asked.seconds, "signal": asked.signal or None}
        limit_s = await stopping_s(api, one.id, asked.seconds) if turn.waits_for_end else CHANGE_S
        await api.post(f"/containers/{one.id}/{turn.word}", query, timeout=limit_s)

    place = acts.place(one.name, one.engine, view)
    back = "" if asked.signal else turn.back  # what a signal does to a program is its own affair
    action = acts.act(
        hands,
        one.engine,
        item.id,
        call,
        level=levels.TURN,
        way_back=REVERSIBLE if back else LOST,
        docker=acts.line(engine_of(one.engine, view), turn.word, *asked.words, one.name),
        back=f"container {back} {place}" if back else "",
    )
    done = f"sent {asked.signal}" if asked.signal else turn.done
    return Step(place, f"{turn.word} {one.name}", action, Done(f"{one.name} {done} on {where}"), (done,))


def removal(
    view: ClusterView,
    ids: Sequence[str],
    hands: EngineHands,
    *,
    force: bool = True,
    volumes: bool = False,
) -> Plan:
    """These containers, gone; what belongs to a service's task is left to the service. `force`: what runs too, which is killed; `volumes`:
    with the nameless volumes that are theirs alone."""
    items = acts.found(view, ContainerItem, ids)
    steps, refusals, warnings = [], [], []
    for item in items:
        one = item.record
        if service := one.labels.get(SERVICE_LABEL):
            refusals.append(
                f"Could not remove {one.name}: it belongs to the service {service}; remove or scale that instead."
            )
        elif reason := acts.away(one.engine, view):
            refusals.append(f"Could not remove {one.name}: {reason}.")
        elif one.is_running and not force:
            refusals.append(f"Could not remove {one.name}: it runs; stop it first, or say --force.")
        else:
            if one.is_running:
                warnings.append(f"{one.name} runs: it is killed.")
            steps.append(_removal_step(view, item, hands, volumes=volumes))
    title = f"Remove {acts.subject(KIND, [item.record.name for item in items])}"
    kept = "Volumes with a name stay." if volumes else "Volumes stay."
    notes = [f"What they wrote into themselves goes with them. {kept}"] if steps else []
    return acts.plan_of(title, steps, refusals, warnings=warnings, notes=notes)


def _removal_step(view: ClusterView, item: ContainerItem, hands: EngineHands, *, volumes: bool) -> Step:
    one = item.record

    async def run() -> str:
        with acts.told_as_refused():
            await hands.opened.placer.destroy(one, force=one.is_running, volumes=volumes)
        return ""

    flags = (*(("--force",) if one.is_running else ()), *(("--volumes",) if volumes else ()))
    docker = acts.line(engine_of(one.engine, view), "rm", *flags, one.name)
    where = engine_name(one.engine, view)
    return Step(
        acts.place(one.name, one.engine, view),
        f"remove {one.name}",
        Act(item.id, run, levels.REMOVE, LOST, docker, one.engine),
        Done(f"{one.name} removed from {where}"),
        ("removed, with its nameless volumes" if volumes else "removed",),
    )
