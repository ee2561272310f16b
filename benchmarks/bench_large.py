"""A large cluster: 100 000 tasks on 1 000 simulated agents, up and down.

usage: bench_large.py [TASKS] [AGENTS]

A real node daemon with its manager and one process with all agents, as in bench_cluster.py; one JSON line for joining, for all tasks
RUNNING, and for none left, each with its seconds and with the processor time of manager and fleet. Both want a core of their own.
"""

import asyncio
import sys
from pathlib import Path

from bench_cluster import bench
from swarm_testkit.daemons import Daemon, private_directory

TASKS, AGENTS = 100_000, 1000


async def measure(node: Daemon, directory: Path, tasks: int, agents: int) -> None:
    async with bench(node, directory, agents) as measured:
        await measured.create_and_remove(tasks)


def main() -> None:
    tasks = int(sys.argv[1]) if len(sys.argv) > 1 else TASKS
    agents = int(sys.argv[2]) if len(sys.argv) > 2 else AGENTS
    with private_directory() as directory:
        node = Daemon(directory / "s")
        try:
            asyncio.run(measure(node.start(), directory, tasks, agents))
        finally:
            node.destroy()


if __name__ == "__main__":
    main()
