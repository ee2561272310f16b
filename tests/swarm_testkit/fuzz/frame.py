"""Plays drawn inputs one after the other and says which of them broke a promise.

An input is its seed: what is found can be found again. A player turns a seed into the way in which the input ended, one or two words ("refused",
"taken"), and raises where a promise is broken; whatever it raises is a finding, and so is an input that uses more processor time than HANG_S.
"""

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Final

HANG_S: Final = 10.0
"""Processor time that no input may take, on the slowest of machines."""
FINDINGS_MAX: Final = 50
"""After as many the hunt ends: they have few causes."""

Player = Callable[[int], str]


class Broken(AssertionError):
    """An input broke a promise; the text says which."""


class Hang(BaseException):
    """An input does not end. No handler of the code that is played may take it for one of its own errors."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One input from outside. `opened` prepares what many inputs share and gives the player; `rooms` are the packages and modules that
    read the input, of which lines are counted."""

    name: str
    what: str
    opened: Callable[[], AbstractContextManager[Player]]
    rooms: tuple[str, ...]


@dataclass(slots=True)
class Report:
    """What inputs came to: how many ended in which way, and the findings by seed."""

    count: int = 0
    cpu_s: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    findings: dict[int, str] = field(default_factory=dict)


def must(holds: object, promise: str) -> None:
    """Raise Broken where it does not hold."""
    if not holds:
        raise Broken(promise)


def hunt(kind: Kind, seeds: Iterable[int], *, goes_on: Callable[[], bool] = lambda: True) -> Report:
    """Play these inputs, while it `goes_on`. Only in the main thread: the clock that ends a hang is a signal's."""
    report, began = Report(), time.process_time()
    with kind.opened() as play, _bounded() as begin:
        for seed in seeds:
            if not goes_on() or len(report.findings) >= FINDINGS_MAX:
                break
            begin()
            try:
                report.outcomes[play(seed)] += 1
            except (Exception, Hang) as error:  # noqa: BLE001 - whatever it is, it is what is looked for
                report.findings[seed] = _told(error)
            report.count += 1
    report.cpu_s = time.process_time() - began
    return report


def _told(error: BaseException) -> str:
    """The failure and the line of the product or of the law that raised it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    text = " ".join(str(error).split())[:300]
    at, found = error.__traceback__, ""
    while at is not None:
        found = f"{at.tb_frame.f_code.co_filename}:{at.tb_lineno}"
        at = at.tb_next
    return f"{type(error).__name__}: {text} ({found})"


@contextmanager
def _bounded() -> Iterator[Callable[[], None]]:
    """Gives what is called at the begin of each input: from there on it may take HANG_S of processor time."""

    def end(number: int, frame: FrameType | None) -> None:
        raise Hang(f"more than {HANG_S:g} s of processor time")

    before = signal.signal(signal.SIGVTALRM, end)
    try:
        yield lambda: signal.setitimer(signal.ITIMER_VIRTUAL, HANG_S) and None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
