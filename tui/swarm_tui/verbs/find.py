"""Filter a list while typing, or search a text; and filters that have names (docs/design/panes.md L.4)."""

from collections.abc import Callable, Sequence
from typing import Final

from swarm_tui.preferences.file import WrongPreferences
from swarm_tui.preferences.saved_filters import SavedFilter
from swarm_tui.resources import registry
from swarm_tui.resources.model import Link
from swarm_tui.verbs.model import Verb, Work
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.lists.pane import ObjectPane
from swarm_tui.views.view import Context, Findable

_LABEL: Final = "filter"
SAVE, DROP = "save", "drop"


def run(ports: Ports) -> None:
    target = ports.part(Findable)
    if target is not None:
        ports.desk.find(target)


def label_now(ports: Ports) -> str:
    """A list is filtered, a text is searched."""
    target = ports.part(Findable)
    return target.find_label if target is not None else _LABEL


def told(ports: Ports, text: str) -> Work | None:
    """`NAME` goes to the list of that filter, `save NAME` keeps the one in force, `drop NAME` forgets one."""
    word, _, name = text.partition(" ")
    name = name.strip()
    try:
        if word in (SAVE, DROP) and not name:
            ports.desk.tell_failure(f"Say a name: 'filter {word} NAME'.")
        elif word == SAVE:
            _save(ports, name)
        elif word == DROP:
            _drop(ports, name)
        else:
            return recall(ports, text)
    except (WrongPreferences, OSError, ValueError) as error:
        ports.desk.tell_failure(str(error))
    return None


def _save(ports: Ports, name: str) -> None:
    pane = ports.part(ObjectPane)
    if pane is None or not pane.found_text:
        ports.desk.tell_failure("Nothing is filtered here: filter a list first, then give the filter a name.")
        return
    if name.split() != [name] or name in (SAVE, DROP):
        ports.desk.tell_failure(f"{name!r} is no name for a filter: take one word, not {SAVE!r} or {DROP!r}.")
        return
    ports.desk.filters.save(SavedFilter(name, pane.kind.noun, pane.found_text))
    ports.desk.tell(f"Filter {name} is kept: {pane.kind.plural} {pane.found_text}")


def _drop(ports: Ports, name: str) -> None:
    if _named(ports, name) is not None:
        ports.desk.filters.drop(name)
        ports.desk.tell(f"Filter {name} is forgotten")


def _named(ports: Ports, name: str) -> SavedFilter | None:
    """The filter of this name; where there is none, that is told."""
    known = ports.desk.filters.all()
    found = next((one for one in known if one.name == name), None)
    if found is None:
        names = ", ".join(one.name for one in known)
        there = f"there are {names}." if names else "'filter save NAME' keeps the one in force."
        ports.desk.tell_failure(f"No filter is called {name!r}; {there}")
    return found


def recall(ports: Ports, name: str) -> Work | None:
    """Go to the list of a filter, filtered so."""
    found = _named(ports, name)
    return _go(ports, found) if found is not None else None


async def _go(ports: Ports, saved: SavedFilter) -> None:
    await ports.navigator.go(Link(registry.by_noun(saved.kind).plural))
    pane = ports.part(ObjectPane)
    if pane is not None:
        pane.find(saved.text)


def offers(ports: Ports, said: Sequence[str]) -> list[str]:
    """Names that are known, and what can be done with them."""
    if len(said) > 1 or said == [SAVE]:
        return []
    try:
        names = [one.name for one in ports.desk.filters.all()]
    except WrongPreferences:
        return []
    return [*names, SAVE, *([DROP] if names else [])] if not said else names


def titles(ports: Ports) -> list[tuple[str, Callable[[], Work | None]]]:
    """Each filter that has a name, for the palette, with what goes there."""
    try:
        known = ports.desk.filters.all()
    except WrongPreferences:
        return []
    return [
        (
            f"filter {one.name} · {registry.by_noun(one.kind).plural} {one.text}",
            lambda name=one.name: recall(ports, name),  # type: ignore[misc]
        )
        for one in known
    ]


VERB = Verb(
    "global.filter",
    ("slash",),
    _LABEL,
    "filter the list while typing, or search the text; ':filter save NAME' keeps the filter, ':filter NAME' takes it",
    Context.GLOBAL,
    run,
    lambda ports: ports.part(Findable) is not None,
    rank=6,
    label_now=label_now,
    told=told,
    offers=offers,
)
