"""The figures that this program has, as the page of design lists them, and as it tells them."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "design" / "metrics.md"
_NAME = re.compile(r"`((?:swarm|grpc|process)_[a-z_]+)`")
_ENDS = {"histogram": ("_bucket", "_count", "_sum")}


def listed() -> dict[str, tuple[str, frozenset[str]]]:
    """Type and labels of each figure in the page's table, by its name; a histogram's without its own `le`."""
    rows = PAGE.read_text().partition("## M.4")[2].partition("## M.5")[0].splitlines()
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        if row.startswith("| `"):
            for name in _NAME.findall(cells[0]):
                found[name] = (cells[1], frozenset(_labels(cells[2])))
    return found


def _labels(cell: str) -> set[str]:
    method = {"grpc_type", "grpc_service", "grpc_method"}
    words = set(re.findall(r"`(\w+)`", cell))
    return words | method if "the same" in cell or "as the first" in cell else words


def series_names() -> set[str]:
    """The names of all series: a histogram has three."""
    return {name + end for name, (kind, _) in listed().items() for end in _ENDS.get(kind, ("",))}
