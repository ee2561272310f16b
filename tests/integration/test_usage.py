"""What a real process uses, from its control group to a command (docs/design/usage.md 14)."""

import json
import sys
from collections.abc import Iterator

import pytest
from swarm_testkit.daemons import Daemon, daemon, wait_until
from swarm_testkit.looks import look
from swarm_testkit.programs import TUI, run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("usage")]
_BUSY = "x = bytearray(40 << 20)\nwhile True: pass"


@pytest.fixture(scope="module")
def node() -> Iterator[Daemon]:
    with daemon() as running:
        yield running


def used(node: Daemon, *words: str) -> dict[str, dict[str, float]]:
    told = run([*TUI, "--socket", str(node.socket), "top", *words, "--no-stream", "--format", "json"])
    assert told.code == 0, told.err
    return {row.get("Task") or row["Node"]: row for row in map(json.loads, told.out.splitlines())}


def test_a_busy_process_and_its_machine(node: Daemon) -> None:
    """A task that computes and one that sleeps are told apart; the machine uses more than both."""
    wait_until(lambda: look(node.socket, "service", "ls").code == 0, what="the cluster")
    create = [*TUI, "--socket", str(node.socket), "service", "create", "--detach", "--runtime", "process"]
    assert run([*create, "--name", "busy", "--", sys.executable, "-c", _BUSY]).code == 0
    assert run([*create, "--name", "idle", "--", "sleep", "1000"]).code == 0

    def measured() -> dict[str, dict[str, float]] | None:
        found = used(node)
        # It computes before it has its memory, too.
        busy = found.get("busy.1", {"CPU": 0, "Memory": 0})
        is_busy = busy["CPU"] > 0.02 and busy["Memory"] > 40 << 20
        return found if is_busy and "idle.1" in found else None

    tasks = wait_until(measured, seconds=120, what="figures of both tasks")
    assert next(iter(tasks)) == "busy.1"
    assert tasks["busy.1"]["Memory"] > 40 << 20 > tasks["idle.1"]["Memory"] > 0
    assert tasks["idle.1"]["CPU"] < tasks["busy.1"]["CPU"]
    (machine,) = used(node, "nodes").values()
    assert machine["CPU"] > 0 and machine["Memory"] > tasks["busy.1"]["Memory"]
    assert machine["CPUShare"] > 0 and 0 < machine["MemoryShare"] <= 1
