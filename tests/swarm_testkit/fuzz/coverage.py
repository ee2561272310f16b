"""Which lines of some rooms a piece of work reached. Only lines inside functions count: the others run when a module is loaded."""

import importlib.util
import pkgutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any


@dataclass(slots=True)
class Coverage:
    """`lines` are all of the rooms by file, `reached` those that ran."""

    lines: dict[str, set[int]]
    reached: dict[str, set[int]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(map(len, self.lines.values()))

    @property
    def hit(self) -> int:
        return sum(len(self.lines[file] & found) for file, found in self.reached.items())

    def missed(self) -> dict[str, list[int]]:
        """By file what did not run, for whoever looks for an input that is never drawn."""
        left = {file: sorted(lines - self.reached.get(file, set())) for file, lines in self.lines.items()}
        return {file: lines for file, lines in left.items() if lines}


@contextmanager
def covered(rooms: Iterable[str]) -> Iterator[Coverage]:
    """Note the lines of these packages and modules that run in this thread meanwhile. It makes them several times as slow."""
    found = Coverage({file: _lines(file) for file in _files(rooms)})
    found.reached = {file: set() for file in found.lines}
    reached = found.reached

    def enter(frame: FrameType, event: str, argument: Any) -> Any:
        lines = reached.get(frame.f_code.co_filename)
        if lines is None:
            return None
        lines.add(frame.f_lineno)

        def step(inner: FrameType, event: str, argument: Any) -> Any:
            lines.add(inner.f_lineno)
            return step

        return step

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield found
    finally:
        sys.settrace(before)


def _files(rooms: Iterable[str]) -> Iterator[str]:
    for room in rooms:
        found = importlib.util.find_spec(room)
        assert found is not None and found.origin is not None, f"there is no room {room}"
        yield found.origin
        for module in pkgutil.walk_packages(found.submodule_search_locations or (), f"{room}."):
            inner = importlib.util.find_spec(module.name)
            assert inner is not None and inner.origin is not None
            yield inner.origin


def _lines(file: str) -> set[int]:
    """The lines of the bodies of a file's functions."""
    found: set[int] = set()
    waiting = [(compile(Path(file).read_bytes(), file, "exec"), False)]
    while waiting:
        code, is_inside = waiting.pop()
        # A class body is optimised for nothing: what a function's code is.
        is_body = is_inside and bool(code.co_flags & 0x01)
        if is_body:
            found |= {
                line for _, _, line in code.co_lines() if line is not None and line != code.co_firstlineno
            }
        waiting += [(one, True) for one in code.co_consts if isinstance(one, CodeType)]
    return found
