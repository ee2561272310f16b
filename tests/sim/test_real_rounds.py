"""Real rounds without their processes: what a number means, what is counted, and that a lost write is seen (docs/design/simulation.md)."""

from pathlib import Path

import pytest
from swarm_testkit.register_clients import RegisterClients
from swarm_testkit.rounds import ledger, plan
from swarm_testkit.rounds.ledger import Sitting, following, told
from swarm_testkit.rounds.plan import BLOCK, KINDS, round_of, shape
from swarm_testkit.simulation.history import Operation


def sitting(kind: str, first: int, count: int, *findings: int) -> Sitting:
    return Sitting(
        kind, first, count, "0123abc", "2026-11-29", 10 * count, {"cut off": 2}, 100, 20, 3.5, findings
    )


def test_a_number_says_everything() -> None:
    """Rule 1: the same faults and the same cluster each time; a block shares its cluster."""
    for kind in KINDS:
        for number in range(50):
            assert round_of(kind, number) == round_of(kind, number)
            assert shape(kind, number) == shape(kind, number // BLOCK * BLOCK)
    assert round_of("plain", 1) != round_of("plain", 2)


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_comes(kind: str) -> None:
    """Rule 2: three hundred rounds have every fault of their kind, at leaders, others and workers."""
    faults = [fault for number in range(300) for fault in round_of(kind, number).faults]
    ours = {plan.for_ours(fault.what) for fault in faults}
    lacking = {plan.OTHER_VERSION} - ours
    assert lacking == (set() if kind == "versions" else {plan.OTHER_VERSION})
    assert ours >= {plan.MANAGER_KILLED, plan.DAEMON_KILLED, plan.MACHINE_KILLED, plan.MACHINE_PAUSED}
    assert ours >= {plan.CUT, plan.ONE_WAY, plan.LATE, plan.LOSSY, plan.FULL_DISK, plan.SLOW_DISK, plan.CLOCK}
    assert {(fault.meets_leader, fault.meets_worker) for fault in faults} == {
        (True, False),
        (False, True),
        (False, False),
    }


def test_a_worker_has_no_manager_to_suffer() -> None:
    """Nothing that needs a manager meets a worker."""
    for kind in KINDS:
        for number in range(300):
            for fault in round_of(kind, number).faults:
                if fault.meets_worker:
                    assert fault.what not in {plan.MANAGER_KILLED, plan.MANAGER_PAUSED, plan.ENGINE_KILLED}


def test_what_happens_to_an_engine() -> None:
    """An engine suffers what can be done to one; a node of ours never what only an engine can."""
    faults = {fault.what for number in range(300) for fault in round_of("docker", number).faults}
    assert {plan.for_engine(what) for what in faults} == {
        plan.ENGINE_KILLED,
        plan.ENGINE_PAUSED,
        plan.CUT,
        plan.ONE_WAY,
        plan.LATE,
        plan.LOSSY,
    }
    assert not {plan.for_ours(what) for what in faults} & {plan.ENGINE_KILLED, plan.ENGINE_PAUSED}


def test_versions_are_mixed() -> None:
    """Rule 1: no cluster of two versions is of one alone."""
    for number in range(0, 300, BLOCK):
        assert 0 < len(shape("versions", number).earlier) < plan.MANAGERS + plan.WORKERS


def test_what_comes_next() -> None:
    """The lowest rounds that nobody has played, as far as their cluster goes."""
    assert following([], "plain", 10) == range(10)
    assert following([sitting("plain", 0, 3, 2)], "plain", 10) == range(3, 10)
    assert following([sitting("plain", 0, 10), sitting("plain", 12, 2)], "plain", 10) == range(10, 12)
    assert following([sitting("plain", 0, 10)], "docker", 10) == range(10)


def test_written_and_told(tmp_path: Path) -> None:
    """What was played comes back, and a sentence sums it up."""
    path = tmp_path / "rounds.jsonl"
    ledger.write(path, sitting("plain", 0, 10))
    ledger.write(path, sitting("docker", 0, 3, 2))
    assert ledger.read(path) == [sitting("plain", 0, 10), sitting("docker", 0, 3, 2)]
    lines = told(ledger.read(path))
    assert lines[0].startswith("docker: 3 rounds of 10.0 s, 100 operations on 20 names")
    assert lines[-1].endswith("1 with findings; faults: 4 cut off")
    path.write_text("{}\n")
    with pytest.raises(ValueError, match="line 1, is no block of rounds"):
        ledger.read(path)


def test_a_lost_write_is_seen() -> None:
    """Rule 4: an acknowledged creation that the last read does not show has no explanation, and one that it shows has."""
    clients = RegisterClients([], ["a"], count=0, call_s=1.0, lease_s=0.0)
    made = Operation("create", 1.0, 2.0, ok=True, new=(1, 0))
    clients.histories["kept"] = [made, Operation("read", 3.0, 4.0, ok=True, seen=(1, 0))]
    clients.histories["lost"] = [made, Operation("read", 3.0, 4.0, ok=True, seen=None)]
    assert list(clients.unexplained()) == ["lost"]
