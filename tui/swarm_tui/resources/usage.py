"""What an object uses, as cells and lines: processors, memory, and the curve of the last minutes."""

from typing import Final

from swarm_tui.resources import format as fmt
from swarm_tui.resources.model import DASH, Cell, ClusterView, Role, cell

_NANO: Final = 1_000_000_000
_TENTH: Final = 0.1


def cpus(id_: str, view: ClusterView) -> float | None:
    """Processors used; None where it is not told."""
    found = view.usage(id_)
    return None if found is None or found.last is None else found.last.cpus


def memory(id_: str, view: ClusterView) -> float | None:
    """Bytes held; None where it is not told."""
    found = view.usage(id_)
    return None if found is None or found.last is None else float(found.last.memory_bytes)


def cpus_text(used: float) -> str:
    """Processors in at most four letters: 0.02, 1.5, 12."""
    if used >= 10:
        return f"{used:.0f}"
    return f"{used:.2f}" if used < _TENTH else f"{used:.1f}"


def cpus_cell(id_: str, view: ClusterView) -> Cell:
    """Processors used."""
    used = cpus(id_, view)
    return DASH if used is None else cell(cpus_text(used), Role.MUTED)


def memory_cell(id_: str, view: ClusterView) -> Cell:
    """Memory held."""
    held = memory(id_, view)
    return DASH if held is None else cell(fmt.size(held), Role.MUTED)


def share(used: float | None, have: float) -> float | None:
    """A part of what is there; None where either is not known."""
    return used / have if used is not None and have else None


def lines(id_: str, view: ClusterView, nano_cpus: int, memory_bytes: int) -> tuple[tuple[str, Cell], ...]:
    """For a page: what is used of what there is to use (0: without a limit), and how it went. Empty where nothing is told."""
    found = view.usage(id_)
    if found is None or found.last is None:
        return ()
    used, held = found.last.cpus, float(found.last.memory_bytes)
    top = nano_cpus / _NANO or max(one.cpus for _, one in found.samples()) or 1.0
    most = memory_bytes or max(one.memory_bytes for _, one in found.samples()) or 1
    return (
        ("CPU used", cell(_of(cpus_text(used), fmt.cpus(nano_cpus), share(used, nano_cpus / _NANO)))),
        *_curve("CPU, 10 min", [one.cpus / top for _, one in found.samples()]),
        ("Memory used", cell(_of(fmt.size(held), fmt.size(memory_bytes), share(held, memory_bytes)))),
        *_curve("Memory, 10 min", [one.memory_bytes / most for _, one in found.samples()]),
    )


def _curve(title: str, shares: list[float]) -> tuple[tuple[str, Cell], ...]:
    if len(shares) < 2:
        return ()
    return ((title, cell("".join(map(fmt.block, shares)), Role.DATA)),)


def _of(used: str, have: str, part: float | None) -> str:
    return used if part is None else f"{used} of {have}  {part:.0%}"
