"""The differences that there are for a reason: the table of `docs/docker-differences.md`.

A row is `| COMMAND | WHERE | WHY |`, with `*` for anything in the first two. A row about commands that were compared and of which no
difference is left is wrong, as is a difference without a row.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from swarm_testkit.docker_day.compare import Difference

PAGE = Path(__file__).parents[3] / "docs" / "docker-differences.md"


@dataclass(frozen=True, slots=True)
class Row:
    """One of the table."""

    command: str
    where: str
    why: str

    def tells_of(self, difference: Difference) -> bool:
        """Whether the difference is this one."""
        return _fits(self.command, difference.line) and _fits(self.where, difference.where)

    def is_about(self, line: str) -> bool:
        """Whether the command is one of those that the row is about."""
        return _fits(self.command, line)


def rows(page: Path = PAGE) -> list[Row]:
    """The table's."""
    found = []
    for line in page.read_text().splitlines():
        if line.startswith("| `"):
            command, where, why = (cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|")))
            found.append(Row(command.strip("`").replace("\\|", "|"), where.strip("`"), why))
    return found


def unexplained(found: Iterable[Difference], known: Iterable[Row]) -> list[Difference]:
    """Those without a row."""
    table = list(known)
    return [one for one in found if not any(row.tells_of(one) for row in table)]


def outdated(found: Iterable[Difference], lines: Iterable[str], known: Iterable[Row]) -> list[Row]:
    """Rows about compared commands that no difference needs."""
    seen, compared = list(found), list(lines)
    return [
        row
        for row in known
        if any(row.is_about(line) for line in compared) and not any(row.tells_of(one) for one in seen)
    ]


def _fits(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None
