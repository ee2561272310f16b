"""When a Textual program has done all that it was told, in place of the toolkit's guess.

The toolkit's pilot takes a program for idle once it has used next to nothing of the processor for a fiftieth of a second. On a busy
machine a program is given next to nothing, so the guess is wrong just there, and a test looks before it has happened.
Here a program is at rest when every part of it waits for the next message, everything is mounted and has its place, and the
dashboard has no key and no verb under way. What only comes later (a timer, an answer, news of the cluster) a test waits
for by name.
"""

import asyncio
from functools import partialmethod

import pytest
import textual.app
import textual.pilot
from swarm_tui.app import SwarmApp
from swarm_tui.shell.typed_ahead import TypedAhead
from swarm_tui.shell.work import Work
from textual._context import active_app
from textual.app import App
from textual.pilot import Pilot

from swarm_testkit.patience import until_true

_TURNS = 5
"""So many turns of the loop bring a key from the pilot to the program."""
_LIMIT_S = 30.0
_NAP_S = 0.002
_HANG_S = 3600.0
"""The toolkit's own wait for every part to take one message: time of day says nothing, so this one never ends a test before others do."""


def is_at_rest(app: App[object]) -> bool:
    """Whether nothing is under way that the program does by itself and at once."""
    if isinstance(app, SwarmApp):
        return app.is_caught_up
    return TypedAhead(app, Work(), None)._is_at_rest  # type: ignore[arg-type]


async def until_at_rest(min_sleep: float = 0, max_sleep: float = _LIMIT_S) -> None:
    """Wait until the program of this context is at rest, has ended or has failed. Raises AssertionError."""
    del min_sleep
    app = active_app.get()
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    try:
        await until_true(
            lambda: not app.is_running or app._exception is not None or is_at_rest(app),
            looks=round(max_sleep / _NAP_S),
            nap_s=_NAP_S,
        )
    except TimeoutError:
        raise AssertionError(f"the program did not come to rest in {max_sleep:g} s that it had") from None


def wait_for_rest_instead_of_guessing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every pilot wait until the program is at rest."""
    monkeypatch.setattr(textual.app, "wait_for_idle", until_at_rest)
    monkeypatch.setattr(textual.pilot, "wait_for_idle", until_at_rest)
    monkeypatch.setattr(Pilot, "_wait_for_screen", partialmethod(Pilot._wait_for_screen, timeout=_HANG_S))
