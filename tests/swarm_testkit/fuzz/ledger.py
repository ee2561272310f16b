"""Which inputs were played, over many sittings: one line of JSON each."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from swarm_testkit import ledger_files

_FIRST_FREE = 1_000_000
"""Where the numbers of sittings begin; those of the test runs lie before it."""


@dataclass(frozen=True, slots=True)
class Sitting:
    """Inputs `first` to `first + count - 1` of one kind. `outcomes`: how many ended in which way; `findings` are the inputs that broke a promise. `lines_hit` of
    `lines` of the rooms that read such inputs were reached by the first `covered` inputs; all three are 0 where it was not looked at."""

    kind: str
    first: int
    count: int
    commit: str
    day: str
    cpu_s: int
    outcomes: dict[str, int]
    findings: tuple[int, ...]
    covered: int = 0
    lines_hit: int = 0
    lines: int = 0


def read(path: Path) -> list[Sitting]:
    """In the order in which they were played; none where there is no file. Raises ValueError for a line that is none."""
    return ledger_files.read(
        path, lambda told: Sitting(**{**told, "findings": tuple(told["findings"])}), "inputs"
    )


def write(path: Path, sitting: Sitting) -> None:
    """Add a sitting."""
    ledger_files.write(path, sitting)


def following(played: Sequence[Sitting], kind: str) -> int:
    """The first input of a kind behind all that were played."""
    return max((one.first + one.count for one in played if one.kind == kind), default=_FIRST_FREE)


def told(played: Sequence[Sitting]) -> list[str]:
    """What was played so far, a sentence a kind."""
    lines = []
    for kind in sorted({one.kind for one in played}):
        of_kind = [one for one in played if one.kind == kind]
        outcomes: Counter[str] = Counter()
        for one in of_kind:
            outcomes.update(one.outcomes)
        seen = max(of_kind, key=lambda one: one.lines_hit)
        reached = (
            f"{100 * seen.lines_hit / seen.lines:.0f} % of {seen.lines} lines reached by {seen.covered}; "
            if seen.lines
            else ""
        )
        said = ", ".join(f"{count} {what}" for what, count in outcomes.most_common(8))
        lines.append(
            f"{kind}: {sum(one.count for one in of_kind)} inputs, {sum(len(one.findings) for one in of_kind)} findings, "
            f"{reached}{said}"
        )
    return lines
