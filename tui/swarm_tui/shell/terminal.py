"""The terminal: left as it was found however the program ends, and noticed when it goes away.

Rules:
- The signals that ask a program to end (a closed terminal, a kill) end it as its own key does, so that the terminal is put
  back in order; the exit code is 128 and the signal's number, as shells give it.
- A terminal that is gone without a signal, as under nohup, is noticed within a second. What is written to it is dropped.
- A closed terminal also tells its programs to go on (SIGCONT). Who did not sleep, or has ended, begins nothing anew then.
"""

import asyncio
import select
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from queue import Full
from typing import Final, Protocol

from textual.drivers.linux_driver import LinuxDriver

ENDING: Final = (signal.SIGHUP, signal.SIGTERM)
HUNG_UP: Final = 128 + signal.SIGHUP
LOOK_EVERY_S: Final = 1.0
_GONE: Final = select.POLLHUP | select.POLLERR | select.POLLNVAL
_WRITE_S: Final = 0.5


class Closable:
    """A driver that can tell when nobody is at the other end any more."""

    fileno: int
    """Where it writes to."""

    @property
    def is_gone(self) -> bool:
        """Whether the other end was closed."""
        poll = select.poll()
        poll.register(self.fileno, 0)
        return any(event & _GONE for _, event in poll.poll(0))


class TerminalDriver(Closable, LinuxDriver):
    """The toolkit's driver, which does not hang or spin at a terminal that was closed."""

    def write(self, data: str) -> None:
        assert self._writer_thread is not None, "written to before it was started"
        while self._writer_thread.is_alive():
            try:
                self._writer_thread._queue.put(data, timeout=_WRITE_S)
            except Full:
                continue
            return

    def _sigcont_application(self, *_: object) -> None:
        """Take the terminal back. The toolkit begins reading once more even where it reads already, or where it has ended: nobody would tell
        the second reader to end, and at a closed terminal it never waits."""
        if self._must_signal_resume:
            super()._sigcont_application()
        elif self._is_reading:
            # The signal may have come while the queue of what is written is locked.
            self._loop.call_soon_threadsafe(self._take_anew)

    @property
    def _is_reading(self) -> bool:
        return self._key_thread is not None and self._key_thread.is_alive()

    def _take_anew(self) -> None:
        """After a stop that nobody announced (SIGSTOP): the shell has written, and set modes of its own."""
        if self._is_reading and not self.is_gone:
            self.suspend_application_mode()
            self.resume_application_mode()
            self.send_message(self.SignalResume())

    def close(self) -> None:
        # A thread that died at a closed terminal takes nothing from its queue: waiting for room there would never end.
        if self._writer_thread is not None and self._writer_thread.is_alive():
            self._writer_thread.stop()


class Suspendable(Protocol):
    """A program that can give its terminal to another one. Implemented by the toolkit's."""

    def batch_update(self) -> AbstractContextManager[None]:
        """Paint nothing while the block is run."""

    def suspend(self) -> AbstractContextManager[None]:
        """Give the terminal away while the block is run, which must raise nothing. Raises SuspendNotSupported."""


@contextmanager
def given_away(app: Suspendable) -> Iterator[None]:
    """The terminal is somebody else's while the block is run, and ours again however that ends: the toolkit takes it back from a block that
    raises nothing alone."""
    failure: BaseException | None = None
    with app.batch_update(), app.suspend():
        try:
            yield
        except BaseException as error:  # noqa: BLE001 - raised again below, with the terminal taken back
            failure = error
    if failure is not None:
        raise failure


def on_ending(end: Callable[[int], None]) -> Callable[[], None]:
    """Call `end` with the exit code at each signal that asks to end; the returned call takes that back."""
    loop = asyncio.get_running_loop()
    for number in ENDING:
        loop.add_signal_handler(number, end, 128 + number)

    def undo() -> None:
        for number in ENDING:
            loop.remove_signal_handler(number)

    return undo
