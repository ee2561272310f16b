"""How columns share a table's width.

Each column has a natural width and may grow; columns that may be dropped are left out, one after the other,
while the natural widths do not fit. The result depends on the width alone, so that columns do not jump
while rows change. Wide columns join only where everything fits without them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from swarm_tui.resources.model import Column

MARGIN: Final = 1
_GAP: Final = 2
_NARROW: Final = 2


@dataclass(frozen=True, slots=True)
class Placed:
    """A column with its place on the line."""

    column: Column
    index: int
    x: int
    width: int
    title: str
    """The column's own; one that belongs to its neighbour takes the neighbour's place when that has none."""


def place(columns: Sequence[Column], width: int) -> tuple[Placed, ...]:
    """The columns that fit into `width` and where they stand."""
    room = width - 2 * MARGIN
    kept = _that_fit(columns, room)
    widths = _shared(columns, kept, room)
    placed: list[Placed] = []
    x = MARGIN
    for position, index in enumerate(kept):
        own = min(widths[index], max(width - x, 0))
        if own <= 0:
            break
        placed.append(Placed(columns[index], index, x, own, _title(columns, kept, index)))
        x += own + _gap(columns, kept, position)
    return tuple(placed)


def _that_fit(columns: Sequence[Column], room: int) -> list[int]:
    kept = [index for index, column in enumerate(columns) if not column.is_wide and not column.is_hidden]
    while len(kept) > 1 and _needed(columns, kept) > room:
        worst = max(kept, key=lambda index: (columns[index].drop, index))
        if not columns[worst].drop:
            return kept
        kept.remove(worst)
    if len(kept) < sum(not column.is_wide and not column.is_hidden for column in columns):
        return kept
    wide = [index for index, column in enumerate(columns) if column.is_wide and not column.is_hidden]
    for index in sorted(wide, key=lambda index: columns[index].drop):
        with_it = sorted([*kept, index])
        if _needed(columns, with_it) + _missing(columns, with_it) <= room:
            kept = with_it
    return kept


def _missing(columns: Sequence[Column], kept: list[int]) -> int:
    """What columns have less by themselves than they are to have before wide ones join."""
    return sum(max(columns[index].wanted - columns[index].width, 0) for index in kept)


def _title(columns: Sequence[Column], kept: list[int], index: int) -> str:
    own = columns[index].title
    if own or not index or index - 1 in kept or columns[index - 1].is_hidden:
        return own
    return columns[index - 1].title.partition(" ")[0]


def _gap(columns: Sequence[Column], kept: list[int], position: int) -> int:
    """Blanks after a column: fewer after a glyph, and before a column that belongs to the one before it."""
    if position + 1 == len(kept):
        return 0
    column, following = columns[kept[position]], columns[kept[position + 1]]
    belongs = not following.title and kept[position + 1] == kept[position] + 1
    return 1 if column.width <= _NARROW or belongs else _GAP


def _needed(columns: Sequence[Column], kept: list[int]) -> int:
    return sum(columns[i].width + _gap(columns, kept, n) for n, i in enumerate(kept))


def _shared(columns: Sequence[Column], kept: list[int], room: int) -> dict[int, int]:
    """Widths with the spare room dealt out: first to who wants it, the rest by weight."""
    widths = {index: columns[index].width for index in kept}
    spare = room - _needed(columns, kept)
    for index in kept:
        more = min(max(columns[index].wanted - widths[index], 0), max(spare, 0))
        widths[index] += more
        spare -= more
    total = sum(columns[index].grow for index in kept)
    if spare <= 0 or not total:
        return widths
    given = 0
    so_far = 0
    for index in kept:
        so_far += columns[index].grow
        share = spare * so_far // total - given
        widths[index] += share
        given += share
    return widths
