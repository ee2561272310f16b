"""One JSON object as a client sent it, read name by name (docs/design/engine-api-json.md 14.1).

Rules
1. Names are looked up in any case; of several that differ in case alone the last one counts.
2. What is missing and what is null are the same: the caller's default.
3. A value of another type is refused, with its place. What nobody asks for is ignored.
"""

import base64
import binascii
import re
from collections.abc import Set
from typing import Any, Final

from swarm_core.http.errors import BadRequest
from swarm_core.http.version import Version

INT64: Final = (-(1 << 63), (1 << 63) - 1)
UINT64: Final = (0, (1 << 64) - 1)
INT32: Final = (-(1 << 31), (1 << 31) - 1)
UINT32: Final = (0, (1 << 32) - 1)
Range = tuple[int, int]
_HALF_CHARACTERS: Final = re.compile("[\ud800-\udfff]")
_KINDS: Final = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
}


class Given:
    """A JSON object from a client of `version`; `path` is where it stands in the whole body."""

    __slots__ = ("_path", "_values", "version")

    def __init__(self, value: object, version: Version, path: str = "") -> None:
        """Raises BadRequest when `value` is no object; null is an empty one."""
        if not isinstance(value, dict | None):
            raise _wrong(path or "the body", "an object", value)
        self.version = version
        self._path = path
        self._values: dict[str, Any] = {str(name).lower(): each for name, each in (value or {}).items()}

    @property
    def names(self) -> Set[str]:
        """What was sent, in lower case, null too."""
        return self._values.keys()

    def where(self, name: str) -> str:
        """The place of a name in the whole body."""
        return f"{self._path}.{name}" if self._path else name

    def get(self, name: str) -> Any:
        """Whatever was sent under that name; None when there is nothing."""
        return self._values.get(name.lower())

    def has(self, name: str) -> bool:
        """Whether something was sent under that name."""
        return self.get(name) is not None

    def text(self, name: str) -> str:
        """A string; empty when there is none."""
        return _text(self.get(name), self.where(name))

    def flag(self, name: str) -> bool:
        """A boolean; false when there is none."""
        value = self.get(name)
        if not isinstance(value, bool | None):
            raise _wrong(self.where(name), "a boolean", value)
        return bool(value)

    def whole(self, name: str, within: Range = INT64) -> int:
        """A whole number; 0 when there is none."""
        value = self.get(name)
        if value is None:
            return 0
        if isinstance(value, bool) or not isinstance(value, int):
            raise _wrong(self.where(name), "a whole number", value)
        if not within[0] <= value <= within[1]:
            raise BadRequest(f"invalid JSON: {self.where(name)} must be from {within[0]} to {within[1]}")
        return value

    def number(self, name: str) -> float:
        """A number; 0 when there is none."""
        value = self.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float | None):
            raise _wrong(self.where(name), "a number", value)
        try:
            return float(value or 0)
        except OverflowError:
            raise BadRequest(f"invalid JSON: {self.where(name)} is too large") from None

    def data(self, name: str) -> bytes:
        """Bytes, in padded standard base64."""
        text = self.text(name)
        try:
            return base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
        except (binascii.Error, ValueError):
            raise BadRequest(f"invalid JSON: {self.where(name)} must be base64") from None

    def items(self, name: str) -> list[Any]:
        """A list; empty when there is none."""
        value = self.get(name)
        if not isinstance(value, list | None):
            raise _wrong(self.where(name), "a list", value)
        return value or []

    def texts(self, name: str) -> list[str]:
        """A list of strings."""
        return [_text(each, f"{self.where(name)}[{at}]") for at, each in enumerate(self.items(name))]

    def mapping(self, name: str) -> dict[str, str]:
        """An object whose values are strings."""
        value = self.get(name)
        if not isinstance(value, dict | None):
            raise _wrong(self.where(name), "an object", value)
        return {
            _text(key, name): _text(each, f"{self.where(name)}.{key}") for key, each in (value or {}).items()
        }

    def part(self, name: str) -> "Given | None":
        """The object within; None when there is none."""
        value = self.get(name)
        return None if value is None else Given(value, self.version, self.where(name))

    def parts(self, name: str) -> "list[Given]":
        """The objects of a list."""
        return [
            Given(each, self.version, f"{self.where(name)}[{at}]") for at, each in enumerate(self.items(name))
        ]


def _text(value: object, where: str) -> str:
    """Halves of characters outside the basic plane, which no text of a message may hold, are replaced."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong(where, "a string", value)
    return value if value.isascii() else _HALF_CHARACTERS.sub("\ufffd", value)


def _wrong(where: str, wanted: str, value: object) -> BadRequest:
    return BadRequest(f"invalid JSON: {where} must be {wanted}, not {_KINDS.get(type(value), 'null')}")
