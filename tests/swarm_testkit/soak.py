"""Samples of a long run: what they are, whether something grew, and a picture of them."""

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

_MEMORY_MORE, _MEMORY_MORE_BYTES = 0.08, 8 << 20
_DISK_MORE, _DISK_MORE_BYTES = 0.25, 140_000_000
"""Two segments of the log more than before are no growth: the next snapshot releases them."""
_DESCRIPTORS_MORE: Final = 6
_LATENCY_TIMES: Final = 3.0
_THIRDS: Final = 3


@dataclass(frozen=True, slots=True)
class Sample:
    """How the programs stood `at_s` after the begin of a run. Latencies are of the changes since the sample before, 0 where there were none."""

    run: int
    what: str
    at_s: float
    manager_bytes: int
    daemon_bytes: int
    descriptors: int
    disk_bytes: int
    changes: int
    failed: int
    p50_ms: float
    p99_ms: float
    load: float

    def written(self) -> dict[str, Any]:
        """As a line of JSON has it."""
        return asdict(self)


class Latencies:
    """Seconds that changes took since they were asked for the last time."""

    def __init__(self) -> None:
        self._held: list[float] = []

    def add(self, seconds: float) -> None:
        """Another change was answered."""
        self._held.append(seconds)

    def taken(self) -> tuple[float, float]:
        """p50 and p99 in ms; begins anew."""
        held, self._held = sorted(self._held), []
        if not held:
            return 0.0, 0.0
        return round(held[len(held) // 2] * 1e3, 1), round(held[int(len(held) * 0.99)] * 1e3, 1)


def read(path: Path) -> list[Sample]:
    """All samples of a file; none where there is no file."""
    return [Sample(**json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


def grown(samples: Sequence[Sample]) -> list[str]:
    """What is more in the last third of a run than in the second, in words. Too short a run shows nothing."""
    third = len(samples) // _THIRDS
    if third < 2:
        return []
    middle, last = samples[third : 2 * third], samples[-third:]

    def pair(value: Callable[[Sample], float]) -> tuple[float, float]:
        return statistics.median(map(value, middle)), statistics.median(map(value, last))

    found = []
    for name, value in (("the manager's memory", _manager), ("the daemon's memory", _daemon)):
        before, after = pair(value)
        if after > before * (1 + _MEMORY_MORE) + _MEMORY_MORE_BYTES:
            found.append(f"{name}: {before / 2**20:.0f} MiB, then {after / 2**20:.0f} MiB")
    before, after = pair(lambda one: one.disk_bytes)
    if after > before * (1 + _DISK_MORE) + _DISK_MORE_BYTES:
        found.append(f"disk: {before / 2**20:.0f} MiB, then {after / 2**20:.0f} MiB")
    before, after = pair(lambda one: one.descriptors)
    if after > before + _DESCRIPTORS_MORE:
        found.append(f"descriptors: {before:g}, then {after:g}")
    before, after = pair(lambda one: one.p50_ms)
    if before and after > before * _LATENCY_TIMES:
        found.append(f"latency: {before:g} ms, then {after:g} ms")
    return found


def _manager(sample: Sample) -> float:
    return sample.manager_bytes


def _daemon(sample: Sample) -> float:
    return sample.daemon_bytes


_WIDTH, _HEIGHT, _LEFT, _GAP = 900, 110, 110, 46
_PANELS: Final[tuple[tuple[str, tuple[tuple[str, Callable[[Sample], float]], ...]], ...]] = (
    (
        "memory, MiB",
        (
            ("manager", lambda one: one.manager_bytes / 2**20),
            ("daemon", lambda one: one.daemon_bytes / 2**20),
        ),
    ),
    ("on disk, MiB", (("state", lambda one: one.disk_bytes / 2**20),)),
    ("descriptors", (("both", lambda one: one.descriptors),)),
    ("a change, ms", (("p50", lambda one: one.p50_ms), ("p99", lambda one: one.p99_ms))),
    ("load of the machine", (("load", lambda one: one.load),)),
)
_COLOURS: Final = ("#1f77b4", "#d95f02")


def drawn(samples: Sequence[Sample]) -> str:
    """The samples as an SVG picture: a panel for each kind of figure, the runs one behind the other."""
    shifts, end = {}, 0.0
    for run in sorted({one.run for one in samples}):
        shifts[run] = end
        end += max(one.at_s for one in samples if one.run == run)
    height = len(_PANELS) * (_HEIGHT + _GAP) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 30} {height}" font-family="sans-serif" font-size="13">',
        f'<rect width="100%" height="{height}" fill="white"/>',
    ]
    for number, (title, lines) in enumerate(_PANELS):
        parts += _panel(title, lines, samples, shifts, end, 30 + number * (_HEIGHT + _GAP))
    return "\n".join([*parts, "</svg>", ""])


def _panel(
    title: str, lines: Any, samples: Sequence[Sample], shifts: dict[int, float], end: float, top: int
) -> list[str]:
    most = max((value(one) for one in samples for _, value in lines), default=1.0) or 1.0
    names = ", ".join(
        f'<tspan fill="{colour}">{escape(name)}</tspan>'
        for (name, _), colour in zip(lines, _COLOURS, strict=False)
    )
    parts = [
        f'<text x="{_LEFT}" y="{top - 8}">{escape(title)}: {names}</text>',
        f'<rect x="{_LEFT}" y="{top}" width="{_WIDTH}" height="{_HEIGHT}" fill="none" stroke="#999"/>',
        f'<text x="{_LEFT - 8}" y="{top + 10}" text-anchor="end">{_figure(most)}</text>',
        f'<text x="{_LEFT - 8}" y="{top + _HEIGHT}" text-anchor="end">0</text>',
        f'<text x="{_LEFT + _WIDTH}" y="{top + _HEIGHT + 16}" text-anchor="end">{end / 60:.0f} min</text>',
    ]
    for run, shift in shifts.items():
        of_run = [one for one in samples if one.run == run]
        x = _LEFT + _WIDTH * shift / (end or 1.0)
        parts.append(f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{top + _HEIGHT}" stroke="#ccc"/>')
        parts.append(
            f'<text x="{x + 4:.1f}" y="{top + _HEIGHT + 16}" fill="#666">run {run}: {escape(of_run[0].what)}</text>'
        )
        for (_, value), colour in zip(lines, _COLOURS, strict=False):
            points = " ".join(
                f"{_LEFT + _WIDTH * (shift + one.at_s) / (end or 1.0):.1f},{top + _HEIGHT * (1 - value(one) / most):.1f}"
                for one in of_run
                # Latencies of a while without a change are none.
                if value(one)
            )
            parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    return parts


def _figure(value: float) -> str:
    """Whole, unless it is small."""
    return f"{value:,.0f}".replace(",", " ") if value >= 10 else f"{value:.3g}"
