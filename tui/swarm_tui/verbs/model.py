"""What a verb is, and the table of them: keys, key bar, palette and help are made from it.

Rules:
- One key is one verb in every list. A key that does not apply is not offered, and says what it works on; it never means another verb.
- No context has a key that works everywhere: a test walks the table.
- A verb on objects works on a kind if, and only if, the kind names it among its `verbs`.
- `id` is stable: users' keymaps name it. Its first part is the context, the rest is what kinds call the verb.
- Verbs stand above the views, which know nothing of keys: the shell gives each view the keys of its context when it
  makes it, from the table that it was given itself.
"""

from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from textual.binding import Binding

from swarm_tui.resources import registry as kinds
from swarm_tui.resources.model import Realm
from swarm_tui.verbs.keys import types_something, written
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context

Work: TypeAlias = Coroutine[Any, Any, None]

PLUGIN = "plugin"
"""The first part of the ids of a person's own commands."""
SLOTS = 24
"""Of their keys. The toolkit binds keys when a widget is made, and commands come and go while the program runs: each has a slot."""
_NO_KEY = "no key"
"""What no keyboard sends: the toolkit takes an empty keymap for none."""


def always(ports: Ports) -> bool:
    """For verbs that need nothing."""
    return True


@dataclass(frozen=True, slots=True)
class Verb:
    """`run` does it, at once or in the coroutine that it returns, which the shell carries out in a worker. Without keys it is
    reached by its command and the palette."""

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
    rank: float = 0
    """Its place in the key bar; 0 keeps it out. A fraction stands between two others."""
    label_now: Callable[[Ports], str] | None = None
    """What it is called where it means something narrower than `label`."""
    shown: str = ""
    """How the key is written, where its name is not what people read."""
    aliases: tuple[str, ...] = ()
    """Other words for it in commands."""
    told: Callable[[Ports, str], Work | None] | None = None
    """The same as `run`, with what a command says beside the names. Without it a command can say nothing."""
    offers: Callable[[Ports, Sequence[str]], Iterable[str]] | None = None
    """The words that a command may say next, after those that it has said behind the verb: for verbs on no objects."""
    is_built_in: bool = False
    """The toolkit binds the key itself; the verb is in the table for help and for the test of keys."""
    is_in_palette: bool = True
    changes: bool = False
    """It sends something to the cluster."""
    in_realm: Mapping[Realm, Callable[[Ports], Work | None]] = field(default_factory=dict)
    """What the same key does for the objects of another realm, in place of `run`."""
    realm: Realm | None = None
    """Where it is at home; None: wherever its context is."""
    kinds: frozenset[str] | None = None
    """The nouns of what it works on, where kinds do not say so themselves."""
    is_of_one: bool = False
    """It is about one cluster as a whole: where several are shown as one it says so."""

    @property
    def key(self) -> str:
        """The first key, as people write it; empty where it has none."""
        return self.shown or (written(self.keys[0]) if self.keys else "")

    def key_now(self, *, is_typing: bool) -> str | None:
        """The key to offer, as people write it; while a text is being typed it must be one that types nothing."""
        if not is_typing:
            return self.key or None
        quiet = next((key for key in self.keys if not types_something(key)), None)
        return None if quiet is None else written(quiet)

    @property
    def is_plugin(self) -> bool:
        """Whether it is a person's own command."""
        return self.id.startswith(f"{PLUGIN}.")

    @property
    def word(self) -> str:
        """What kinds call it."""
        return self.id.partition(".")[2]

    def works_on(self, noun: str) -> bool:
        """Whether objects of this kind name the verb."""
        if self.kinds is not None:
            return noun in self.kinds
        kind = kinds.known(noun)
        return kind is not None and self.word in kind.verbs

    def applies_now(self, context: Context, ports: Ports) -> bool:
        """Whether it works now, in a view of this context, on what is selected."""
        if self.context not in (Context.GLOBAL, context):
            return False
        if self.realm not in (None, ports.operations.cluster.realm):
            return False
        if self.is_on_objects and not self.works_on(ports.selection.kind):
            return False
        return self.applies(ports)

    def do(self, ports: Ports) -> Work | None:
        """Do it, as the realm that is looked at has it."""
        return self.in_realm.get(ports.operations.cluster.realm, self.run)(ports)

    def called(self, ports: Ports) -> str:
        """What it is called now."""
        return self.label if self.label_now is None else self.label_now(ports)


class Verbs:
    """A table of verbs, in the order in which help lists them. `keys` are those of verbs that have others than they came with."""

    def __init__(self, verbs: Iterable[Verb], keys: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self._registered = tuple(verbs)
        self._keys = dict(keys or {})
        self._verbs = tuple(
            replace(verb, keys=self._keys[verb.id], shown="") if verb.id in self._keys else verb
            for verb in self._registered
        )
        self._by_id = {verb.id: verb for verb in self._verbs}
        assert len(self._by_id) == len(self._verbs), "two verbs have the same id"

    def __iter__(self) -> Iterator[Verb]:
        return iter(self._verbs)

    def __len__(self) -> int:
        return len(self._verbs)

    def __getitem__(self, verb_id: str) -> Verb:
        return self._by_id[verb_id]

    def with_keys(self, keys: Mapping[str, tuple[str, ...]]) -> "Verbs":
        """The same verbs, some with other keys. What this program's registry lacks is left out."""
        return Verbs(self._registered, {one: keys[one] for one in keys if one in self._by_id})

    def in_context(self, context: Context) -> tuple[Verb, ...]:
        """The verbs of one context."""
        return tuple(verb for verb in self._verbs if verb.context is context)

    def bindings(self, context: Context) -> list[Binding]:
        """Key bindings for a widget of `context`; the screen runs them, whatever has the focus. They are of the keys that verbs came
        with: `keymap` says which others the toolkit is to take for them."""
        bindings = [
            Binding(
                ",".join(verb.keys) or _NO_KEY, f"screen.do('{verb.id}')", verb.label, id=verb.id, show=False
            )
            for verb in self._registered
            if verb.context is context and not verb.is_built_in and not verb.is_plugin
        ]
        if context in (Context.LIST, Context.GLOBAL):
            bindings += [
                Binding(_NO_KEY, f"screen.do_slot({number})", id=_slot(context, number), show=False)
                for number in range(SLOTS)
            ]
        return bindings

    def plugin(self, number: int) -> Verb | None:
        """The person's own command in this slot; None when it is free."""
        own = [verb for verb in self._verbs if verb.is_plugin]
        return own[number] if number < len(own) else None

    @property
    def keymap(self) -> dict[str, str]:
        """The keys of the verbs that have others than they came with, as the toolkit takes them."""
        own = [verb for verb in self._verbs if verb.is_plugin]
        names = {verb.id for verb in own}
        return {
            **{one: ",".join(keys) or _NO_KEY for one, keys in self._keys.items() if one not in names},
            **{
                _slot(verb.context, number): ",".join(verb.keys)
                for number, verb in enumerate(own)
                if verb.keys
            },
        }


def _slot(context: Context, number: int) -> str:
    return f"slot.{context.name.lower()}.{number}"
