"""Simulated clusters, one seed after the other: `sim.py --seeds 2000 [--from 0]`, or one of them: `sim.py --only 17`.

Prints each finding with the command that plays it again, and a summary. With `--only` the trace is printed too.
Ends with status 1 when there was a finding.
"""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from swarm_testkit.simulation.plan import Plan
from swarm_testkit.simulation.replay import Outcome, command, growing_command, simulate


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first seed")
    parser.add_argument("--only", type=int, help="one seed, with its trace")
    parser.add_argument("--growing", action="store_true", help="clusters of one that grow, with slow disks")
    options = parser.parse_args()
    draw = Plan.growing if options.growing else Plan.of
    if options.only is not None:
        outcome = simulate(options.only, keep_trace=True, plan=draw(options.only))
        print("\n".join(outcome.lines))
        print(f"{outcome.plan}\ntrace {outcome.digest}, well again after {outcome.recovery_s:.1f} s")
        _report(options.only, outcome, options.growing)
        return 1 if outcome.findings else 0
    return _run_many(range(options.first, options.first + options.seeds), options.growing)


def _run_many(seeds: range, is_growing: bool) -> int:
    draw = Plan.growing if is_growing else Plan.of
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
        )
        slowest = max(slowest, outcome.recovery_s)
        if outcome.findings:
            failed.append(seed)
            _report(seed, outcome, is_growing)
        if (seed + 1) % 100 == 0:
            print(f"{seed + 1 - seeds.start} seeds, {len(failed)} with findings", flush=True)
    took = time.perf_counter() - began
    print(
        f"{len(seeds)} seeds from {seeds.start} in {took:.0f} s: {len(failed)} with findings; "
        f"{totals['seconds'] / 3600:.1f} h simulated, {totals['faults']} faults, {totals['entries']} entries, "
        f"{totals['answers']} answers to clients, well again after {slowest:.0f} s at most"
    )
    return 1 if failed else 0


def _report(seed: int, outcome: Outcome, is_growing: bool) -> None:
    for text in outcome.findings:
        print(f"seed {seed}: {text}")
    if outcome.findings:
        print(f"    replay: {(growing_command if is_growing else command)(seed)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
