"""What may be typed into the `:` bar, read from the tables of verbs, kinds and views (docs/design/terminal.md 11.10).

svc web state:failed      the list of a kind, filtered (the words of the filter line)
events  dashboard         a view that is about nothing in particular
logs svc/web              a verb, and what it works on: kind/name, several names after commas
describe billing.2        a name alone is looked for among the kinds that have the verb
scale svc/web,api +3      and what the verb is told, where it takes something
restart                   a verb alone works on what is selected
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from swarm_tui.clusters import filters
from swarm_tui.clusters.merged import named
from swarm_tui.resources import format as fmt
from swarm_tui.resources import registry
from swarm_tui.resources.model import ClusterView, Link, Realm, ResourceKind
from swarm_tui.resources.refs import ClusterId, ObjectRef
from swarm_tui.verbs.model import Verb, Verbs
from swarm_tui.views import registry as views
from swarm_tui.views.view import Context

_OFFERED_MAX: Final = 12


def _by_length(word: str) -> tuple[int, str]:
    """The shortest first; of the same length in the order of the alphabet, so that an offer reads the same each time."""
    return len(word), word


class CommandError(ValueError):
    """The text is no command; it says why in a sentence."""


@dataclass(frozen=True, slots=True)
class Going:
    """To a view; of a list, what it is filtered by."""

    link: Link
    filter: str = ""


@dataclass(frozen=True, slots=True)
class Doing:
    """A verb, on these objects (none: on what is selected), told this."""

    verb: Verb
    refs: tuple[ObjectRef, ...] = ()
    argument: str = ""


class Grammar:
    """See the module's text. `applies` says whether a verb works on what is selected now, `offers` what a verb may be told."""

    def __init__(
        self,
        verbs: Verbs,
        cluster: ClusterView,
        applies: Callable[[Verb], bool],
        offers: Callable[[Verb, Sequence[str]], Iterable[str]] = lambda verb, said: (),
    ) -> None:
        self._cluster = cluster
        self._offers = offers
        self._applies = applies
        self._verbs: dict[str, Verb] = {}
        for verb in verbs:
            if verb.context in (Context.LIST, Context.GLOBAL) and verb.is_in_palette:
                self._verbs.update(dict.fromkeys((verb.word, *verb.aliases), verb))
        self._views = {kind.name: Link(kind.name) for kind in views.everywhere() if kind.key}

    def parse(self, text: str) -> Going | Doing:
        """What the text asks for. Raises CommandError."""
        word, _, rest = text.strip().partition(" ")
        word, rest = word.lower(), rest.strip()
        kind = self._kind(word)
        if kind is not None:
            return self._going(kind, rest)
        if word in self._views and not rest:
            return Going(self._views[word])
        verb = self._verbs.get(word)
        if verb is None:
            raise CommandError(f"There is no command {word!r}.")
        return self._doing(verb, rest)

    def told(self, command: Going | Doing) -> str:
        """What a command will do, in a few words."""
        if isinstance(command, Going):
            return f"the list of {command.link.view}" if self._kind(command.link.view) else command.link.view
        names = ", ".join(self._name(ref) for ref in command.refs)
        return " ".join(filter(None, [command.verb.label, names, command.argument]))

    def complete(self, text: str) -> tuple[str, list[str]]:
        """The text with as much as can only be meant, and the words that may come at its end."""
        head, separator, tail = text.rpartition(" ")
        before = head.split()
        words = sorted(
            {word for word in self._offered(before, tail) if word.startswith(tail)}, key=_by_length
        )
        if not words:
            return text, []
        common = fmt.common_start(words)
        only = len(words) == 1 and not common.endswith("/")
        return head + separator + common + (" " if only else ""), words[:_OFFERED_MAX]

    def _kind(self, word: str) -> ResourceKind[Any] | None:
        """The kind that is called so here, or else in another realm."""
        own = self._cluster.realm
        realms = (own, *(realm for realm in Realm if realm is not own))
        return next((kind for realm in realms if (kind := registry.by_word(word, realm))), None)

    # -- reading -----------------------------------------------------------------------------------

    def _going(self, kind: ResourceKind[Any], rest: str) -> Going:
        try:
            filters.parse(rest, kind.fields)
        except filters.FilterError as error:
            raise CommandError(str(error)) from None
        return Going(Link(kind.plural), rest)

    def _doing(self, verb: Verb, rest: str) -> Doing:
        if not verb.is_on_objects:
            if rest and verb.told is None:
                raise CommandError(f"{verb.label!r} takes nothing.")
            return Doing(verb, argument=rest)
        targets, _, argument = rest.partition(" ")
        refs = self._refs(verb, targets) if targets else ()
        if not refs and (argument or not verb.told) and targets:
            raise CommandError(f"Nothing that can be {verb.label!r} is called {targets!r}.")
        if not refs:
            argument = rest
        if argument and verb.told is None:
            raise CommandError(f"{verb.label!r} takes nothing beside names.")
        if not refs and not self._applies(verb):
            raise CommandError(f"Nothing is selected that {verb.word!r} works on now; name something.")
        return Doing(verb, refs, argument.strip())

    def _refs(self, verb: Verb, text: str) -> tuple[ObjectRef, ...]:
        """The objects of one kind that the text names; none when it names nothing of any kind."""
        word, slash, names = text.partition("/")
        kind = registry.by_word(word, self._cluster.realm) if slash else None
        if slash and kind is None:
            raise CommandError(f"There is no kind of object {word!r}.")
        if kind is not None:
            if not verb.works_on(kind.noun):
                raise CommandError(f"{verb.label!r} does not work on {kind.plural}.")
            return tuple(self._ref(kind, name) for name in names.split(",") if name)
        for one in self._kinds(verb):
            found = [self._find(one, name) for name in text.split(",") if name]
            if found and None not in found:
                return tuple(ref for ref in found if ref is not None)
        return ()

    def _kinds(self, verb: Verb) -> Iterator[ResourceKind[Any]]:
        return (kind for kind in registry.kinds(self._cluster.realm) if verb.works_on(kind.noun))

    def _ref(self, kind: ResourceKind[Any], name: str) -> ObjectRef:
        found = self._find(kind, name)
        if found is None:
            raise CommandError(f"There is no {kind.noun} {name!r}.")
        return found

    def _find(self, kind: ResourceKind[Any], name: str) -> ObjectRef | None:
        found: dict[ClusterId, tuple[ObjectRef, str]] = {}
        for ref, called, words in named(self._cluster, kind):
            if name in words:
                found.setdefault(ref.cluster, (ref, called))
        if len(found) > 1:
            told = " or ".join(called for _, called in found.values())
            raise CommandError(f"There is a {kind.noun} {name!r} in {' and in '.join(found)}: write {told}.")
        return next((ref for ref, _ in found.values()), None)

    def _name(self, ref: ObjectRef) -> str:
        kind = registry.by_noun(ref.kind)
        item = self._cluster.get(kind.message, ref.id)
        return kind.name(item, self._cluster) if item is not None else ref.id

    # -- completing --------------------------------------------------------------------------------

    def _offered(self, before: Sequence[str], tail: str) -> Iterable[str]:
        if not before:
            nouns = [
                word
                for realm in Realm
                for kind in registry.kinds(realm)
                for word in (kind.noun, kind.plural, *kind.aliases)
            ]
            return {*self._verbs, *self._views, *nouns}
        first = before[0].lower()
        kind = self._kind(first)
        if kind is not None:
            return [f"{field}:" for field in (*kind.fields, filters.NAME)]
        verb = self._verbs.get(first)
        if verb is not None and not verb.is_on_objects:
            return self._offers(verb, before[1:])
        if verb is None or len(before) > 1:
            return ()
        return self._targets(verb, tail)

    def _targets(self, verb: Verb, tail: str) -> Iterator[str]:
        word, slash, names = tail.partition("/")
        if not slash:
            yield from (f"{one.noun}/" for one in self._kinds(verb))
        kind = registry.by_word(word, self._cluster.realm) if slash else None
        kinds = [kind] if kind is not None else [] if slash else list(self._kinds(verb))
        given = names.rpartition(",")[0]
        prefix = f"{word}/{given}{',' if given else ''}" if slash else ""
        for one in kinds:
            for _, called, _ in named(self._cluster, one):
                yield prefix + called
