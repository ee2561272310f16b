"""Real rounds: real managers and agents under real faults, drawn from the round's number, for a while; it goes on where it ended.

    rounds.py --minutes 60 [--kind plain|versions|docker] [--docker]      plays, and adds to the ledger
    rounds.py --kind plain --round 17                                     plays one again, on a cluster of its own
    rounds.py --told                                                      what was played so far

Three managers and two workers, each on a host, a disk and a clock of its own (network namespaces, loop devices, libfaketime): needs root, `ip`, `nsenter`,
`mkfs.ext4`, and for moved clocks Debian's libfaketime. `versions` mixes in the version before this one, `docker` makes two of the managers Docker
Engines. `plain` and `versions` take turns, with --docker also `docker`. The ledger is `benchmarks/rounds.jsonl`, a line a cluster. A finding is printed
with the command that plays its round again; the status is 1 then. SIGTERM or an interrupt ends the round under way and takes its cluster down; rounds that
are over are written down, and the status is 130.
"""

import argparse
import datetime
import sys
import time
from itertools import cycle
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from swarm_testkit.ledger_files import commit
from swarm_testkit.rounds import ledger
from swarm_testkit.rounds.field import can_move_clocks, missing_parts
from swarm_testkit.rounds.plan import BLOCK, KINDS, round_of
from swarm_testkit.rounds.play import Played, play
from swarm_testkit.told_to_end import ToldToEnd, run

LEDGER = Path(__file__).with_suffix(".jsonl")
USUAL = ("plain", "versions")


def _summed(kind: str, first: int, played: Played, wall_s: float) -> ledger.Sitting:
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    return ledger.Sitting(
        kind,
        first,
        played.count,
        commit(),
        day,
        round(wall_s),
        dict(sorted(played.faults.items())),
        played.operations,
        played.names,
        played.slowest_s,
        tuple(sorted(played.findings)),
    )


def _tell(kind: str, played: Played) -> None:
    for number, texts in played.findings.items():
        for text in texts:
            print(f"{kind} round {number}: {text}", flush=True)
        print(f"    again: .venv/bin/python benchmarks/rounds.py --kind {kind} --round {number}", flush=True)


def _sitting(kind: str, numbers: range, until: float) -> bool:
    """Play rounds on one cluster, and write down which; whether they found something."""
    began, played = time.monotonic(), Played()
    try:
        run(play(kind, numbers, goes_on=lambda: time.monotonic() < until, played=played))
    finally:
        if played.count:
            sitting = _summed(kind, numbers.start, played, time.monotonic() - began)
            ledger.write(LEDGER, sitting)
            print(ledger.told([sitting])[0], flush=True)
            _tell(kind, played)
    return bool(played.findings)


def _again(kind: str, number: int) -> bool:
    for fault in round_of(kind, number).faults:
        print(fault, flush=True)
    played = run(play(kind, [number]))
    print(dict(played.faults), f"well again after {played.slowest_s} s")
    _tell(kind, played)
    return bool(played.findings)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, help="how long to begin new rounds")
    parser.add_argument("--kind", choices=KINDS, action="append", help="only this kind; repeatable")
    parser.add_argument("--docker", action="store_true", help="rounds with Docker Engines as well")
    parser.add_argument(
        "--round", type=int, help="play this one of the kind again; the ledger stays as it is"
    )
    parser.add_argument("--told", action="store_true", help="say what was played so far")
    given = parser.parse_args()
    kinds = given.kind or [*USUAL, *(["docker"] if given.docker else [])]
    if given.round is not None and len(kinds) != 1:
        parser.error("say the kind of the round too: --kind plain")
    if given.round is None and not given.minutes and not given.told:
        parser.error("say for how long: --minutes 60, or --told for what was played so far")
    if not given.told:
        for kind in kinds:
            if lack := missing_parts(kind):
                parser.error(f"rounds of the kind {kind} cannot be played here: {lack}")
        if not can_move_clocks():
            print("libfaketime is not installed: no clock is moved", file=sys.stderr)
    if given.round is not None:
        return 1 if _again(kinds[0], given.round) else 0
    found = False
    if given.minutes:
        until = time.monotonic() + given.minutes * 60
        for kind in cycle(kinds):
            if time.monotonic() >= until:
                break
            found |= _sitting(kind, ledger.following(ledger.read(LEDGER), kind, BLOCK), until)
    print("\n".join(ledger.told(ledger.read(LEDGER))))
    return 1 if found else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ToldToEnd:
        print("told to end: the round under way is played another time", file=sys.stderr)
        sys.exit(130)
