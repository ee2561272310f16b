"""A person's own commands as verbs: in keys, key bar, palette, help and the `:` bar as all others (docs/design/plugins.md)."""

import shlex
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final

from swarm_tui.clusters.allowance import Level
from swarm_tui.dialogs.confirm import Confirm
from swarm_tui.operations.own_command import known, words_alone, words_for
from swarm_tui.preferences.model import Mistake, OwnCommand, Preferences
from swarm_tui.preferences.plugins import placeholders
from swarm_tui.preferences.reading import near
from swarm_tui.resources import registry
from swarm_tui.verbs.keys import named
from swarm_tui.verbs.model import PLUGIN, Verb, Verbs
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context

_RANK: Final = 1_000
_SHOWN_MAX: Final = 5


def verbs_of(preferences: Preferences) -> tuple[Verb, ...]:
    """The verbs of the commands in which nothing is wrong."""
    return tuple(_verb(number, own) for number, own in enumerate(preferences.plugins))


def _verb(number: int, own: OwnCommand) -> Verb:
    is_on_objects = bool(own.scopes)
    return Verb(
        f"{PLUGIN}.{own.name}",
        _keys(own),
        own.name,
        own.help,
        Context.LIST if is_on_objects else Context.GLOBAL,
        partial(_run, own),
        is_on_objects=is_on_objects,
        rank=_RANK + number if own.key else 0,
        changes=own.level > Level.LOOK,
        kinds=frozenset(_nouns(own)) if is_on_objects else None,
    )


def _keys(own: OwnCommand) -> tuple[str, ...]:
    try:
        return (named(own.key),) if own.key else ()
    except ValueError:
        # Told by `mistakes_of`.
        return ()


def _nouns(own: OwnCommand) -> Iterator[str]:
    for word in own.scopes:
        if (kind := registry.by_word(word)) is not None:
            yield kind.noun


def mistakes_of(own: OwnCommand, verbs: Verbs) -> Iterator[Mistake]:
    """What is wrong with the names, the key, the kinds and the placeholders of a command; `verbs` are those of the program."""
    where = ("plugins", own.name)
    words = {verb.word for verb in verbs} | {alias for verb in verbs for alias in verb.aliases}
    if own.name in words or registry.by_word(own.name) is not None:
        yield Mistake(
            where, f"{own.name!r} is a command of the program already; call the plugin something else"
        )
    if own.key:
        try:
            named(own.key)
        except ValueError as error:
            yield Mistake((*where, "key"), str(error))
    for word in own.scopes:
        if registry.by_word(word) is None:
            nouns = tuple(kind.noun for kind in registry.kinds())
            yield Mistake((*where, "scopes"), f"there is no kind {word!r}; {near(word, nouns)}")
    yield from _wrong_placeholders(own)


def _wrong_placeholders(own: OwnCommand) -> Iterator[Mistake]:
    where = ("plugins", own.name, "command")
    for word in own.command:
        try:
            names = placeholders(word)
        except ValueError as error:
            yield Mistake(where, str(error))
            continue
        for name in names:
            for noun in tuple(_nouns(own)) or ("",):
                if name not in known(noun):
                    of = f"a {noun}" if noun else "a command without scopes"
                    yield Mistake(where, f"{of} has no {{{name}}}; {near(name, known(noun))}")


async def _run(own: OwnCommand, ports: Ports) -> None:
    if refused := ports.operations.allowance.refusal(Level(own.level)):
        ports.desk.tell_failure(f"Could not run {own.name}: {refused}.")
        return
    try:
        commands = list(_commands(own, ports))
    except ValueError as error:
        ports.desk.tell_failure(str(error))
        return
    if own.confirm and not await ports.desk.ask(Confirm(f"Run {own.name}?", _shown(commands))):
        return
    if own.is_background:
        await ports.desk.run_beside(own.name, commands, own.output)
    else:
        await ports.desk.run_in_terminal(own.name, commands)


def _commands(own: OwnCommand, ports: Ports) -> Iterator[list[str]]:
    """One for each object that is selected, or one alone. Raises ValueError with a sentence."""
    if not own.scopes:
        yield words_alone(own, ports.operations.cluster)
        return
    kind = registry.by_noun(ports.selection.kind)
    for view, item in ports.selected(kind):
        yield words_for(own, kind, item, view)


def _shown(commands: Sequence[Sequence[Any]]) -> list[str]:
    """The first few, as they would be typed."""
    lines = [shlex.join(words) for words in commands[:_SHOWN_MAX]]
    more = len(commands) - len(lines)
    return [*lines, f"and {more} more"] if more else lines
