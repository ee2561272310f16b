"""The executor conformance suite: what every executor and its controllers do, fake or real.

How to use it: write a Bench for the executor and a class `TestX(ExecutorConformance)` with a fixture `bench` that gives it.
Add `SecretConformance` where tasks get secrets and configs as files, `HealthConformance` where health checks run,
`CommandConformance` where commands can be run in tasks.
Works are described by `Work`; a bench turns each into a task of its runtime. A restart of the daemon is: close the
controllers, leave the run of the first executor, ask the bench for a new executor on the same state.
"""

import asyncio
import contextlib
import enum
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

import pytest
from swarm_agentd.exec import errors
from swarm_agentd.exec.controller import Controller
from swarm_agentd.exec.executor import Executor
from swarm_agentd.exec.usage import Reading
from swarm_agentd.exec.volumes import PublishedVolume
from swarm_core.api.proto.exec_pb2 import ExecInput, ExecOutput, ExecSpec, TerminalSize
from swarm_core.api.proto.logbroker_pb2 import (
    LOG_STREAM_STDERR,
    LOG_STREAM_STDOUT,
    LogMessage,
    LogStream,
    LogSubscriptionOptions,
)
from swarm_core.api.proto.objects_pb2 import Config, Secret, Task
from swarm_core.api.proto.types_pb2 import SHUTDOWN
from swarm_core.runtime.tasks import Group

LIMIT_S = 120.0
SECRET_ID, CONFIG_ID = "secret-id", "config-id"
SECRET_DATA, CONFIG_DATA = b"hush-hush", b"setting=1"


class Work(enum.Enum):
    """What a task does when it runs. Lines are written at start, in this order, each ended by a newline."""

    RUNS = "writes `started` to stdout, runs until the stop signal, then ends within a second"
    STUBBORN = "writes `started`, ignores the stop signal; the spec's grace period is at most a second"
    ENDS = "writes `one`, `two`, `three` to stdout and `oops` to stderr, ends with 0"
    FAILS = "ends with 3"
    BROKEN = "can never run: its program or image does not exist"
    SECRETS = (
        "writes the content of secret SECRET_ID, a newline, the content of config CONFIG_ID, ends with 0"
    )
    HEALTHY = "like RUNS, with a health check that succeeds"
    UNHEALTHY = "like RUNS, with a health check that fails within seconds"


class Bench(Protocol):
    """What the suite needs from the one who runs it for an executor."""

    def executor(self) -> Executor:
        """A new executor on the same state each time, as after a restart of the daemon."""

    def task(self, work: Work, task_id: str) -> Task:
        """An assigned task of this runtime that does `work`."""


class FixedDependencies:
    """Dependencies with one secret, one config and the volumes at `places`, whatever the task lists."""

    def __init__(self, places: Mapping[str, PublishedVolume] | None = None) -> None:
        self._places = {} if places is None else places

    async def volume(self, volume_id: str) -> PublishedVolume:
        if volume_id not in self._places:
            raise errors.Temporary(f"volume {volume_id} is not published on this node yet")
        return self._places[volume_id]

    def secret(self, secret_id: str) -> Secret:
        if secret_id != SECRET_ID:
            raise errors.Missing(f"secret {secret_id} not found")
        secret = Secret(id=SECRET_ID)
        secret.spec.annotations.name = "a-secret"
        secret.spec.data = SECRET_DATA
        return secret

    def config(self, config_id: str) -> Config:
        if config_id != CONFIG_ID:
            raise errors.Missing(f"config {config_id} not found")
        config = Config(id=CONFIG_ID)
        config.spec.annotations.name = "a-config"
        config.spec.data = CONFIG_DATA
        return config


@contextlib.asynccontextmanager
async def running(executor: Executor) -> AsyncIterator[Executor]:
    """The executor with its background work; everything inside must end within LIMIT_S."""
    async with asyncio.timeout(LIMIT_S), Group() as group:
        group.spawn(executor.run(), name="executor")
        try:
            yield executor
        finally:
            group.cancel_all()


async def started(executor: Executor, task: Task) -> Controller:
    """A controller of `task` whose work runs."""
    controller = executor.controller(task, FixedDependencies())
    await controller.prepare()
    await controller.start()
    return controller


async def measured(controller: Controller) -> Reading:
    """What running work uses, as soon as its runtime tells a memory."""
    while (reading := await controller.usage()) is None or not reading.memory_bytes:
        await asyncio.sleep(0.02)
    return reading


async def spoken(controller: Controller) -> None:
    """Return when the work has written something: a start may be over before that."""
    lines = controller.logs(LogSubscriptionOptions(follow=True))
    async with contextlib.aclosing(lines) as messages:  # type: ignore[type-var]
        await anext(messages)


async def read(controller: Controller, *streams: LogStream.ValueType, **options: object) -> list[str]:
    """The text of all records, without line ends."""
    wanted = LogSubscriptionOptions(streams=streams, **options)  # type: ignore[arg-type]
    return [text(message) async for message in controller.logs(wanted)]


def text(message: LogMessage) -> str:
    assert message.timestamp.seconds > 0
    return message.data.decode().rstrip("\r\n")


class ExecutorConformance:
    """Rules of swarm_agentd.exec.controller and .executor."""

    async def test_describe_names_the_node(self, bench: Bench) -> None:
        """describe tells hostname, platform and resources."""
        async with running(bench.executor()) as executor:
            description = await executor.describe()
        assert description.hostname
        assert description.platform.os and description.platform.architecture
        assert description.resources.nano_cpus > 0 and description.resources.memory_bytes > 0

    async def test_work_that_ends_well_completes(self, bench: Bench) -> None:
        """Work with code 0: wait returns, the status holds code 0."""
        async with running(bench.executor()) as executor:
            controller = await started(executor, bench.task(Work.ENDS, "ends"))
            await controller.wait()
            status = await controller.container_status()
            assert status is not None and status.exit_code == 0
            await controller.remove()
            await controller.close()

    async def test_usage_is_that_of_running_work(self, bench: Bench) -> None:
        """usage tells memory, and a processor time that never goes back; nothing before the work runs and after it ended."""
        async with running(bench.executor()) as executor:
            controller = executor.controller(bench.task(Work.RUNS, "uses"), FixedDependencies())
            assert await controller.usage() is None
            await controller.prepare()
            assert await controller.usage() is None
            await controller.start()
            first = await measured(controller)
            for _ in range(3):
                again = await measured(controller)
                assert again.memory_bytes > 0 and again.cpu_ns >= first.cpu_ns
            await controller.shutdown()
            assert await controller.usage() is None
            await controller.remove()
            assert await controller.usage() is None
            await controller.close()

    async def test_failing_work_tells_its_code(self, bench: Bench) -> None:
        """Work with another code: wait raises ExitFailure with it, and the status holds it."""
        async with running(bench.executor()) as executor:
            controller = await started(executor, bench.task(Work.FAILS, "fails"))
            with pytest.raises(errors.ExitFailure) as failure:
                await controller.wait()
            assert failure.value.code == 3
            status = await controller.container_status()
            assert status is not None and status.exit_code == 3
            await controller.remove()
            await controller.close()

    async def test_work_that_cannot_run_is_fatal(self, bench: Bench) -> None:
        """A missing program or image: prepare or start raises Fatal, not Temporary, and remove still works."""
        async with running(bench.executor()) as executor:
            controller = executor.controller(bench.task(Work.BROKEN, "broken"), FixedDependencies())
            with pytest.raises(errors.Fatal):
                await controller.prepare()
                await controller.start()
            await controller.remove()
            await controller.close()

    async def test_unknown_runtime_is_refused(self, bench: Bench) -> None:
        """A task of a runtime that nobody has: UnsupportedRuntime at once."""
        task = Task(id="alien")
        task.spec.generic.kind = "no-such-runtime"
        async with running(bench.executor()) as executor:
            with pytest.raises(errors.UnsupportedRuntime):
                executor.controller(task, FixedDependencies())

    async def test_repeated_calls_say_so(self, bench: Bench) -> None:
        """prepare and start again raise AlreadyPrepared and AlreadyStarted."""
        async with running(bench.executor()) as executor:
            controller = await started(executor, bench.task(Work.RUNS, "twice"))
            with pytest.raises(errors.AlreadyPrepared):
                await controller.prepare()
            with pytest.raises(errors.AlreadyStarted):
                await controller.start()
            await controller.remove()
            await controller.close()

    async def test_shutdown_ends_wait(self, bench: Bench) -> None:
        """shutdown stops polite work, wait then tells an end, and shutdown again is fine."""
        async with running(bench.executor()) as executor:
            controller = await started(executor, bench.task(Work.RUNS, "stopped"))
            await controller.shutdown()
            with contextlib.suppress(errors.ExitFailure):
                await controller.wait()
            await controller.shutdown()
            await controller.remove()
            await controller.close()

    async def test_stubborn_work_is_killed(self, bench: Bench) -> None:
        """shutdown kills what outlasts the grace period."""
        async with running(bench.executor()) as executor:
            controller = await started(executor, bench.task(Work.STUBBORN, "stubborn"))
            await controller.shutdown()
            with pytest.raises(errors.ExitFailure):
                await controller.wait()
            await controller.remove()
            await controller.close()

    async def test_terminate_stops_at_once(self, bench: Bench) -> None:
        """terminate ends work that ignores the stop signal; wait raises ExitFailure."""
        async with running(bench.executor()) as executor:
            controller = await started(executor, bench.task(Work.STUBBORN, "killed"))
            await controller.terminate()
            with pytest.raises(errors.ExitFailure):
                await controller.wait()
            await controller.remove()
            await controller.close()

    async def test_nothing_there_is_success(self, bench: Bench) -> None:
        """shutdown, terminate and remove of work that never was succeed, and so does remove again."""
        async with running(bench.executor()) as executor:
            controller = executor.controller(bench.task(Work.RUNS, "never"), FixedDependencies())
            assert await controller.container_status() is None
            await controller.shutdown()
            await controller.terminate()
            await controller.remove()
            await controller.remove()
            await controller.close()

    async def test_closed_controller_refuses(self, bench: Bench) -> None:
        """After close, which may come twice, calls raise Closed."""
        async with running(bench.executor()) as executor:
            controller = executor.controller(bench.task(Work.RUNS, "closed"), FixedDependencies())
            await controller.close()
            await controller.close()
            for call in (
                controller.prepare,
                controller.start,
                controller.wait,
                controller.shutdown,
                controller.remove,
            ):
                with pytest.raises(errors.Closed):
                    await call()

    async def test_cancelled_wait_leaves_the_work(self, bench: Bench) -> None:
        """Cancelling wait stops nothing; a second wait sees the end."""
        async with running(bench.executor()) as executor:
            controller = await started(executor, bench.task(Work.RUNS, "waited"))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(controller.wait(), 0.05)
            with pytest.raises(errors.AlreadyStarted):
                await controller.start()
            status = await controller.container_status()
            assert status is not None and status.container_id
            await controller.terminate()
            with pytest.raises(errors.ExitFailure):
                await controller.wait()
            await controller.remove()
            await controller.close()

    async def test_update_of_running_work(self, bench: Bench) -> None:
        """update with another desired state is accepted and leaves the work running."""
        async with running(bench.executor()) as executor:
            task = bench.task(Work.RUNS, "updated")
            controller = await started(executor, task)
            changed = Task()
            changed.CopyFrom(task)
            changed.desired_state = SHUTDOWN
            await controller.update(changed)
            with pytest.raises(errors.AlreadyStarted):
                await controller.start()
            await controller.remove()
            await controller.close()

    async def test_running_work_survives_the_daemon(self, bench: Bench) -> None:
        """After close and a new executor on the same state, the work is found, not started again, and can be stopped."""
        task = bench.task(Work.RUNS, "survivor")
        async with running(bench.executor()) as executor:
            controller = await started(executor, task)
            before = await controller.container_status()
            await spoken(controller)
            await controller.close()
        async with running(bench.executor()) as executor:
            controller = executor.controller(task, FixedDependencies())
            with pytest.raises(errors.AlreadyPrepared):
                await controller.prepare()
            with pytest.raises(errors.AlreadyStarted):
                await controller.start()
            after = await controller.container_status()
            assert before is not None and after is not None
            assert (after.container_id, after.pid) == (before.container_id, before.pid)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(controller.wait(), 0.05)
            while not await read(controller):  # it runs, and may not have come to say so
                await asyncio.sleep(0.02)
            await controller.shutdown()
            with contextlib.suppress(errors.ExitFailure):
                await controller.wait()
            assert await read(controller) == ["started"]
            await controller.remove()
            await controller.close()

    async def test_end_without_a_daemon_is_told_later(self, bench: Bench) -> None:
        """Work that ended while no daemon looked: a new executor's wait tells its code."""
        task = bench.task(Work.FAILS, "unseen")
        async with running(bench.executor()) as executor:
            await (await started(executor, task)).close()
        async with running(bench.executor()) as executor:
            controller = executor.controller(task, FixedDependencies())
            with pytest.raises(errors.AlreadyStarted):
                await controller.start()
            with pytest.raises(errors.ExitFailure) as failure:
                await controller.wait()
            assert failure.value.code == 3
            await controller.remove()
            await controller.close()

    async def test_retain_frees_what_nobody_owns(self, bench: Bench) -> None:
        """retain leaves work of the named tasks alone and ends all other work of this node."""
        kept, dropped = bench.task(Work.RUNS, "kept"), bench.task(Work.RUNS, "dropped")
        async with running(bench.executor()) as executor:
            for task in (kept, dropped):
                await (await started(executor, task)).close()
        async with running(bench.executor()) as executor:
            await executor.retain({"kept"})
            gone = executor.controller(dropped, FixedDependencies())
            assert await gone.container_status() is None
            await gone.close()
            controller = executor.controller(kept, FixedDependencies())
            with pytest.raises(errors.AlreadyStarted):
                await controller.start()
            await controller.remove()
            await controller.close()

    async def test_logs_of_ended_work(self, bench: Bench) -> None:
        """Logs hold each line once, by stream, and tail cuts from the end."""
        async with running(bench.executor()) as executor:
            controller = await started(executor, bench.task(Work.ENDS, "spoke"))
            await controller.wait()
            assert await read(controller, LOG_STREAM_STDOUT) == ["one", "two", "three"]
            assert await read(controller, LOG_STREAM_STDERR) == ["oops"]
            assert sorted(await read(controller)) == ["one", "oops", "three", "two"]
            assert await read(controller, LOG_STREAM_STDOUT, tail=-3) == ["two", "three"]
            assert await read(controller, LOG_STREAM_STDOUT, tail=-1) == []
            await controller.remove()
            await controller.close()

    async def test_logs_since(self, bench: Bench) -> None:
        """since leaves out what was written before."""
        async with running(bench.executor()) as executor:
            controller = await started(executor, bench.task(Work.ENDS, "dated"))
            await controller.wait()
            options = LogSubscriptionOptions(streams=[LOG_STREAM_STDOUT])
            last = [message async for message in controller.logs(options)][-1]
            later = LogSubscriptionOptions()
            later.since.seconds = last.timestamp.seconds + 1
            assert [message async for message in controller.logs(later)] == []
            await controller.remove()
            await controller.close()

    async def test_followed_logs_end_with_the_work(self, bench: Bench) -> None:
        """Following gives lines while the work runs, and ends when it has ended."""
        async with running(bench.executor()) as executor:
            controller = await started(executor, bench.task(Work.RUNS, "followed"))
            lines = []
            async for message in controller.logs(LogSubscriptionOptions(follow=True)):
                lines.append(text(message))
                await controller.terminate()
            assert lines == ["started"]
            await controller.remove()
            await controller.close()


class SecretConformance:
    """For executors whose tasks get secrets and configs as files."""

    async def test_secrets_and_configs_are_files(self, bench: Bench) -> None:
        """The work reads the secret and the config that its spec names."""
        async with running(bench.executor()) as executor:
            controller = await started(executor, bench.task(Work.SECRETS, "trusted"))
            await controller.wait()
            assert await read(controller) == [SECRET_DATA.decode(), CONFIG_DATA.decode()]
            await controller.remove()
            await controller.close()

    async def test_refused_secret_is_fatal(self, bench: Bench) -> None:
        """A secret that the dependencies refuse fails prepare or start with what they raised."""

        class Nothing(FixedDependencies):
            def secret(self, secret_id: str) -> Secret:
                raise errors.Missing(f"secret {secret_id} not found")

        async with running(bench.executor()) as executor:
            controller = executor.controller(bench.task(Work.SECRETS, "poor"), Nothing())
            with pytest.raises(errors.Missing):
                await controller.prepare()
                await controller.start()
            await controller.remove()
            await controller.close()


class HealthConformance:
    """For executors that run health checks."""

    async def test_healthy_work_starts(self, bench: Bench) -> None:
        """start returns once the check succeeds."""
        async with running(bench.executor()) as executor:
            controller = await started(executor, bench.task(Work.HEALTHY, "healthy"))
            with pytest.raises(errors.AlreadyStarted):
                await controller.start()
            await controller.remove()
            await controller.close()

    async def test_unhealthy_work_fails(self, bench: Bench) -> None:
        """start or wait raises ExitFailure or another Fatal once the check has failed often enough, and the work is stopped."""
        async with running(bench.executor()) as executor:
            controller = executor.controller(bench.task(Work.UNHEALTHY, "sick"), FixedDependencies())
            await controller.prepare()
            with pytest.raises(errors.Fatal, match="unhealthy"):
                await controller.start()
                await controller.wait()
            await controller.remove()
            await controller.close()


class Typing:
    """Somebody who types what the test says, and reads what comes."""

    def __init__(self) -> None:
        self._typed: asyncio.Queue[ExecInput | None] = asyncio.Queue()
        self.stdout, self.stderr = bytearray(), bytearray()
        self.changed = asyncio.Event()

    def type(self, text: str) -> None:
        self._typed.put_nowait(ExecInput(data=text.encode()))

    def end(self) -> None:
        self._typed.put_nowait(ExecInput(end=True))

    def resize(self, rows: int, columns: int) -> None:
        self._typed.put_nowait(ExecInput(size=TerminalSize(rows=rows, columns=columns)))

    def go_away(self) -> None:
        self._typed.put_nowait(None)

    async def typed(self) -> AsyncIterator[ExecInput]:
        while (one := await self._typed.get()) is not None:
            yield one

    async def write(self, output: ExecOutput) -> None:
        self.stdout += output.stdout
        self.stderr += output.stderr
        self.changed.set()

    async def until(self, text: str) -> None:
        """Wait until this was written."""
        while text.encode() not in self.stdout:
            self.changed.clear()
            await self.changed.wait()


def shell(script: str, *, task_id: str = "host", rows: int = 0, env: tuple[str, ...] = ()) -> ExecSpec:
    spec = ExecSpec(task_id=task_id, command=["sh", "-c", script], env=env)
    if rows:
        spec.terminal.CopyFrom(TerminalSize(rows=rows, columns=80))
    return spec


class CommandConformance:
    """For executors in whose tasks commands can be run."""

    @pytest.fixture
    async def controller(self, bench: Bench) -> AsyncIterator[Controller]:
        async with running(bench.executor()) as executor:
            made = await started(executor, bench.task(Work.RUNS, "host"))
            yield made
            await made.remove()
            await made.close()

    async def test_output_errors_and_code(self, controller: Controller) -> None:
        """Both streams come apart and whole, whatever their size; the code is the command's."""
        typing = Typing()
        script = "i=0; while [ $i -lt 2000 ]; do echo 0123456789012345678901234567890123456789; i=$((i+1)); done; echo oops >&2; exit 7"
        assert await controller.run_command(shell(script), typing.typed(), typing.write) == 7
        assert typing.stdout == b"0123456789012345678901234567890123456789\n" * 2000
        assert typing.stderr == b"oops\n"

    async def test_what_is_typed_arrives_and_ends(self, controller: Controller) -> None:
        """Without a terminal the end of what is typed is the end of the command's input."""
        typing = Typing()
        typing.type("one\n")
        typing.type("two\n")
        typing.end()
        assert await controller.run_command(shell("wc -l"), typing.typed(), typing.write) == 0
        assert typing.stdout.split() == [b"2"]

    async def test_it_has_a_terminal_of_the_size_that_was_asked_for(self, controller: Controller) -> None:
        """The size may change while it runs; ctrl-c reaches what runs in it."""
        typing = Typing()
        # An engine gives the size to a command that runs already.
        sized = 'until [ "$(stty size)" = "33 80" ]; do sleep 0.05; done; echo 33 80'
        script = f"trap 'echo caught; exit 3' INT; {sized}; echo ready; while :; do sleep 0.1; done"
        async with Group() as group:
            run = group.spawn(
                controller.run_command(shell(script, rows=33), typing.typed(), typing.write), name="command"
            )
            await typing.until("33 80")
            await typing.until("ready")
            typing.type("\x03")
            assert await run == 3
        assert b"caught" in typing.stdout

    async def test_the_end_of_a_command_is_not_kept_by_what_it_left_running(
        self, controller: Controller
    ) -> None:
        """What goes on in the background with the output open is not waited for."""
        typing = Typing()
        assert await controller.run_command(shell("sleep 100 & echo done"), typing.typed(), typing.write) == 0
        assert typing.stdout == b"done\n"

    async def test_it_has_the_task_s_environment_and_its_own(self, controller: Controller) -> None:
        """Variables of the order come beside those of the task."""
        typing = Typing()
        spec = shell('echo "$EXTRA:$PATH"', env=("EXTRA=more",))
        assert await controller.run_command(spec, typing.typed(), typing.write) == 0
        assert typing.stdout.startswith(b"more:/")

    async def test_a_command_that_is_not_there(self, controller: Controller) -> None:
        """It is told as a failure, or by the code that shells have for it."""
        typing = Typing()
        spec = ExecSpec(task_id="host", command=["no-such-program"])
        try:
            code = await controller.run_command(spec, typing.typed(), typing.write)
        except errors.Fatal as refused:
            assert "no-such-program" in str(refused)
        else:
            assert code in (126, 127)

    async def test_who_is_gone_waits_for_nothing(self, controller: Controller) -> None:
        """When nobody is there any more the call ends, and so does a command that reads or writes; cancelling is the same."""
        typing = Typing()
        async with Group() as group:
            run = group.spawn(
                controller.run_command(shell("echo on; cat"), typing.typed(), typing.write), name="command"
            )
            await typing.until("on")
            typing.go_away()
            await run
            typing = Typing()
            run = group.spawn(
                controller.run_command(shell("echo on; cat", rows=24), typing.typed(), typing.write),
                name="command",
            )
            await typing.until("on")
            run.cancel()
            await asyncio.wait([run])

    async def test_nothing_runs_in_what_has_ended(self, bench: Bench) -> None:
        """A task that has ended takes no command."""
        async with running(bench.executor()) as executor:
            ended = await started(executor, bench.task(Work.FAILS, "fails"))
            with pytest.raises(errors.ExitFailure):
                await ended.wait()
            typing = Typing()
            with pytest.raises(errors.ExecError):
                await ended.run_command(shell("true", task_id="fails"), typing.typed(), typing.write)
            await ended.remove()
            await ended.close()
