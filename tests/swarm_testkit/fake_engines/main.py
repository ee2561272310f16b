"""Fake engines in a process of their own: what a benchmark measures does not pay for them.

    python -m swarm_testkit.fake_engines.main DIRECTORY ENGINES CONTAINERS

Its output's first line is a JSON list of addresses. `churn RATE SECONDS` at its input makes that many events a second, and is answered with
what was told: `{"events": …, "changes": …}`. The end of its input ends it.
"""

import asyncio
import json
import random
import sys
import time
from pathlib import Path

from swarm_testkit.fake_engines.seeds import change_one
from swarm_testkit.fake_engines.serving import FakeEngines, fake_engines

_TICK_S = 0.01


async def churn(engines: FakeEngines, rate: float, seconds: float) -> dict[str, int]:
    """Change containers at random until so many events a second were told for so long."""
    rng = random.Random(1)
    every = list(engines)
    before = sum(engine.events.count for engine in every)
    told, changes, began = 0, 0, time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        while told < rate * passed:
            engine = rng.choice(every)
            count = engine.events.count
            change_one(engine, rng)
            told += engine.events.count - count
            changes += 1
        await asyncio.sleep(_TICK_S)
    return {"events": sum(engine.events.count for engine in every) - before, "changes": changes}


def _say(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


async def main(directory: str, count: str, containers: str) -> None:
    """Serve until the input ends."""
    loop = asyncio.get_running_loop()
    async with fake_engines(Path(directory), int(count), containers=int(containers)) as engines:
        _say([engine.url for engine in engines])
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            _, rate, seconds = line.split()
            _say(await churn(engines, float(rate), float(seconds)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
