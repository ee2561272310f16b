"""The functions that every template has: those of Go's text/template, and SwarmKit's `join`.

`and` and `or` are not here: they need not evaluate all they are given, so `execute` knows them.
"""

from collections.abc import Callable, Mapping
from urllib.parse import quote_plus

from swarm_core.rules.templates.formatting import sprint, sprintf, sprintln
from swarm_core.rules.templates.values import (
    NO_VALUE,
    Function,
    Struct,
    TemplateError,
    Value,
    is_true,
    show,
    type_name,
)

_HTML = str.maketrans({'"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;", "\0": "\ufffd"})
_JS = {"\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"}


def _join(separator: Value, *items: Value) -> Value:
    words = [separator, *items]
    for word in words:
        if not isinstance(word, str):
            raise TemplateError(f"join wants strings, not {type_name(word)}")
    return str(separator).join(str(item) for item in items)


def _not(value: Value) -> Value:
    return not is_true(value)


def _len(value: Value) -> Value:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, Struct) or not isinstance(value, Mapping | list):
        raise TemplateError(f"len of type {type_name(value)}")
    return len(value)


def _index(container: Value, *keys: Value) -> Value:
    """An entry of an entry …; a key that a map does not have gives the empty text, as in Go."""
    if container is None:
        raise TemplateError("index of nil")
    for key in keys:
        container = _entry(container, key)
    return container


def _entry(container: Value, key: Value) -> Value:
    if isinstance(container, Mapping) and not isinstance(container, Struct):
        if not isinstance(key, str):
            raise TemplateError(f"a map has no key of type {type_name(key)}")
        return container.get(key, "")
    if not isinstance(container, list | str):
        raise TemplateError(f"can't index item of type {type_name(container)}")
    items: list[Value] = list(container.encode()) if isinstance(container, str) else container
    return items[_position(key, len(items) - 1)]


def _position(value: Value, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TemplateError(f"cannot index with type {type_name(value)}")
    if not 0 <= value <= most:
        raise TemplateError(f"index out of range: {value}")
    return value


def _slice(value: Value, *places: Value) -> Value:
    if not isinstance(value, list | str):
        raise TemplateError(f"can't slice item of type {type_name(value)}")
    if len(places) > (2 if isinstance(value, str) else 3):
        raise TemplateError(f"too many slice indexes: {len(places)}")
    items = value.encode() if isinstance(value, str) else value
    found = [_position(place, len(items)) for place in places]
    begin, end = (found[0] if found else 0), (found[1] if len(found) > 1 else len(items))
    if begin > end or (len(found) == 3 and end > found[2]):
        raise TemplateError(f"invalid slice index: {begin} > {end}")
    part = items[begin:end]
    return part.decode(errors="replace") if isinstance(part, bytes) else part


def _kind(value: Value) -> str:
    name = type_name(value)
    if name not in ("bool", "int", "float64", "string"):
        raise TemplateError("invalid type for comparison")
    return name


def _eq(first: Value, *others: Value) -> Value:
    if not others:
        raise TemplateError("missing argument for comparison")
    for other in others:
        if first is None or other is None:
            if first is other:
                return True
            continue
        if not _is_comparable(first) or not _is_comparable(other):
            raise TemplateError("non-comparable type")
        if type_name(first) != type_name(other):
            raise TemplateError("incompatible types for comparison")
        if first == other:
            return True
    return False


def _is_comparable(value: Value) -> bool:
    if isinstance(value, Struct):
        return all(_is_comparable(item) for item in value.values())
    return not isinstance(value, Mapping | list)


def _ne(first: Value, second: Value) -> Value:
    return not _eq(first, second)


def _ordered(compare: Callable[[bool, bool], bool]) -> Function:
    """A comparison, made of whether the first is less and whether both are equal."""

    def function(first: Value, second: Value) -> Value:
        kind = _kind(first)
        if kind != _kind(second):
            raise TemplateError("incompatible types for comparison")
        if kind == "bool":
            raise TemplateError("invalid type for comparison")
        one, two = (str(first).encode(), str(second).encode()) if kind == "string" else (first, second)
        return compare(one < two, one == two)  # type: ignore[operator]

    return function


def _html(*items: Value) -> Value:
    return _text_of(items).translate(_HTML)


def _js(*items: Value) -> Value:
    return "".join(_js_character(character) for character in _text_of(items))


def _js_character(character: str) -> str:
    if character in _JS:
        return _JS[character]
    if character < " " or (not character.isprintable() and character != " "):
        return f"\\u{ord(character):04X}"
    return character


def _urlquery(*items: Value) -> Value:
    return quote_plus(_text_of(items), safe="~")


def _text_of(items: tuple[Value, ...]) -> str:
    return sprint(*(NO_VALUE if item is None else item for item in items))


def _call(function: Value, *arguments: Value) -> Value:
    raise TemplateError(f"call of {show(function)}, which is no function")


BUILTINS: Mapping[str, Function] = {
    "call": _call,
    "eq": _eq,
    "ge": _ordered(lambda is_less, is_equal: not is_less),
    "gt": _ordered(lambda is_less, is_equal: not is_less and not is_equal),
    "html": _html,
    "index": _index,
    "join": _join,
    "js": _js,
    "le": _ordered(lambda is_less, is_equal: is_less or is_equal),
    "len": _len,
    "lt": _ordered(lambda is_less, is_equal: is_less),
    "ne": _ne,
    "not": _not,
    "print": sprint,
    "printf": sprintf,
    "println": sprintln,
    "slice": _slice,
    "urlquery": _urlquery,
}
