"""Every verb of the interface, once: keys, footer, palette and help are made from this table.

Rules: one key is one verb in every list; a key that does not apply is not offered, never re-purposed;
no context shadows a global key (a test walks the table). `id` is stable: users' keymaps name it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from textual.binding import Binding


class Context(StrEnum):
    """Where a key works; each view is of one context, GLOBAL holds in all."""

    GLOBAL = "everywhere"
    LIST = "in lists"
    TEXT = "in texts"
    LOG = "in logs"
    FORM = "in forms"


@dataclass(frozen=True, slots=True)
class Action:
    """`kinds` are the kinds of object it works on (empty: it needs none); `rank` orders the footer, 0 keeps it out."""

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    context: Context
    kinds: frozenset[str] = frozenset()
    rank: int = 0
    is_built_in: bool = False  # the toolkit binds the key itself; the entry is for help and clash tests
    shown: str = ""  # how the key is written, where its name is not what people read
    changes: bool = False  # sends something to the cluster

    @property
    def key(self) -> str:
        """The first key, as people write it."""
        return self.shown or _KEY_NAMES.get(self.keys[0], self.keys[0])

    @property
    def verb(self) -> str:
        """The id without its context: the name of the handler."""
        return self.id.partition(".")[2]


_KEY_NAMES: Final = {
    "question_mark": "?",
    "slash": "/",
    "exclamation_mark": "!",
    "escape": "esc",
    "asterisk": "*",
    "ctrl+backslash": "ctrl+\\",
}
_G, _L, _T, _O, _F = Context.GLOBAL, Context.LIST, Context.TEXT, Context.LOG, Context.FORM
_NODE, _SERVICE, _TASK = frozenset({"node"}), frozenset({"service"}), frozenset({"task"})
_ANY = _NODE | _SERVICE | _TASK

ACTIONS: Final[tuple[Action, ...]] = (
    Action("list.open", ("enter",), "open", "drill in: tasks of a service or node, a task in words", _L, _ANY, 1, is_built_in=True),
    Action("list.logs", ("l",), "logs", "follow the logs of a service or task, in time order", _L, _SERVICE | _TASK, 2),
    Action("list.describe", ("d",), "describe", "describe the object in words", _L, _ANY, 3),
    Action("list.yaml", ("y",), "yaml", "the object as YAML", _L, _ANY, 10),
    Action("list.scale", ("s",), "scale", "scale a service: 5, =5, +3, -1 or x2", _L, _SERVICE, 4, changes=True),
    Action("list.new", ("n",), "new", "create a service", _L, frozenset(), 5, changes=True),
    Action("list.remove", ("ctrl+d",), "remove", "remove services or nodes, after a confirmation", _L, _SERVICE | _NODE, 9, changes=True),
    Action("list.availability", ("a",), "availability", "set a node active, paused or draining", _L, _NODE, 4, changes=True),
    Action("list.sort", ("o",), "sort", "choose the column that orders the list", _L, frozenset(), 8),
    Action("list.reverse", ("O",), "reverse", "reverse the order of the list", _L),
    Action("list.mark", ("space",), "mark", "mark or unmark; verbs then work on all that are marked", _L, _ANY),
    Action("list.mark_all", ("asterisk",), "mark all", "mark everything that is listed", _L, _ANY),
    Action("list.clear_marks", ("ctrl+backslash",), "clear marks", "unmark everything", _L, _ANY),
    Action("list.copy", ("c",), "copy", "copy the object's id to the clipboard", _L, _ANY),
    Action("text.next_match", ("n",), "next match", "go to the next match of the search", _T, rank=2),
    Action("text.previous_match", ("N",), "previous", "go to the previous match", _T, rank=3),
    Action("text.copy", ("c",), "copy", "copy the whole text to the clipboard", _T, rank=4),
    Action("log.follow", ("s",), "follow", "stay at the newest line, or stop doing so", _O, rank=1),
    Action("log.next_match", ("n",), "next match", "go to the next match of the search", _O, rank=3),
    Action("log.previous_match", ("N",), "previous", "go to the previous match", _O, rank=4),
    Action("log.times", ("t",), "times", "show or hide the time of each line", _O, rank=5),
    Action("form.submit", ("ctrl+g",), "create", "create the service", _F, rank=2, changes=True),
    Action("form.next_field", ("tab",), "next field", "go to the next field", _F, rank=1, is_built_in=True),
    Action("global.filter", ("slash",), "filter", "filter the list while typing, or search the text", _G, rank=6),
    Action("global.problems", ("exclamation_mark",), "problems", "list only what has a problem", _G, rank=7),
    Action("global.dashboard", ("1",), "dashboard", "the dashboard", _G),
    Action("global.nodes", ("2",), "nodes", "the list of nodes", _G),
    Action("global.services", ("3",), "services", "the list of services", _G),
    Action("global.tasks", ("4",), "tasks", "the list of tasks", _G),
    Action("global.zoom", ("f",), "full screen", "give one pane the whole screen, or take it back", _G),
    Action("global.next_pane", ("tab",), "next pane", "go to the next pane", _G, is_built_in=True),
    Action("global.resync", ("ctrl+r",), "list anew", "list everything anew from the manager", _G),
    Action("global.palette", ("ctrl+p",), "palette", "find any object, verb or theme", _G, rank=11, is_built_in=True),
    Action("global.back", ("escape",), "back", "back: filter, marks, then the view before", _G, rank=12),
    Action("global.leave", ("q",), "back or quit", "back; on the dashboard, ask whether to quit", _G),
    Action("global.quit", ("ctrl+q",), "quit", "quit at once", _G, is_built_in=True),
    Action("global.help", ("question_mark",), "help", "what each key does", _G, rank=99),
)  # fmt: skip

BY_ID: Final = {action.id: action for action in ACTIONS}


def in_context(context: Context) -> tuple[Action, ...]:
    """The verbs of one context, in the table's order."""
    return tuple(action for action in ACTIONS if action.context is context)


def bindings(context: Context) -> list[Binding]:
    """Key bindings for a widget of `context`; the screen runs them, whatever has the focus."""
    return [
        Binding(",".join(action.keys), f"screen.do('{action.id}')", action.label, id=action.id, show=False)
        for action in in_context(context)
        if not action.is_built_in
    ]
