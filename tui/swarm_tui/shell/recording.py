"""Recording a runbook: keys in, a script of commands out (docs/design/terminal.md 11.26). The file is written with every step, so that
it is whole however the program ends."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from swarm_core.api.typed_paths import path_of

from swarm_tui.clusters.session import Session
from swarm_tui.operations.docker.commands import Commands, commands_of
from swarm_tui.operations.forecast.model import Pair
from swarm_tui.operations.model import Outcome, Plan
from swarm_tui.operations.runbook import Runbook, Watched
from swarm_tui.resources.format import plural
from swarm_tui.widgets.paint import Spans

_MODE: Final = 0o700


class Recording:
    """See the module's text. `watched` is the list that is narrowed down now; `changed` is called when the line that tells of it is
    another."""

    def __init__(
        self, session: Session, watched: Callable[[], Watched | None], changed: Callable[[], None]
    ) -> None:
        self._session = session
        self._watched = watched
        self._changed = changed
        self._runbook: Runbook | None = None
        self._path = Path()

    @property
    def is_on(self) -> bool:
        """Whether one is being recorded."""
        return self._runbook is not None

    def begin(self, path: str) -> str:
        """Record into this file from now on; why that cannot be, or nothing."""
        wanted = path_of(path).absolute()
        try:
            wanted.touch(_MODE, exist_ok=False)
        except OSError as error:
            return f"Could not write {wanted}: {error.strerror}."
        self._path, self._runbook = wanted, Runbook(self._session.title, self._session.now_ns)
        self._changed()
        return ""

    def end(self) -> str:
        """It is whole; what is said of it. Raises OSError."""
        runbook = self._runbook
        assert runbook is not None
        self._look(runbook)
        self._runbook = None
        self._changed()
        self._write(runbook)
        return f"{plural(len(runbook), 'step')} in {self._path}: 'swarm-tui runbook play' goes through it."

    def before(self, plan: Plan, pairs: Sequence[Pair]) -> Commands | None:
        """A plan will be carried out: the commands that do the same, and what came of the step before."""
        if self._runbook is None:
            return None
        self._look(self._runbook)
        return commands_of(plan, pairs, self._session.mirror)

    def after(
        self, plan: Plan, pairs: Sequence[Pair], outcomes: Sequence[Outcome], commands: Commands | None
    ) -> None:
        """It was carried out. Raises OSError."""
        if self._runbook is None or commands is None:
            return
        self._runbook.did(plan, pairs, outcomes, commands, self._session.now_ns)
        self._write(self._runbook)

    def said(self, title: str, words: Sequence[str], by_hand: str = "") -> None:
        """Something was begun that is one command, or none and then to be done by hand. Raises OSError."""
        if self._runbook is None:
            return
        self._look(self._runbook)
        self._runbook.said(title, words, self._session.now_ns, by_hand)
        self._write(self._runbook)

    def line(self) -> Spans:
        """What tells that it goes on; nothing while it does not."""
        if self._runbook is None:
            return []
        return [
            (" ● runbook ", "error+bold"),
            (f"{plural(len(self._runbook), 'step')} in {self._path.name} · ", "text"),
            (":runbook", "accent+bold"),
            (" ends it", "text"),
        ]

    def _look(self, runbook: Runbook) -> None:
        runbook.looked(self._session.mirror, self._watched(), self._session.now_ns)

    def _write(self, runbook: Runbook) -> None:
        self._path.write_text("\n".join(runbook.lines()) + "\n", encoding="utf-8", errors="backslashreplace")
        self._changed()
