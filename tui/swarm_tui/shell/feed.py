"""A cluster as the program is given it: its session, what comes in, and what keeps that."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from swarm_core.client.watch import Update

from swarm_tui.clusters.session import Session
from swarm_tui.journal.recorder import Recorder


@dataclass(frozen=True, slots=True)
class Feed:
    """`updates` opens a cluster's stream of updates, and is called again when everything is to be listed anew; `recorder` keeps what the
    mirror is told."""

    session: Session
    updates: Callable[[], AsyncIterator[Update]]
    recorder: Recorder | None = None


async def no_updates() -> AsyncIterator[Update]:
    """What comes in where nothing is asked."""
    return
    yield
