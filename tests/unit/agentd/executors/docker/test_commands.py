"""A command in a container of an engine, which is a fake one (docs/design/exec.md 15.2)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from swarm_agentd.exec.errors import Fatal, Missing, Temporary
from swarm_agentd.executors.docker import commands
from swarm_core.api.proto.exec_pb2 import ExecInput, ExecOutput, ExecSpec
from swarm_testkit.fake_engines.engine import FakeEngine
from swarm_testkit.fake_engines.serving import fake_engines


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    with TemporaryDirectory(prefix="fe-") as directory:
        async with fake_engines(Path(directory), 1) as engines:
            yield engines[0]


def container(engine: FakeEngine) -> str:
    one = engine.create("web", {"Image": "busybox:local", "Cmd": ["sleep", "9"]})
    engine.running.start(one)
    return one.id


async def inside(
    engine: FakeEngine, id_: str, *words: str, typed: tuple[ExecInput, ...] = (), leaves: bool = False
) -> tuple[int, str, str]:
    """Exit code, output and errors of a command. With `leaves` nobody is there after what was typed."""
    said = {"stdout": b"", "stderr": b""}

    async def write(one: ExecOutput) -> None:
        said["stdout"] += one.stdout
        said["stderr"] += one.stderr

    async def typing() -> AsyncIterator[ExecInput]:
        for one in typed:
            yield one
        if not leaves:
            await asyncio.Event().wait()

    async with asyncio.timeout(30):
        code = await commands.run(engine.url, id_, ExecSpec(command=words), (typing(), write))
    return code, said["stdout"].decode(), said["stderr"].decode()


async def test_output_errors_and_exit_code(engine: FakeEngine) -> None:
    """15.2.1: each stream apart."""
    told = await inside(engine, container(engine), "sh", "-c", "echo said; echo oops >&2; exit 9")
    assert told == (9, "said\n", "oops\n")


async def test_what_is_typed_reaches_the_command(engine: FakeEngine) -> None:
    """Up to its end."""
    typed = (ExecInput(data=b"one "), ExecInput(data=b"two"), ExecInput(end=True))
    assert await inside(engine, container(engine), "cat", typed=typed) == (0, "one two", "")


async def test_when_nobody_is_there_it_is_left(engine: FakeEngine) -> None:
    """It is not waited for any more."""
    assert (await inside(engine, container(engine), "sleep", "9", leaves=True))[0] == 0


async def test_what_is_not_there_is_missing(engine: FakeEngine) -> None:
    """The engine's words."""
    with pytest.raises(Missing, match="No such container: absent"):
        await inside(engine, "absent", "true")


async def test_what_the_engine_refuses_is_fatal(engine: FakeEngine) -> None:
    """A container that does not run."""
    stopped = engine.create("stopped", {"Image": "busybox:local", "Cmd": ["true"]})
    with pytest.raises(Fatal, match="is not running"):
        await inside(engine, stopped.id, "true")


async def test_an_engine_that_is_away_is_tried_again(engine: FakeEngine) -> None:
    """By whoever asked."""
    engine.faults.garbage = "bytes"
    with pytest.raises(Temporary):
        await inside(engine, "web", "true")
