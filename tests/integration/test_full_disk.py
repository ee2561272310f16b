"""A full disk: what was acknowledged is there after space was freed, and every refusal is a sentence."""

import asyncio
import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.client.connection import Connection
from swarm_core.client.control import Control
from swarm_core.client.errors import CallFailed, ClientError, Unreachable
from swarm_testkit.daemons import Daemon, private_directory, wait_until
from swarm_testkit.free_ports import free_port
from swarm_testkit.host import lacking
from swarm_testkit.managers import eventually
from swarm_testkit.own_disks import fill
from swarm_testkit.programs import AGENTD, TUI, Case, faults, run

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.timeout(240)]
PAYLOAD = 400_000
CREATE = ("service", "create", "-d", "--name", "task", "--runtime", "process", "--", "sleep", "86397")


@contextlib.contextmanager
def small_disk(mebibytes: int) -> Iterator[Path]:
    """A file system of its own with so much room."""
    with private_directory() as path:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(path)]
        if subprocess.run(mount, check=False).returncode:
            lacking("this host does not let us mount a small file system")
        try:
            yield path
        finally:
            subprocess.run(["umount", "-l", str(path)], check=True)


class Writer:
    """Creates configs one after the other until one is not acknowledged."""

    def __init__(self, node: Daemon) -> None:
        self.node = node
        self.acknowledged: dict[str, bytes] = {}
        self.failure: ClientError | None = None

    async def run(self, count: int) -> None:
        async with await Connection.open(self.node.socket) as connection:
            control = Control(connection)
            for _ in range(count):
                name = f"w{len(self.acknowledged)}"
                data = name.encode() * (PAYLOAD // len(name))
                spec = specs_pb2.ConfigSpec(data=data)
                spec.annotations.name = name
                try:
                    async with asyncio.timeout(60):
                        await control.create(objects_pb2.Config, spec)
                except ClientError as error:
                    self.failure = error
                    return
                self.acknowledged[name] = data


async def held(node: Daemon) -> dict[str, bytes]:
    async with await Connection.open(node.socket) as connection:
        found = await Control(connection).find(objects_pb2.Config)
        return {item.spec.annotations.name: item.spec.data for item in found}


def services(node: Daemon) -> str:
    return run((*TUI, "--socket", str(node.socket), "service", "ls")).out


def serves(node: Daemon) -> bool:
    return run((*TUI, "--socket", str(node.socket), "status")).code == 0


@pytest.mark.parametrize("log", ["on another disk", "on the same disk"])
async def test_a_disk_that_fills_under_writes(log: str, tmp_path: Path) -> None:
    """Writes stream until the disk is full; with room again, every acknowledged one is there and more are taken."""
    with small_disk(256) as disk:
        on_same = log == "on the same disk"
        node = Daemon(disk / "s", log=(disk if on_same else tmp_path) / "log")
        try:
            node.start()
            wait_until(lambda: serves(node), what="the node")
            writer = Writer(node)
            await writer.run(5)
            assert writer.failure is None
            fill(disk / "filler")
            # An agent that cannot keep its tasks must not take what runs, or the cluster, for lost.
            assert run((*TUI, "--socket", str(node.socket), *CREATE)).code == 0
            await writer.run(300)
            assert isinstance(writer.failure, CallFailed | Unreachable)
            assert "space" in str(writer.failure) or isinstance(writer.failure, Unreachable), writer.failure
            assert 5 < len(writer.acknowledged) < 305
            if not on_same:
                wait_until(lambda: "swarm-managerd: no space left" in node.log.read_text(), what="the reason")
            assert "Traceback" not in node.log.read_text(), node.tail()
            (disk / "filler").unlink()
            # The node daemon goes on trying: nobody has to start anything again.
            wait_until(lambda: serves(node), seconds=60, what="the node, with room again")
            # It may have been the manager that found no room: that one answers until it has ended.
            found = await eventually(lambda: held(node), what="what was written")
            assert found.items() >= writer.acknowledged.items()
            wait_until(lambda: "1/1" in services(node), what="the task")
            before = len(writer.acknowledged)
            writer.failure = None
            writer.acknowledged["gap"] = b""  # names go on behind the write whose outcome is unknown
            await writer.run(3)
            assert writer.failure is None, writer.failure
            assert len(writer.acknowledged) == before + 4
            del writer.acknowledged["gap"]
            node.kill_all()
            node.start()
            wait_until(lambda: serves(node), what="the node, started again")
            found = await held(node)
            assert found.items() >= writer.acknowledged.items()
        finally:
            node.destroy()


@pytest.mark.parametrize("room", ["no room at all", "room for the identity"])
def test_a_disk_that_is_full_at_first(room: str) -> None:
    """A node that finds no room for its beginning says so, and begins once there is some."""
    with small_disk(70) as disk:
        state = disk / "s"
        state.mkdir(mode=0o700)
        if room == "no room at all":
            fill(disk / "filler")
        else:
            (disk / "filler").write_bytes(bytes(40 << 20))
        port = f"127.0.0.1:{free_port()}"
        words = ["--state-dir", str(state), "--listen-remote-api", "127.0.0.1:0", "--executor", "process"]
        name = "swarm-agentd" if room == "no room at all" else "swarm-managerd"
        found = faults(AGENTD, name, [Case(words, 1, "o space left on")])
        assert not found, found[0]
        up = ["up", "-d", "--state-dir", str(state), "--executor", "process", "--listen-remote-api", port]
        found = faults(TUI, "Error", [Case(up, 1, "o space left on")])
        assert not found, found[0]
        (disk / "filler").unlink()
        node = Daemon(state)
        try:
            node.start()
            wait_until(lambda: serves(node), what="the node, with room")
            assert node.stop() == 0
        finally:
            node.destroy()
