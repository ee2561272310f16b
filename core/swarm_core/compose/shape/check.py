"""Checks a file against a table of shapes: every fault is told with its place.

A key that a later version of docker's brought is refused in an older file. What only this product knows is accepted in a file of
any version, with a note.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

from swarm_core.compose.reading.errors import WrongShape, joined
from swarm_core.compose.reading.notes import Notes
from swarm_core.compose.reading.values import Map, Mark, Reset, Seq, plain
from swarm_core.compose.shape.parts import OURS, Either, Fields, ListOf, MapOf, Scalar, Shape, kinds_of

_ARTICLES: Final = {"integer": "an integer"}
_ORDER: Final = ("string", "list", "mapping", "integer", "number", "boolean", "null")


def check(value: Map, shape: Shape, version: int, notes: Notes) -> None:
    """Raise WrongShape with all that does not fit version 3.`version`."""
    walk = _Walk(version, notes)
    walk.value(value, shape, "", value.mark)
    if walk.errors:
        walk.errors.sort(key=lambda error: (error.mark.line, error.mark.column) if error.mark else (0, 0))
        raise joined(walk.errors)


def kind_of(value: Any) -> str:
    """The kind of a value, in the words of people."""
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case None:
            return "null"
        case str():
            return "string"
        case list():
            return "list"
        case _:
            return "mapping"


class _Walk:
    def __init__(self, version: int, notes: Notes) -> None:
        self._version = version
        self._notes = notes
        self.errors: list[WrongShape] = []

    def value(self, value: Any, shape: Shape, path: str, mark: Mark) -> None:
        """Check a value and all below it."""
        if isinstance(value, Reset):
            return
        kind = kind_of(value)
        if kind not in kinds_of(shape):
            self._wrong(path, f"must be {_words(kinds_of(shape))}", mark)
            return
        match shape:
            case Either():
                self._either(value, kind, shape, path, mark)
            case Scalar():
                self._scalar(value, kind, shape, path, mark)
            case ListOf():
                self._list(value, shape, path)
            case MapOf():
                self._map(value, shape, path)
            case Fields():
                self._fields(value, shape, path)

    def _either(self, value: Any, kind: str, shape: Either, path: str, mark: Mark) -> None:
        if kind in shape.ours:
            self._notes.refused(f"docker takes no {kind} for {path}", mark)
        since = shape.since.get(kind, 0)
        if since > self._version and since != OURS:
            self._wrong(path, f"may be a {kind} from version 3.{since} on", mark)
            return
        self.value(value, next(one for one in shape.shapes if kind in kinds_of(one)), path, mark)

    def _scalar(self, value: Any, kind: str, shape: Scalar, path: str, mark: Mark) -> None:
        if kind in shape.ours:
            self._notes.refused(f"docker takes no {kind} for {path}: write it in quotes", mark)
        if shape.test is not None and (wrong := shape.test(value)):
            self._wrong(path, wrong, mark)

    def _list(self, value: Seq, shape: ListOf, path: str) -> None:
        for index, (item, at) in enumerate(value.marked()):
            self.value(item, shape.item, f"{path}.{index}", at)
        if shape.is_unique:
            self._twice(value, path)

    def _twice(self, value: Seq, path: str) -> None:
        seen: dict[str, int] = {}
        for index, (item, at) in enumerate(value.marked()):
            before = seen.setdefault(repr(plain(item)), index)
            if before != index:
                self._wrong(path, f"items must be unique, and items {before} and {index} are equal", at)

    def _map(self, value: Map, shape: MapOf, path: str) -> None:
        for name, entry in value.items():
            if not re.fullmatch(shape.names, name):
                self._wrong(path or "(root)", f"Additional property {name} is not allowed", value.at(name))
            self.value(entry, shape.value, _below(path, name), value.at(name))

    def _fields(self, value: Map, shape: Fields, path: str) -> None:
        for name, entry in value.items():
            at = value.at(name)
            if shape.has_extensions and name.startswith("x-") and name not in shape.keys:
                continue
            key = shape.keys.get(name)
            if key is None:
                self._unknown(name, shape, path, at)
                continue
            if key.since == OURS:
                self._notes.refused(f"docker knows no key {_below(path, name)}", at)
            elif key.since > self._version:
                told = f"Additional property {name} is not allowed before version 3.{key.since}"
                self._wrong(path or "(root)", told, at)
                continue
            self.value(entry, key.shape, _below(path, name), at)
        for name in shape.required:
            if name not in value:
                self._wrong(path, f"needs a {name}", value.mark)

    def _unknown(self, name: str, shape: Fields, path: str, at: Mark) -> None:
        if shape.is_open:
            self._notes.ignored(f"{_below(path, name)} means nothing to a swarm", at)
        else:
            self._wrong(path or "(root)", f"Additional property {name} is not allowed", at)

    def _wrong(self, path: str, text: str, mark: Mark) -> None:
        self.errors.append(WrongShape(f"{path} {text}", mark))


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _words(kinds: Iterable[str]) -> str:
    """ "a string, number or null"."""
    named = [kind for kind in _ORDER if kind in set(kinds)]
    if "number" in named and "integer" in named:
        named.remove("integer")
    first = _ARTICLES.get(named[0], f"a {named[0]}")
    return first if len(named) == 1 else f"{', '.join([first, *named[1:-1]])} or {named[-1]}"
