"""A part of what there is, as a bar and as a number: calm, warning or bad by how little is left."""

from typing import Final

from swarm_tui.resources.model import DASH, Cell, Role, cell

_WARNING: Final = 0.85
_ERROR: Final = 0.95


def share_cell(value: float | None) -> Cell:
    """In per cent; a dash where it is not known."""
    return DASH if value is None else cell(f"{value:.0%}", _role(value, Role.MUTED))


def bar_cell(value: float | None) -> Cell:
    """As a bar, full where more is taken than there is."""
    return DASH if value is None else Cell(bar=min(value, 1.0), role=_role(value, Role.DATA))


def _role(value: float, calm: Role) -> Role:
    return Role.ERROR if value >= _ERROR else Role.WARNING if value >= _WARNING else calm
