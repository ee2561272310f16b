"""The campaign: seeds of simulated clusters that nobody has played yet, for a while, on several processors; it goes on where it ended.

    campaign.py --minutes 60 [--jobs 2] [--kind plain|ordering|growing]      plays, and adds to the ledger
    campaign.py --told                                                       what was played so far

The ledger is `benchmarks/campaign.jsonl`, a line a block of seeds (`swarm_testkit.simulation.ledger`). Kinds take turns; each block of each is
played by one process. A finding is printed with the command that plays its seed again; the status is 1 then. What is under way when time is up, or at an
interrupt, is played another time.
"""

import argparse
import datetime
import gc
import multiprocessing
import sys
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from swarm_testkit.ledger_files import commit
from swarm_testkit.simulation import ledger
from swarm_testkit.simulation.replay import PLANS, command, simulate

LEDGER = Path(__file__).with_suffix(".jsonl")
BLOCK = 4
_BLOCKS_A_PROCESS = 15
_NAMES = {name or ledger.PLAIN: name for name in PLANS}
_Work = tuple[str, range]


def _collect_seldom() -> None:
    """A cluster's objects live as long as their seed, and little of what goes before hangs in circles: to look for those often finds nothing."""
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


def play(work: _Work) -> tuple[ledger.Block, list[str]]:
    """One block, and what its findings say."""
    kind, seeds = work
    name, began = _NAMES[kind], time.process_time()
    outcomes = [(seed, simulate(seed, plan=PLANS[name](seed))) for seed in seeds]
    said = [
        f"{kind} seed {seed}: {text}\n    replay: {command(seed, name)}"
        for seed, outcome in outcomes
        for text in outcome.findings
    ]
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    cpu_s = time.process_time() - began
    return ledger.summed(kind, outcomes, commit=commit(), day=day, cpu_s=cpu_s), said


def _work(kinds: list[str], until: float) -> Iterator[_Work]:
    """Blocks to play, as long as there is time. Those that are given out count as played."""
    given = ledger.read(LEDGER)
    for kind in cycle(kinds):
        if time.monotonic() >= until:
            return
        seeds = ledger.gaps(given, kind, BLOCK)[0]
        given.append(ledger.Block(kind, seeds.start, len(seeds), "", "", 0, 0, 0, 0.0))
        yield kind, seeds


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, help="how long to begin new blocks")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--kind", choices=sorted(_NAMES), action="append", help="only this kind; repeatable")
    parser.add_argument("--told", action="store_true", help="say what was played so far")
    given = parser.parse_args()
    if not given.told and not given.minutes:
        parser.error("say for how long: --minutes 60, or --told for what was played so far")
    found = 0
    if given.minutes:
        until = time.monotonic() + given.minutes * 60
        spawning = multiprocessing.get_context("spawn")
        with spawning.Pool(
            given.jobs, initializer=_collect_seldom, maxtasksperchild=_BLOCKS_A_PROCESS
        ) as pool:
            # A pool takes work ahead of need: it is asked for one block a process and no more.
            work, under_way = _work(given.kind or sorted(_NAMES), until), []
            while True:
                while len(under_way) < given.jobs and (block := next(work, None)) is not None:
                    under_way.append(pool.apply_async(play, (block,)))
                if not under_way:
                    break
                ready = next((one for one in under_way if one.ready()), None)
                if ready is None:
                    under_way[0].wait(0.2)
                    continue
                under_way.remove(ready)
                played, said = ready.get()
                ledger.write(LEDGER, played)
                found += len(said)
                for text in said:
                    print(text, flush=True)
    print("\n".join(ledger.told(ledger.read(LEDGER))))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
