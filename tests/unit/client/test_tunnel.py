"""A control socket of another machine through ssh (docs/design/terminal.md 11.14). A program stands in for ssh."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from swarm_core.api.proto import health_pb2
from swarm_core.client import tunnel as tunnels
from swarm_core.client.contexts import Context
from swarm_core.client.errors import Unreachable
from swarm_core.client.tunnel import Tunnel, Tunnelled
from swarm_core.client.ways import open_context
from swarm_core.runtime.clock import SystemClock

FAKE = Path(__file__).parents[2] / "data" / "programs" / "ssh_fake.py"
SSH = (sys.executable, "-S", "-E", str(FAKE))
LONG_S = 120


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the program that stands in for ssh was given."""
    monkeypatch.setattr(tunnels, "_READY_S", LONG_S)
    path = tmp_path / "said"
    path.touch()
    monkeypatch.setenv("SSH_FAKE_SAID", str(path))
    return path


async def answer(path: Path) -> bytes:
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(b"hello")
    await writer.drain()
    said = await reader.readexactly(5)
    writer.close()
    await writer.wait_closed()
    return said


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        # Who only looks whether somebody listens says nothing.
        with suppress(asyncio.IncompleteReadError):
            writer.write(await reader.readexactly(5))
            await writer.drain()
    finally:
        writer.close()
        await writer.wait_closed()


def pids(said: Path) -> list[int]:
    return [int(line.split()[0]) for line in said.read_text().splitlines()]


async def until(condition: Any) -> None:
    async with asyncio.timeout(LONG_S):
        while not condition():
            await asyncio.sleep(0.01)


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):  # since it was asked
        return True


async def test_the_socket_of_another_machine_is_one_of_ours(tmp_path: Path, said: Path) -> None:
    """What is written here comes out there; closing ends ssh and takes the socket away. Nobody else may enter its directory."""
    server = await asyncio.start_unix_server(echo, tmp_path / "there.sock")
    tunnel = Tunnel("ana@m1", str(tmp_path / "there.sock"), SystemClock(), SSH)
    try:
        await tunnel.ensure()
        assert await answer(tunnel.path) == b"hello"
        assert tunnel.path.parent.stat().st_mode & 0o077 == 0
        (pid,) = pids(said)
        await tunnel.ensure()
        assert pids(said) == [pid]
    finally:
        await tunnel.close()
        server.close()
    assert is_gone(pid)
    assert not tunnel.path.parent.exists()


async def test_a_tunnel_that_ended_is_begun_anew(tmp_path: Path, said: Path) -> None:
    """The next call has ssh run again, at the same path."""
    server = await asyncio.start_unix_server(echo, tmp_path / "there.sock")
    tunnel = Tunnel("ana@m1", str(tmp_path / "there.sock"), SystemClock(), SSH)
    try:
        await tunnel.ensure()
        (first,) = pids(said)
        os.kill(first, signal.SIGKILL)
        await until(lambda: tunnel._process is not None and tunnel._process.returncode is not None)
        await tunnel.ensure()
        assert await answer(tunnel.path) == b"hello"
        assert len(pids(said)) == 2
    finally:
        await tunnel.close()
        server.close()


async def test_what_ssh_says_is_told(said: Path) -> None:
    """A machine that cannot be reached: ssh's last words, and nothing is left behind."""
    tunnel = Tunnel("nobody", "/there.sock", SystemClock(), SSH)
    with pytest.raises(
        Unreachable, match="ssh to nobody ended: ssh: connect to host nobody port 22: Connection refused"
    ):
        await tunnel.ensure()
    await tunnel.close()
    assert not tunnel.path.parent.exists()


async def test_ssh_ends_with_a_killed_program(tmp_path: Path, said: Path) -> None:
    """Also after kill -9 no ssh is left behind."""
    program = (
        "import asyncio, sys\n"
        "from swarm_core.client import tunnel as tunnels\n"
        "from swarm_core.runtime.clock import SystemClock\n"
        "async def main():\n"
        f"    tunnels._READY_S = {LONG_S}\n"
        f"    tunnel = tunnels.Tunnel('ana@m1', '/there.sock', SystemClock(), {SSH!r})\n"
        "    await tunnel.ensure()\n"
        "    print(tunnel.path, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    assert process.stdout is not None
    async with asyncio.timeout(LONG_S):
        assert await process.stdout.readline()
    (pid,) = pids(said)
    process.kill()
    await process.wait()
    await until(lambda: is_gone(pid))


class _Calls:
    """Counts what reaches it."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def call(self, method: str, request: Message, *, timeout: float | None = None) -> Any:
        self.calls.append(method)
        return health_pb2.HealthCheckResponse()

    async def stream(self, method: str, request: Message) -> Any:
        self.calls.append(method)
        yield health_pb2.HealthCheckResponse()

    async def both_ways(self, method: str, requests: Any) -> Any:
        self.calls.append(method)
        async for request in requests:
            yield request

    async def close(self) -> None:
        self.calls.append("close")


async def test_calls_have_the_tunnel_first(tmp_path: Path, said: Path) -> None:
    """Calls and streams go through an open tunnel; closing ends both."""
    calls = _Calls()
    tunnel = Tunnel("ana@m1", "/there.sock", SystemClock(), SSH)
    through = Tunnelled(tunnel, calls)
    await through.call("Health.Check", health_pb2.HealthCheckRequest())
    assert [message async for message in through.stream("Watch.Watch", health_pb2.HealthCheckRequest())]
    await through.close()
    assert calls.calls == ["Health.Check", "Watch.Watch", "close"]
    assert not tunnel.path.parent.exists()


async def test_the_words_given_to_ssh(tmp_path: Path, said: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ssh asks nobody, gives up where it cannot forward, and the machine is no option of its own. What fails names machine and
    socket."""
    program = tmp_path / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {" ".join(SSH)} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    with pytest.raises(Unreachable, match=r"ana@m1:/nowhere\.sock"):
        await open_context(Context("prod", "/nowhere.sock", "ana@m1"))
    (line,) = said.read_text().splitlines()
    assert "-o BatchMode=yes" in line
    assert "-o ExitOnForwardFailure=yes" in line
    assert line.endswith(":/nowhere.sock -- ana@m1")
    (pid,) = pids(said)
    assert is_gone(pid)
