"""kill -9 of manager and node daemon at random moments: nothing acknowledged is lost, nothing runs twice."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psutil
import pytest
from google.protobuf.any_pb2 import Any as AnyPayload
from swarm_core.api.proto import objects_pb2, process_pb2, specs_pb2, types_pb2
from swarm_core.client.connection import Connection
from swarm_core.client.control import Control
from swarm_core.client.errors import ClientError
from swarm_testkit.daemons import Daemon, daemon
from swarm_testkit.pace import pause_s

ROUNDS = 24
WRITERS = 8
SLEEPER = "4321"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@asynccontextmanager
async def control_of(node: Daemon) -> AsyncIterator[Control]:
    async with await Connection.open(node.socket) as connection:
        yield Control(connection)


async def eventually(node: Daemon, condition, seconds: float = 60):  # type: ignore[no-untyped-def]
    """The first true value of `condition(control)`, over as many connections as it takes."""
    last: object = None
    try:
        async with asyncio.timeout(seconds):
            while True:
                looked = time.monotonic()
                try:
                    async with control_of(node) as control:
                        last = await condition(control)
                    if last:
                        return last
                except ClientError as error:
                    last = error
                await asyncio.sleep(pause_s(time.monotonic() - looked))
    except TimeoutError:
        raise AssertionError(f"not within {seconds} s; last seen: {last!r}\n{node.tail()}") from None


def process_service(name: str, replicas: int, *command: str) -> specs_pb2.ServiceSpec:
    spec = specs_pb2.ServiceSpec()
    spec.annotations.name = name
    payload = AnyPayload()
    payload.Pack(process_pb2.ProcessSpec(command=command))
    spec.task.generic.kind = "process"
    spec.task.generic.payload.CopyFrom(payload)
    spec.task.restart.condition = types_pb2.RestartPolicy.ANY
    spec.task.restart.delay.FromMilliseconds(100)
    spec.replicated.replicas = replicas
    return spec


def running(count: int):  # type: ignore[no-untyped-def]
    """The RUNNING tasks, once there are `count` of them and no others are wanted."""

    async def check(control: Control) -> list[objects_pb2.Task]:
        tasks = await control.find(objects_pb2.Task)
        live = [t for t in tasks if t.desired_state == types_pb2.RUNNING]
        fine = [t for t in live if t.status.state == types_pb2.RUNNING]
        return fine if len(fine) == len(live) == count else []

    return check


def sleepers(argument: str) -> list[int]:
    """Processes of this test's service that really run."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if process.info["cmdline"] == ["sleep", argument]:
            found.append(process.pid)
    return sorted(found)


class Writers:
    """A stream of creates and removes; remembers what was acknowledged and what has an unknown outcome."""

    def __init__(self, node: Daemon, seed: int) -> None:
        self.node = node
        self.rng = random.Random(seed)
        self.there: dict[str, bytes] = {}
        self.gone: set[str] = set()
        self.unsure: set[str] = set()
        self.count = 0
        self.acknowledged = 0
        self.stopping = asyncio.Event()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for writer in range(WRITERS):
                group.create_task(self.write(writer))

    async def write(self, writer: int) -> None:
        while not self.stopping.is_set():
            try:
                async with control_of(self.node) as control:
                    while not self.stopping.is_set():
                        await self.one(control, writer)
            except ClientError:
                # Eight that ask a dead node all the time would keep the processor from the node that begins.
                await asyncio.sleep(0.1)

    async def one(self, control: Control, writer: int) -> None:
        self.count += 1
        name, data = f"w{writer}-{self.count}", self.rng.randbytes(32)
        spec = specs_pb2.ConfigSpec(data=data)
        spec.annotations.name = name
        self.unsure.add(name)
        async with asyncio.timeout(30):
            created = await control.create(objects_pb2.Config, spec)
        self.acknowledged += 1
        self.there[name] = data
        self.unsure.discard(name)
        if self.rng.random() < 0.3:
            self.unsure.add(name)
            del self.there[name]
            await control.remove(objects_pb2.Config, created.id)
            self.acknowledged += 1
            self.unsure.discard(name)
            self.gone.add(name)


async def test_random_kills() -> None:
    """Rounds of kill -9 under a stream of writes: every acknowledged write stands, the same processes run on."""
    rng = random.Random(20)
    with daemon() as node:
        async with asyncio.timeout(60):
            while not node.socket.exists():
                await asyncio.sleep(0.05)
        await eventually(
            node, lambda c: c.create(objects_pb2.Service, process_service("web", 3, "sleep", SLEEPER))
        )
        tasks = {task.id for task in await eventually(node, running(3))}
        processes = sleepers(SLEEPER)
        assert len(processes) == 3
        writers = Writers(node, seed=20)
        writing = asyncio.get_running_loop().create_task(writers.run())
        for round_ in range(ROUNDS):
            await asyncio.sleep(rng.uniform(0.05, 0.5))
            victim = ("manager", "daemon", "manager, then daemon", "daemon, then manager")[round_ % 4]
            manager = node.manager_pid()
            if victim.startswith("manager"):
                node.kill_manager()
            if "daemon" in victim:
                node.kill()
            if victim.endswith("manager") and manager is not None and psutil.pid_exists(manager):
                with suppress(psutil.NoSuchProcess):
                    psutil.Process(manager).kill()
            assert not writing.done(), writing.exception()
            if "daemon" in victim:
                node.start()
            done = writers.acknowledged

            async def goes_on(_: Control, done: int = done) -> bool:
                return writers.acknowledged > done + WRITERS

            await eventually(node, goes_on)
        writers.stopping.set()
        await writing
        after = {task.id for task in await eventually(node, running(3))}
        assert after == tasks
        assert sleepers(SLEEPER) == processes

        async def read(control: Control) -> list[objects_pb2.Config]:
            return await control.find(objects_pb2.Config)

        configs = await eventually(node, read)
        stored = {config.spec.annotations.name: config.spec.data for config in configs}
        assert len(stored) == len(configs)
        lost = [name for name, data in writers.there.items() if stored.get(name) != data]
        assert lost == []
        assert writers.gone.isdisjoint(stored)
        assert stored.keys() <= writers.there.keys() | writers.unsure
        assert writers.acknowledged > ROUNDS * WRITERS


async def test_killed_task_is_restarted() -> None:
    """A process that is killed is replaced by policy; the old attempt stays as history."""
    with daemon() as node:
        await eventually(
            node, lambda c: c.create(objects_pb2.Service, process_service("web", 3, "sleep", "4322"))
        )
        before = {task.id for task in await eventually(node, running(3))}
        victim = sleepers("4322")[0]
        psutil.Process(victim).kill()

        async def replaced(control: Control) -> set[str]:
            now = {task.id for task in await running(3)(control)}
            return now - before if now and now != before else set()

        assert len(await eventually(node, replaced)) == 1
        assert victim not in sleepers("4322")
        assert len(sleepers("4322")) == 3

        async def failed(control: Control) -> list[objects_pb2.Task]:
            tasks = await control.find(objects_pb2.Task)
            return [task for task in tasks if task.status.state == types_pb2.FAILED]

        (old,) = await eventually(node, failed)
        assert old.status.container.exit_code == 137
        assert old.status.err
