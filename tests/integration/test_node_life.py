"""The node of this machine through its whole life, with real daemons: begun, joined, ended, brought back, forced, left."""

import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from swarm_core.client import node_directory
from swarm_testkit.daemons import wait_until
from swarm_testkit.free_ports import free_port
from swarm_testkit.host import lacking
from swarm_testkit.machines import Machine, several
from swarm_testkit.programs import TUI, run

pytestmark = [pytest.mark.timeout(180), pytest.mark.slow]
ALREADY = "This node is already part of a swarm."


@pytest.fixture
def machines() -> Iterator[tuple[Machine, ...]]:
    with several("a", "b") as both:
        yield both


def test_begun_joined_and_left(machines: tuple[Machine, ...]) -> None:
    """`init`, a worker that joins, leaves and comes back as a manager, which leaves by force; each is said once it is so."""
    first, second = machines
    assert "is now a manager" in first.init()
    assert ALREADY in first.refused("cluster", "init")
    assert ALREADY in first.refused("cluster", "join", "127.0.0.1:1", "--token", "x")
    join = (
        "cluster",
        "join",
        first.address,
        "--listen-addr",
        second.address,
        "--executor",
        "process",
        "--token",
    )
    assert "joined a swarm as a worker" in second.done(*join, first.token("worker"))
    own = node_directory.role(first.state)
    assert own is not None and own[0] in first.ask("node", "inspect", "self")
    assert first.ask("node", "ps").startswith("ID")
    assert "Worker nodes can't be used" in second.refused("cluster", "init", "--force-new-cluster")
    assert "Node left the swarm" in second.done("cluster", "leave")
    assert "not part of a swarm" in second.refused("cluster", "leave")
    assert "joined a swarm as a manager" in second.done(*join, first.token("manager"))
    assert "--force" in second.refused("cluster", "leave")
    wait_until(lambda: sum(node["ManagerStatus"] != "" for node in first.nodes()) == 2, what="two managers")
    assert "Node left the swarm" in second.done("cluster", "leave", "--force")
    assert second.process() is None
    assert not second.files() & {*node_directory.CLUSTER_FILES, "up.json"}


def test_a_worker_comes_back_as_it_was(machines: tuple[Machine, ...]) -> None:
    """`down` and `up`, and a kill and `up`: the worker is ready, with the executor that was chosen for it."""
    first, second = machines
    first.init()
    join = ("cluster", "join", first.address, "--executor", "process")
    second.done(*join, "--token", first.token("worker"), "--listen-addr", second.address)
    for end in (lambda: second.done("down"), second.kill):
        end()
        assert second.process() is None
        assert "up as a worker" in second.done("up", "--detach")
        with open(f"/proc/{second.process()}/cmdline") as file:
            assert "--executor=process" in file.read().split("\0")
    assert "with other options" in second.refused("up", "--detach", "--executor", "docker")


def test_a_dead_node_is_told_of(machines: tuple[Machine, ...]) -> None:
    """After kill -9 `status` says that the node died and how it comes back; `down` and `leave` do not take it for running."""
    first, _ = machines
    first.init()
    first.kill()
    asked = run((*TUI, "--socket", str(first.state / "control.sock"), "status"))
    assert asked.code == 1
    assert (
        f"the node does not run (it died); 'swarm-tui up --state-dir {first.state}' brings it back"
        in asked.err
    )
    assert "No node runs here" in first.done("down")
    first.done("up", "--detach")
    assert first.nodes()[0]["Status"] == "Ready" or wait_until(lambda: first.nodes()[0]["Status"] == "Ready")


def test_a_first_start_that_fails_leaves_nothing(machines: tuple[Machine, ...]) -> None:
    """A taken port, a wrong token, a cluster that is not there: the next `init` is a first one."""
    first, second = machines
    first.init()
    taken = second.refused("cluster", "init", "--listen-addr", first.address)
    assert "could not start" in taken and "in use" in taken
    assert second.files() <= {"agentd.log", "agentd.pid", "up.lock"}
    token = first.token("worker")
    wrong = re.sub("^SWMTKN-1-....", "SWMTKN-1-0000", token)
    assert "could not start" in second.refused("cluster", "join", first.address, "--token", wrong)
    nobody = f"127.0.0.1:{free_port()}"
    assert "could not start" in second.refused("cluster", "join", nobody, "--token", token)
    assert second.files() <= {"agentd.log", "agentd.pid", "up.lock"}
    assert second.process() is None
    second.init()


def test_an_interrupted_first_start_leaves_nothing(machines: tuple[Machine, ...]) -> None:
    """Who interrupts a `join` that waits for an answer has not joined, and no daemon goes on trying."""
    first, second = machines
    first.init()
    token = first.token("worker")
    first.done("down")
    command = [*TUI, "up", "--join", first.address, "--token", token, "--state-dir", str(second.state)]
    silent = Silent(first.address)
    with silent, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as joining:
        silent.called()
        joining.send_signal(signal.SIGINT)
        assert joining.wait(60) == 130
    assert second.process() is None
    assert second.files() <= {"agentd.log", "agentd.pid", "up.lock"}


class Silent:
    """Takes connections and says nothing."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._listening = socket.create_server((host, int(port)))
        self._connections: list[socket.socket] = []

    def called(self) -> None:
        """Return once somebody has connected."""
        self._listening.settimeout(60)
        self._connections.append(self._listening.accept()[0])

    def __enter__(self) -> "Silent":
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._listening, *self._connections):
            one.close()


def test_forced_to_go_on_alone(machines: tuple[Machine, ...]) -> None:
    """With its other manager lost a running manager goes on alone, with everything that was asked for, as the same node."""
    first, second = machines
    first.init()
    join = ("cluster", "join", first.address, "--listen-addr", second.address, "--executor", "process")
    second.done(*join, "--token", first.token("manager"))
    node = node_directory.role(first.state)
    assert node is not None
    second.kill()
    before = first.process()
    flags = ("--force-new-cluster", "--availability", "drain", "--task-history-limit", "2", "--autolock")
    said = first.done("cluster", "init", *flags)
    assert f"current node ({node[0]}) is now a manager" in said and "SWMKEY-1-" in said
    assert first.process() not in (None, before)
    (manager,) = [one for one in first.nodes() if one["ID"] == node[0]]
    assert (manager["ID"], manager["Availability"], manager["ManagerStatus"]) == (node[0], "Drain", "Leader")
    inspected = first.ask("cluster", "inspect", "--format", "json")
    assert re.search(r'"task_?history_?retention_?limit": "?2"?\b', inspected, re.IGNORECASE), inspected


@pytest.mark.parametrize("seconds", [-5, 5])
def test_after_the_clock_was_moved(machines: tuple[Machine, ...], seconds: int) -> None:
    """A step of the clock makes the kernel tell another time of its beginning: the node is still known for what it is, and
    nothing is removed under it."""
    if os.geteuid() or shutil.which("unshare") is None:
        lacking("only root can show a program another /proc/stat")
    first, _ = machines
    first.init()
    stat = first.state.parent / "stat"
    text = Path("/proc/stat").read_text()
    stat.write_text(re.sub(r"(?m)^btime (\d+)", lambda found: f"btime {int(found[1]) + seconds}", text))
    script = 'mount --bind "$0" /proc/stat && exec "$@"'
    moved = ("unshare", "--mount", "sh", "-c", script, str(stat), *TUI)
    there = ("--state-dir", str(first.state))
    pid = first.process()
    up = run((*moved, "up", "--detach", *there))
    assert up.code == 0 and "The node is up" in up.out, up.err
    assert first.process() == pid
    assert run((*moved, "cluster", "unlock", *there)).err == "Error: The swarm is not locked.\n"
    down = run((*moved, "down", *there))
    assert "The node has ended" in down.out and first.process() is None
    first.done("up", "--detach")
    left = run((*moved, "cluster", "leave", "--force", *there))
    assert left.code == 0 and first.process() is None
    assert not first.files() & set(node_directory.CLUSTER_FILES)
