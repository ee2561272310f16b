"""Which objects a list call asks for (docs/design/control-api.md 4.0). Each kind says it as data: a `Selection`.

Rules
1. A criterion is one field of the call's filters. Without a value it asks for nothing.
2. An object must meet every criterion that asks. It meets one with any of the values, or labels with all of them.
3. The first criterion that asks and has an index looks the objects up; then all of them are tested.
4. Some kinds take names and prefixes together: an object that any of them finds is meant.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from swarm_core.store.by import By, IdPrefix, Name, NamePrefix
from swarm_core.store.memory import MemoryStore
from swarm_core.store.tables import T


@dataclass(frozen=True, slots=True)
class Criterion:
    """One field of the filters: the query term for one of its values (None: no index), and the test of an object."""

    field: str
    term: Callable[[Any], By] | None
    holds: Callable[[Any, Any], bool]
    normal: Callable[[Any], Any] = lambda value: value
    """The form of a value that is looked up and tested."""
    needs_all: bool = False

    def values(self, filters: Any) -> list[Any]:
        """What the call asks for."""
        given = getattr(filters, self.field)
        if isinstance(given, str):
            given = [given] if given else []
        elif isinstance(given, Mapping):
            given = given.items()
        return [self.normal(value) for value in given]

    def met_by(self, item: Any, values: Sequence[Any]) -> bool:
        """Whether the object is one of those asked for."""
        tests = (self.holds(item, value) for value in values)
        return all(tests) if self.needs_all else any(tests)


@dataclass(frozen=True, slots=True)
class Selection(Generic[T]):
    """How a kind is listed. `names` are the criteria of `by_name`."""

    kind: type[T]
    names: tuple[Criterion, ...]
    others: tuple[Criterion, ...]
    names_add_up: bool = False

    def found(self, store: MemoryStore, filters: Any) -> list[T]:
        """The objects that `filters` ask for, in the order of their ids."""
        if not filters.ByteSize():
            return store.find(self.kind)
        names, others = _asked(self.names, filters), _asked(self.others, filters)
        if names and self.names_add_up:
            terms, tests = [term for asked in names for term in _terms(*asked)], others
        else:
            tests = names + others
            terms = next((list(_terms(*asked)) for asked in tests if asked[0].term is not None), [])
        return [
            item
            for item in store.find(self.kind, *terms)
            if all(criterion.met_by(item, values) for criterion, values in tests)
        ]


_Asked = tuple[Criterion, list[Any]]


def _asked(criteria: Sequence[Criterion], filters: Any) -> list[_Asked]:
    return [(criterion, values) for criterion in criteria if (values := criterion.values(filters))]


def _terms(criterion: Criterion, values: Sequence[Any]) -> Iterator[By]:
    assert criterion.term is not None
    return map(criterion.term, values)


def by_name(name_of: Callable[[Any], str | None]) -> tuple[Criterion, ...]:
    """The criteria that every kind has: names, name prefixes, id prefixes, in the order of the lookup."""

    def begins(item: Any, prefix: str) -> bool:
        return (name_of(item) or "").startswith(prefix)

    return (
        Criterion("names", Name, lambda item, name: name_of(item) == name),
        Criterion("name_prefixes", NamePrefix, begins),
        Criterion("id_prefixes", IdPrefix, lambda item, prefix: item.id.startswith(prefix)),
    )


def by_labels(field: str, labels_of: Callable[[Any], Mapping[str, str]]) -> Criterion:
    """Every wanted key must exist; an empty wanted value matches any value."""

    def holds(item: Any, wanted: tuple[str, str]) -> bool:
        key, value = wanted
        have = labels_of(item)
        return key in have and value in ("", have[key])

    return Criterion(field, None, holds, needs_all=True)


def _spec_name(item: Any) -> str:
    name: str = item.spec.annotations.name
    return name


def _spec_labels(item: Any) -> Mapping[str, str]:
    labels: Mapping[str, str] = item.spec.annotations.labels
    return labels


BY_SPEC_NAME = by_name(_spec_name)
BY_SPEC_LABELS = by_labels("labels", _spec_labels)
