"""Cluster volumes with real daemons, and a storage plugin that is a process of its own (docs/design/volumes.md)."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_testkit.csi_process import Plugin, plugins
from swarm_testkit.daemons import Daemon, daemon, private_directory, wait_until
from swarm_testkit.looks import look
from swarm_testkit.managers import Cluster, eventually, through
from swarm_testkit.programs import TUI, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Commands:
    """The command line at a daemon's socket."""

    def __init__(self, node: Daemon) -> None:
        self.node = node

    def __call__(self, *words: str, code: int = 0) -> str:
        done = run([*TUI, "--socket", str(self.node.socket), *words])
        assert done.code == code, f"{words}: {done}\n{self.node.tail()}"
        return done.out if code == 0 else done.err

    def until(self, *words: str, is_so: Callable[[list[Any]], object], what: str) -> None:
        """Wait until what the command prints as JSON is as wanted."""

        def ask() -> bool:
            done = look(self.node.socket, *words, "--format", "json")
            return done.code == 0 and bool(is_so([json.loads(line) for line in done.out.splitlines()]))

        try:
            wait_until(ask, seconds=60, what=what)
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{self('volume', 'ls')}\n{self.node.tail()}") from None

    def status_of(self, name: str, wanted: str) -> None:
        """Wait until `volume ls` says this of a volume; "" until it is not listed."""

        def is_so(rows: list[dict[str, str]]) -> bool:
            return next((row["Status"] for row in rows if row["Name"] == name), "") == wanted

        self.until("volume", "ls", is_so=is_so, what=f"volume {name}: {wanted or 'gone'}")

    def create_writer(self, name: str, source: str, *flags: str) -> None:
        """A process that adds a line to a file in a volume, and stays."""
        self(
            "service", "create", "--detach", "--name", name, "--runtime", "process", *flags,
            "--mount", f"type=cluster,source={source},target=/data",
            "--", "sh", "-c", f"echo {name} >> $SWARM_VOLUMES/data/lines; exec sleep 1000",
        )  # fmt: skip


def lines(plugin: Plugin, volume: str) -> list[str]:
    path = plugin.storage.root / f"storage/dir-{volume}/lines"
    return path.read_text().split() if path.exists() else []


def test_life_of_a_volume() -> None:
    """12.2, 12.7, 12.8: made, used, kept over kill -9 of everything, drained, used again, and removed with what is in it."""
    with plugins("machine") as (plugin,), daemon(*plugin.flags) as node:
        wait_until(node.socket.exists, what="the control socket")
        command = Commands(node)
        assert command("volume", "create", "data", "--driver", "csi", "--type", "mount").strip() == "data"
        command.status_of("data", "created")
        command.create_writer("first", "data")
        wait_until(lambda: lines(plugin, "data") == ["first"], what="the task's line in the volume")
        command.status_of("data", "in use (1 node)")
        said = command("volume", "rm", "data", code=1)
        assert "published on" in said

        plugin.kill()
        node.kill_all()
        node.start()
        plugin.start()
        command.until("volume", "ls", is_so=bool, what="the restarted manager")
        command("volume", "create", "later", "--driver", "csi", "--type", "mount")
        command.status_of("later", "created")
        command.status_of("data", "in use (1 node)")
        assert lines(plugin, "data") == ["first"]

        command("volume", "update", "--availability", "drain", "data")
        command.status_of("data", "created")
        assert plugin.storage.volumes()["dir-data"]["nodes"] == []
        command.until(
            "task", "ls", "--filter", "desired-state=running", what="the replacement that waits",
            is_so=lambda rows: any("volumes not to be had" in json.dumps(row) for row in rows),
        )  # fmt: skip
        assert "is drained" in command("service", "why", "first")

        command("volume", "update", "--availability", "active", "data")
        wait_until(lambda: lines(plugin, "data") == ["first", "first"], what="the second task's line")
        command("service", "rm", "first")
        command.status_of("data", "created")
        command("volume", "rm", "data", "later")
        command.status_of("data", "")
        command.status_of("later", "")
        assert plugin.storage.volumes() == {}


def test_removed_by_force() -> None:
    """12.1.6: with force the volume is gone at once; its task keeps what it has, and the node lets go when that has ended."""
    with plugins("machine") as (plugin,), daemon(*plugin.flags) as node:
        wait_until(node.socket.exists, what="the control socket")
        command = Commands(node)
        command("volume", "create", "data", "--driver", "csi", "--type", "mount", "--group", "g")
        command.create_writer("user", "group:g")
        wait_until(lambda: lines(plugin, "data") == ["user"], what="the task's line in the volume")
        wait_until(lambda: "1/1" in look(node.socket, "service", "ls").out, what="the word that it runs")
        command("volume", "rm", "--force", "data")
        assert command("volume", "ls", "--quiet") == ""
        assert "1/1" in command("service", "ls")
        assert plugin.storage.calls("NodeUnpublishVolume") == []
        command("service", "rm", "user")
        wait_until(lambda: plugin.storage.calls("NodeUnstageVolume"), what="the node's letting go")
        assert "dir-data" in plugin.storage.volumes()


def test_a_task_lets_go_of_a_volume_that_never_comes() -> None:
    """12.1.6, orchestration.md 2.9.2: with force a volume that the storage lost goes; the task that waits for it is rejected, and its
    replacement gets the next volume of that name."""
    with plugins("machine") as (plugin,), daemon(*plugin.flags) as node:
        wait_until(node.socket.exists, what="the control socket")
        command = Commands(node)
        command("volume", "create", "data", "--driver", "csi", "--type", "mount")
        command.status_of("data", "created")
        plugin.storage.lose("dir-data")
        command.create_writer("user", "data")
        command.until(
            "task", "ls", what="a task that waits for its volume on the node",
            is_so=lambda rows: any("preparing" in json.dumps(row).lower() for row in rows),
        )  # fmt: skip
        command("volume", "rm", "--force", "data")
        command.until(
            "service", "ps", "--no-trunc", "user", what="the task's end, with its reason",
            is_so=lambda rows: any("volume data was removed" in json.dumps(row) for row in rows),
        )  # fmt: skip
        command("volume", "create", "data", "--driver", "csi", "--type", "mount")
        wait_until(lambda: lines(plugin, "data") == ["user"], what="the replacement's line in the new volume")


@pytest.mark.root
def test_a_process_of_another_user() -> None:
    """12.10.3: a process of user nobody writes into its volume, which the node keeps in its own state directory, before and after
    the daemon starts again."""
    with plugins("machine") as (plugin,), daemon(*plugin.flags) as node:
        for above in (node.state.parent, plugin.storage.root.parent):
            above.chmod(0o711)  # stand for /var/lib, which everybody may pass through
        wait_until(node.socket.exists, what="the control socket")
        command = Commands(node)
        command("volume", "create", "data", "--driver", "csi", "--type", "mount")
        command.status_of("data", "created")
        (plugin.storage.root / "storage/dir-data").chmod(0o777)
        command.create_writer("first", "data", "--user", "nobody")
        wait_until(lambda: lines(plugin, "data") == ["first"], what="the task's line in the volume")
        node.kill_all()
        node.start()
        command.until("volume", "ls", is_so=bool, what="the restarted manager")
        assert node.state.stat().st_mode & 0o777 == 0o711
        command("service", "update", "--detach", "--force", "first")
        wait_until(lambda: lines(plugin, "data") == ["first", "first"], what="the second task's line")


def test_impossible_volume() -> None:
    """12.5.3, 12.5.8, 12.3.7: a volume whose plugin does not run here says so where somebody looks."""
    with daemon() as node:
        wait_until(node.socket.exists, what="the control socket")
        command = Commands(node)
        command("volume", "create", "data", "--driver", "nfs", "--type", "mount")
        command.create_writer("user", "data")
        reason = "this manager has no CSI plugin nfs: it was started without --csi-plugin nfs=…"
        command.status_of("data", f"pending creation: {reason}")
        assert reason in command("volume", "inspect", "--pretty", "data")
        explained = command("service", "why", "user")
        assert "volume data is not created yet" in explained and reason in explained
        assert "has no CSI plugin nfs" in node.log.read_text()
        command("volume", "rm", "--force", "data")
        assert "there is no volume data" in command("service", "why", "user")


@contextlib.asynccontextmanager
async def three_nodes() -> AsyncIterator[tuple[Cluster, list[Plugin]]]:
    with plugins("one", "two", "three") as made, private_directory() as directory:
        found = Cluster(directory)
        try:
            for plugin in made:
                await found.add(*plugin.flags, "--hostname", plugin.storage.node_id)
            yield found, made
        finally:
            for node in found.nodes:
                node.destroy()


async def test_the_leader_changes() -> None:
    """12.5.1: what one leader has begun the next one ends: a volume follows its task to another node, and goes."""
    async with three_nodes() as (found, made):
        leader = await found.leader()
        host = {node.state.name: plugin for node, plugin in zip(found.nodes, made, strict=True)}
        other = found.others(leader)[0]
        command = Commands(other)
        await asyncio.to_thread(
            command, "volume", "create", "data", "--driver", "csi", "--type", "mount", "--sharing", "all"
        )
        target = host[other.state.name].storage.node_id
        await asyncio.to_thread(
            command.create_writer, "user", "data", "--constraint", f"node.hostname=={target}"
        )
        await asyncio.to_thread(
            wait_until, lambda: lines(made[0], "data") == ["user"], seconds=60, what="the task's line"
        )
        assert made[0].storage.volumes()["dir-data"]["nodes"] == [target]

        leader.kill_all()
        next_host = next(host[node.state.name].storage.node_id for node in found.others(leader, other))
        await eventually(lambda: _leads(found.others(leader)), what="a new leader")
        await asyncio.to_thread(
            command, "service", "update", "--detach", "--constraint-rm", f"node.hostname=={target}",
            "--constraint-add", f"node.hostname=={next_host}", "user",
        )  # fmt: skip

        def has_moved() -> bool:
            return made[0].storage.volumes()["dir-data"]["nodes"] == [next_host]

        await asyncio.to_thread(wait_until, has_moved, seconds=90, what="the volume on the other node")
        await asyncio.to_thread(
            wait_until, lambda: lines(made[0], "data") == ["user", "user"], seconds=60, what="the second line"
        )
        await asyncio.to_thread(command, "service", "rm", "user")
        await asyncio.to_thread(command.status_of, "data", "created")
        await asyncio.to_thread(command, "volume", "rm", "data")
        await asyncio.to_thread(command.status_of, "data", "")
        assert made[0].storage.volumes() == {}


async def _leads(nodes: list[Daemon]) -> bool:
    async with through(nodes[0]) as control:
        seen = await control.find(objects_pb2.Node)
    return any(
        one.manager_status.leader and one.manager_status.addr in [node.address for node in nodes]
        for one in seen
    )
