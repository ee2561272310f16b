"""A manager's long life: what its memory, descriptors, disk and answers do, on a state that each run takes over from the last one.

    soak.py day --state DIR [--hours 24] [--minutes 20] [--agents N]          a day of ordinary life, compressed
    soak.py changes --state DIR [--minutes 60] [--rate 200] [--tasks 10000]   in real time, so many changes a second
    soak.py plot --state DIR --to FILE.svg                                    draws all runs on a state

A real node daemon with its manager (drained), and simulated agents in a process of their own. `day` deploys, updates, scales and removes services, rotates
secrets, lets tasks fail and loses nodes, hour by hour. `changes` holds its tasks and meanwhile creates, changes and removes configs and scales small
services. A sample is a line of `samples.jsonl` in the state's directory. The end says what grew from the second third of a run to the last, and the status
is 1 then. It is 2 where a program that the run needs ended before it began.

SIGTERM and an interrupt end a run early, as if its time were over; before it has begun the status is 130. Either way nothing is left but the state.
"""

import argparse
import asyncio
import itertools
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from bench_cluster import cpu_s, service
from soak_run import LOG_LINES, SAMPLES, Ended, Soak, check_daemon, wait_for
from swarm_core.api.proto import control_pb2, objects_pb2
from swarm_core.client.connection import Connection
from swarm_core.client.errors import ClientError

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from swarm_testkit.daemons import Daemon
from swarm_testkit.soak import drawn, grown, read
from swarm_testkit.told_to_end import ToldToEnd, run

_SAMPLE_S = 10.0
_WRITERS = 16
_SMALL, _SMALL_MAX = 20, 6
_FAILING = ("sh", "-c", "exit 1")
# Of each writer: without a bound they would grow, a little, with every change.
_CONFIGS_MAX = 50
_FAILED_MAX = 0.01


async def hold_tasks(soak: Soak) -> None:
    """What `changes` begins with: the agents, and the tasks that stand meanwhile."""
    given = soak.given
    await soak.add_agents(given.agents)
    await _service(soak, "held", given.tasks)
    for number in range(_SMALL):
        await _service(soak, f"small-{number}", 2)
    await soak.wait(lambda: _runs(soak, "held", given.tasks), f"{given.tasks} tasks to run")


async def changes(soak: Soak) -> None:
    """So many changes a second, while the tasks stand."""
    given, begin, numbers = soak.given, time.monotonic(), itertools.count()
    end = begin + given.minutes * 60
    held = [
        config.id
        for config in await soak.control.find(objects_pb2.Config)
        if config.spec.annotations.name.startswith("c-")
    ]

    async def write(writer: int) -> None:
        made = held[writer::_WRITERS]
        while time.monotonic() < end:
            due = begin + next(numbers) / given.rate
            await asyncio.sleep(max(due - time.monotonic(), 0))
            await _one_change(soak, writer, made)

    async with asyncio.TaskGroup() as writers:
        for writer in range(_WRITERS):
            writers.create_task(write(writer))


async def _one_change(soak: Soak, writer: int, made: list[str]) -> None:
    way = soak.rng.random()
    if not made or (way < 0.375 and len(made) < _CONFIGS_MAX):
        request = control_pb2.CreateConfigRequest()
        request.spec.annotations.name = f"c-{soak.given.seed}-{time.monotonic_ns()}-{writer}"
        request.spec.data = soak.rng.randbytes(64)
        if (answer := await soak.change(soak.connection.call("Control.CreateConfig", request))) is not None:
            made.append(answer.config.id)
    elif 0.75 <= way < 0.95:
        await soak.change(soak.control.change(objects_pb2.Config, soak.rng.choice(made), _label(soak)))
    elif way < 0.75:
        gone = control_pb2.RemoveConfigRequest(config_id=made.pop(soak.rng.randrange(len(made))))
        await soak.change(soak.connection.call("Control.RemoveConfig", gone))
    else:
        name, count = f"small-{soak.rng.randrange(_SMALL)}", soak.rng.randrange(_SMALL_MAX)
        await soak.change(_scale(soak, name, count))


def _label(soak: Soak) -> Callable[[Any], None]:
    return lambda spec: spec.annotations.labels.__setitem__("n", str(soak.rng.random()))


async def _scale(soak: Soak, name: str, count: int) -> bool:
    """Whether there is such a service."""
    found = await soak.control.find(objects_pb2.Service, names=[name])
    if not found:
        return False

    def scale(spec: Any) -> None:
        spec.replicated.replicas = count

    await soak.control.change(objects_pb2.Service, found[0].id, scale)
    return True


async def _service(soak: Soak, name: str, count: int) -> None:
    """Have a service of so many tasks, whether it was there or not."""
    if not await _scale(soak, name, count):
        await soak.control.create(objects_pb2.Service, service(name, count))


async def _runs(soak: Soak, name: str, count: int) -> bool:
    try:
        return await soak.running(name) >= count
    except ClientError:
        return False


async def three_fleets(soak: Soak) -> None:
    """What `day` begins with: nodes that are lost by thirds."""
    for _ in range(3):
        await soak.add_agents(max(soak.given.agents // 3, 1))


async def day(soak: Soak) -> None:
    """Hour by hour: what people and machines do to a cluster."""
    given = soak.given
    hour_s, begin = given.minutes * 60 / given.hours, time.monotonic()
    for hour in range(given.hours):
        try:
            await _hour(soak, hour)
        except ClientError:
            soak.failed += 1
        await asyncio.sleep(max(begin + (hour + 1) * hour_s - time.monotonic(), 0))


async def _hour(soak: Soak, hour: int) -> None:
    rng = soak.rng
    for number in rng.sample(range(12), 4):
        name = f"app-{number}"
        found = await soak.control.find(objects_pb2.Service, names=[name])
        way = rng.random()
        if not found:
            spec = service(name, rng.randrange(1, 40))
            await soak.change(soak.control.create(objects_pb2.Service, spec))
        elif way < 0.4:
            await soak.change(soak.control.change(objects_pb2.Service, found[0].id, _deploy))
        elif way < 0.8:
            await soak.change(_scale(soak, name, rng.randrange(40)))
        else:
            request = control_pb2.RemoveServiceRequest(service_id=found[0].id)
            await soak.change(soak.connection.call("Control.RemoveService", request))
    await _failing(soak)
    await _rotate(soak, hour)
    if hour % 4 == 3:
        soak.lose_agents()
        await soak.add_agents(max(soak.given.agents // 3, 1))
    await soak.remove_dead_nodes()


def _deploy(spec: Any) -> None:
    spec.task.force_update += 1
    spec.update.parallelism = 5


async def _failing(soak: Soak) -> None:
    """A service whose tasks fail at once and are started again."""
    spec = service("failing", 3)
    del spec.task.container.args[:]
    spec.task.container.args.extend(_FAILING)
    if not await soak.control.find(objects_pb2.Service, names=["failing"]):
        await soak.change(soak.control.create(objects_pb2.Service, spec))


async def _rotate(soak: Soak, hour: int) -> None:
    request = control_pb2.CreateSecretRequest()
    request.spec.annotations.name = f"key-{time.monotonic_ns()}"
    request.spec.data = soak.rng.randbytes(64)
    await soak.change(soak.connection.call("Control.CreateSecret", request))
    old = [
        one
        for one in await soak.control.find(objects_pb2.Secret)
        if one.spec.annotations.name.startswith("key-")
    ]
    for one in sorted(old, key=lambda secret: secret.meta.version.index)[:-5]:
        gone = control_pb2.RemoveSecretRequest(secret_id=one.id)
        await soak.change(soak.connection.call("Control.RemoveSecret", gone))


_BEGINNINGS = {"day": three_fleets, "changes": hold_tasks}
_LIVES = {"day": day, "changes": changes}


async def soaked(given: argparse.Namespace) -> list[str]:
    """A run on its state; what grew or failed in it. Raises Ended and TimeoutError where it cannot begin."""
    node = Daemon(given.state / "s")
    try:
        node.start()

        async def answers() -> bool:
            try:
                async with await Connection.open(node.socket):
                    return True
            except ClientError:
                return False

        await wait_for(answers, "the control socket", lambda: check_daemon(node))
        pid = node.manager_pid()
        if pid is None:
            raise Ended(f"the manager ended as it began:\n{node.tail(LOG_LINES)}")
        async with await Connection.open(node.socket) as connection:
            soak = Soak(node, pid, connection, given)
            try:
                return await _run(soak)
            finally:
                soak.end_agents()
    finally:
        _end(node)


async def _run(soak: Soak) -> list[str]:
    given, pid = soak.given, soak.manager_pid
    await soak.wait(soak.is_ready, "the manager's node to be ready")
    own = next(one for one in await soak.control.find(objects_pb2.Node) if one.HasField("manager_status"))
    await _drain(soak, own)
    await soak.bury_last_run()
    await _BEGINNINGS[given.what](soak)
    cpu = cpu_s(pid)
    found = await _lived(soak)
    if not (samples := soak.samples):
        print("; ".join(found))
        return found
    used = cpu_s(pid) - cpu if psutil.pid_exists(pid) else 0.0
    if soak.failed > soak.changes * _FAILED_MAX:
        found.append(f"{soak.failed} of {soak.changes} changes failed")
    found += grown(samples)
    last = samples[-1]
    print(
        f"run {last.run}, {given.what}: {last.at_s:.0f} s, {last.changes} changes ({last.changes / max(last.at_s, 1):.0f}/s), {last.failed} failed, "
        f"manager {last.manager_bytes >> 20} MiB and {used:.0f} s of processor time, {last.descriptors} descriptors, "
        f"{last.disk_bytes >> 20} MiB on disk; grew: {'; '.join(found) or 'nothing'}"
    )
    return found


async def _lived(soak: Soak) -> list[str]:
    """Live and take samples, until time is over, somebody ends the run, or a program that it needs is gone: then it says which."""
    ended: list[str] = []
    life = asyncio.create_task(_LIVES[soak.given.what](soak))
    soak.begin()
    try:
        while not life.done():
            await asyncio.wait((life,), timeout=soak.given.sample_s)
            soak.sample()
    except Ended as error:
        ended = [str(error)]
    except asyncio.CancelledError:
        told = asyncio.current_task()
        assert told is not None
        told.uncancel()
        soak.sample()
    finally:
        life.cancel()
        await asyncio.wait((life,))
        failure = None if life.cancelled() else life.exception()
    if isinstance(failure, Ended):
        ended.append(str(failure))
    # Whatever else failed did so because a program was gone.
    elif failure is not None and not ended:
        raise failure
    return ended


def _end(node: Daemon) -> None:
    """Politely, and by force where that takes too long: no process is left, and the state is."""
    try:
        if node.process is not None and node.process.poll() is None:
            node.stop()
    except subprocess.TimeoutExpired:
        print("the node daemon did not end when it was told to; killed", file=sys.stderr)
    finally:
        node.destroy()


async def _drain(soak: Soak, node: objects_pb2.Node) -> None:
    def away(spec: Any) -> None:
        spec.availability = spec.DRAIN

    await soak.control.change(objects_pb2.Node, node.id, away)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("day", "changes", "plot"))
    parser.add_argument(
        "--state", type=Path, required=True, help="what the last run left; made where there is none"
    )
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--agents", type=int, default=60)
    parser.add_argument("--sample-s", type=float, default=_SAMPLE_S, help="seconds between samples")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--to", type=Path, help="the picture")
    given = parser.parse_args()
    if given.what == "plot":
        if given.to is None:
            parser.error("say where the picture goes: --to soak.svg")
        given.to.write_text(drawn(read(given.state / SAMPLES)))
        return 0
    # Whatever names the state in its command line is ended with it: it has to be a whole path.
    given.state = given.state.resolve()
    given.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return 1 if run(soaked(given)) else 0
    except ToldToEnd:
        print("told to end, but not in the run itself", file=sys.stderr)
        return 130
    except (Ended, TimeoutError, ClientError) as error:
        print(f"the run could not go on: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
