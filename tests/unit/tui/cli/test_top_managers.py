"""`swarm-tui top managers`."""

import json

import pytest
from swarm_core.api.proto.manager_figures_pb2 import (
    GetOwnFiguresResponse,
    ListFiguresResponse,
    ManagerAnswer,
    Measured,
)
from swarm_core.client.errors import CallFailed
from swarm_testkit.cluster_fake import FakeCluster, lively_cluster
from swarm_testkit.command_line import CommandLine
from swarm_tui.cli.commands import top
from swarm_tui.cli.plumbing.output import Format
from swarm_tui.clusters.mirror import Mirror


def look(at: float, calls: int, cpu: float) -> ListFiguresResponse:
    """Of two managers, of which one does not answer."""
    figures = GetOwnFiguresResponse(
        at_seconds=at, is_leader=True, term=3, commit_index=40, applied_index=39, memory_bytes=80 << 20, cpu_seconds=cpu,
        measured=Measured(calls=calls, sync_bounds=[0.001, 0.01], sync_counts=[0, 5, 0]),
    )  # fmt: skip
    return ListFiguresResponse(
        managers=[
            ManagerAnswer(node_id="n1", addr="10.0.0.1:4242", figures=figures),
            ManagerAnswer(node_id="gone", addr="10.0.0.2:4242", trouble="connection refused"),
        ]
    )


@pytest.fixture
def fake() -> FakeCluster:
    cluster = lively_cluster()
    cluster.figures.extend([look(10, 100, 1.0), look(12, 150, 2.0)])
    return cluster


def test_a_row_for_each(fake: FakeCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """Two looks tell the rates; who does not answer has a row and a reason."""
    told = CommandLine(fake, capsys)("top", "managers", "--no-stream")
    assert told.code == 0, told.err
    heading, leader, lost, why = told.lines
    assert heading.split() == [
        "MANAGER",
        "LEADER",
        "TERM",
        "COMMITTED",
        "APPLIED",
        "FSYNC",
        "P99",
        "CALLS/S",
        "CPU",
        "MEM",
    ]
    assert leader.split()[1:] == ["yes", "3", "40", "39", "9.9", "ms", "25.0", "0.5", "80M"]
    assert lost.split() == ["gone", *"–––––––"]
    assert why == "gone at 10.0.0.2:4242: connection refused."


def test_as_json_and_while_nobody_leads(fake: FakeCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """Managers are looked at most when there is no leader: their names are missing then, nothing else."""
    fake.fail_next("Control.ListNodes", CallFailed("UNAVAILABLE", "no leader"))
    told = CommandLine(fake, capsys)("top", "managers", "--no-stream", "--format", "json")
    leader, lost = map(json.loads, told.lines)
    assert (leader["Manager"], leader["CallsPerSecond"], leader["Memory"]) == ("n1", 25, 80 << 20)
    assert lost["Trouble"] == "connection refused" and lost["Term"] is None


def test_where_it_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A Docker Engine tells nothing: one sentence, exit code 1."""
    told = CommandLine(lively_cluster(), capsys)("top", "managers", "--no-stream")
    assert (told.code, told.out) == (1, "") and "Docker Engine" in told.err


def test_a_terminal_is_cleared_before_each_look(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was shown before is taken away, not written beneath; the sequence reaches the terminal as it is."""
    monkeypatch.setattr(top, "is_drawn_over", lambda stream: True)
    face = top._Face(top.What.NODES, top.By.CPU, 20, Format.TABLE)
    face.show(Mirror(FakeCluster()), is_once=False)
    assert capsys.readouterr().out.startswith("\x1b[H\x1b[J")
