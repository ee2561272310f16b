"""A manager under coming and going: sessions, watchers and log readers for as long as asked, and what is left of them.

    soak_rpc.py [--minutes N] [--sessions N] [--watchers N] [--readers N]

A real node daemon with its manager, and this process with 200 nodes that hold sessions, 50 watchers and 20 readers of a service's logs. Each opens
its connection, uses it for some seconds and leaves, half of them without a word. Every minute all have left for a moment: memory (RSS), descriptors
and asyncio tasks of the manager are written down then, one JSON line each. The end says whether any of them grew; then the exit code is 1.

What is judged: descriptors and tasks against the first lull, memory by the last third of the lulls against the middle one. The first third warms
up: the log in memory and the allocator reach their size.
"""

import argparse
import asyncio
import contextlib
import gc
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from swarm_core.api.names import MANAGER_ROLE
from swarm_core.api.proto import objects_pb2
from swarm_core.api.proto.types_pb2 import NodeDescription
from swarm_core.ca import csr, keys
from swarm_core.ca.tls import TlsIdentity
from swarm_core.client import certificates
from swarm_core.client.connection import Connection
from swarm_core.client.control import Control
from swarm_core.client.dispatch import Dispatch
from swarm_core.client.errors import ClientError
from swarm_core.client.logs import LogQuery, LogReader
from swarm_core.client.trust import Trust
from swarm_core.client.watch import ClusterWatch
from swarm_core.runtime import loop
from swarm_core.runtime.clock import SystemClock

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from swarm_testkit.daemons import Daemon, daemon
from swarm_testkit.factories import make_service, make_task_spec

LULL_EVERY_S = 60.0
# Who comes back after a lull, or after a visit, takes his time: this process shakes hands for everybody.
ARRIVE_S = 10.0
SETTLE_S = 10.0
STAY_S = (5.0, 20.0)
JOINING_AT_ONCE = 20
# What a lull may have more than the first one, and the memory that may come on top of the middle third.
DESCRIPTORS_MORE = 4
TASKS_MORE = 4
MEMORY_MORE = 0.05
MEMORY_MORE_BYTES = 4 << 20
CALL_S = 20.0
CLOCK = SystemClock()

# Loaded by every process of the daemon: asyncio's tasks are seen from inside alone.
COUNTER = """
import asyncio, os, threading, time

def count():
    while True:
        time.sleep(1)
        try:
            tasks = sum(not task.done() for task in list(asyncio.tasks._all_tasks))
        except RuntimeError:
            continue
        path = os.path.join(os.environ["SOAK_TASKS"], str(os.getpid()))
        with open(path + "~", "w") as file:
            file.write(str(tasks))
        os.replace(path + "~", path)

threading.Thread(target=count, daemon=True).start()
"""


def say(**figures: Any) -> None:
    print(json.dumps(figures), flush=True)


@dataclass
class Soak:
    """What all users share. `calm` is set while they may work."""

    node: Daemon
    roots: bytes
    rng: random.Random
    calm: asyncio.Event = field(default_factory=asyncio.Event)
    lull: asyncio.Event = field(default_factory=asyncio.Event)
    inside: int = 0
    turns: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)

    async def local(self) -> Connection:
        return await Connection.open(self.node.socket)

    async def stay(self) -> None:
        """Some seconds, or until the lull."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.lull.wait(), self.rng.uniform(*STAY_S))


async def user(soak: Soak, name: str, visit: Callable[[], Awaitable[None]]) -> None:
    """Come and go for ever."""
    while True:
        await soak.calm.wait()
        await asyncio.sleep(soak.rng.uniform(0, ARRIVE_S))
        if not soak.calm.is_set():
            continue
        soak.inside += 1
        try:
            await visit()
            soak.turns[name] += 1
        except (ClientError, TimeoutError) as error:
            soak.failures[f"{name}: {type(error).__name__}: {error}"[:200]] += 1
            await asyncio.sleep(ARRIVE_S)  # a dispatcher refuses nodes that register again and again
        finally:
            soak.inside -= 1


async def while_staying(soak: Soak, work: Awaitable[None]) -> None:
    """Do `work` until it is time to leave; what it does then is cut off."""
    task = asyncio.ensure_future(work)
    staying = asyncio.ensure_future(soak.stay())
    await asyncio.wait((task, staying), return_when=asyncio.FIRST_COMPLETED)
    staying.cancel()
    if not task.done():
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def session(soak: Soak, identity: TlsIdentity, number: int) -> None:
    connection = await Connection.open(soak.node.address, trust=Trust(soak.roots, identity, MANAGER_ROLE))
    async with connection:
        dispatch = Dispatch(connection, call_s=CALL_S)
        messages = dispatch.session(NodeDescription(hostname=f"soak-{number}"), "")
        first = await anext(messages)

        async def hold() -> None:
            async for _ in messages:
                pass

        async def assignments() -> None:
            async for _ in dispatch.assignments(first.session_id):
                pass

        async def beat() -> None:
            while True:
                await asyncio.sleep(min(2.0, await dispatch.heartbeat(first.session_id)))

        async def all_three() -> None:
            async with asyncio.TaskGroup() as group:
                for work in (hold(), assignments(), beat()):
                    group.create_task(work)

        await while_staying(soak, _flat(all_three()))


async def _flat(work: Awaitable[None]) -> None:
    """A failure of a group as the failure itself."""
    failure: BaseException | None = None
    try:
        await work
    except* ClientError as failures:
        failure = failures.exceptions[0]
    if failure is not None:
        raise failure


async def watcher(soak: Soak) -> None:
    async with await soak.local() as connection:
        watch = ClusterWatch(connection, clock=CLOCK, rng=soak.rng)

        async def read() -> None:
            async with contextlib.aclosing(watch.updates()) as updates:
                async for _ in updates:
                    pass

        await while_staying(soak, read())


async def reader(soak: Soak, service_id: str) -> None:
    async with await soak.local() as connection:
        lines = 0

        def sink(batch: Any) -> None:
            nonlocal lines
            lines += len(batch)

        query = LogQuery(service_ids=(service_id,), follow=True, tail=10)
        await while_staying(soak, LogReader(connection, clock=CLOCK).run(query, sink))
        soak.turns["lines of logs"] += lines


async def joined(soak: Soak, count: int) -> list[TlsIdentity]:
    """As many nodes of this cluster, each by the token and with a key of its own."""
    async with await soak.local() as connection:
        token = (await Control(connection).cluster()).root_ca.join_tokens.worker
    slots = asyncio.Semaphore(JOINING_AT_ONCE)

    async def join() -> TlsIdentity:
        async with slots:
            key = keys.generate()
            issued = await certificates.request(
                lambda: Connection.open(soak.node.address, trust=Trust(soak.roots, None, "swarm-ca")),
                csr.create(key),
                clock=CLOCK,
                rng=soak.rng,
                token=token,
            )
            return TlsIdentity(soak.roots, issued.certificate, keys.pkcs8(key))

    return list(await asyncio.gather(*(join() for _ in range(count))))


async def talkative_service(soak: Soak) -> str:
    command = ["sh", "-c", "while :; do date; sleep 0.2; done"]
    async with await soak.local() as connection:
        spec = make_service(name="talker", replicas=2, task=make_task_spec(command=command)).spec
        return str((await Control(connection).create(objects_pb2.Service, spec)).id)


def measure(process: psutil.Process, counts: Path) -> dict[str, int]:
    tasks = counts / str(process.pid)
    return {
        "rss_bytes": process.memory_info().rss,
        "descriptors": process.num_fds(),
        "tasks": int(tasks.read_text()) if tasks.exists() else -1,
    }


async def settled(process: psutil.Process, counts: Path) -> dict[str, int]:
    """What is left once nothing ends any more: the least that is seen until the count stays the same for a while."""
    least, same = measure(process, counts), 0
    deadline = time.monotonic() + SETTLE_S
    while time.monotonic() < deadline and same < 10:
        await asyncio.sleep(0.5)
        now = measure(process, counts)
        same = same + 1 if (now["descriptors"], now["tasks"]) == (least["descriptors"], least["tasks"]) else 0
        if now["descriptors"] <= least["descriptors"] and now["tasks"] <= least["tasks"]:
            least = now
    return least


async def lulls(soak: Soak, process: psutil.Process, counts: Path, minutes: float) -> list[dict[str, int]]:
    """Let them work, and look at the manager whenever all have left."""
    found: list[dict[str, int]] = []
    begin = time.monotonic()
    while time.monotonic() - begin < minutes * 60:
        soak.lull.clear()
        soak.calm.set()
        await asyncio.sleep(LULL_EVERY_S)
        busy = measure(process, counts)
        soak.calm.clear()
        soak.lull.set()
        async with asyncio.timeout(2 * CALL_S):
            while soak.inside:
                await asyncio.sleep(0.1)
        # grpcio's client keeps a connection while a call of it is in a cycle that nobody collected yet.
        gc.collect()
        quiet = await settled(process, counts)
        found.append(quiet)
        say(
            minute=round((time.monotonic() - begin) / 60, 1),
            **quiet,
            busy_descriptors=busy["descriptors"],
            busy_tasks=busy["tasks"],
            turns=dict(soak.turns),
            failures=dict(soak.failures),
        )
    return found


def growth(found: list[dict[str, int]]) -> list[str]:
    """What grew, in words."""
    grown = []
    third = len(found) // 3
    for name, more in (("descriptors", DESCRIPTORS_MORE), ("tasks", TASKS_MORE)):
        last = statistics.median(each[name] for each in found[-max(third, 1) :])
        if last > found[0][name] + more:
            grown.append(f"{name}: {found[0][name]} at first, {last:g} at the end")
    if third:
        middle = statistics.median(each["rss_bytes"] for each in found[third : 2 * third])
        last = statistics.median(each["rss_bytes"] for each in found[-third:])
        if last > middle * (1 + MEMORY_MORE) + MEMORY_MORE_BYTES:
            grown.append(f"memory: {middle / 2**20:.0f} MiB in the middle, {last / 2**20:.0f} MiB at the end")
    return grown


@contextlib.asynccontextmanager
async def working(soak: Soak, arguments: argparse.Namespace) -> AsyncIterator[None]:
    identities = await joined(soak, arguments.sessions)
    say(joined=len(identities))
    service_id = await talkative_service(soak)
    visits: list[tuple[str, Callable[[], Awaitable[None]]]] = [
        *(
            ("sessions", lambda each=each, number=number: session(soak, each, number))  # type: ignore[misc]
            for number, each in enumerate(identities)
        ),
        *(("watchers", lambda: watcher(soak)) for _ in range(arguments.watchers)),
        *(("readers", lambda: reader(soak, service_id)) for _ in range(arguments.readers)),
    ]
    users = [asyncio.ensure_future(user(soak, name, visit)) for name, visit in visits]
    try:
        yield
        for one in users:
            if one.done():
                one.result()
    finally:
        for one in users:
            one.cancel()
        await asyncio.gather(*users, return_exceptions=True)


async def soaked(node: Daemon, counts: Path, arguments: argparse.Namespace) -> int:
    async with asyncio.timeout(60):
        while not node.socket.exists() or (pid := node.manager_pid()) is None:
            await asyncio.sleep(0.1)
    roots = (node.state / "certificates" / "swarm-root-ca.crt").read_bytes()
    soak = Soak(node, roots, random.Random(arguments.seed))
    async with working(soak, arguments):
        found = await lulls(soak, psutil.Process(pid), counts, arguments.minutes)
    grown = growth(found)
    if node.manager_pid() != pid:
        grown.append("the manager did not live to the end")
    for line in node.log.read_text(errors="replace").splitlines():
        if "refused in the last minute" in line or "Traceback" in line:
            say(log=line)
    say(verdict="grew" if grown else "steady", grown=grown, lulls=len(found), failures=dict(soak.failures))
    return 1 if grown else 0


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--watchers", type=int, default=50)
    parser.add_argument("--readers", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as directory:
        (Path(directory) / "sitecustomize.py").write_text(COUNTER)
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (directory, os.environ.get("PYTHONPATH"))))
        os.environ["SOAK_TASKS"] = directory
        with daemon() as node:
            return loop.run(soaked(node, Path(directory), arguments))


if __name__ == "__main__":
    sys.exit(main())
