"""Opening what was recorded, and the session that views of the past read."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from swarm_core.client.control import Control
from swarm_core.client.errors import CallFailed
from swarm_core.client.log_query import LogQuery
from swarm_core.client.logs import LogLine

from swarm_tui.clusters.merged import Merged
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.clusters.no_calls import NoCalls
from swarm_tui.clusters.session import Logs, Session
from swarm_tui.journal.errors import JournalError, NothingKnown
from swarm_tui.journal.file import JournalFile
from swarm_tui.journal.places import SUFFIX, written_s
from swarm_tui.journal.recorder import Recorder
from swarm_tui.journal.replay import PastClock
from swarm_tui.journal.tape import Tape

FLUSH_S: Final = 5.0


def opened_tape(recorder: Recorder | None, *, wait_s: float = FLUSH_S) -> Tape:
    """The journal of the cluster that is looked at, with all that came until now, or was written within `wait_s`; the recorder tells of what was
    not. Raises JournalError. For a thread."""
    if recorder is None:
        raise NothingKnown("Nothing is recorded (SWARM_TUI_JOURNAL=off), so there is nothing to rewind to.")
    recorder.flushed(wait_s)
    if recorder.path is None or not recorder.path.exists():
        raise NothingKnown("Nothing is recorded of this cluster yet.")
    file = JournalFile.open_for_reading(recorder.path)
    try:
        return Tape(file)
    except BaseException:
        file.close()
        raise


@dataclass(frozen=True, slots=True)
class Recorded:
    """A journal that is there."""

    path: Path
    title: str
    cluster: str


def recorded(directory: Path) -> list[Recorded]:
    """The journals of this user, those written last first. One that cannot be read is left out."""
    found = []
    for path in sorted(directory.glob(f"*{SUFFIX}"), key=written_s, reverse=True):
        with contextlib.suppress(JournalError, FileNotFoundError):
            file = JournalFile.open_for_reading(path)
            with contextlib.closing(file):
                meta = file.meta()
            found.append(Recorded(path, meta.get("title", ""), meta.get("cluster", path.stem)))
    return found


_ONE_OF_SEVERAL: Final = "several clusters are shown, and this is of one of them"


class NoLogs:
    """Nothing of several clusters at once is read. Implements `session.Logs`."""

    async def run(
        self,
        query: LogQuery,
        sink: Callable[[Sequence[LogLine]], None],
        heard: Callable[[str | None], None] = lambda reason: None,
    ) -> None:
        """Raises CallFailed."""
        raise CallFailed("FAILED_PRECONDITION", _ONE_OF_SEVERAL)


def together(sessions: Sequence[Session]) -> Session:
    """Several clusters as one session: what is done and read goes through that of the cluster that it is of, and nothing through this."""
    clock = sessions[0].clock
    merged = Merged(clock, [one.mirror for one in sessions])
    title = " + ".join(one.title for one in sessions)
    control, allowance = Control(NoCalls(_ONE_OF_SEVERAL)), sessions[0].allowance
    return Session(title, merged, control, NoLogs(), clock, allowance=allowance, members=tuple(sessions))


def past_session(title: str, mirror: Mirror, clock: PastClock, logs: Logs) -> Session:
    """A session whose mirror shows the past, and whose calls are all refused."""
    return Session(title, mirror, Control(NoCalls()), logs, clock, is_past=True)
