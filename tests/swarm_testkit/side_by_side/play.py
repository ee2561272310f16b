"""Plays a situation on one side, and compares what two sides came to.

After each step a side comes to rest: what it holds is the same for `REST_S` and nothing is under way. A situation that
never comes to rest is taken as it is after `LIMIT_S`.
"""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from swarm_core.api.proto import specs_pb2

from swarm_testkit.side_by_side.sides import LIMIT_S, Said, Side, pause
from swarm_testkit.side_by_side.situations import FindAgain, Lose, Put, Situation, Wait
from swarm_testkit.side_by_side.state import Place, ServiceState, is_moving, state_of

REST_S: Final = 3.0
_LOOK_S: Final = 0.4
_LABELS: Final = ("disk", "rack")


@dataclass(frozen=True, slots=True)
class End:
    """What a side came to."""

    said: list[Said]
    services: dict[str, ServiceState]


def play(side: Side, situation: Situation) -> End:
    """The situation from a clean cluster to its end, and the cluster clean again."""
    said = []
    try:
        for step in situation.steps:
            match step:
                case Lose(node):
                    side.lose(node)
                case FindAgain(node):
                    side.find_again(node)
                case Wait(seconds):
                    pause(seconds)
                case Put(line, data):
                    said.append(side.run(line, data))
                case _:
                    said.append(side.run(step))
            rest(side)
        return End(said, state_of(side.held(), side))
    finally:
        clean(side)


def rest(side: Side) -> None:
    """Wait until what the side holds stays as it is."""
    end = time.monotonic() + LIMIT_S
    last, since = None, time.monotonic()
    while time.monotonic() < end:
        held = side.held()
        now = (state_of(held, side), len(held.tasks))
        if now != last or is_moving(held):
            last, since = now, time.monotonic()
        elif time.monotonic() - since >= REST_S:
            return
        time.sleep(_LOOK_S)


def clean(side: Side) -> None:
    """Remove what situations make, and wait until no task is left."""
    for service in side.held().services:
        side.run(("service", "rm", service.id))
    end = time.monotonic() + LIMIT_S
    while side.held().tasks and time.monotonic() < end:
        time.sleep(_LOOK_S)
    for noun, names in (
        ("secret", ("key", "key2")),
        ("config", ("conf",)),
        ("network", ("net", "one", "two")),
    ):
        for name in names:
            if side.run((noun, "inspect", name)).code == 0:
                side.run((noun, "rm", name))
    for node in side.held().nodes:
        if node.id not in side.ids.values():
            continue
        for label in _LABELS:
            if label in node.spec.annotations.labels:
                side.run(("node", "update", "--label-rm", label, node.id))
        if node.spec.availability != specs_pb2.NodeSpec.ACTIVE:
            side.run(("node", "update", "--availability", "active", node.id))


def play_both(first: Side, second: Side, situation: Situation) -> tuple[End, End]:
    """On both at once."""
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.submit(play, first, situation), pool.submit(play, second, situation)
        return one.result(), other.result()


def differences(situation: Situation, ours: End, theirs: End) -> list[str]:
    """One line for each thing in which the ends differ."""
    found = []
    for number, (mine, other) in enumerate(zip(ours.said, theirs.said, strict=True), 1):
        if bool(mine.code) != bool(other.code):
            found.append(
                f"command {number} ends with {mine.code} ({mine.text}), docker's with {other.code} ({other.text})"
            )
    if ours.services.keys() != theirs.services.keys():
        found.append(f"services {sorted(ours.services)}, docker's {sorted(theirs.services)}")
    for name in sorted(ours.services.keys() & theirs.services.keys()):
        found += _of_service(name, situation, ours.services[name], theirs.services[name])
    return found


def _of_service(name: str, situation: Situation, ours: ServiceState, theirs: ServiceState) -> list[str]:
    found = []
    for field in ("update", "message", "replicas"):
        mine, other = getattr(ours, field), getattr(theirs, field)
        if mine != other:
            found.append(f"{name}: {field} {mine!r}, docker's {other!r}")
    only_ours, only_theirs = Counter(ours.places), Counter(theirs.places)
    shared = only_ours & only_theirs
    only_ours -= shared
    only_theirs -= shared
    if only_ours or only_theirs:
        found.append(f"{name}: {_words(only_ours)}; docker's {_words(only_theirs)}")
    mine_per_node, other_per_node = _nodes(situation, ours), _nodes(situation, theirs)
    if mine_per_node != other_per_node:
        found.append(f"{name}: tasks per node {mine_per_node}, docker's {other_per_node}")
    return found


def _nodes(situation: Situation, state: ServiceState) -> object:
    if situation.is_placed:
        return state.per_node
    return sorted(state.per_node.values()) if situation.is_spread else None


def _words(places: Counter[Place]) -> str:
    """What stands at places that the other side has otherwise."""
    parts = [
        f"{count} {one.state} (desired {one.desired}) of {one.runs!r}{f' on {one.node}' if one.node else ''}: {one.error!r}"
        for one, count in sorted(places.items())
    ]
    return "; ".join(parts) or "nothing"
