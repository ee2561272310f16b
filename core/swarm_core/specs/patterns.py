"""Regular expressions that a person types, looked for in bounded time.

Python's matcher goes back over its own steps: `(a+)+$` takes for ever on forty letters, and no look at the expression tells that beforehand. But the
matcher asks for signals while it works, every 4096 steps that it tries from one place of a text. So a timer on the processor time of this
process looks at it, and interrupts it when it is too slow. What is fast pays next to nothing for that.

Rules
1. Texts of which one takes longer than TICK_S may take STUCK_S together in one pass, all texts of a pass PASS_S. Only the matcher's time counts.
2. A search alone is a pass. `one_pass` makes one of many, which is also cheaper than a timer for each.
3. A text of more than SHORT characters is looked through in one go, its places being part of the expression: with steps that look at the
   rest of the text each, fewer than 4096 from a place, the many places of a long text would together take for ever and never ask for signals.
4. Only the main thread searches: signals are handled there alone.
5. Who has a timer of this kind already has it again after a pass, which counts for it.
"""

import re
import signal
import warnings
from collections.abc import Callable
from time import process_time
from types import FrameType, TracebackType
from typing import Final

TICK_S: Final = 0.02
STUCK_S: Final = 0.2
PASS_S: Final = 2.0
SHORT: Final = 512
LIT_MAX: Final = 32 * 1024
"""Characters of a text in which places are shown."""
_ALL: Final = ".*"
_AFTER_ALL: Final = ("?", "+", "*", "{")
"""What makes something else of `.*` before it."""
_FLAGS: Final = re.compile(r"\(\?([aiLmsux]+)\)")
"""Flags of the whole expression stand at its beginning."""


class BadPattern(ValueError):
    """It is no regular expression; the text is the reason, without a full stop."""


class TooSlow(Exception):
    """It was looked for too long; the text is a sentence without its full stop."""


class Pattern:
    """An expression that is looked for anywhere in a text."""

    __slots__ = ("_match", "_match_behind", "_places", "_search", "body")

    def __init__(self, body: str, *, ignores_case: bool = False) -> None:
        """Raises BadPattern."""
        flags = re.IGNORECASE if ignores_case else re.NOFLAG
        self.body = body
        try:
            with warnings.catch_warnings():
                # Of `[[` Python warns that it may mean something else one day; a warning would go over the screen.
                warnings.simplefilter("ignore", FutureWarning)
                whole, needed = re.compile(body, flags), _needed(body)
                self._match, self._places = whole.match, whole.finditer
                self._search = re.compile(needed, flags).search
                self._match_behind = re.compile(_behind_anything(needed), flags).match
        except (re.error, RecursionError, OverflowError) as error:
            raise BadPattern(str(error)) from None

    def is_in(self, text: str) -> bool:
        """Whether it is found in the text. Raises TooSlow."""
        if _watch.passes:
            return (self._search if len(text) <= SHORT else self._match_behind)(text) is not None
        with _watch:
            return self.is_in(text)

    def stretches(self, text: str, most: int) -> list[tuple[int, int]]:
        """Where in the first LIT_MAX characters it is found, begin and end of each, at most so many; empty ones are left out. Raises TooSlow."""
        with _watch:
            found: list[tuple[int, int]] = []
            if len(text) <= SHORT:
                # No comprehension: it would be another frame than the one that the watch knows.
                for match in self._places(text):
                    if match.end() > match.start():
                        found.append(match.span())
                return found[:most]
            place = 0
            while place < min(len(text), LIT_MAX) and len(found) < most:
                here = self._match(text, place)
                if here is not None and here.end() > place:
                    found.append(here.span())
                    place = here.end()
                else:
                    place += 1
            return found


def _needed(body: str) -> str:
    """What has to be found: `.*` before it holds anywhere, and the matcher would go through it from every place of the text."""
    is_idle = body.startswith(_ALL) and body[len(_ALL) :][:1] not in _AFTER_ALL and "|" not in body
    return body.removeprefix(_ALL) if is_idle else body


def _behind_anything(body: str) -> str:
    """What matches at the beginning of a text where `body` is found anywhere in it."""
    flags = _FLAGS.match(body)
    head = flags[0] if flags is not None else ""
    # The end of the line ends a comment, where an expression may have some.
    end = "\n" if flags is not None and "x" in flags[1] else ""
    return f"{head}(?s:.)*?(?:{body.removeprefix(head)}{end})"


_Handler = Callable[[int, FrameType | None], object] | int | None
_SEARCHES: Final = (Pattern.is_in.__code__, Pattern.stretches.__code__)


class _Watch:
    """Looks at the searches of this process, every TICK_S of its processor time, while there is a pass."""

    def __init__(self) -> None:
        self.passes = 0
        """How many there are, one within the other; the outermost counts."""
        self._others: _Handler = None
        self._others_s = (0.0, 0.0)
        """Until it is due, and from then on."""
        self._began_s = self._at_s = self._spent_s = self._stuck_s = 0.0
        self._text: str | None = None
        """What was looked through at the last tick."""

    def __enter__(self) -> None:
        if not self.passes:
            self._others = signal.getsignal(signal.SIGVTALRM)
            if self._others != self._tick:
                signal.signal(signal.SIGVTALRM, self._tick)
            self._spent_s = self._stuck_s = 0.0
            self._began_s = self._at_s = process_time()
            self._others_s = signal.setitimer(signal.ITIMER_VIRTUAL, TICK_S, TICK_S)
        self.passes += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.passes -= 1
        if not self.passes:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            self._text = None
            # Nobody's handler is not put back: a last tick may come when the timer is stopped, and would end the process.
            if callable(self._others) and self._others != self._tick:
                signal.signal(signal.SIGVTALRM, self._others)
                due_s, every_s = self._others_s
                if due_s:
                    passed_s = process_time() - self._began_s
                    signal.setitimer(signal.ITIMER_VIRTUAL, max(due_s - passed_s, TICK_S), every_s)

    def _tick(self, number: int, frame: FrameType | None) -> None:
        """Raises TooSlow, into the search that takes too long and nowhere else."""
        now_s = process_time()
        elapsed_s, self._at_s = now_s - self._at_s, now_s
        if not self.passes or frame is None or frame.f_code not in _SEARCHES:
            return
        seen = frame.f_locals
        text = seen["text"]
        self._spent_s += elapsed_s
        # A tick comes late where the matcher did not ask for it: all that time went into this text.
        self._stuck_s += elapsed_s if text is self._text else max(elapsed_s - TICK_S, 0.0)
        self._text = text
        if self._stuck_s > STUCK_S or self._spent_s > PASS_S:
            raise TooSlow(
                f"/{seen['self'].body}/ takes too long: write it without repetitions in a row or in one another, or look for words"
            )


_watch: Final = _Watch()


def one_pass() -> _Watch:
    """For a `with`: the searches within it have one bound together."""
    return _watch
