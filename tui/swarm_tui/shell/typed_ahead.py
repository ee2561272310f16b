"""Keys and clicks that come before what the ones before them did is over, as from a slow line or a paste.

The toolkit gives a key to whatever has the focus when the key comes. Where keys come in one read that is the wrong place:
the dialog that the first of them opens is not there yet. So each key waits until the ones before it have taken effect:
messages are handled, what was mounted is there and has its size, and verbs are done or wait for the person. A key that comes
when nothing is under way is passed on at once.

Letters for the command palette wait for no search: each begins it anew. A key that chooses from what was found does wait.

No key waits longer than `REST_S_MAX`: work that takes longer, such as a call to a manager that does not answer, holds no
key back from then on.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import Any, Final, Protocol

from textual import events
from textual.app import App
from textual.command import CommandPalette
from textual.message_pump import MessagePump
from textual.widget import Widget
from textual.worker import WorkType

from swarm_tui.shell.work import Work

WAITING_MAX: Final = 50_000
"""What comes beyond this many is dropped: more than anybody types or pastes as keys."""
REST_S_MAX: Final = 1.0
_TURNS: Final = 20
_NAP_S: Final = 0.002
_ORDERED: Final = (events.Key, events.Paste, events.MouseDown, events.MouseUp)


class Clock(Protocol):
    async def sleep(self, seconds: float) -> None:
        """Wait."""


class TypedAhead:
    """See the module's text."""

    def __init__(self, app: App[Any], work: Work, clock: Clock) -> None:
        self._app = app
        self._work = work
        self._clock = clock
        self._waiting: deque[events.Event] = deque()
        self._given: events.Event | None = None
        self._is_busy = True
        """Until the program is ready, and from a key until what it did is over."""

    @property
    def is_over(self) -> bool:
        """Whether everything that came has been handled, with all that it led to. Work that takes long may go on."""
        return not self._is_busy and self._is_at_rest and not self._is_searching

    def start(self) -> None:
        """The program is ready to take keys."""
        self._follow()

    def admits(self, event: events.Event) -> bool:
        """Whether the program may handle `event` now; otherwise it comes again when its turn is there."""
        if event is self._given or not isinstance(event, _ORDERED) or not self._app.is_running:
            return True
        if self._is_busy:
            if len(self._waiting) < WAITING_MAX:
                self._waiting.append(event)
            return False
        self._given = event
        self._follow()
        return True

    def _follow(self) -> None:
        self._is_busy = True
        # Not called here: a program that ends with the key begins no worker, and a coroutine would be left behind.
        run: WorkType[None] = self._run
        self._app.run_worker(run, group="typed ahead", name="typed ahead")

    async def _run(self) -> None:
        while True:
            await self._rest()
            if not self._waiting:
                break
            self._given = self._waiting.popleft()
            self._app.post_message(self._given)
        self._given = None
        self._is_busy = False

    async def _rest(self) -> None:
        """Wait until what was begun is over, but not for ever."""
        try:
            async with asyncio.timeout(REST_S_MAX):
                looks = 0
                while not self._is_next_welcome:
                    # Most of what a key does takes a few turns of the loop.
                    await self._clock.sleep(0 if looks < _TURNS else _NAP_S)
                    looks += 1
        except TimeoutError:
            self._work.give_up_waiting()

    @property
    def _is_next_welcome(self) -> bool:
        """Whether what waits longest may be handled now; with nothing waiting, whether something could be."""
        key = self._waiting[0] if self._waiting else None
        is_letter = isinstance(key, events.Key) and key.is_printable
        return self._is_at_rest and (is_letter or not self._is_searching)

    @property
    def _is_at_rest(self) -> bool:
        if not self._app.screen_stack:
            # The program ends: there is nothing to wait for any more.
            return True
        # This is asked many times for each key. Most is done by what has the focus and by what holds it: all the rest is looked at when
        # these are idle.
        screen = self._app.screen_stack[-1]
        if screen._layout_required or screen._callbacks or not self._work.is_at_rest:
            return False
        focused = self._app.focused
        if focused is not None and any(_is_handling(one) for one in focused.ancestors_with_self):
            return False
        return all(map(_is_settled, self._pumps()))

    def _pumps(self) -> Iterator[MessagePump]:
        yield self._app
        for screen in self._app.screen_stack:
            yield from screen.walk_children(with_self=True)

    @property
    def _is_searching(self) -> bool:
        """Whether the palette still collects what fits."""
        return any(
            isinstance(worker.node, CommandPalette) and not worker.is_finished for worker in self._app.workers
        )


def _is_handling(pump: MessagePump) -> bool:
    """Whether a message waits or is being handled: then the pump does not wait for the next. The toolkit does not tell."""
    queue: Any = pump._message_queue
    return not (queue.empty() and queue.ready_event._waiters) and pump.is_running


def _is_settled(pump: MessagePump) -> bool:
    """Whether it waits for the next message, and a widget is mounted."""
    return not _is_handling(pump) and (not isinstance(pump, Widget) or pump.is_mounted)
