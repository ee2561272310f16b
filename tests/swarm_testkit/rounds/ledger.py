"""Which rounds were played, over many sittings: one line of JSON for what was played on one cluster."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from swarm_testkit import ledger_files


@dataclass(frozen=True, slots=True)
class Sitting:
    """Rounds `first` to `first + count - 1` of one kind, played on one cluster. `faults`: how often what happened; `operations`: what clients did to how
    many `names`; `slowest_s`: the longest time from a round's last fault until all was well; `findings` are the rounds that found something."""

    kind: str
    first: int
    count: int
    commit: str
    day: str
    wall_s: int
    faults: dict[str, int]
    operations: int
    names: int
    slowest_s: float
    findings: tuple[int, ...] = field(default=())


def read(path: Path) -> list[Sitting]:
    """In the order in which they were played; none where there is no file. Raises ValueError for a line that is none."""
    return ledger_files.read(
        path, lambda told: Sitting(**{**told, "findings": tuple(told["findings"])}), "rounds"
    )


def write(path: Path, sitting: Sitting) -> None:
    """Add a sitting."""
    ledger_files.write(path, sitting)


def following(played: Sequence[Sitting], kind: str, block: int) -> range:
    """The next rounds of a kind that nobody has played and that share a cluster: the lowest, up to the end of their block."""
    found = ledger_files.gaps(played, kind, block, first=0)[0]
    return range(found.start, min(found.stop, (found.start // block + 1) * block))


def told(played: Sequence[Sitting]) -> list[str]:
    """What was played so far, a sentence a kind and one for all."""
    lines = []
    for kind in sorted({sitting.kind for sitting in played}):
        lines.append(f"{kind}: {_figures([sitting for sitting in played if sitting.kind == kind])}")
    return [*lines, f"all: {_figures(played)}"]


def _figures(played: Sequence[Sitting]) -> str:
    rounds = sum(sitting.count for sitting in played)
    faults: dict[str, int] = {}
    for sitting in played:
        for what, count in sitting.faults.items():
            faults[what] = faults.get(what, 0) + count
    said = ", ".join(f"{count} {what}" for what, count in sorted(faults.items()))
    return (
        f"{rounds} rounds of {sum(sitting.wall_s for sitting in played) / max(rounds, 1):.1f} s, "
        f"{sum(sitting.operations for sitting in played)} operations on {sum(sitting.names for sitting in played)} names, "
        f"well again after {max((sitting.slowest_s for sitting in played), default=0.0):.1f} s at most, "
        f"{sum(len(sitting.findings) for sitting in played)} with findings; faults: {said or 'none'}"
    )
