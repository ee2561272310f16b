"""The campaign's ledger: what was played, what comes next, what is told of it."""

from pathlib import Path

import pytest
from swarm_testkit.simulation import ledger
from swarm_testkit.simulation.ledger import FIRST, Block, gaps, told
from swarm_testkit.simulation.replay import simulate

ROOT = Path(__file__).parents[2]


def block(kind: str, first: int, count: int, *findings: int) -> Block:
    """`first` counts from the campaign's first seed."""
    return Block(kind, FIRST + first, count, "0123abc", "2026-11-29", 3600, 5, 100, 20.0, findings)


def test_what_comes_next() -> None:
    """The lowest seeds of the kind that nobody has played: holes first, then what follows the last one."""
    played = [block("plain", 0, 10), block("plain", 15, 5), block("ordering", 0, 100)]
    assert gaps(played, "plain", 3) == [seeds(10, 13)]
    assert gaps(played, "plain", 8) == [seeds(10, 15), seeds(20, 23)]
    assert gaps(played, "growing", 2) == [seeds(0, 2)]
    assert gaps([block("plain", 0, 10), block("plain", 5, 2)], "plain", 1) == [seeds(10, 11)]


def seeds(first: int, end: int) -> range:
    return range(FIRST + first, FIRST + end)


def test_written_and_read_again(tmp_path: Path) -> None:
    """A played seed's block comes back as it was, and a broken line is named."""
    path = tmp_path / "campaign.jsonl"
    assert ledger.read(path) == []
    played = ledger.summed("plain", [(7, simulate(7))], commit="0123abc", day="2026-11-29", cpu_s=1.25)
    assert (played.first, played.count, played.findings) == (7, 1, ())
    assert played.entries and played.simulated_s
    ledger.write(path, played)
    ledger.write(path, block("growing", 3, 2, 4))
    assert ledger.read(path) == [played, block("growing", 3, 2, 4)]
    with path.open("a") as file:
        file.write('{"kind": "plain"}\n')
    with pytest.raises(ValueError, match="line 3, is no block of seeds"):
        ledger.read(path)


def test_what_is_told() -> None:
    """Seeds, hours, faults and findings of each kind and of all."""
    lines = told([block("plain", 0, 10), block("ordering", 0, 10, 3, 4)])
    assert lines[0].startswith(
        "ordering: 10 seeds, 1.0 h simulated, 5 faults, 100 entries, 2 with findings, 2.00 s"
    )
    assert lines[-1].startswith("all: 20 seeds, 2.0 h simulated, 10 faults")


def test_the_ledger_of_the_repository() -> None:
    """It can be read, and no seed is counted twice."""
    blocks = ledger.read(ROOT / "benchmarks" / "campaign.jsonl")
    for kind in {one.kind for one in blocks}:
        seeds = [
            seed for one in blocks if one.kind == kind for seed in range(one.first, one.first + one.count)
        ]
        assert len(seeds) == len(set(seeds))
