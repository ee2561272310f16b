"""A share of what `make fuzz` plays, and the frame that plays it (docs/design/fuzzing.md)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from swarm_testkit.fuzz import certificates, command_line, compose, files, frame, ledger, log, wire
from swarm_testkit.fuzz.coverage import covered
from swarm_testkit.fuzz.frame import Kind, Player, hunt, must
from swarm_testkit.fuzz.ledger import Sitting
from swarm_testkit.fuzz.sittings import SITTING_S, sittings


@pytest.mark.parametrize(
    ("kind", "inputs", "ways"),
    [
        (compose.KIND, 250, {"taken", "refused: WrongShape", "refused: Unreadable"}),
        (log.KIND, 800, {"refused: WalCorrupt", "refused: StateUnusable", "snapshot, all"}),
        (files.KIND, 2_500, {"taken", "refused"}),
        (certificates.KIND, 1_500, {"chain: InvalidCertificate", "request: InvalidRequest", "token: taken"}),
        (wire.KIND, 40, {"0 taken", "1 taken"}),
        (command_line.KIND, 120, {"exit code 0", "exit code 1", "exit code 2"}),
    ],
    ids=lambda one: one.name if isinstance(one, Kind) else "",
)
def test_no_promise_is_broken(kind: Kind, inputs: int, ways: set[str]) -> None:
    """Rules 1 to 3: what is drawn ends in the ways that are allowed, and all of the usual ones are among them."""
    report = hunt(kind, range(inputs))
    assert report.findings == {}
    assert report.count == inputs and ways <= set(report.outcomes)


def _kind(play: Player) -> Kind:
    @contextmanager
    def opened() -> Iterator[Player]:
        yield play

    return Kind("trial", "a trial", opened, ("swarm_testkit.fuzz.frame",))


def test_what_breaks_a_promise_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule 2: a failure of any kind, a broken law and an input that does not end."""
    monkeypatch.setattr(frame, "HANG_S", 0.05)

    def play(seed: int) -> str:
        while seed == 3:
            pass
        must(seed != 2, "two is no input")
        return str(1 // (seed - 1))

    report = hunt(_kind(play), range(5))
    assert report.count == 5 and report.outcomes == {"-1": 1, "0": 1}
    assert [report.findings[seed].partition(":")[0] for seed in (1, 2, 3)] == [
        "ZeroDivisionError",
        "Broken",
        "Hang",
    ]
    assert hunt(_kind(play), range(5), goes_on=lambda: False).count == 0


def test_lines_are_counted() -> None:
    """Rule 4: of a room's functions, those lines that ran."""
    with covered(["swarm_testkit.fuzz.frame"]) as nothing:
        pass
    with covered(["swarm_testkit.fuzz.frame"]) as some:
        must(True, "")
    assert nothing.hit == 0 < some.hit < some.total == nothing.total
    assert some.missed()


def test_the_ledger(tmp_path: Path) -> None:
    """Rule 5: the next inputs follow those that were played, and a sentence sums up."""
    path = tmp_path / "fuzz.jsonl"
    assert ledger.following(ledger.read(path), "log") == 1_000_000
    ledger.write(
        path, Sitting("log", 1_000_000, 500, "0123abc", "2026-11-30", 3, {"taken": 500}, (), 100, 30, 60)
    )
    ledger.write(path, Sitting("log", 1_000_500, 50, "0123abc", "2026-11-30", 3, {"taken": 49}, (1_000_510,)))
    played = ledger.read(path)
    assert ledger.following(played, "log") == 1_000_550 and ledger.following(played, "wire") == 1_000_000
    assert ledger.told(played) == ["log: 550 inputs, 1 findings, 50 % of 60 lines reached by 100; 549 taken"]


def test_a_long_hunt_goes_on_from_its_ledger(tmp_path: Path) -> None:
    """Rule 5: it is written down sitting by sitting. What is killed in the middle begins where the last sitting ended."""
    path, now = tmp_path / "fuzz.jsonl", 0.0

    def play(seed: int) -> str:
        nonlocal now
        now += SITTING_S / 3
        if seed == 1_000_004:
            raise KeyboardInterrupt
        must(seed != 1_000_001, "one is no input")
        return "taken"

    def hunted(first: int) -> list[tuple[int, int, tuple[int, ...], int]]:
        seeds = range(first, 1_000_010)
        hunt_ = sittings(_kind(play), seeds, path, covered_by=2, goes_on=lambda: now < 1e9, now_s=lambda: now)
        return [(one.first, one.count, one.findings, one.covered) for one, _ in hunt_]

    with pytest.raises(KeyboardInterrupt):
        hunted(1_000_000)
    assert [(one.first, one.count, one.findings) for one in ledger.read(path)] == [
        (1_000_000, 3, (1_000_001,))
    ]
    assert ledger.following(ledger.read(path), "trial") == 1_000_003
    assert hunted(1_000_005) == [(1_000_005, 3, (), 2), (1_000_008, 2, (), 0)]
