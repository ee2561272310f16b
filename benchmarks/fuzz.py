"""Hostile inputs from outside, each drawn from its seed: for every kind, or for one.

    fuzz.py [KIND…] [--inputs N] [--seconds S] [--seed FIRST] [--coverage N]     plays, and adds to the ledger
    fuzz.py KIND --one SEED                                                      plays one again, with its traceback
    fuzz.py --told                                                               what was played so far
    fuzz.py KIND --missed                                                        the lines that 2 000 inputs do not reach

Without --seed the inputs follow those of the ledger, `benchmarks/fuzz.jsonl`, a line a sitting. --coverage counts the lines that the first N inputs
reach of the rooms that read them. An input that breaks a promise is printed with the command that plays it again; the status is 1 then. What is
promised stands with each kind in `tests/swarm_testkit/fuzz`.
"""

import argparse
import datetime
import signal
import sys
import time
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from swarm_testkit.fuzz import ledger
from swarm_testkit.fuzz.coverage import covered
from swarm_testkit.fuzz.frame import Kind, Report, hunt
from swarm_testkit.fuzz.kinds import KINDS
from swarm_testkit.ledger_files import commit

LEDGER = Path(__file__).with_suffix(".jsonl")
_MISSED_BY = 2_000
_is_told_to_end = False


def _end(number: int, frame: FrameType | None) -> None:
    global _is_told_to_end
    _is_told_to_end = True


def _sitting(kind: Kind, given: argparse.Namespace) -> bool:
    """Play, tell and write down; whether a promise was broken."""
    first = ledger.following(ledger.read(LEDGER), kind.name) if given.seed is None else given.seed
    end = time.monotonic() + given.seconds

    def goes_on() -> bool:
        return time.monotonic() < end and not _is_told_to_end

    seen = min(given.coverage, given.inputs)
    report, hit, lines = Report(), 0, 0
    if seen:
        with covered(kind.rooms) as coverage:
            report = hunt(kind, range(first, first + seen), goes_on=goes_on)
        hit, lines, seen = coverage.hit, coverage.total, report.count
    rest = hunt(kind, range(first + report.count, first + given.inputs), goes_on=goes_on)
    report.count += rest.count
    report.cpu_s += rest.cpu_s
    report.outcomes += rest.outcomes
    report.findings |= rest.findings
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    outcomes = dict(sorted(report.outcomes.items()))
    sitting = ledger.Sitting(
        kind.name, first, report.count, commit(), day, round(report.cpu_s), outcomes, tuple(sorted(report.findings)), seen, hit, lines
    )  # fmt: skip
    if report.count:
        ledger.write(LEDGER, sitting)
    print(f"{ledger.told([sitting])[0]}; {report.cpu_s:.0f} s of processor time", flush=True)
    for seed, text in report.findings.items():
        print(
            f"{kind.name} {seed}: {text}\n    again: .venv/bin/python benchmarks/fuzz.py {kind.name} --one {seed}",
            flush=True,
        )
    return bool(report.findings)


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
    signal.signal(signal.SIGTERM, _end)
    found = False
    for kind in kinds:
        if not _is_told_to_end:
            found |= _sitting(kind, given)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
