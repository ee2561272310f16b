"""The process executor against real processes, users, control groups and kills at bad moments."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from google.protobuf.any_pb2 import Any as AnyPayload
from swarm_agentd.exec import errors
from swarm_agentd.executors.process import keeper
from swarm_agentd.executors.process.cgroups import Limits, NoCgroups, detect
from swarm_agentd.executors.process.controller import ProcessController
from swarm_agentd.executors.process.directory import TaskDirectory
from swarm_agentd.executors.process.executor import ProcessExecutor
from swarm_core.api.proto.logbroker_pb2 import LogSubscriptionOptions
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.process_pb2 import ProcessSpec
from swarm_core.api.proto.types_pb2 import Resources
from swarm_core.api.timestamps import duration
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.conformance.executor import CONFIG_ID, SECRET_ID, FixedDependencies
from swarm_testkit.host import lacking

pytestmark = pytest.mark.timeout(180)
CLOCK = SystemClock()


def task(task_id: str, script: str, limits: Resources | None = None, **fields: object) -> Task:
    """A process task that runs a shell script."""
    made = Task(id=task_id)
    made.spec.generic.kind = "process"
    payload = AnyPayload()
    payload.Pack(ProcessSpec(command=["sh", "-c", script], **fields))  # type: ignore[arg-type]
    made.spec.generic.payload.CopyFrom(payload)
    if limits is not None:
        made.spec.resources.limits.CopyFrom(limits)
    return made


@pytest.fixture
async def executor(tmp_path: Path) -> AsyncIterator[ProcessExecutor]:
    made = ProcessExecutor(tmp_path / "state", CLOCK, memory=tmp_path / "memory" / "swarm" / "key")
    yield made
    await made.retain(())


async def start(executor: ProcessExecutor, made: Task) -> ProcessController:
    controller = executor.controller(made, FixedDependencies())
    await controller.prepare()
    await controller.start()
    return controller


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await CLOCK.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


async def output(controller: ProcessController) -> str:
    return "".join([message.data.decode() async for message in controller.logs(LogSubscriptionOptions())])


def number_in(file: Path) -> int:
    """The number that a task wrote into a file, 0 while it has not."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        return int(file.read_text())
    return 0


async def test_a_killed_process_tells_its_signal(executor: ProcessExecutor) -> None:
    """kill -9 of a task's process is an exit with 137."""
    controller = await start(executor, task("t", "exec sleep 100"))
    status = await controller.container_status()
    assert status is not None
    os.kill(status.pid, signal.SIGKILL)
    with pytest.raises(errors.ExitFailure) as failure:
        await controller.wait()
    assert failure.value.code == 137
    await controller.remove()


async def test_escaped_children_end_with_the_task(executor: ProcessExecutor, tmp_path: Path) -> None:
    """A child that left the session and whose parent has gone is killed when the task's process ends."""
    script = f"(setsid sh -c 'echo $$ > {tmp_path}/pid; exec sleep 100' &) ; sleep 100"
    controller = await start(executor, task("t", script))
    await until(lambda: number_in(tmp_path / "pid") > 0)
    escaped = number_in(tmp_path / "pid")
    assert is_alive(escaped)
    await controller.shutdown()
    assert not is_alive(escaped)
    await controller.remove()


WRAPPED = """
sh -c 'trap "sleep 0.3; echo bye > $0/end; exit 0" TERM; echo $$ > $0/pid; while :; do sleep 0.02; done' {directory} &
wait
"""


async def test_the_stop_signal_reaches_the_whole_group(executor: ProcessExecutor, tmp_path: Path) -> None:
    """A wrapper script that dies of the signal does not take along the program that it runs: that one ends politely."""
    controller = await start(executor, task("t", WRAPPED.format(directory=tmp_path)))
    await until(lambda: number_in(tmp_path / "pid") > 0)
    program = number_in(tmp_path / "pid")
    await controller.shutdown()
    assert (tmp_path / "end").read_text() == "bye\n"
    assert not is_alive(program)
    with pytest.raises(errors.ExitFailure) as failure:
        await controller.wait()
    assert failure.value.code == 128 + signal.SIGTERM, "the wrapper's own end counts"
    await controller.remove()


async def test_the_grace_period_bounds_the_whole_group(executor: ProcessExecutor, tmp_path: Path) -> None:
    """A program that ignores the signal is killed after the grace period, although its wrapper has ended."""
    script = f"(trap '' TERM; exec sh -c 'echo $$ > {tmp_path}/pid; exec sleep 100') & wait"
    made = task("t", script, stop_grace_period=duration(0.3))
    controller = await start(executor, made)
    await until(lambda: number_in(tmp_path / "pid") > 0)
    program = number_in(tmp_path / "pid")
    await controller.shutdown()
    assert not is_alive(program)
    await controller.remove()


AS_FIRST = """
import asyncio, sys
from pathlib import Path
sys.path[:0] = {path!r}
from tests.integration.test_process_executor import as_process_one
asyncio.run(as_process_one(Path({state!r})))
"""


async def as_process_one(state: Path) -> None:
    """Run ten tasks to their ends, as process 1; print what is left of them in the process table."""
    executor = ProcessExecutor(state / "state", CLOCK, memory=state / "memory" / "swarm" / "key")
    for number in range(10):
        controller = await start(executor, task(f"t{number}", "true"))
        await controller.wait()
        await controller.remove()
    left = [one.name for one in Path("/proc").iterdir() if one.name.isdecimal() and one.name != "1"]
    sys.stdout.write(f"process {os.getpid()}, left: {left}\n")


@pytest.mark.root
def test_process_one_leaves_no_zombies(tmp_path: Path) -> None:
    """In a container the daemon is everybody's parent in the end: what has ended is taken away."""
    code = AS_FIRST.format(
        path=[str(Path(__file__).parents[2]), str(Path(__file__).parents[1])], state=str(tmp_path)
    )
    ran = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    assert (ran.stdout, ran.stderr) == ("process 1, left: []\n", "")


async def test_a_killed_shim_takes_its_process_along(executor: ProcessExecutor, tmp_path: Path) -> None:
    """Without its shim a process is ended and the task fails; nothing runs on unseen, and nothing starts again."""
    controller = await start(executor, task("t", "exec sleep 100"))
    started = TaskDirectory(tmp_path / "state" / "tasks", "t").started()
    assert started is not None
    os.kill(started.keeper.pid, signal.SIGKILL)
    with pytest.raises(errors.ExitFailure, match="its shim was killed"):
        await controller.wait()
    assert not is_alive(started.command.pid)
    with pytest.raises(errors.AlreadyStarted):
        await controller.start()
    await controller.remove()


async def test_a_recycled_pid_is_not_ours(executor: ProcessExecutor, tmp_path: Path) -> None:
    """When the recorded pids belong to other processes by now, the task has ended and nobody is hurt."""
    controller = await start(executor, task("t", "exec sleep 100"))
    await controller.terminate()
    directory = TaskDirectory(tmp_path / "state" / "tasks", "t")
    stranger = await asyncio.create_subprocess_exec("sleep", "100", start_new_session=True)
    try:
        record = json.loads((directory.path / "started.json").read_text())
        record |= {"shim_pid": stranger.pid, "pid": stranger.pid}
        (directory.path / "started.json").write_text(json.dumps(record))
        (directory.path / "exit.json").unlink()
        with pytest.raises(errors.ExitFailure):
            await controller.wait()
        await controller.remove()
        assert stranger.returncode is None
    finally:
        stranger.kill()
        await stranger.wait()


async def test_a_restarted_machine_lost_its_processes(executor: ProcessExecutor, tmp_path: Path) -> None:
    """Pids of an earlier boot mean nothing: the task failed, with the reason."""
    controller = await start(executor, task("t", "exec sleep 100"))
    await controller.terminate()
    directory = TaskDirectory(tmp_path / "state" / "tasks", "t")
    record = json.loads((directory.path / "started.json").read_text())
    (directory.path / "started.json").write_text(json.dumps(record | {"boot_id": "earlier"}))
    (directory.path / "exit.json").unlink()
    with pytest.raises(errors.ExitFailure, match="machine was restarted"):
        await controller.wait()
    await controller.remove()


async def test_two_shims_start_one_process(executor: ProcessExecutor, tmp_path: Path) -> None:
    """However many shims are started on one task, also at the same moment, the command runs once."""
    controller = executor.controller(task("t", "echo run; exec sleep 100"), FixedDependencies())
    await controller.prepare()
    directory = TaskDirectory(tmp_path / "state" / "tasks", "t")
    await asyncio.gather(*(asyncio.to_thread(keeper.launch, directory) for _ in range(4)))
    with pytest.raises(errors.AlreadyStarted):
        await controller.start()
    await until(lambda: (directory.logs / "00000001").stat().st_size > 0)
    await controller.terminate()
    assert await output(controller) == "run\n"
    await controller.remove()


async def test_stop_before_the_shim_is_up(executor: ProcessExecutor, tmp_path: Path) -> None:
    """A stop that comes while the start was cancelled half way wins: nothing runs afterwards."""
    for number in range(10):
        controller = executor.controller(task(f"t{number}", "exec sleep 100"), FixedDependencies())
        await controller.prepare()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(controller.start(), 0.004 * number)
        await controller.terminate()
        directory = TaskDirectory(tmp_path / "state" / "tasks", f"t{number}")
        await until(lambda: not directory.is_locked())  # noqa: B023 - awaited in this round
        started = directory.started()
        assert started is None or not is_alive(started.command.pid)
        with pytest.raises((errors.Fatal, errors.AlreadyStarted)):
            await controller.start()
        # The shim of the start that was cancelled may come now only, and has the lock until it has seen the stop.
        await until(lambda: not directory.is_locked())  # noqa: B023 - awaited in this round
        started = directory.started()
        assert started is None or not is_alive(started.command.pid)


_DAEMON = """
    import asyncio, sys
    from pathlib import Path
    from swarm_agentd.executors.process.executor import ProcessExecutor
    from swarm_core.api.proto.objects_pb2 import Task
    from swarm_core.runtime.clock import SystemClock

    async def main():
        task = Task.FromString(bytes.fromhex(sys.argv[2]))
        executor = ProcessExecutor(Path(sys.argv[1]), SystemClock(), memory=Path(sys.argv[1]) / "m" / "k")
        controller = executor.controller(task, None)
        await controller.prepare()
        print("prepared", flush=True)
        await controller.start()
        print("started", flush=True)
        await controller.wait()

    asyncio.run(main())
"""


@pytest.mark.parametrize("delay_s", [None, 0.0, 0.01, 0.02, 0.03, 0.05])
async def test_kill_of_the_daemon(tmp_path: Path, delay_s: float | None) -> None:
    """kill -9 of the daemon around the start: the next one finds the process, or starts it, once."""
    made = task("t", "echo run; exec sleep 100")
    state = tmp_path / "state"
    daemon = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(_DAEMON), str(state), made.SerializeToString().hex(), stdout=subprocess.PIPE
    )  # fmt: skip
    assert daemon.stdout is not None
    assert await daemon.stdout.readline() == b"prepared\n"
    if delay_s is None:
        assert await daemon.stdout.readline() == b"started\n"
    else:
        await CLOCK.sleep(delay_s)
    daemon.kill()
    await daemon.wait()
    executor = ProcessExecutor(state, CLOCK, memory=state / "m" / "k")
    controller = executor.controller(made, FixedDependencies())
    with pytest.raises(errors.AlreadyPrepared):
        await controller.prepare()
    with contextlib.suppress(errors.AlreadyStarted):
        await controller.start()
    status = await controller.container_status()
    assert status is not None and is_alive(status.pid)
    logs = TaskDirectory(state / "tasks", "t").logs
    await until(lambda: (logs / "00000001").stat().st_size > 0)
    await controller.terminate()
    assert await output(controller) == "run\n"
    await controller.remove()


async def test_an_unrunnable_file_is_named(executor: ProcessExecutor, tmp_path: Path) -> None:
    """A file that the kernel will not execute fails the start with the kernel's reason."""
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF nonsense")
    broken.chmod(0o755)
    made = task("t", "")
    spec = ProcessSpec(command=[str(broken)])
    made.spec.generic.payload.Pack(spec)
    with pytest.raises(errors.Fatal, match=r"cannot run .*broken: Exec format error"):
        await start(executor, made)
    await executor.controller(made, FixedDependencies()).remove()


async def test_environment_and_directory(executor: ProcessExecutor, tmp_path: Path) -> None:
    """The process sees its own variables, PATH and HOME, not the daemon's others, and starts in its directory."""
    os.environ["SWARM_DAEMON_SECRET"] = "leak"
    try:
        controller = await start(
            executor, task("t", 'echo "$A-$SWARM_DAEMON_SECRET-$(pwd)"', env=["A=1"], dir=str(tmp_path))
        )
    finally:
        del os.environ["SWARM_DAEMON_SECRET"]
    await controller.wait()
    assert await output(controller) == f"1--{tmp_path}\n"
    await controller.remove()
    assert not (tmp_path / "state" / "tasks" / "t").exists()


async def test_secrets_are_gone_after_the_end(executor: ProcessExecutor, tmp_path: Path) -> None:
    """Once a task has ended its secrets are no longer on the machine."""
    made = task("t", 'cat "$SWARM_SECRETS/s"; ls -l "$SWARM_SECRETS"')
    spec = ProcessSpec()
    made.spec.generic.payload.Unpack(spec)
    spec.secrets.add(secret_id=SECRET_ID).file.name = "s"
    spec.configs.add(config_id=CONFIG_ID, config_name="c")
    made.spec.generic.payload.Pack(spec)
    controller = await start(executor, made)
    await controller.wait()
    assert "-r--------" in await output(controller)
    assert list((tmp_path / "memory" / "swarm").iterdir()) == []
    await controller.remove()


async def test_the_process_of_an_unhealthy_task_is_stopped(executor: ProcessExecutor) -> None:
    """A check that fails after it had succeeded stops the process and fails the task."""
    made = task(
        "t",
        "touch well; exec sleep 100",
        healthcheck={"test": ["CMD", "test", "-e", "well"], "interval": duration(0.05), "retries": 2},
    )
    controller = await start(executor, made)
    status = await controller.container_status()
    assert status is not None
    health = asyncio.create_task(controller.wait())
    (TaskDirectory(executor._tasks, "t").work / "well").unlink()
    with pytest.raises(errors.ExitFailure, match="unhealthy"):
        await health
    assert not is_alive(status.pid)
    await controller.remove()


async def test_limits_are_refused_without_groups(tmp_path: Path) -> None:
    """A host that lets us make no control groups refuses limits in one sentence."""
    executor = ProcessExecutor(tmp_path, CLOCK, groups=NoCgroups(), memory=tmp_path / "m" / "k")
    with pytest.raises(errors.InvalidTask, match="this node cannot limit cpu and memory"):
        await start(executor, task("t", "true", Resources(nano_cpus=1, memory_bytes=1)))


@pytest.mark.root
async def test_limits_hold(executor: ProcessExecutor) -> None:
    """A process that takes more memory than its limit is killed, and the failure says why."""
    limits = Resources(nano_cpus=500_000_000, memory_bytes=32 << 20)
    if missing := detect("probe").missing(Limits(limits.nano_cpus, limits.memory_bytes)):
        lacking(f"this host has no control group for {missing}")
    made = task("t", f"exec {sys.executable} -c 'x = bytearray(200 << 20); print(len(x))'", limits)
    controller = await start(executor, made)
    with pytest.raises(errors.ExitFailure, match="more memory than its limit"):
        await controller.wait()
    await controller.remove()
    assert "t" not in executor._host.cgroups.known_ids()


@pytest.mark.root
async def test_another_user(executor: ProcessExecutor, tmp_path: Path) -> None:
    """As root a task runs as the user it names, in a directory of its own, and cannot read others' secrets."""
    controller = await start(
        executor, task("t", "id -un; id -gn; touch mine; stat -c %U mine", user="nobody")
    )
    await controller.wait()
    user, group, owner = (await output(controller)).split()
    assert (user, owner) == ("nobody", "nobody") and group in ("nogroup", "nobody")
    await controller.remove()


@pytest.mark.root
async def test_probes_run_as_the_task(executor: ProcessExecutor) -> None:
    """A health check runs as the task's user and in its directory."""
    made = task(
        "t",
        "touch mine; exec sleep 100",
        user="nobody",
        healthcheck={"test": ["CMD-SHELL", "test -O mine"], "interval": duration(0.05), "retries": 50},
    )
    controller = await start(executor, made)
    await controller.remove()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mount = tmp_path / "disk"
    mount.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(mount)], check=False
    ).returncode:
        lacking("this host does not let us mount a small file system")
    try:
        yield mount
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=True)


def fill(file: Path) -> None:
    """Write until there is no room left."""
    with file.open("wb", buffering=0) as out, contextlib.suppress(OSError):
        while out.write(b"x" * 4096):
            pass


@pytest.mark.root
async def test_a_full_disk_hides_no_exit(small_disk: Path, tmp_path: Path) -> None:
    """With no room left, output is lost but the exit is told; a start that needs room is tried again later."""
    executor = ProcessExecutor(small_disk, CLOCK, memory=tmp_path / "memory" / "swarm" / "key")
    script = f"until test -e {tmp_path}/full; do sleep 0.01; done; yes | head -c 300000; exit 4"
    controller = await start(executor, task("t", script))
    later = executor.controller(task("v", "true"), FixedDependencies())
    await later.prepare()
    fill(small_disk / "filler")
    (tmp_path / "full").touch()
    with pytest.raises(errors.ExitFailure) as failure:
        await controller.wait()
    assert failure.value.code == 4
    with pytest.raises(errors.Temporary):
        await later.start()
    with pytest.raises(errors.Temporary):
        await start(executor, task("u", "true"))
    (small_disk / "filler").unlink()
    await later.start()
    await later.wait()
    for made in (task("t", ""), task("u", ""), task("v", "")):
        await executor.controller(made, FixedDependencies()).remove()
