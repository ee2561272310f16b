"""The clients of the benchmark beside a peer (benchmarks/peer) work against a manager of ours."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from peer import node_rows, rows
from peer.cluster import cluster
from peer.rows import Pair
from peer.sides import our_side


def test_writers_and_agents_of_both_kinds_are_served(monkeypatch):
    """Configs are written over HTTP/2 of the benchmark's own, and a service comes up and goes with its pretended agents."""
    monkeypatch.setattr(rows, "TASKS", 20)
    monkeypatch.setattr(rows, "WRITE_S", 0.1)
    with cluster(our_side()) as found:
        found.start_agents(2, "each")
        found.start_agents(2, "batch")
        with found.open() as caller:
            service = rows.tasks_up(caller)
            assert rows.count_tasks(caller, service.id) == 20
            rows.tasks_down(caller, service)
        manager = found.managers[0]
        with rows._Writers(manager.socket, manager.root, 4, 2) as writers:
            done = writers.run()
        assert all(one["taken"] for one in done)


def test_a_drained_worker_is_measured(monkeypatch):
    """Without a peer ours alone is drained, and gives its seconds and CPU seconds for each round."""
    monkeypatch.setattr(node_rows, "DRAINED_TASKS", 5)
    moved, cpu = node_rows.drain(Pair(our_side(), None), 2)
    assert len(moved.ours) == len(cpu.ours) == 2
    assert all(seconds > 0 for seconds in moved.ours)
    assert not moved.peer
