"""Which keys verbs have: a preset, and a person's own keys over it.

Rules:
- Only verbs of the registry have keys, and each key of a context is one verb's; what works everywhere shares no key with any context.
- A key that the toolkit or a list itself needs is nobody's. A verb whose key the toolkit binds keeps it.
- In a form a key must type nothing.
- What breaks a rule is refused with a sentence, and nothing of the keymap holds.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from swarm_tui.preferences.model import Mistake, Preferences
from swarm_tui.preferences.reading import near
from swarm_tui.verbs.keys import named, types_something, written
from swarm_tui.verbs.model import PLUGIN, Verb, Verbs
from swarm_tui.views.view import Context

PRESETS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "default": {},
    "k9s": {
        "list.restart": ("r",),
        "list.update": ("i",),
        "list.json": ("I",),
        "list.used_by": ("u",),
        "list.rollback": ("ctrl+l",),
        "global.problems": ("ctrl+z", "exclamation_mark"),
        "global.suspend": (),
    },
    "lazydocker": {
        "list.logs": ("m",),
        "list.restart": ("r",),
        "global.zoom": ("plus", "underscore"),
        "list.pin_logs": ("W",),
    },
}
"""What other programs' users have in their fingers. `ctrl+z` is the list of faults in k9s, so nothing suspends there."""

MOVING: Final = frozenset(
    {
        *("up", "down", "left", "right", "pageup", "pagedown", "home", "end", "j", "k", "g", "G"),
        *("enter", "tab", "shift+tab", "ctrl+c", "ctrl+q", "ctrl+p"),
    }
)
"""Keys of lists, texts and the toolkit itself."""


def keys_of(verbs: Verbs, preferences: Preferences) -> Verbs:
    """The verbs with the keys that are wanted; `mistakes_of` has found nothing wrong with them."""
    return verbs.with_keys(_wanted(preferences))


def mistakes_of(verbs: Verbs, preferences: Preferences) -> list[Mistake]:
    """What is wrong with the keys that are wanted."""
    known = {verb.id: verb for verb in verbs}
    mistakes = [one for verb_id, keys in preferences.keys.items() for one in _alone(known, verb_id, keys)]
    mistakes += [one for verb in verbs if verb.is_plugin for one in _unfit(verb)]
    return mistakes or list(_clashes(keys_of(verbs, preferences), preferences))


def _wanted(preferences: Preferences) -> dict[str, tuple[str, ...]]:
    own = {verb_id: tuple(named(key) for key in keys) for verb_id, keys in preferences.keys.items()}
    return {**PRESETS[preferences.preset], **own}


def _alone(known: Mapping[str, Verb], verb_id: str, keys: tuple[str, ...]) -> Iterator[Mistake]:
    where = ("keys", verb_id)
    verb = known.get(verb_id)
    if verb is None:
        yield Mistake(where, f"there is no verb {verb_id!r}; {near(verb_id, tuple(known))}")
        return
    if verb.is_built_in:
        yield Mistake(where, f"{verb_id!r} keeps its key {verb.key}")
        return
    for text in keys:
        try:
            key = named(text)
        except ValueError as error:
            yield Mistake(where, str(error))
            continue
        if key in MOVING and key not in verb.keys:
            yield Mistake(where, f"{text} moves about everywhere, so {verb_id!r} cannot have it")
        elif verb.context is Context.FORM and types_something(key):
            yield Mistake(where, f"{text} is typed into the fields of a form, so {verb_id!r} cannot have it")


def _unfit(verb: Verb) -> Iterator[Mistake]:
    """A plugin's key that lists or the toolkit need themselves."""
    for key in verb.keys:
        if key in MOVING:
            text = f"{written(key)} moves about everywhere, so the plugin {verb.word!r} cannot have it"
            yield Mistake((PLUGIN + "s", verb.word, "key"), text)


def _clashes(verbs: Verbs, preferences: Preferences) -> Iterator[Mistake]:
    """Keys that two verbs would have where both work. One of them is the person's, since presets have none."""
    owners: dict[tuple[Context, str], Verb] = {}
    for verb in sorted(verbs, key=lambda one: one.id in preferences.keys or one.is_plugin):
        for key in verb.keys:
            places = list(Context) if verb.context is Context.GLOBAL else [verb.context, Context.GLOBAL]
            other = next((owners[place, key] for place in places if (place, key) in owners), None)
            if other is None:
                owners[verb.context, key] = verb
            elif not (verb.is_built_in and other.is_built_in):
                yield _taken(key, verb, other, preferences)


def _taken(key: str, verb: Verb, other: Verb, preferences: Preferences) -> Mistake:
    if verb.is_plugin and verb.id not in preferences.keys:
        own = f"{written(key)} of the plugin {verb.word!r} is already the key of {other.id!r}"
        return Mistake((PLUGIN + "s", verb.word, "key"), f"{own}; give one of them another key")
    mine = verb if verb.id in preferences.keys else other
    its = other if mine is verb else verb
    own = "is also" if its.id in preferences.keys else "is already"
    text = f"{written(key)} for {mine.id!r} {own} the key of {its.id!r}; give that one another key too"
    return Mistake(("keys", mine.id), text)
