"""What tables of shapes are made of. A shape is data: it says what a value may be, and `check` walks it.

The kinds of values are text, integer, number, boolean, null, list and mapping; an integer is a number too.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

OURS: Final = 1000
"""The `since` of a key that no version of docker's knows."""
NEWEST: Final = 13
"""The newest version is 3.13."""

Shape: TypeAlias = "Scalar | ListOf | MapOf | Fields | Either"
Test = Callable[[Any], str]
"""What is wrong with a value of the right kind; empty where nothing is."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value of these kinds; `ours` are kinds that docker refuses here."""

    kinds: frozenset[str]
    test: Test | None = None
    ours: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ListOf:
    item: Shape
    is_unique: bool = False


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping with names of its author's."""

    value: Shape
    names: str = ".+"
    """What a name must match as a whole."""


@dataclass(frozen=True, slots=True)
class Key:
    shape: Shape
    since: int = 0


@dataclass(frozen=True, slots=True)
class Fields:
    """A mapping with these keys. Where it `is_open`, docker drops further keys without a word."""

    keys: Mapping[str, Key]
    required: tuple[str, ...] = ()
    is_open: bool = False
    has_extensions: bool = False
    """Whether keys that begin with `x-` may stand here too."""


@dataclass(frozen=True, slots=True)
class Either:
    """One of several shapes, each for other kinds of values."""

    shapes: tuple[Shape, ...]
    ours: frozenset[str] = field(default=frozenset())
    since: Mapping[str, int] = field(default_factory=dict)
    """Kinds of values that came later than the key."""


def kinds_of(shape: Shape) -> frozenset[str]:
    """The kinds of values that a shape is for."""
    match shape:
        case Scalar():
            return shape.kinds
        case ListOf():
            return frozenset({"list"})
        case MapOf() | Fields():
            return frozenset({"mapping"})
        case Either():
            return frozenset().union(*map(kinds_of, shape.shapes))


def fields(
    *,
    needs: tuple[str, ...] = (),
    is_open: bool = False,
    has_extensions: bool = False,
    **keys: "Shape | Key",
) -> Fields:
    """A mapping with these keys."""
    made = {name: key if isinstance(key, Key) else Key(key) for name, key in keys.items()}
    return Fields(made, needs, is_open, has_extensions)


def scalar(*kinds: str, test: Test | None = None, ours: tuple[str, ...] = ()) -> Scalar:
    """A value of one of these kinds."""
    return Scalar(frozenset(kinds) | frozenset(ours), test, frozenset(ours))


def integer(low: int, high: int) -> Scalar:
    """A whole number that the swarm's field for it can hold."""
    return scalar(
        "integer", test=lambda value: "" if low <= value <= high else f"must be from {low} to {high}"
    )


def _wrong_name(text: str) -> str:
    return (
        ""
        if re.fullmatch(NAMES, text)
        else f"{text!r} is no name: letters, digits, '.', '_' and '-' make one"
    )


NAMES: Final = "[a-zA-Z0-9._-]+"
"""What services, networks and other parts of a file may be called."""
TEXT: Final = scalar("string")
TEXT_OR_NULL: Final = scalar("string", "null")
INTEGER: Final = integer(-(1 << 63), (1 << 63) - 1)
COUNT: Final = integer(0, (1 << 64) - 1)
SMALL_COUNT: Final = integer(0, (1 << 32) - 1)
NUMBER: Final = scalar("integer", "number")
BOOLEAN: Final = scalar("boolean")
NULL: Final = scalar("null")
TEXTS: Final = ListOf(TEXT)
UNIQUE_TEXTS: Final = ListOf(TEXT, is_unique=True)
UNIQUE_NAMES: Final = ListOf(scalar("string", test=_wrong_name), is_unique=True)
"""Names of what the file has to define: where they stand in a list, too, they can only be what could be defined."""
TEXT_OR_TEXTS: Final = Either((TEXT, UNIQUE_TEXTS))
COMMAND: Final = Either((TEXT_OR_NULL, TEXTS))
OPTION: Final = scalar("string", "integer", "number", ours=("boolean",))
OPTIONS: Final = MapOf(OPTION)
PAIR: Final = scalar("string", "integer", "number", "null", ours=("boolean",))
PAIRS: Final = Either((MapOf(PAIR), UNIQUE_TEXTS))
