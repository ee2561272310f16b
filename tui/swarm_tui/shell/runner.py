"""Runs verbs: every key, palette entry and click on the key bar ends here.

A verb that fails must never end the program: this is the border at which any of its exceptions becomes a sentence for
the person, and a record with the traceback in the log.
"""

import logging
from collections.abc import Callable, Collection, Coroutine
from typing import Any, Final, Protocol

from swarm_tui.shell.navigator import Navigator
from swarm_tui.shell.work import Undertaking, Work
from swarm_tui.verbs.model import Verb, Verbs
from swarm_tui.verbs.ports import Ports
from swarm_tui.verbs.unapplied import why_nothing
from swarm_tui.widgets.bars import Key

_log: Final = logging.getLogger(__name__)


class Workers(Protocol):
    """Who carries out what waits. Implemented by the screen."""

    def carry_out(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` in a worker."""

    def tell_failure(self, text: str) -> None:
        """Say that something went wrong."""

    @property
    def is_typing(self) -> bool:
        """Whether letters go into a text field now."""


class Runner:
    """See the module's text."""

    def __init__(
        self, verbs: Verbs, ports: Ports, navigator: Navigator, workers: Workers, work: Work
    ) -> None:
        self.take(verbs)
        self.ports = ports
        self._navigator = navigator
        self._workers = workers
        self._work = work
        self.ran: Callable[[str], object] = lambda _: None
        """Told of each verb that is run, by its id."""

    def take(self, verbs: Verbs) -> None:
        """From now on it is these, with their keys."""
        self.verbs = verbs
        self._ranked = sorted((verb for verb in verbs if verb.rank), key=lambda verb: verb.rank)

    def applies(self, verb: Verb) -> bool:
        """Whether the verb works now, on what is selected."""
        return verb.applies_now(self._navigator.context, self.ports)

    def offered(self) -> list[Key]:
        """The entries of the key bar: what works now, by rank. A key that would be typed into a text is not among them."""
        is_typing = self._workers.is_typing
        shown = (
            (verb, verb.key_now(is_typing=is_typing))
            for verb in self._ranked
            if self.applies(verb) and not (verb.changes and self.ports.desk.past is not None)
        )
        return [Key(key, verb.called(self.ports), verb.id) for verb, key in shown if key is not None]

    def pressed_in_vain(self, keys: Collection[str]) -> None:
        """Say why a key that is a verb's does nothing now, where that is so. Where a text is typed its keys are the text's."""
        if self._workers.is_typing:
            return
        if said := why_nothing(self.verbs, self._navigator.context, keys, self.ports):
            self.ports.desk.say(said)

    def refusal(self, verb: Verb) -> str:
        """Why the verb must not be run now, although it works on what is selected; empty when it may."""
        if verb.changes and self.ports.desk.past is not None:
            return f"“{verb.label}” changes the cluster, and this is the past: {self.verbs['global.rewind'].key} goes back to now."
        if verb.is_of_one and self.ports.desk.is_of_several:
            return f"“{verb.label}” is of one cluster, and several are shown: enter an object of it, or go to it with {self.verbs['global.clusters'].key}."
        return ""

    def run(self, verb_id: str) -> None:
        """Run the verb with this id, if it works now."""
        verb = self.verbs[verb_id]
        if self.applies(verb):
            if refusal := self.refusal(verb):
                self._workers.tell_failure(refusal)
                return
            self.ran(verb_id)
            self.start(lambda: verb.do(self.ports), verb.label)

    def start(self, work: Callable[[], Coroutine[Any, Any, None] | None], label: str) -> None:
        """Do `work`; what it leaves to wait for is carried out in a worker. `label` names it where it fails."""
        try:
            rest = work()
        except Exception as error:  # noqa: BLE001 - told, and the program goes on
            self._failed(label, error)
            return
        if rest is not None:
            self._workers.carry_out(self._guarded(rest, label, self._work.begin()))

    async def _guarded(self, work: Coroutine[Any, Any, None], label: str, mine: Undertaking) -> None:
        try:
            with self._work.carried_out(mine):
                await work
        except Exception as error:  # noqa: BLE001 - told, and the program goes on
            self._failed(label, error)

    def _failed(self, label: str, error: Exception) -> None:
        _log.error("the verb %r failed", label, exc_info=error)
        self._workers.tell_failure(f"“{label}” failed: {type(error).__name__}: {error}".rstrip(": "))
