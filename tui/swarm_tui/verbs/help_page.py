"""What each key does."""

from typing import Final

from swarm_tui.verbs.model import Verb, Verbs
from swarm_tui.views.view import Context
from swarm_tui.widgets.paint import Spans

_KEY_WIDTH: Final = 12
_MARGIN: Final = "   "
TEXT_COLUMN: Final = len(_MARGIN) + _KEY_WIDTH
"""Where the words begin, behind the keys."""
_MOVING: Final = (
    ("↑ ↓  j k", "one line"),
    ("pgup pgdn", "one page"),
    ("home end  g G", "top and bottom"),
)

VERB = Verb(
    "global.help",
    ("question_mark", "f1"),
    "help",
    "what each key does",
    Context.GLOBAL,
    lambda ports: ports.desk.show_help(),
    rank=99,
)


def _key(verb: Verb) -> str:
    """Its key, or the command that runs it where it has none."""
    return verb.key or f":{verb.word}"


def help_lines(verbs: Verbs, context: Context) -> list[Spans]:
    """What each key does, the verbs of `context` first."""
    lines: list[Spans] = []
    for one in sorted(Context, key=lambda other: (other is not context, other is not Context.GLOBAL)):
        lines.append([(f" {one.value}", "text+bold")])
        lines.extend(
            [(_MARGIN, "text"), (_key(verb).ljust(_KEY_WIDTH), "accent+bold"), (verb.help, "text")]
            for verb in verbs.in_context(one)
        )
        lines.append([])
    lines.append([(" moving", "text+bold")])
    for keys, text in _MOVING:
        lines.append([(_MARGIN, "text"), (keys.ljust(_KEY_WIDTH + 4), "accent+bold"), (text, "text")])
    return lines
