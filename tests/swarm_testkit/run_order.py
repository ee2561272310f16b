"""The order in which the workers of a run take tests.

Workers take tests from one queue. Tests that wait (for daemons, engines, terminals) and tests that only compute stand mixed in it, so that the
processors have something to do while others wait. The last tenth only computes: no worker begins a long test when the others are about to end.
"""

from collections.abc import Sequence
from typing import TypeVar

import pytest

T = TypeVar("T")
_TAIL = 0.1
_ENGINES = ("engine", "swarm_engine")


def engines_of(item: pytest.Item) -> list[str]:
    """The engines of the whole run that a test uses; a module's own fixture of that name is another one."""
    if not isinstance(item, pytest.Function):
        return []
    found = item._fixtureinfo.name2fixturedefs
    return [name for name in _ENGINES if name in found and found[name][-1].scope == "session"]


def spread(tests: Sequence[T], waits: Sequence[bool]) -> list[T]:
    """All tests, each sort in its own order; those that wait evenly over the first nine tenths."""
    waiting = [test for test, is_waiting in zip(tests, waits, strict=True) if is_waiting]
    computing = [test for test, is_waiting in zip(tests, waits, strict=True) if not is_waiting]
    if not waiting:
        return computing
    step = int(len(computing) * (1 - _TAIL)) / len(waiting)
    order: list[T] = []
    for number, test in enumerate(waiting):
        order.append(test)
        order += computing[int(number * step) : int((number + 1) * step)]
    return order + computing[int(len(waiting) * step) :]
