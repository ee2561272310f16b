"""A guided tour of ten keys: what to press next, step by step, until each was pressed. Pure.

A step is over when its verb was run, by whichever key, click or command. Whoever does something else meanwhile is not disturbed.
"""

from typing import Final

from swarm_tui.verbs.model import Verbs
from swarm_tui.widgets.paint import Spans

STEPS: Final = (
    ("global.services", "see all services"),
    ("list.open", "see the tasks of the service under the cursor"),
    ("global.back", "come back"),
    ("global.filter", "filter: type a few letters of a name, or state:failed, and enter"),
    ("list.logs", "read the logs of what is selected, newest below"),
    ("global.back", "come back to the list"),
    ("list.scale", "change how many tasks a service has; esc leaves it as it is"),
    ("global.problems", "see only what has a problem, and again: all"),
    ("global.command", "type a command, such as: describe service/web; esc leaves it"),
    ("global.help", "see what every other key does"),
)


class Tour:
    """One person's way through the steps."""

    def __init__(self) -> None:
        self._at = 0
        self.is_on = False

    def toggle(self) -> None:
        """Begin it anew, or end it."""
        self.is_on, self._at = not self.is_on, 0

    def ran(self, verb_id: str) -> bool:
        """Take note of a verb that was run; whether that took the tour a step on."""
        if not self.is_on or STEPS[self._at][0] != verb_id:
            return False
        self._at += 1
        if self._at == len(STEPS):
            self.is_on = False
        return True

    @property
    def is_done(self) -> bool:
        """Whether every step was taken."""
        return self._at == len(STEPS)

    def line(self, verbs: Verbs) -> Spans:
        """What to press next, with the key that holds; nothing while there is no tour."""
        if not self.is_on:
            return []
        verb_id, text = STEPS[self._at]
        verb = verbs[verb_id]
        return [
            (f" tour {self._at + 1} of {len(STEPS)}  ", "special+bold"),
            ("press ", "text"),
            (verb.key or f":{verb.word}", "accent+bold"),
            (f" to {text}", "text"),
            ("   :tour ends it", "muted"),
        ]
