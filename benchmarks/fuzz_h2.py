"""Look for bytes that break the HTTP/2 core: many conversations, each drawn from its seed.

    fuzz_h2.py [--inputs N] [--seconds S] [--seed FIRST]

An input that breaks a promise is written to tests/data/h2, where a unit test plays it from then on.
"""

import argparse
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from swarm_testkit.http2_inputs import make  # noqa: E402
from swarm_testkit.http2_laws import cuts_agree, play  # noqa: E402

FOUND = ROOT / "tests" / "data" / "h2"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    begun, played, told, found = time.process_time(), 0, 0, 0
    failures: Counter[str] = Counter()
    for seed in range(options.seed, options.seed + options.inputs):
        if time.process_time() - begun > options.seconds:
            break
        given = make(seed)
        played += 1
        try:
            result = play(given)
            if seed % 4 == 0:
                cuts_agree(given)
        except Exception:
            found += 1
            traceback.print_exc(limit=-3)
            FOUND.mkdir(exist_ok=True)
            (FOUND / f"seed-{seed}.txt").write_text(given.dump())
            print(f"seed {seed} breaks a promise; written to {FOUND}", flush=True)
            continue
        told += result.told
        failures[result.failure.partition(":")[0]] += 1
    used = time.process_time() - begun
    print(
        f"{played} inputs in {used:.0f} s of CPU, {told} events, {failures['']} without a fault, "
        f"{len(failures) - 1} ways to fail, {found} broken promises"
    )
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
