"""A cell of a row as spans of a given width: text, a thin bar, or a little curve."""

from collections.abc import Sequence
from typing import Final

from swarm_tui.resources.format import block
from swarm_tui.resources.model import Cell, Role
from swarm_tui.widgets.paint import Span, cut, fit, width_of

_FULL: Final = "━"
_HALF: Final = "╸"


def cell_spans(cell: Cell, width: int, *, is_right: bool = False) -> list[Span]:
    """`cell` in exactly `width` columns."""
    if cell.bar is not None:
        return bar(cell.bar, width, cell.role)
    if cell.curve:
        return fit(curve(cell.curve[-width:], cell.role), width)
    if cell.is_end_kept and width_of(cell.spans) > width:
        end = cell.spans[-1:]
        return fit([*cut(cell.spans[:-1], width - width_of(end)), *end], width)
    return fit(cell.spans, width, right=is_right)


def bar(share: float, width: int, role: str) -> list[Span]:
    """A thin bar on a faint track, to half a column exact; what is not nothing shows at least half a column."""
    halves = min(max(round(share * width * 2), 1 if share > 0 else 0), width * 2)
    full, half = divmod(halves, 2)
    spans: list[Span] = [(_FULL * full + _HALF * half, role)] if halves else []
    if rest := width - full - half:
        spans.append((_FULL * rest, "faint"))
    return spans


def curve(values: Sequence[float | None], role: str) -> list[Span]:
    """One block per value, muted while nothing is wrong; a dot where nothing is known."""
    spans: list[Span] = []
    known_role = "calm-dim" if role == Role.DATA else role
    for value in values:
        if value is None:
            spans.append(("·", "faint"))
        else:
            spans.append((block(value), known_role))
    return spans
