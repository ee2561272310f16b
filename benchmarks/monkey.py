"""Random keys, sizes and events on the whole dashboard, for as long as is wanted: `monkey.py --minutes 60 [--first N | --seed N]`.

Each game is a fresh program on a fresh cluster and has a seed of its own, which is printed when the game fails: with
`--seed` that game alone is played again. What must hold after every round is in `swarm_testkit.monkey`.

How busy the machine is must not change what is found: waiting counts looks (`swarm_testkit.patience`), a key waits for
the ones before it however long they take, and a round that never ends is ended by the processor time that it used.
"""

import argparse
import asyncio
import json
import signal
import sys
import time
import traceback
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from swarm_testkit.at_rest import wait_for_rest_instead_of_guessing
from swarm_testkit.cluster_fake import lively_cluster
from swarm_testkit.dashboard import running
from swarm_testkit.engine_clusters import entry
from swarm_testkit.engine_door import FakeDoor
from swarm_testkit.fake_engines.serving import fake_engines
from swarm_testkit.monkey import Monkey
from swarm_testkit.parsed_styles import parse_styles_once
from swarm_tui.journal.recorder import Recorder
from swarm_tui.shell import typed_ahead

ROUNDS = 40
ENGINES = 3
CONTAINERS = 6
ROUND_CPU_S = 300.0
NEVER_S = 3600.0


async def game(seed: int, played: Counter[str], screens: set[str]) -> None:
    """One game, counted in `played`; in every third there are engines behind their key, in every other third a past. Raises what went wrong."""
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="monkey-")))
        cluster = lively_cluster()
        door = await _engines(stack, directory) if seed % 3 == 0 else None
        recorder = Recorder(directory, cluster.clock, gather_s=0.01) if seed % 3 == 1 else None
        run = await stack.enter_async_context(running(cluster, engines=door, recorder=recorder))
        monkey = Monkey(seed, run)
        try:
            for number in range(ROUNDS):
                signal.setitimer(signal.ITIMER_PROF, ROUND_CPU_S)
                try:
                    await monkey.play()
                except BaseException as error:
                    error.add_note(f"seed {seed}, round {number}, the last keys {monkey.keys[-30:]}")
                    raise
                played["rounds"] += 1
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0.0)
            played.update(
                games=1, keys=len(monkey.keys), resizes=monkey.resizes, cluster_events=monkey.events
            )
            screens.update(monkey.screens)


async def _engines(stack: AsyncExitStack, directory: Path) -> FakeDoor:
    fakes = await stack.enter_async_context(fake_engines(directory, ENGINES, containers=CONTAINERS))
    return FakeDoor([entry(fakes, number) for number in range(ENGINES)])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--first", type=int, default=0, help="the seed of the first game")
    parser.add_argument("--seed", type=int, help="play this game alone")
    given = parser.parse_args()
    signal.signal(signal.SIGPROF, _never_ends)
    begun = time.monotonic()
    played: Counter[str] = Counter()
    screens: set[str] = set()
    failed: list[int] = []
    seed = given.first if given.seed is None else given.seed
    with pytest.MonkeyPatch.context() as patches:
        wait_for_rest_instead_of_guessing(patches)
        parse_styles_once(patches)
        patches.setattr(typed_ahead, "REST_S_MAX", NEVER_S)
        while True:
            try:
                asyncio.run(game(seed, played, screens))
            except Exception:
                traceback.print_exc()
                failed.append(seed)
            seed += 1
            _tell(begun, played, screens, failed)
            if given.seed is not None or time.monotonic() > begun + given.minutes * 60:
                break
    return 1 if failed else 0


def _tell(begun: float, played: Counter[str], screens: set[str], failed: list[int]) -> None:
    """What was played so far, a line after each game."""
    minutes = round((time.monotonic() - begun) / 60, 1)
    counts = {name.replace("_", " "): count for name, count in played.items()}
    line = {"minutes": minutes, **counts, "screens": sorted(screens), "failed seeds": failed}
    print(json.dumps(line), flush=True)


def _never_ends(number: int, frame: FrameType | None) -> None:
    raise AssertionError(f"a round used {ROUND_CPU_S:g} s of the processor and was not over")


if __name__ == "__main__":
    sys.exit(main())
