"""What was played, over many sittings: one line of JSON a block of numbers, in a file that stays with the code."""

import json
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol, TypeVar


class Played(Protocol):
    """Numbers `first` to `first + count - 1` of one kind."""

    @property
    def kind(self) -> str: ...
    @property
    def first(self) -> int: ...
    @property
    def count(self) -> int: ...


T = TypeVar("T")


def commit() -> str:
    """The code that plays; with a `+` where it is not as committed."""
    described = ("git", "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+")
    here = Path(__file__).parent
    return subprocess.run(described, cwd=here, capture_output=True, text=True, check=True).stdout.strip()


def read(path: Path, form: Callable[[dict[str, Any]], T], what: str) -> list[T]:
    """The blocks in the order in which they were played; none where there is no file. Raises ValueError for a line that is none."""
    if not path.exists():
        return []
    blocks = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        try:
            blocks.append(form(json.loads(line)))
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{path.name}, line {number}, is no block of {what}: {error}") from None
    return blocks


def write(path: Path, block: Any) -> None:
    """Add a block, a dataclass."""
    with path.open("a") as file:
        file.write(json.dumps(asdict(block)) + "\n")


def gaps(blocks: Iterable[Played], kind: str, count: int, *, first: int) -> list[range]:
    """The next `count` numbers of a kind, from `first` on, that nobody has played, the lowest first, as ranges."""
    played = sorted((block.first, block.first + block.count) for block in blocks if block.kind == kind)
    found: list[range] = []
    at = first
    for begin, end in played:
        if begin > at and count:
            found.append(range(at, min(begin, at + count)))
            count -= len(found[-1])
        at = max(at, end)
    return [*found, range(at, at + count)] if count else found
