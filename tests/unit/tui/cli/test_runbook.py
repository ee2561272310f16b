"""`runbook play` (docs/design/terminal.md 11.26)."""

from pathlib import Path

import pytest
import typer
from swarm_core.api.proto import objects_pb2
from swarm_testkit.cluster_fake import FakeCluster, lively_cluster
from swarm_testkit.command_line import CommandLine
from swarm_tui.cli.commands import runbook

BOOK = """#!/bin/sh
# Recorded by swarm-tui on prod-eu: 2 steps.
set -eu

# 1  Scale web
swarm-tui service scale web=3

# 2  Scale db
swarm-tui service scale db=2
swarm-tui find tasks 'service:db state:failed' --until none --quiet
"""


@pytest.fixture
def fake() -> FakeCluster:
    return lively_cluster()


@pytest.fixture
def tui(fake: FakeCluster, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(fake, capsys)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.sh"
    path.write_text(BOOK)
    return path


def _replicas(fake: FakeCluster) -> tuple[int, int]:
    """Of "web" and of "db"."""
    found = {one.spec.annotations.name: one.spec.replicated.replicas for one in fake.all(objects_pb2.Service)}
    return found["web"], found["db"]


def test_all_of_it(fake: FakeCluster, tui: CommandLine, book: Path) -> None:
    """--yes runs every step in order, and shows it before."""
    result = tui("runbook", "play", str(book), "--yes")
    assert (result.code, "Error" in result.err) == (0, False)
    assert _replicas(fake) == (3, 2)
    assert result.lines.index("# 1  Scale web") < result.lines.index("swarm-tui service scale db=2")
    assert result.lines[-1] == "All of 2 steps gone through."


def test_only_shown(fake: FakeCluster, tui: CommandLine, book: Path) -> None:
    """--dry-run shows every step, without what the file says of itself, and changes nothing."""
    before = _replicas(fake)
    result = tui("runbook", "play", str(book), "--dry-run")
    assert (result.code, result.err) == (0, "")
    assert result.lines == [line for line in BOOK.splitlines()[4:] if line]
    assert (_replicas(fake), fake.calls) == (before, [])


@pytest.mark.parametrize(
    ("answers", "wanted", "last"),
    [
        ("rr", (3, 2), "All of 2 steps gone through."),
        ("sr", (None, 2), "All of 2 steps gone through."),
        ("rq", (3, None), "Ended before step 2 of 2."),
    ],
)
def test_step_by_step(
    fake: FakeCluster,
    tui: CommandLine,
    book: Path,
    monkeypatch: pytest.MonkeyPatch,
    answers: str,
    wanted: tuple[int | None, int | None],
    last: str,
) -> None:
    """Each step is run, skipped, or not come to, as the person answers."""
    given = iter(answers)
    monkeypatch.setattr(runbook.sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(typer, "prompt", lambda *_, **__: next(given))
    before = _replicas(fake)
    result = tui("runbook", "play", str(book))
    assert (result.code, result.lines[-1]) == (0, last)
    assert _replicas(fake) == tuple(
        was if one is None else one for one, was in zip(wanted, before, strict=True)
    )


def test_it_ends_where_a_command_fails(fake: FakeCluster, tui: CommandLine, tmp_path: Path) -> None:
    """The first command that fails is told with its step, and nothing after it is run."""
    path = tmp_path / "book.sh"
    path.write_text(BOOK.replace("web=3", "nothing=3"))
    before = _replicas(fake)
    result = tui("runbook", "play", str(path), "--yes")
    assert result.code == 1
    assert "Stopped at step 1 of 2." in result.err
    assert "nothing" in result.err
    assert _replicas(fake) == before


def test_a_check_that_fails_ends_it(tui: CommandLine, tmp_path: Path) -> None:
    """A wait that does not come true is a failure like any other."""
    path = tmp_path / "book.sh"
    path.write_text("swarm-tui find nodes --until none --timeout 0.1\nswarm-tui version\n")
    result = tui("runbook", "play", str(path), "--yes")
    assert (result.code, "Stopped at step 1 of 1." in result.err) == (1, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rm -rf /\n", "line 1: 'rm' is no command of swarm-tui"),
        ("swarm-tui version\n\nswarm-tui version; reboot\n", None),
        ("swarm-tui service scale 'web=3\n", "line 1: No closing quotation"),
        ("# nothing\n", "There is no command of swarm-tui"),
    ],
)
def test_what_is_no_runbook(
    fake: FakeCluster, tui: CommandLine, tmp_path: Path, text: str, said: str | None
) -> None:
    """All is read before anything is run: other programs, open quotes and empty files are refused, and no shell sees a line."""
    path = tmp_path / "book.sh"
    path.write_text(text)
    result = tui("runbook", "play", str(path), "--yes")
    assert result.code == 2
    assert said is None or said in result.err
    assert fake.calls == []
    assert tui("runbook", "play", str(tmp_path / "none"), "--yes").code == 2


def test_nobody_is_there_to_ask(fake: FakeCluster, tui: CommandLine, book: Path) -> None:
    """Without a terminal nothing is run unless --yes says so."""
    result = tui("runbook", "play", str(book))
    assert (result.code, "--yes runs all of them" in result.err, fake.calls) == (2, True, [])
