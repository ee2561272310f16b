"""Managers as rows: rates between looks, and what is not known."""

import pytest
from swarm_core.api.proto.manager_figures_pb2 import (
    GetOwnFiguresResponse,
    ListFiguresResponse,
    ManagerAnswer,
    Measured,
)
from swarm_tui.resources.manager_figures import Looks, percentile

BOUNDS = [0.001, 0.01, 0.1]


def look(at: float, calls: int, *counts: int, cpu: float = 0.0, leads: bool = False) -> GetOwnFiguresResponse:
    measured = Measured(calls=calls, sync_bounds=BOUNDS, sync_counts=counts)
    return GetOwnFiguresResponse(
        at_seconds=at, cpu_seconds=cpu, is_leader=leads, term=3, memory_bytes=9, measured=measured
    )


def told(**figures: GetOwnFiguresResponse) -> ListFiguresResponse:
    return ListFiguresResponse(
        managers=[
            ManagerAnswer(node_id=name, addr=f"{name}:1", figures=each) for name, each in figures.items()
        ]
    )


def test_rates_are_between_looks() -> None:
    """Calls and processor by the second, and the syncs that came between; of one look the syncs of the whole life."""
    looks = Looks()
    looks.take(told(a=look(100, 10, 100, 0, 0, 0)))
    (first,) = looks.rows()
    assert (first.calls_per_s, first.cpus) == (None, None) and first.p99_s == pytest.approx(0.00099)
    looks.take(told(a=look(102, 30, 100, 0, 2, 0, cpu=1.0)))
    (row,) = looks.rows()
    assert (row.calls_per_s, row.cpus, row.term, row.memory_bytes) == (10, 0.5, 3, 9)
    assert row.p99_s == pytest.approx(0.0991)
    for at in range(104, 300, 2):
        looks.take(told(a=look(at, 30, 100, 0, 2, 0, cpu=1.0)))
    assert looks.rows()[0].calls_per_s == 0


def test_a_manager_that_began_anew() -> None:
    """Its counts are not compared with those of the process before."""
    looks = Looks()
    looks.take(told(a=look(100, 1000, 5, 0, 0, 0, cpu=9.0)))
    looks.take(told(a=look(103, 4, 1, 0, 0, 0, cpu=0.1)))
    (row,) = looks.rows()
    assert row.calls_per_s is None and row.cpus is None


def test_who_does_not_answer_and_who_is_not_measured() -> None:
    """The leader first; a manager's trouble is told in its row; what is not measured is not known."""
    looks, silent = Looks(), ManagerAnswer(node_id="b", addr="b:1", trouble="connection refused")
    answer = told(c=look(1, 1, 1, 0, 0, 0, leads=True), a=GetOwnFiguresResponse(at_seconds=1, term=4))
    answer.managers.append(silent)
    looks.take(answer)
    leader, unmeasured, lost = looks.rows()
    assert (leader.node_id, unmeasured.node_id, lost.node_id) == ("c", "a", "b")
    assert (unmeasured.term, unmeasured.p99_s, unmeasured.calls_per_s) == (4, None, None)
    assert (lost.trouble, lost.term) == ("connection refused", None)


@pytest.mark.parametrize(
    ("counts", "found"),
    [((0, 0, 0, 0), None), ((1, 0, 0, 0), 0.00099), ((0, 0, 0, 5), 0.1), ((99, 1, 0, 0), 0.001)],
)
def test_percentiles(counts: tuple[int, ...], found: float | None) -> None:
    """Straight between bounds; above all of them the last is said."""
    assert percentile(BOUNDS, counts, 0.99) == (None if found is None else pytest.approx(found))
