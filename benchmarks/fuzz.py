"""Hostile inputs from outside, each drawn from its seed: for every kind, or for one.

    fuzz.py [KIND…] [--inputs N] [--seconds S] [--seed FIRST] [--coverage N]     plays, and adds to the ledger
    fuzz.py KIND --one SEED                                                      plays one again, with its traceback
    fuzz.py --told                                                               what was played so far
    fuzz.py KIND --missed                                                        the lines that 2 000 inputs do not reach

Without --seed the inputs follow those of the ledger, `benchmarks/fuzz.jsonl`, a line a sitting; a sitting takes five minutes at most, and ends at
once at SIGTERM and an interrupt. --coverage counts the lines that the first N inputs reach of the rooms that read them. An input that breaks a promise is printed with the command that plays it again; the status is 1 then. What is
promised stands with each kind in `tests/swarm_testkit/fuzz`.
"""

import argparse
import signal
import sys
import time
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from swarm_testkit.fuzz import ledger
from swarm_testkit.fuzz.coverage import covered
from swarm_testkit.fuzz.frame import Kind, hunt
from swarm_testkit.fuzz.kinds import KINDS
from swarm_testkit.fuzz.sittings import sittings

LEDGER = Path(__file__).with_suffix(".jsonl")
_MISSED_BY = 2_000
_is_told_to_end = False


def _end(number: int, frame: FrameType | None) -> None:
    global _is_told_to_end
    _is_told_to_end = True


def _play(kind: Kind, given: argparse.Namespace) -> bool:
    """Play, tell and write down, a sitting after the other; whether a promise was broken."""
    first = ledger.following(ledger.read(LEDGER), kind.name) if given.seed is None else given.seed
    end, found = time.monotonic() + given.seconds, False

    def goes_on() -> bool:
        return time.monotonic() < end and not _is_told_to_end

    seeds = range(first, first + given.inputs)
    for sitting, report in sittings(kind, seeds, LEDGER, covered_by=given.coverage, goes_on=goes_on):
        a_second = f", {report.count / report.cpu_s:.0f} inputs a second" if report.cpu_s else ""
        print(f"{ledger.told([sitting])[0]}; {report.cpu_s:.0f} s of processor time{a_second}", flush=True)
        for seed, text in report.findings.items():
            print(
                f"{kind.name} {seed}: {text}\n    again: .venv/bin/python benchmarks/fuzz.py {kind.name} --one {seed}",
                flush=True,
            )
        found |= bool(report.findings)
    return found


def _missed(kind: Kind) -> None:
    with covered(kind.rooms) as coverage:
        hunt(kind, range(_MISSED_BY))
    for file, lines in coverage.missed().items():
        print(f"{file}: {len(lines)} of {len(coverage.lines[file])}: {', '.join(map(str, lines))}")
    print(f"{coverage.hit} of {coverage.total} lines reached")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--inputs", type=int, default=10_000, help="how many of each kind (10 000)")
    parser.add_argument(
        "--seconds", type=float, default=float("inf"), help="no longer than this for each kind"
    )
    parser.add_argument("--seed", type=int, help="the first input")
    parser.add_argument(
        "--coverage", type=int, default=0, metavar="N", help="count the lines that so many inputs reach"
    )
    parser.add_argument(
        "--one", type=int, metavar="SEED", help="play this input alone; the ledger stays as it is"
    )
    parser.add_argument("--missed", action="store_true", help="say which lines are not reached")
    parser.add_argument("--told", action="store_true", help="say what was played so far")
    given = parser.parse_args()
    if unknown := [name for name in given.kinds if name not in KINDS]:
        parser.error(f"no input is called {', '.join(unknown)}; there are {', '.join(KINDS)}")
    if (given.one is not None or given.missed) and len(given.kinds) != 1:
        parser.error("say of which kind: fuzz.py compose --one 17")
    kinds = [KINDS[name] for name in given.kinds or KINDS]
    if given.one is not None:
        with kinds[0].opened() as play:
            print(play(given.one))
        return 0
    if given.missed:
        _missed(kinds[0])
        return 0
    if given.told:
        print("\n".join(ledger.told(ledger.read(LEDGER))))
        return 0
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    found = False
    for kind in kinds:
        if not _is_told_to_end:
            found |= _play(kind, given)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
