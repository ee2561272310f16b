"""What a verb is, and the table of them: keys, key bar, palette and help are made from it.

Rules:
- One key is one verb in every list. A key that does not apply is not offered and does nothing; it never means another verb.
- No context has a key that works everywhere: a test walks the table.
- A verb on objects works on a kind if, and only if, the kind names it among its `verbs`.
- `id` is stable: users' keymaps name it. Its first part is the context, the rest is what kinds call the verb.
- Verbs stand above the views, which know nothing of keys: the shell gives each view the keys of its context when it
  makes it, from the table that it was given itself.
"""

from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from textual.binding import Binding

from swarm_tui.resources import registry as kinds
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context

Work: TypeAlias = Coroutine[Any, Any, None]

_KEY_NAMES: Final = {
    "question_mark": "?",
    "slash": "/",
    "exclamation_mark": "!",
    "escape": "esc",
    "asterisk": "*",
    "comma": ",",
    "full_stop": ".",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "semicolon": ";",
    "ctrl+backslash": "ctrl+\\",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "minus": "-",
    "colon": ":",
    "number_sign": "#",
}
_TYPED: Final = frozenset(name for name, shown in _KEY_NAMES.items() if len(shown) == 1) | {"space"}


def _types_something(key: str) -> bool:
    return len(key) == 1 or key in _TYPED


def always(ports: Ports) -> bool:
    """For verbs that need nothing."""
    return True


@dataclass(frozen=True, slots=True)
class Verb:
    """`run` does it, at once or in the coroutine that it returns, which the shell carries out in a worker."""

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    context: Context
    run: Callable[[Ports], Work | None]
    applies: Callable[[Ports], bool] = always
    """Whether it works now, beside what context and kind say."""
    is_on_objects: bool = False
    """It works on what is selected, and there must be something."""
    rank: int = 0
    """Its place in the key bar; 0 keeps it out."""
    label_now: Callable[[Ports], str] | None = None
    """What it is called where it means something narrower than `label`."""
    shown: str = ""
    """How the key is written, where its name is not what people read."""
    aliases: tuple[str, ...] = ()
    """Other words for it in commands."""
    told: Callable[[Ports, str], Work | None] | None = None
    """The same as `run`, with what a command says beside the names. Without it a command can say nothing."""
    is_built_in: bool = False
    """The toolkit binds the key itself; the verb is in the table for help and for the test of keys."""
    is_in_palette: bool = True
    changes: bool = False
    """It sends something to the cluster."""

    @property
    def key(self) -> str:
        """The first key, as people write it."""
        return self.shown or _KEY_NAMES.get(self.keys[0], self.keys[0])

    def key_now(self, *, is_typing: bool) -> str | None:
        """The key to offer, as people write it; while a text is being typed it must be one that types nothing."""
        if not is_typing:
            return self.key
        quiet = next((key for key in self.keys if not _types_something(key)), None)
        return None if quiet is None else _KEY_NAMES.get(quiet, quiet)

    @property
    def word(self) -> str:
        """What kinds call it."""
        return self.id.partition(".")[2]

    def works_on(self, noun: str) -> bool:
        """Whether objects of this kind name the verb."""
        kind = kinds.by_word(noun)
        return kind is not None and self.word in kind.verbs

    def applies_now(self, context: Context, ports: Ports) -> bool:
        """Whether it works now, in a view of this context, on what is selected."""
        if self.context not in (Context.GLOBAL, context):
            return False
        if self.is_on_objects and not self.works_on(ports.selection.kind):
            return False
        return self.applies(ports)

    def called(self, ports: Ports) -> str:
        """What it is called now."""
        return self.label if self.label_now is None else self.label_now(ports)


class Verbs:
    """A table of verbs, in the order in which help lists them."""

    def __init__(self, verbs: Iterable[Verb]) -> None:
        self._verbs = tuple(verbs)
        self._by_id = {verb.id: verb for verb in self._verbs}
        assert len(self._by_id) == len(self._verbs), "two verbs have the same id"

    def __iter__(self) -> Iterator[Verb]:
        return iter(self._verbs)

    def __len__(self) -> int:
        return len(self._verbs)

    def __getitem__(self, verb_id: str) -> Verb:
        return self._by_id[verb_id]

    def in_context(self, context: Context) -> tuple[Verb, ...]:
        """The verbs of one context."""
        return tuple(verb for verb in self._verbs if verb.context is context)

    def bindings(self, context: Context) -> list[Binding]:
        """Key bindings for a widget of `context`; the screen runs them, whatever has the focus."""
        return [
            Binding(",".join(verb.keys), f"screen.do('{verb.id}')", verb.label, id=verb.id, show=False)
            for verb in self.in_context(context)
            if not verb.is_built_in
        ]
