"""Opening what was recorded, and the session that views of the past read."""

from typing import Final

from swarm_core.client.control import Control
from swarm_core.client.logs import LogReader

from swarm_tui.clusters.mirror import Mirror
from swarm_tui.clusters.session import Session
from swarm_tui.journal.errors import NothingKnown
from swarm_tui.journal.file import JournalFile
from swarm_tui.journal.no_calls import NoCalls
from swarm_tui.journal.recorder import Recorder
from swarm_tui.journal.replay import PastClock
from swarm_tui.journal.tape import Tape

FLUSH_S: Final = 5.0


def opened_tape(recorder: Recorder | None) -> Tape:
    """The journal of the cluster that is looked at, with all that came until now. Raises JournalError. For a thread."""
    if recorder is None:
        raise NothingKnown("Nothing is recorded (SWARM_TUI_JOURNAL=off), so there is nothing to rewind to.")
    recorder.flushed(FLUSH_S)
    if recorder.path is None or not recorder.path.exists():
        raise NothingKnown("Nothing is recorded of this cluster yet.")
    file = JournalFile.open_for_reading(recorder.path)
    try:
        return Tape(file)
    except BaseException:
        file.close()
        raise


def past_session(live: Session, mirror: Mirror, clock: PastClock) -> Session:
    """A session whose mirror shows the past, and whose calls are all refused."""
    calls = NoCalls()
    return Session(live.title, mirror, Control(calls), LogReader(calls, clock=clock), clock, is_past=True)
