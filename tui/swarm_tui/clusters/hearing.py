"""Waiting until a mirror shows what was changed a moment ago: what a person asks for next is planned of the cluster as it is by then."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from swarm_tui.clusters.changes import Changes, Phase
from swarm_tui.clusters.mirror import Mirror

HEARS_S_MAX: Final = 1.0
"""No longer: keys wait no longer either (docs/design/terminal.md 11.1.2)."""


def has_heard_of(mirror: Mirror, made: Any) -> bool:
    """Whether the mirror shows the object as it was made, or what became of it since."""
    held: Any = mirror.get(type(made), made.id)
    version: int = made.meta.version.index
    return mirror.version >= version if held is None else held.meta.version.index >= version


async def heard(mirror: Mirror, is_so: Callable[[], bool]) -> None:
    """Wait until `is_so` of what the mirror shows. Not for ever, and not where no stream feeds it."""
    told = asyncio.Event()

    def hear(_: Changes) -> None:
        told.set()

    end = mirror.listen(hear)
    try:
        async with asyncio.timeout(HEARS_S_MAX):
            while not is_so() and mirror.stream.phase is Phase.LIVE:
                await told.wait()
                told.clear()
    except TimeoutError:
        # Whoever plans of what it shows compares versions.
        return
    finally:
        end()
