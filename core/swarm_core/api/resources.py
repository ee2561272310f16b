"""Generic resources: what a node offers, what tasks hold of it, what is left (docs/design/scheduling.md 3.11).

A kind is either discrete (a count) or named (several entries that share the kind). `GenericPool`
derives what is free from the node's description and from what is held, so giving back can neither
lose an item nor invent one, and a node that describes itself anew needs no correction.
"""

from collections import Counter
from collections.abc import Iterable

from swarm_core.api.proto.types_pb2 import (
    DiscreteGenericResource,
    GenericResource,
    NamedGenericResource,
    Resources,
)

Wanted = tuple[tuple[str, int], ...]
"""Kinds with how many of each; every count is positive, and no kind is named twice."""


class InvalidGenericResource(ValueError):
    """A text that describes no generic resources; says why."""


def discrete(kind: str, value: int) -> GenericResource:
    """`value` pieces of `kind`."""
    return GenericResource(discrete_resource_spec=DiscreteGenericResource(kind=kind, value=value))


def named(kind: str, value: str) -> GenericResource:
    """The item of `kind` called `value`."""
    return GenericResource(named_resource_spec=NamedGenericResource(kind=kind, value=value))


def wanted_of(reservations: Resources) -> Wanted:
    """What a task asks for; only discrete counts are asked for, and a count of 0 asks for nothing.

    A kind that is named twice is asked for once, with the sum: looked at one by one both would be promised the same item.
    """
    counts: dict[str, int] = {}
    for entry in reservations.generic:
        spec = entry.discrete_resource_spec
        if spec.value > 0:
            counts[spec.kind] = counts.get(spec.kind, 0) + spec.value
    return tuple(counts.items())


class GenericPool:
    """What one node has described and what its tasks hold."""

    __slots__ = ("_counts", "_held_counts", "_held_names", "_names")

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._names: dict[str, list[str]] = {}
        self._held_counts: Counter[str] = Counter()
        self._held_names: Counter[tuple[str, str]] = Counter()

    def describe(self, entries: Iterable[GenericResource]) -> None:
        """Replace what the node offers; what is held stays held."""
        self._counts, self._names = {}, {}
        for entry in entries:
            if entry.HasField("named_resource_spec"):
                item = entry.named_resource_spec
                self._names.setdefault(item.kind, []).append(item.value)
            else:
                count = entry.discrete_resource_spec
                self._counts[count.kind] = self._counts.get(count.kind, 0) + count.value

    def free(self, kind: str) -> int:
        """How many of `kind` nobody holds; never negative."""
        if kind in self._names:
            return len(self._free_names(kind))
        return max(self._counts.get(kind, 0) - self._held_counts[kind], 0)

    def offered(self, kind: str) -> int:
        """How many of `kind` the node describes."""
        return len(self._names[kind]) if kind in self._names else self._counts.get(kind, 0)

    def has(self, wanted: Wanted) -> bool:
        """Whether all of `wanted` is free."""
        return all(count <= self.free(kind) for kind, count in wanted)

    def choose(self, wanted: Wanted) -> tuple[GenericResource, ...]:
        """The items a task with `wanted` gets, to be given to `hold`. The caller has asked `has`."""
        chosen: list[GenericResource] = []
        for kind, count in wanted:
            if kind in self._names:
                chosen.extend(named(kind, name) for name in self._free_names(kind)[:count])
            else:
                chosen.append(discrete(kind, count))
        return tuple(chosen)

    def hold(self, items: Iterable[GenericResource]) -> None:
        """Count `items` as taken."""
        self._hold(items, +1)

    def give_back(self, items: Iterable[GenericResource]) -> None:
        """Count `items`, held before, as free again."""
        self._hold(items, -1)

    def is_covered(self) -> bool:
        """Whether the node still has everything that is held."""
        return all(held <= self._counts.get(kind, 0) for kind, held in self._held_counts.items()) and all(
            held <= self._names.get(kind, []).count(name) for (kind, name), held in self._held_names.items()
        )

    def _hold(self, items: Iterable[GenericResource], sign: int) -> None:
        for item in items:
            if item.HasField("named_resource_spec"):
                self._held_names[item.named_resource_spec.kind, item.named_resource_spec.value] += sign
            else:
                spec = item.discrete_resource_spec
                self._held_counts[spec.kind] += sign * spec.value

    def _free_names(self, kind: str) -> list[str]:
        held = {name: count for (of, name), count in self._held_names.items() if of == kind}
        free = []
        for name in self._names[kind]:
            if held.get(name, 0) > 0:
                held[name] -= 1
            else:
                free.append(name)
        return free


def parse_generic(text: str) -> list[GenericResource]:
    """What "gpu=a,gpu=b,ssd=3" describes. Raises InvalidGenericResource."""
    values: dict[str, list[str]] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        kind, separator, value = part.partition("=")
        if not (kind and separator and value):
            raise InvalidGenericResource(f"{part!r} is not of the form kind=value")
        values.setdefault(kind, []).append(value)
    return [entry for kind, of_kind in values.items() for entry in _entries(kind, of_kind)]


def _entries(kind: str, values: list[str]) -> list[GenericResource]:
    numbers = [_integer(value) for value in values]
    if all(number is None for number in numbers):
        return [named(kind, value) for value in values]
    if len(values) > 1:
        raise InvalidGenericResource(f"{kind}: give one number, or only names")
    number = numbers[0]
    assert number is not None
    if number < 0:
        raise InvalidGenericResource(f"{kind}: {number} is negative")
    return [discrete(kind, number)]


def _integer(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
