"""`:runbook`: keys in, a script of commands out, which does the same elsewhere (docs/design/terminal.md 11.26)."""

import asyncio
import stat
from pathlib import Path

import pytest
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.command_line import CommandLine
from swarm_testkit.dashboard import Running, running
from swarm_testkit.factories import make_cluster, make_node, make_resources, make_service, make_task

Node, Service, Task = objects_pb2.Node, objects_pb2.Service, objects_pb2.Task


class _Cluster(FakeCluster):
    """Its leader starts what is missing on w2."""

    def _run_tasks(self, service: Service) -> None:
        if self.orchestrate:
            for slot in range(3, service.spec.replicated.replicas + 1):
                self.put(make_task(f"t{slot}", service=service, slot=slot, node_id="w2", state="RUNNING"))


def _cluster() -> FakeCluster:
    """Two nodes with room; "web" runs two tasks on w2, none on w1."""
    resources = make_resources(cpus=4, memory=8 << 30)
    nodes = [make_node(name, hostname=name, state="READY", resources=resources) for name in ("w1", "w2")]
    web = make_service("s-web", name="web", replicas=2)
    tasks = [make_task(f"t{n}", service=web, slot=n, node_id="w2", state="RUNNING") for n in (1, 2)]
    return _Cluster([make_cluster("c"), *nodes, web, *tasks], orchestrate=True)


async def _command(run: Running, text: str) -> None:
    await run.type(f":{text}")
    await run.press("enter")


async def _scale(run: Running, replicas: int) -> None:
    """Read the plan, and carry it out; what came of it is looked at with the next step."""
    await _plan(run, replicas)
    await run.press("y")
    await run.until(lambda: _replicas(run.cluster) == replicas)
    await run.knows()


async def _plan(run: Running, replicas: int) -> None:
    await _command(run, f"scale svc/web ={replicas}")
    await run.shows(f"→ {replicas}")
    await run.press("enter")
    await run.shows("Same as: docker service scale")


def _replicas(cluster: FakeCluster) -> int:
    return int(cluster.get(Service, "s-web").spec.replicated.replicas)


async def _steps(run: Running, count: int) -> None:
    await run.shows(f"● runbook {count} step")


async def _recorded(path: Path, cluster: FakeCluster) -> None:
    """Scaled and waited for; drained; a list that was narrowed down until nothing stood in it."""
    async with running(cluster) as run:
        await _command(run, f"runbook {path}")
        await _steps(run, 0)
        await _scale(run, 4)
        await _steps(run, 1)
        await run.until(lambda: run.screen.session.mirror.service_sums("s-web").running == 4)
        await _command(run, "availability node/w1")
        await run.shows("its tasks move to other nodes")
        await run.press("down", "down", "enter")
        await run.shows("Same as: docker node update")
        await run.press("y")
        await run.until(lambda: cluster.get(Node, "w1").spec.availability == specs_pb2.NodeSpec.DRAIN)
        await _steps(run, 2)
        await _command(run, "tasks state:failed")
        await _command(run, "runbook")
        await run.until(lambda: "● runbook" not in run.text)


def test_keys_in_a_script_out(tmp_path: Path) -> None:
    """Each change is a command; what had come true when the person went on is waited for, and the narrowed list is a check. Only its owner
    may read the file."""
    path = tmp_path / "book.sh"
    asyncio.run(_recorded(path, _cluster()))
    lines = path.read_text().splitlines()
    assert lines[0] == "#!/bin/sh"
    assert [line for line in lines if line.startswith("swarm-tui")] == [
        "swarm-tui service scale web=4",
        "swarm-tui node update --availability drain w1",
        "swarm-tui find tasks 'node:=w1 state:running' --until none",
        "swarm-tui find tasks state:failed --until none",
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_it_does_the_same_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Played on another cluster, the script leaves the same specs behind as the keys did."""
    path = tmp_path / "book.sh"
    first, other = _cluster(), _cluster()
    asyncio.run(_recorded(path, first))
    result = CommandLine(other, capsys)("runbook", "play", str(path), "--yes")
    assert (result.code, "Error" in result.err) == (0, False)
    assert result.lines[-1] == "All of 2 steps gone through."
    for kind in (Node, Service):
        assert [one.spec for one in first.all(kind)] == [one.spec for one in other.all(kind)]


async def test_what_was_not_waited_for(tmp_path: Path) -> None:
    """A service that is not at its goal when the person goes on is not waited for by its command."""
    cluster = _cluster()
    cluster.orchestrate = False
    path = tmp_path / "book.sh"
    async with running(cluster) as run:
        await _command(run, f"runbook {path}")
        await _steps(run, 0)
        await _scale(run, 5)
        await _steps(run, 1)
        await _command(run, "runbook")
        await run.until(lambda: "● runbook" not in run.text)
    assert "swarm-tui service scale --detach web=5" in path.read_text().splitlines()


async def test_what_is_no_step(tmp_path: Path) -> None:
    """What is refused by the cluster, left at its plan, or done before or after, is in no runbook; a file that is there is not written over."""
    cluster = _cluster()
    taken, path = tmp_path / "taken", tmp_path / "book.sh"
    taken.write_text("mine")
    async with running(cluster) as run:
        await _scale(run, 3)
        await _command(run, f"runbook {taken}")
        await _command(run, f"runbook {path}")
        await _steps(run, 0)
        await _plan(run, 7)
        await run.press("escape")
        await _command(run, "runbook")
        await run.until(lambda: "● runbook" not in run.text)
        await _scale(run, 4)
    assert taken.read_text() == "mine"
    assert path.read_text().splitlines()[-1] == "set -eu"
    assert _replicas(cluster) == 4


async def test_a_drill_is_one_command(tmp_path: Path) -> None:
    """A drill that is begun stands in the runbook as the command that does it."""
    cluster = _cluster()
    path = tmp_path / "book.sh"
    async with running(cluster) as run:
        await _command(run, f"runbook {path}")
        await _steps(run, 0)
        await _command(run, "drill node/w1")
        await run.shows("Drill: drain w1")
        await run.press("y")
        await _steps(run, 1)
        # Nothing runs there: it is over at once.
        await run.until(lambda: not run.screen.desk.drill_under_way and run.screen.desk.drill_lines)
        await _command(run, "runbook")
        await run.until(lambda: "● runbook" not in run.text)
    assert "swarm-tui drill w1" in path.read_text().splitlines()
    assert cluster.get(Node, "w1").spec.availability == specs_pb2.NodeSpec.ACTIVE
    assert all(task.status.state == types_pb2.RUNNING for task in cluster.all(Task))
