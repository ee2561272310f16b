"""Random keys, sizes and events on the whole dashboard, for as long as is wanted: `monkey.py --minutes 60 [--seed N]`.

Each game is a fresh program on a fresh cluster and has a seed of its own, which is printed when the game fails: with
`--seed` that game alone is played again. What must hold after every round is in `swarm_testkit.monkey`.
"""

import argparse
import asyncio
import json
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from swarm_testkit.cluster_fake import lively_cluster
from swarm_testkit.dashboard import running
from swarm_testkit.monkey import Monkey

ROUNDS = 40


async def game(seed: int) -> int:
    """One game; how many keys were pressed. Raises what went wrong."""
    async with running(lively_cluster()) as run:
        monkey = Monkey(seed, run)
        for number in range(ROUNDS):
            try:
                await monkey.play()
            except BaseException as error:
                error.add_note(f"seed {seed}, round {number}, the last keys {monkey.keys[-30:]}")
                raise
        return len(monkey.keys)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int)
    given = parser.parse_args()
    end = time.monotonic() + given.minutes * 60
    games = keys = 0
    failed = []
    seed = given.seed if given.seed is not None else 0
    while True:
        try:
            keys += asyncio.run(game(seed))
        except Exception:
            traceback.print_exc()
            failed.append(seed)
        games += 1
        seed += 1
        if given.seed is not None or time.monotonic() > end:
            break
    print(json.dumps({"games": games, "keys": keys, "failed seeds": failed}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
