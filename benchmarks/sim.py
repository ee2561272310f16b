"""Simulated clusters, one seed after the other: `sim.py --seeds 2000 [--from 0]`, one of them: `sim.py --only 17`, or
those that once found something: `sim.py --found`. With `--only` and `--found` one is played as those are, without backups.

Prints each finding with the command that plays it again, and a summary. With `--only` the trace is printed too.
Ends with status 1 when there was a finding.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from swarm_testkit.simulation import found
from swarm_testkit.simulation.plan import Plan
from swarm_testkit.simulation.replay import PLANS, Outcome, command, simulate

_GROWING = "clusters of one that grow, with slow disks"
_ORDERING = "services of every mode, updates and lost nodes above all"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first seed")
    parser.add_argument("--only", type=int, help="one seed, with its trace")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--growing", dest="kind", action="store_const", const="growing", help=_GROWING)
    kinds.add_argument("--ordering", dest="kind", action="store_const", const="ordering", help=_ORDERING)
    parser.add_argument(
        "--found", action="store_true", help="the seeds that once found something, of every kind"
    )
    options = parser.parse_args()
    draw: Callable[[int], Plan] = PLANS[options.kind]
    if options.found:
        draw = partial(found.plan, kind=options.kind)
    if options.only is not None:
        outcome = simulate(options.only, keep_trace=True, plan=draw(options.only))
        print("\n".join(outcome.lines))
        print(f"{outcome.plan}\ntrace {outcome.digest}, well again after {outcome.recovery_s:.1f} s")
        _report(options.only, outcome, options.kind)
        return 1 if outcome.findings else 0
    if options.found:
        return _run_found()
    return _run_many(range(options.first, options.first + options.seeds), options.kind)


def _run_many(seeds: range, kind: str | None) -> int:
    draw = PLANS[kind]
    began, failed = time.perf_counter(), []
    totals: Counter[str] = Counter()
    slowest = 0.0
    for seed in seeds:
        outcome = simulate(seed, plan=draw(seed))
        totals.update(
            seconds=round(outcome.simulated_s),
            entries=outcome.entries,
            faults=outcome.faults,
            answers=outcome.answered,
            updates=outcome.updates,
            completions=outcome.completions,
            given=outcome.given,
            storage=outcome.storage_calls,
            waits=outcome.explained,
            backups=outcome.backups,
        )
        slowest = max(slowest, outcome.recovery_s)
        if outcome.findings:
            failed.append(seed)
            _report(seed, outcome, kind)
        if (seed + 1) % 50 == 0:
            print(f"{seed + 1 - seeds.start} seeds, {len(failed)} with findings", flush=True)
    took = time.perf_counter() - began
    print(
        f"{len(seeds)} seeds from {seeds.start} in {took:.0f} s: {len(failed)} with findings; "
        f"{totals['seconds'] / 3600:.1f} h simulated, {totals['faults']} faults, {totals['entries']} entries, "
        f"{totals['answers']} answers to clients, {totals['updates']} rollouts, {totals['completions']} tasks of jobs completed, "
        f"{totals['given']} addresses and ports given, {totals['storage']} calls of storage, {totals['waits']} waits explained, "
        f"{totals['backups']} backups compared, "
        f"well again after {slowest:.0f} s at most"
    )
    return 1 if failed else 0


def _run_found() -> int:
    failed = played = 0
    for kind, seeds in (*found.QUICK.items(), *found.LONG.items()):
        for seed in seeds:
            outcome = simulate(seed, plan=found.plan(seed, kind))
            _report(seed, outcome, kind, was_found=True)
            failed += bool(outcome.findings)
            played += 1
    print(f"{played} seeds that once found something: {failed} with findings")
    return 1 if failed else 0


def _report(seed: int, outcome: Outcome, kind: str | None, *, was_found: bool = False) -> None:
    for text in outcome.findings:
        print(f"seed {seed}: {text}")
    if outcome.findings:
        print(f"    replay: {command(seed, kind, was_found=was_found)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
