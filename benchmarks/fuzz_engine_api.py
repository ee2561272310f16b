"""Send malformed requests to the Engine API: wrong shapes and wrong bytes, each drawn from its seed.

    fuzz_engine_api.py [--requests N] [--seed FIRST] [--one SEED]

The API stands before a cluster in memory, in this process. Exit code 1 where a request broke a promise (tests/swarm_testkit/api_fuzz.py); `--one` prints
and sends a single one.
"""

import argparse
import asyncio
import gc
import logging
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from swarm_testkit.api_fuzz import hunt, hunted_cluster, judge, play, request_of
from swarm_testkit.engine_clients import api_at


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--one", type=int)
    options = parser.parse_args()
    logging.basicConfig(level=logging.ERROR, handlers=[logging.NullHandler()])  # the hunt listens
    with tempfile.TemporaryDirectory(prefix="st-") as directory:
        socket = Path(directory) / "s"
        if options.one is not None:
            return asyncio.run(_one(socket, options.one))
        begun = time.process_time()
        files = len(os.listdir("/proc/self/fd"))
        report = asyncio.run(hunt(socket, range(options.seed, options.seed + options.requests)))
        gc.collect()
        left = len(os.listdir("/proc/self/fd")) - files
    for seed, what in report.broken[:50]:
        sys.stdout.write(f"seed {seed}: {what}\n")
    statuses = ", ".join(f"{number} {status}" for status, number in sorted(report.statuses.items()))
    sys.stdout.write(
        f"{options.requests} requests in {time.process_time() - begun:.0f} s of processor time: {statuses}; "
        f"{len(report.broken)} broken promises, {left} descriptors left\n"
    )
    return 1 if report.broken or left > 0 else 0


async def _one(socket: Path, seed: int) -> int:
    request = request_of(seed)
    sys.stdout.write(f"{request!r}\n")
    async with api_at(socket, hunted_cluster()):
        answer = await play(socket, request, is_whole=seed % 2 == 0)
    said = judge(answer, is_whole=seed % 2 == 0)
    sys.stdout.write(f"{answer!r}\n{said or 'as it should be'}\n")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
