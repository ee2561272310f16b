"""The collector of garbage, as it fits programs that load much and daemons that hold much."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Stores hold many long-lived objects and few cycles, and so do loaded modules: looking for cycles after every 700 new objects, as
# Python does by itself, would walk them again and again.
_THRESHOLDS = (50_000, 20, 50)


def look_seldom() -> None:
    """Look for garbage as seldom as a daemon does; a program that loads its modules says it first, a twentieth of its start."""
    gc.set_threshold(*_THRESHOLDS)


def keep_what_is_loaded() -> None:
    """What was made until now stays for ever, and need not be walked."""
    gc.freeze()


@contextmanager
def garbage_kept() -> Iterator[None]:
    """While much is built that stays, no garbage is looked for."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
