"""Notices of a program that a test looks at: they go after so many looks as fit into their time, however long these take.

By the clock on the wall a busy machine would come too late for them: what a key led to has said something, and it is gone again before the test
looks for the first time. For ever they must not stay either: they cover what stands below.
"""

from typing import Final
from weakref import WeakKeyDictionary

import pytest
from textual import events
from textual.notifications import Notification
from textual.widgets._toast import Toast

_left: Final[WeakKeyDictionary[Toast, int]] = WeakKeyDictionary()
"""How many looks each has left."""


def count_looks_for_notices(monkeypatch: pytest.MonkeyPatch, *, nap_s: float) -> None:
    """Let no time pass for notices but by `looked`, which is called with naps of `nap_s` in between."""

    def stay(toast: Toast, _: events.Mount) -> None:
        _left[toast] = round(toast._timeout / nap_s)

    monkeypatch.setattr(Notification, "time_left", property(lambda notice: notice.timeout))
    monkeypatch.setattr(Toast, "_on_mount", stay)


def looked() -> None:
    """A test has looked, and what it waits for was not there."""
    for toast, left in list(_left.items()):
        if left > 1 and toast.is_running:
            _left[toast] = left - 1
            continue
        del _left[toast]
        if toast.is_running:
            toast._expire()
