"""What a proposal costs: latency and throughput of a single member, as ratios to the disk's own sync.

usage: bench_wal.py [DIRECTORY]     (prints JSON lines; DIRECTORY decides which disk is measured)

The floor is append + fdatasync of 512 bytes on a preallocated file, taken before and after in the same run.
The restart row loads and replays 10 000 entries of 500 bytes.
"""

import asyncio
import json
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from swarm_core.raft_node.config import LogLimits, RaftNodeConfig
from swarm_core.raft_node.log.disk import SystemDisk
from swarm_core.raft_node.log.keyring import HeaderChange, Keyring
from swarm_core.raft_node.net.transport import NoTransport
from swarm_core.raft_node.node import RaftNode
from swarm_core.runtime.clock import SystemClock

PAYLOAD = random.Random(5).randbytes(300)
ENTRY = random.Random(6).randbytes(500)


class Headers:
    """A key file in memory."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def headers(self) -> dict[str, str]:
        return dict(self.values)

    def update_headers(self, change: HeaderChange) -> None:
        change(self.values)


class Counter:
    """A state machine that counts."""

    def __init__(self) -> None:
        self.count = 0

    def apply(self, index: int, request: bytes) -> None:
        self.count += 1

    def snapshot(self):  # type: ignore[no-untyped-def]
        return lambda: b""

    def restore(self, index: int, snapshot: bytes) -> None:
        self.count = 0


def floor_us(directory: Path, count: int = 1000) -> dict[str, float]:
    path = directory / "floor"
    fd = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    os.posix_fallocate(fd, 0, 64_000_000)
    os.fsync(fd)
    taken = []
    for _ in range(count):
        start = time.perf_counter()
        os.write(fd, b"x" * 512)
        os.fdatasync(fd)
        taken.append((time.perf_counter() - start) * 1e6)
    os.close(fd)
    path.unlink()
    return percentiles(taken)


def percentiles(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "p50_us": round(statistics.median(ordered), 1),
        "p99_us": round(ordered[int(len(ordered) * 0.99)], 1),
    }


def node_on(directory: Path, disk: SystemDisk, keys: Headers, machine: Counter) -> RaftNode:
    return RaftNode(
        RaftNodeConfig(directory / "raft", "node", "127.0.0.1:2377"),
        disk,
        NoTransport(),
        machine,
        SystemClock(),
        random.Random(1),
        keyring=Keyring(keys),
        limits=lambda: LogLimits(snapshot_interval=0),
    )


async def lead(node: RaftNode) -> asyncio.Task[None]:
    await node.start()
    led = asyncio.Event()
    node.leadership.announce_to = lambda is_leader: led.set()
    task = asyncio.create_task(node.run())
    await led.wait()
    return task


async def end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


async def writers(node: RaftNode, count: int, seconds: float) -> tuple[float, list[float]]:
    taken: list[float] = []
    stop = time.perf_counter() + seconds

    async def one() -> None:
        while (start := time.perf_counter()) < stop:
            await node.proposer.propose(PAYLOAD, lambda index: None)
            taken.append((time.perf_counter() - start) * 1e6)

    begun = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(count)))
    return len(taken) / (time.perf_counter() - begun), taken


async def measure(directory: Path) -> None:
    disk, keys = SystemDisk(), Headers()
    print(
        json.dumps(
            {"machine": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
        )
    )
    before = floor_us(directory)
    task = await lead(node := node_on(directory, disk, keys, Counter()))
    rows = []
    for count in (1, 8, 64):
        rate, taken = await writers(node, count, 2.0)
        rows.append({"what": "propose", "writers": count, "per_s": round(rate), **percentiles(taken)})
    await end(task)
    floor = {name: round((before[name] + after) / 2, 1) for name, after in floor_us(directory).items()}
    print(json.dumps({"what": "floor", **floor}))
    for row in rows:
        row["p50_to_floor"] = round(row["p50_us"] / floor["p50_us"], 2)
        row["rate_to_floor"] = round(row["per_s"] * floor["p50_us"] / 1e6, 2)
        print(json.dumps(row))
    disk.close()


async def restart(directory: Path) -> None:
    disk, keys = SystemDisk(), Headers()
    task = await lead(node := node_on(directory, disk, keys, Counter()))
    for _ in range(100):
        await asyncio.gather(*(node.proposer.propose(ENTRY, lambda index: None) for _ in range(100)))
    await end(task)
    machine = Counter()
    begun = time.perf_counter()
    task = await lead(node_on(directory, disk, keys, machine))
    row = {"what": "restart", "entries": machine.count, "s": round(time.perf_counter() - begun, 3)}
    print(json.dumps(row))
    await end(task)
    disk.close()


def main() -> None:
    parent = sys.argv[1] if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory(dir=parent) as directory:
        asyncio.run(measure(Path(directory)))
    with tempfile.TemporaryDirectory(dir=parent) as directory:
        asyncio.run(restart(Path(directory)))


if __name__ == "__main__":
    main()
