"""Situations of a swarm's life on ours and on Docker Engines in swarm mode, and in what the ends differ.

    side_by_side.py [--ours agents|workers|successor] [PART…]

PART: situations whose name holds it ("update:", "paused"); all without. Ours is a manager with our agents on plain engines and, for what
needs overlay networks, with Docker Engines as workers; `--ours` plays all that can be played with agents, with Docker Engines as
`workers`, or as the `successor` of a Docker manager whose swarm ours has taken over. In the last two both nodes are workers beside our manager: what
is about their roles is left out. Cluster volumes are in no situation: Docker Engine 20.10 has none. Needs root and `docker.io`. Exit code 1 where a
difference has no reason, or a reason no difference.
"""

import argparse
import contextlib
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from swarm_testkit.engines import missing_parts
from swarm_testkit.side_by_side.play import clean, differences, play_both
from swarm_testkit.side_by_side.sides import (
    Side,
    docker_side,
    our_side,
    our_side_after_docker,
    our_side_with_engines_as_workers,
)
from swarm_testkit.side_by_side.situations import Situation, named

_MAKE = {
    "agents": our_side,
    "workers": our_side_with_engines_as_workers,
    "successor": our_side_after_docker,
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ours", choices=_MAKE)
    parser.add_argument("parts", nargs="*")
    given = parser.parse_args()
    if missing := missing_parts():
        sys.stderr.write(f"no Docker Engine can be started here: {missing}\n")
        return 2
    wanted = {
        name: one
        for name, one in named().items()
        if not given.parts or any(part in name for part in given.parts)
    }
    if not wanted:
        sys.stderr.write(f"no situation is called so; there are: {', '.join(named())}\n")
        return 2
    bad = played = 0
    begin = time.monotonic()
    with docker_side() as theirs:
        for kind, some in _plan(wanted, given.ours).items():
            if some:
                bad += _play(_MAKE[kind], theirs, some)
                played += len(some)
    print(f"{played} situations in {time.monotonic() - begin:.0f} s, {bad} to be looked at")
    return bool(bad)


def _plan(wanted: dict[str, Situation], ours: str | None) -> dict[str, dict[str, Situation]]:
    """What is played with which side of ours."""
    on_agents = {name: one for name, one in wanted.items() if not one.needs_overlay}
    match ours:
        case "agents":
            return {"agents": on_agents}
        case None:
            return {"agents": on_agents, "workers": {k: v for k, v in wanted.items() if v.needs_overlay}}
        case _:
            return {ours: {name: one for name, one in wanted.items() if not one.needs_manager}}


def _play(
    make: Callable[[], contextlib.AbstractContextManager[Side]], theirs: Side, some: dict[str, Situation]
) -> int:
    bad = 0
    with make() as ours:
        clean(ours)
        for name, situation in some.items():
            ends = play_both(ours, theirs, situation)
            found = differences(situation, *ends)
            known = situation.known or (situation.known_of_agents if ours.daemons else "")
            is_right = bool(found) == bool(known) or (situation.is_by_chance and not found)
            bad += not is_right
            word = "same" if not found else "known" if is_right else "DIFFERENT"
            print(f"{word:<10} {name}{f': {known}' if known else ''}", flush=True)
            for line in found:
                print(f"           {line}", flush=True)
    return bad


if __name__ == "__main__":
    sys.exit(main())
