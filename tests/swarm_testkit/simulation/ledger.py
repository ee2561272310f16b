"""Which seeds were played, over many sittings: one line of JSON a block of seeds, in a file that stays with the code.

A block names the code that played it, because a seed plays something else once the simulation or the product has changed. Its seeds count all the
same: each was one more order of events that nobody had seen before.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from swarm_testkit import ledger_files
from swarm_testkit.simulation.replay import Outcome

PLAIN = "plain"
"""The kind whose plan has no name of its own."""
FIRST = 10_000
"""The campaign's first seed of each kind: test runs and `make sim` have played those below."""


@dataclass(frozen=True, slots=True)
class Block:
    """Seeds `first` to `first + count - 1` of one kind; `findings` are those that found something."""

    kind: str
    first: int
    count: int
    commit: str
    day: str
    simulated_s: int
    faults: int
    entries: int
    cpu_s: float
    findings: tuple[int, ...] = ()


def read(path: Path) -> list[Block]:
    """The blocks in the order in which they were played; none where there is no file. Raises ValueError for a line that is none."""
    return ledger_files.read(
        path, lambda told: Block(**{**told, "findings": tuple(told["findings"])}), "seeds"
    )


def write(path: Path, block: Block) -> None:
    """Add a block."""
    ledger_files.write(path, block)


def summed(
    kind: str, outcomes: Sequence[tuple[int, Outcome]], *, commit: str, day: str, cpu_s: float
) -> Block:
    """The block of these outcomes, each with its seed, which follow one another."""
    seeds = [seed for seed, _ in outcomes]
    assert seeds == list(range(seeds[0], seeds[0] + len(seeds))), seeds
    return Block(
        kind,
        seeds[0],
        len(seeds),
        commit,
        day,
        round(sum(outcome.simulated_s for _, outcome in outcomes)),
        sum(outcome.faults for _, outcome in outcomes),
        sum(outcome.entries for _, outcome in outcomes),
        round(cpu_s, 1),
        tuple(seed for seed, outcome in outcomes if outcome.findings),
    )


def gaps(blocks: Iterable[Block], kind: str, count: int) -> list[range]:
    """The next `count` seeds of a kind that nobody has played, the lowest first, as ranges."""
    return ledger_files.gaps(blocks, kind, count, first=FIRST)


def told(blocks: Sequence[Block]) -> list[str]:
    """What was played so far, a sentence a kind and one for all."""
    lines = []
    for kind in sorted({block.kind for block in blocks}):
        lines.append(f"{kind}: {_figures([block for block in blocks if block.kind == kind])}")
    return [*lines, f"all: {_figures(blocks)}"]


def _figures(blocks: Sequence[Block]) -> str:
    seeds = sum(block.count for block in blocks)
    cpu_s = sum(block.cpu_s for block in blocks)
    return (
        f"{seeds} seeds, {sum(block.simulated_s for block in blocks) / 3600:.1f} h simulated, "
        f"{sum(block.faults for block in blocks)} faults, {sum(block.entries for block in blocks)} entries, "
        f"{sum(len(block.findings) for block in blocks)} with findings, {cpu_s / max(seeds, 1):.2f} s of processor time each"
    )
