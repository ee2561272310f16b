"""Filtering of list calls (control-plane spec 4.0).

The first criterion with values looks up an index, its values OR-ed; then every criterion must hold.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from swarm_core.store.by import By, IdPrefix, Name, NamePrefix
from swarm_core.store.memory import MemoryStore
from swarm_core.store.tables import T


@dataclass(frozen=True, slots=True)
class Criterion:
    """`values` as the client gave them, the query term for one value (None: no index), and the test."""

    values: Sequence[Any]
    term: Callable[[Any], By] | None
    holds: Callable[[Any, Any], bool]


def select(store: MemoryStore, kind: type[T], criteria: Iterable[Criterion]) -> list[T]:
    """Objects that meet all criteria, in the order of their ids."""
    asked = [criterion for criterion in criteria if criterion.values]
    terms: list[By] = []
    for criterion in asked:
        if criterion.term is not None:
            terms = [criterion.term(value) for value in criterion.values]
            break
    return [
        item
        for item in store.find(kind, *terms)
        if all(any(c.holds(item, value) for value in c.values) for c in asked)
    ]


def by_name(filters: Any, name_of: Callable[[Any], str | None]) -> list[Criterion]:
    """The criteria that every kind has: names, name prefixes, id prefixes, in the order of the lookup."""

    def begins(item: Any, prefix: str) -> bool:
        return (name_of(item) or "").startswith(prefix)

    return [
        Criterion(filters.names, Name, lambda item, name: name_of(item) == name),
        Criterion(filters.name_prefixes, NamePrefix, begins),
        Criterion(filters.id_prefixes, IdPrefix, lambda item, prefix: item.id.startswith(prefix)),
    ]


def labels(wanted: Mapping[str, str], labels_of: Callable[[Any], Mapping[str, str]]) -> Criterion:
    """Every wanted key must exist; an empty wanted value matches any value."""

    def holds(item: Any, asked: Mapping[str, str]) -> bool:
        have = labels_of(item)
        return all(key in have and value in ("", have[key]) for key, value in asked.items())

    return Criterion([wanted] if wanted else [], None, holds)


def spec_name(item: Any) -> str:
    name: str = item.spec.annotations.name
    return name


def spec_labels(item: Any) -> Mapping[str, str]:
    found: Mapping[str, str] = item.spec.annotations.labels
    return found


def union(store: MemoryStore, kind: type[T], filters: Any) -> list[T]:
    """Secrets, configs, resources: names and prefixes select together (OR), labels must then hold."""
    terms = (
        [Name(name) for name in filters.names]
        + [NamePrefix(prefix) for prefix in filters.name_prefixes]
        + [IdPrefix(prefix) for prefix in filters.id_prefixes]
    )
    wanted = labels(filters.labels, spec_labels)
    found = store.find(kind, *terms)
    return [item for item in found if all(wanted.holds(item, value) for value in wanted.values)]


def copy(item: T) -> T:
    """A copy that may be changed."""
    made = type(item)()
    made.CopyFrom(item)  # type: ignore[arg-type]
    return made
