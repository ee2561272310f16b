"""The version before and this one in one cluster, upgraded in the order that docs/recipes/upgrade.md tells, under a stream of writes."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from swarm_core.client import node_directory
from swarm_core.client.errors import ClientError
from swarm_testkit import versions
from swarm_testkit.daemons import Daemon, wait_until
from swarm_testkit.looks import rows
from swarm_testkit.machines import Machine, several
from swarm_testkit.managers import own_configs, write
from swarm_testkit.programs import AGENTD, TUI, run

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]
PAGE = Path(__file__).parents[2] / "docs" / "recipes" / "upgrade.md"
COMMIT = list(versions.listed().values())[-1]


class Writer(threading.Thread):
    """Writes configs through the managers, one after the other, until told to end. `there`: what was acknowledged."""

    def __init__(self, machines: list[Machine]) -> None:
        super().__init__()
        self.nodes = [Daemon(machine.state) for machine in machines]
        self.ending = threading.Event()
        self.there: set[str] = set()
        self.failures = 0

    def run(self) -> None:
        count = 0
        while not self.ending.is_set():
            count += 1
            try:
                asyncio.run(write(self.nodes[count % len(self.nodes)], f"w{count}"))
                self.there.add(f"w{count}")
            except (ClientError, OSError):
                self.failures += 1
            self.ending.wait(0.02)

    def goes_on(self) -> None:
        """Wait for another write that was acknowledged."""
        before = len(self.there)
        wait_until(lambda: len(self.there) > before + 3, what="writes")


@pytest.fixture
def machines() -> Iterator[tuple[Machine, ...]]:
    earlier = versions.program(COMMIT)
    with several("m1", "m2", "m3", "w") as found:
        for machine in found:
            machine.program = earlier
        yield found


def blocks() -> list[list[list[str]]]:
    """What the page says to type: before, on each machine, and after."""
    found = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return [[line.split() for line in block.splitlines() if line.strip()] for block in found]


def upgrade(machine: Machine, *, is_manager: bool = True) -> None:
    """Type the page's commands there."""
    seen = []
    for command in blocks()[1]:
        match command:
            case ["pipx", "install", "--force", _]:
                machine.program = TUI
            case ["swarm-tui", "node", "ls"]:
                if is_manager:
                    wait_until(lambda: all_reached(machine), what="all managers")
            case ["swarm-tui", *words]:
                machine.done(*words)
            case _:
                raise AssertionError(f"nobody here knows how to do {command}")
        seen.append(command[1])
    assert seen == ["down", "install", "up", "node"]
    assert json.loads((machine.state / "format").read_text())["format"] == 1


def ask_once(machine: Machine, block: list[list[str]]) -> None:
    """Type what the page says once, at a manager."""
    ((program, *words),) = block
    assert program == "swarm-tui"
    machine.ask(*words)


def all_reached(machine: Machine) -> bool:
    said = rows(machine.socket, "node", "ls")
    managers = [node["ManagerStatus"] for node in said if node["ManagerStatus"]]
    return sorted(managers) == ["Leader", "Reachable", "Reachable"] and all(
        node["Status"] == "Ready" for node in said
    )


def leader(machines: list[Machine]) -> Machine:
    """The machine whose manager leads."""
    leading = {
        node["ID"] for node in rows(machines[0].socket, "node", "ls") if node["ManagerStatus"] == "Leader"
    }
    for machine in machines:
        name = node_directory.role(machine.state)
        if name is not None and name[0] in leading:
            return machine
    raise AssertionError("nobody leads")


def served(manager: Machine, name: str, replicas: str) -> bool:
    said = {one["Name"]: one["Replicas"] for one in rows(manager.socket, "service", "ls")}
    return said.get(name) == replicas


def test_upgraded_machine_by_machine(machines: tuple[Machine, ...]) -> None:
    """Two versions hold one truth through updates, failover and snapshots; every acknowledged write is there at the end, and no task was restarted."""
    *managers, worker = machines
    first, second, third = managers
    starts = first.state.parent / "starts"
    first.init("--snapshot-interval", "40")
    for machine in (second, third):
        join = ("cluster", "join", first.address, "--executor", "process", "--listen-addr", machine.address)
        machine.done(*join, "--token", first.token("manager"))
    worker.work(first)
    script = f"echo $$ >> {starts}; exec sleep 1000"
    create = ("service", "create", "--runtime", "process", "--replicas", "2", "--name")
    first.ask(*create, "still", "--constraint", "node.role==worker", "sh", "-c", script)
    first.ask(*create, "moving", "--update-parallelism", "1", "sleep", "1000")
    wait_until(lambda: all_reached(first), what="all nodes")

    # A client of now at a manager of then.
    refused = run(
        (*TUI, "--socket", str(first.socket), "cluster", "backup", str(starts) + ".backup", "--no-passphrase")
    )
    assert refused.code == 1 and "cannot be backed up so" in refused.err, refused

    before, _, after = blocks()
    ask_once(first, before)
    writer = Writer(managers)
    writer.start()
    try:
        leading = leader(managers)
        followers = [machine for machine in managers if machine is not leading]
        upgrade(followers[0])
        writer.goes_on()
        # Mixed: a rolling update that each version's client sees to its end.
        followers[1].ask("service", "update", "--env-add", "A=1", "moving")
        assert served(followers[0], "moving", "2/2")
        upgrade(followers[1])
        # The leader of then hands over to one of now.
        upgrade(leading)
        writer.goes_on()
        followers[0].ask("service", "update", "--env-add", "A=2", "moving")
        upgrade(worker, is_manager=False)
        # A client of then at managers of now; and back to then and forth again while the form is the same.
        told = run((*versions.program(COMMIT), "--socket", str(first.socket), "service", "ls"))
        assert told.code == 0 and "moving" in told.out, told
        worker.done("down")
        worker.program = versions.program(COMMIT)
        worker.done("up", "--detach")
        wait_until(lambda: all_reached(first), what="the worker of then")
        upgrade(worker, is_manager=False)
        wait_until(lambda: all_reached(first) and served(first, "still", "2/2"), what="everything")
        writer.goes_on()
    finally:
        writer.ending.set()
        writer.join()

    ask_once(first, after)
    assert len(starts.read_text().splitlines()) == 2
    for machine in managers:
        node = Daemon(machine.state)
        node.port = int(machine.address.rpartition(":")[2])

        def same(node: Daemon = node) -> bool:
            return writer.there <= asyncio.run(own_configs(node)).keys()

        wait_until(same, what=f"every acknowledged write at {machine.state.name}")
        assert list((machine.state / "raft" / "snap-v3-encrypted").glob("*.snap"))


def test_a_downgrade_is_refused(tmp_path: Path) -> None:
    """docs/design/node.md 6.1, rule 3: a directory of a later format ends the start with one sentence, and no file of it is touched."""
    state = tmp_path / "s"
    (state / "raft").mkdir(parents=True)
    (state / "raft" / "of-a-later-version").touch()
    (state / "format").write_text('{"format": 2, "version": "9.0"}')
    state.chmod(0o750)
    before = {path: path.stat() for path in (state, *state.rglob("*"))}
    told = run((*AGENTD, "--state-dir", str(state), "--listen-control-api", str(tmp_path / "c.sock")))
    assert told.code == 1 and len(told.said) == 1, told
    assert "has format 2 of swarm-tui 9.0" in told.err and "nothing was changed" in told.err
    told = run((*TUI, "up", "--detach", "--state-dir", str(state)))
    assert told.code == 1 and "has format 2 of swarm-tui 9.0" in told.err, told
    assert (state / "format").read_text() == '{"format": 2, "version": "9.0"}'
    after = {path: path.stat() for path in before}
    assert {path: (found.st_mode, found.st_mtime_ns) for path, found in after.items() if path != state} == {
        path: (found.st_mode, found.st_mtime_ns) for path, found in before.items() if path != state
    }
