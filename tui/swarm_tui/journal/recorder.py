"""Takes updates from the mirror and has them written by a thread: the event loop only puts them on a queue.

Rules (docs/design/journal.md 3)
1. An update costs the loop a look at the clock and one append. What is on the queue is written `GATHER_S` after the first
   of it came: a storm is few blocks, and an idle cluster wakes nobody.
2. The queue is bounded. What comes beyond `WAITING_MAX` is dropped, and the journal goes on with a keyframe.
3. Whatever fails, the dashboard goes on: it is told once, and nothing more is recorded.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from swarm_core.api.proto import objects_pb2
from swarm_core.client.managers import Managers
from swarm_core.client.watch import Listed, Update

from swarm_tui.journal.errors import JournalError
from swarm_tui.journal.places import forget_strangers, journal_of
from swarm_tui.journal.writer import AGE_MAX_NS, BYTES_MAX, Writer

GATHER_S: Final = 1.0
WAITING_MAX: Final = 100_000
_END_S: Final = 5.0
_NS_PER_S: Final = 1_000_000_000
_log: Final = logging.getLogger(__name__)


class WallClock(Protocol):
    def wall_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC."""


class Recorder:
    """See the module's text. `tell` is called from the thread, with a sentence for the person."""

    def __init__(
        self,
        directory: Path,
        clock: WallClock,
        *,
        title: str = "",
        tell: Callable[[str], None] = _log.warning,
        gather_s: float = GATHER_S,
        bytes_max: int = BYTES_MAX,
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._title = title
        self._tell = tell
        self._gather_s = gather_s
        self._bytes_max = bytes_max
        self._waiting: deque[tuple[int, Update | Managers]] = deque()
        self._has_dropped = False
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._is_over = threading.Event()
        self._thread: threading.Thread | None = None
        self._writer: Writer | None = None
        self._cluster_id = ""
        self._is_idle = threading.Condition()
        self._written = 0
        self._noted = 0

    @property
    def path(self) -> Path | None:
        """The journal of the cluster; None before it is known which one it is."""
        return journal_of(self._directory, self._cluster_id) if self._cluster_id else None

    # -- on the loop -------------------------------------------------------------------------------

    def tell_to(self, tell: Callable[[str], None]) -> None:
        """Who hears the sentences from now on."""
        self._tell = tell

    def note(self, update: Update | Managers) -> None:
        """Take an update; it is written soon."""
        if self._is_over.is_set():
            return
        if type(update) is Listed:
            self._cluster_id = next(
                (item.id for item in update.objects if isinstance(item, objects_pb2.Cluster)),
                self._cluster_id,
            )
        if len(self._waiting) >= WAITING_MAX:
            self._has_dropped = True
            return
        self._noted += 1
        self._waiting.append((self._clock.wall_ns(), update))
        if not self._wake.is_set():
            self._wake.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
            self._thread.start()

    def flushed(self, timeout_s: float) -> bool:
        """Write at once what was noted, and wait for it; called from a thread. False when it takes longer, which is told too: what is read then
        ends before now."""
        goal = self._noted
        self._hurry.set()
        with self._is_idle:
            is_written = self._is_idle.wait_for(
                lambda: self._written >= goal or self._is_over.is_set(), timeout_s
            )
        if not is_written:
            self._tell(
                f"The disk is slow: what came last was not written within {timeout_s:g} s and is missing here."
            )
        return is_written

    def close(self) -> None:
        """Write what waits, and end. It takes as long as the disk does, but not for ever."""
        self._is_over.set()
        self._hurry.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_END_S)

    # -- in the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._is_over.is_set():
                self._wake.wait()
                self._hurry.wait(self._gather_s)
                self._hurry.clear()
                self._wake.clear()
                self._write_waiting()
            self._write_waiting()
        except JournalError as error:
            self._tell(f"{error} Nothing is recorded for rewinding.")
        except Exception as error:  # noqa: BLE001 - the border of this thread: the dashboard goes on without a journal
            _log.exception("the journal ended")
            self._tell(f"The journal ended: {type(error).__name__}: {error}. Nothing more is recorded.")
        finally:
            self._is_over.set()
            if self._writer is not None:
                self._writer.close()
            self._waiting.clear()
            with self._is_idle:
                self._is_idle.notify_all()

    def _write_waiting(self) -> None:
        batch: list[tuple[int, Update | Managers]] = []
        while self._waiting:
            batch.append(self._waiting.popleft())
        has_dropped, self._has_dropped = self._has_dropped, False
        for part in _by_cluster(batch):
            writer = self._writer_for(part)
            if writer is not None:
                writer.is_gap |= has_dropped
                writer.take(part)
                for sentence in writer.sentences:
                    self._tell(sentence)
                writer.sentences.clear()
        with self._is_idle:
            self._written += len(batch)
            self._is_idle.notify_all()

    def _writer_for(self, part: list[tuple[int, Update | Managers]]) -> Writer | None:
        """The writer of the cluster that these updates are of: a listing may be of another than before."""
        at_ns, first = part[0]
        if not isinstance(first, Listed):
            return self._writer
        cluster_id = next((one.id for one in first.objects if isinstance(one, objects_pb2.Cluster)), "")
        if not cluster_id:
            return self._writer
        path = journal_of(self._directory, cluster_id)
        if self._writer is None or self._writer.path != path:
            if self._writer is not None:
                self._writer.close()
            forget_strangers(self._directory, before_s=(at_ns - AGE_MAX_NS) / _NS_PER_S, keep=path)
            self._writer = Writer(path, title=self._title, bytes_max=self._bytes_max)
        return self._writer


def _by_cluster(
    batch: list[tuple[int, Update | Managers]],
) -> list[list[tuple[int, Update | Managers]]]:
    """The batch cut before each listing."""
    parts: list[list[tuple[int, Update | Managers]]] = []
    for one in batch:
        if not parts or isinstance(one[1], Listed):
            parts.append([])
        parts[-1].append(one)
    return parts
