"""Situations of a swarm's life on ours and on Docker Engines in swarm mode, and in what the ends differ.

    side_by_side.py [PART…]    situations whose name holds one of the parts ("update:", "paused"); all without

Needs root and `docker.io`. Ours runs its tasks by our agents on plain engines; situations that need overlay networks are
played with Docker Engines as workers of our manager. Exit code 1 where a difference has no reason, or a reason no difference.
"""

import contextlib
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from swarm_testkit.engines import missing_parts
from swarm_testkit.side_by_side.play import clean, differences, play_both
from swarm_testkit.side_by_side.sides import Side, docker_side, our_side, our_side_with_engines_as_workers
from swarm_testkit.side_by_side.situations import Situation, named


def main() -> int:
    parts = sys.argv[1:]
    if missing := missing_parts():
        sys.stderr.write(f"no Docker Engine can be started here: {missing}\n")
        return 2
    wanted = {name: one for name, one in named().items() if not parts or any(part in name for part in parts)}
    if not wanted:
        sys.stderr.write(f"no situation is called so; there are: {', '.join(named())}\n")
        return 2
    bad = 0
    begin = time.monotonic()
    with docker_side() as theirs:
        for make, overlay in ((our_side, False), (our_side_with_engines_as_workers, True)):
            some = {name: one for name, one in wanted.items() if one.needs_overlay == overlay}
            if some:
                bad += _play(make, theirs, some)
    print(f"{len(wanted)} situations in {time.monotonic() - begin:.0f} s, {bad} to be looked at")
    return bool(bad)


def _play(
    make: Callable[[], contextlib.AbstractContextManager[Side]], theirs: Side, some: dict[str, Situation]
) -> int:
    bad = 0
    with make() as ours:
        clean(ours)
        for name, situation in some.items():
            ends = play_both(ours, theirs, situation)
            found = differences(situation, *ends)
            is_right = bool(found) == bool(situation.known)
            bad += not is_right
            word = "same" if not found else "known" if is_right else "DIFFERENT"
            print(f"{word:<10} {name}{f': {situation.known}' if situation.known else ''}", flush=True)
            for line in found:
                print(f"           {line}", flush=True)
    return bad


if __name__ == "__main__":
    sys.exit(main())
