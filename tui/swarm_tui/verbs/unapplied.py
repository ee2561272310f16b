"""Why a key does nothing now: it is a verb's, but the verb does not work on what is selected, or not in this view."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from swarm_tui.resources import registry as kinds
from swarm_tui.resources.model import Realm
from swarm_tui.verbs.model import Verb, Verbs
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context

_NAMED: Final = 4
"""More kinds than these are not named."""
_BACK: Final = "escape"
"""Who presses it once too often knows what it does."""


def why_nothing(verbs: Verbs, context: Context, keys: Collection[str], ports: Ports) -> str:
    """The sentence for a key, under any of its names; empty where its verb works, where no verb has it, and where letters are typed."""
    if context is Context.FORM or _BACK in keys:
        return ""
    realm = ports.operations.cluster.realm
    mine = [verb for verb in verbs if verb.realm in (None, realm) and not set(keys).isdisjoint(verb.keys)]
    if any(verb.applies_now(context, ports) for verb in mine):
        return ""
    here = [verb for verb in mine if verb.context in (context, Context.GLOBAL)]
    if here:
        return _on_this(here[0], ports)
    if not mine and (foreign := next((verb for verb in verbs if not set(keys).isdisjoint(verb.keys)), None)):
        own, other = ("clusters", "engines") if realm is Realm.ENGINES else ("engines", "clusters")
        return f"“{foreign.label}” is of {own}, not of {other}."
    elsewhere = next((verb for verb in mine if verb.context is Context.LIST), None)
    if elsewhere is None or context is Context.LIST:
        return ""
    return f"“{elsewhere.label}” works in lists: {verbs['global.back'].key} leads back to one."


def _on_this(verb: Verb, ports: Ports) -> str:
    if not verb.is_on_objects:
        return f"“{verb.label}” has nothing to do here."
    realm = ports.operations.cluster.realm
    names = list(_plurals(verb, realm))
    if not names:
        return _on_the_other(verb, realm)
    works_on = _listed(names)
    selected = kinds.known(ports.selection.kind)
    if selected is None:
        return f"“{verb.label}” works on {works_on if len(names) <= _NAMED else 'what is selected'}, and nothing is selected."
    if verb.works_on(selected.noun):
        return f"“{verb.label}” has nothing to do on this {selected.noun}."
    return f"“{verb.label}” works on {works_on}, not on {selected.plural}."


def _listed(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _on_the_other(verb: Verb, realm: Realm) -> str:
    """Of a verb on objects that are not here but in the other realm."""
    other = next(one for one in Realm if one is not realm)
    names = list(_plurals(verb, other))
    whose = "engines" if other is Realm.ENGINES else "a cluster"
    if not names:
        return ""
    return f"“{verb.label}” works on {_listed(names) if len(names) <= _NAMED else 'objects'} of {whose}."


def _plurals(verb: Verb, realm: Realm) -> Iterator[str]:
    """What the kinds that it works on are called."""
    return (kind.plural for kind in kinds.kinds(realm) if verb.works_on(kind.noun))
