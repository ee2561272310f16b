"""Tables that say how a message and a JSON object correspond (docs/design/engine-api-json.md 14.1).

A `Shape` is a list of rows. Each row knows one name of the JSON object and the field of the message behind it, shows the one and reads
the other. Rows stand in the order in which Docker writes them.

Rules
1. A value that is empty is left out, unless its row says `keep`.
2. A row with `since` is read from clients of that version on; from older ones it is ignored. It is shown to all.
3. An object that Docker holds by value is always there, in the JSON and in the message (`always`).
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from swarm_core.api.floats import rounded, shortest
from swarm_core.engine_json.form import Form
from swarm_core.engine_json.given import INT64, Given, Range
from swarm_core.engine_json.times import moment, nanoseconds, set_nanoseconds
from swarm_core.http.errors import BadRequest
from swarm_core.http.version import OLDEST, Version


class Row(Protocol):
    """One correspondence."""

    def show(self, message: Any, out: dict[str, Any], version: Version) -> None:
        """Add to the JSON object what the message says."""

    def read(self, given: Given, message: Any) -> None:
        """Set in the message what the JSON object says. Raises BadRequest."""

    def fill_in(self, told: Mapping[str, Any], out: dict[str, Any]) -> None:
        """Add to a form what the JSON object `told` has under the row's names, and something empty where it has nothing."""

    @property
    def needs(self) -> str | None:
        """The name without which `read` does nothing; None where it has something to do in any case."""


class Kind(Protocol):
    """How one value is written."""

    def show(self, value: Any) -> Any:
        """As it stands in JSON; something empty where there is nothing to show."""

    def read(self, given: Given, name: str) -> Any:
        """As it stands in the message. Raises BadRequest."""

    @property
    def empty(self) -> Any:
        """What stands for nothing in a form."""


class Shape:
    """A JSON object and a message."""

    __slots__ = ("_needs", "_rows")

    def __init__(self, *rows: Row) -> None:
        self._rows = rows
        # Most of what an object may have is not given: a row that has nothing to read is not asked.
        self._needs = tuple((None if row.needs is None else row.needs.lower(), row) for row in rows)

    @property
    def rows(self) -> tuple[Row, ...]:
        """In the order in which Docker writes them."""
        return self._rows

    def show(self, message: Any, version: Version) -> dict[str, Any]:
        """The message as a JSON object."""
        out: dict[str, Any] = {}
        for row in self._rows:
            row.show(message, out, version)
        return out

    def fill(self, message: Any, out: dict[str, Any], version: Version) -> None:
        """Add the message's rows to an object that has others too."""
        for row in self._rows:
            row.show(message, out, version)

    def read(self, given: Given, message: Any) -> None:
        """Set in `message` what was given, and that it is there."""
        message.SetInParent()
        names = given.names
        for needed, row in self._needs:
            if needed is None or needed in names:
                row.read(given, message)

    def form(self, told: Mapping[str, Any]) -> Form:
        """What `show` made, as templates see it: what JSON leaves out is there, and empty."""
        out: dict[str, Any] = {}
        self.fill_in(told, out)
        out |= {name: value for name, value in told.items() if name not in out}
        return Form(out, frozenset(out.keys() - told.keys()))

    def fill_in(self, told: Mapping[str, Any], out: dict[str, Any]) -> None:
        """Add the form of the rows to that of an object that has others too."""
        for row in self._rows:
            row.fill_in(told, out)


@dataclass(frozen=True, slots=True)
class Value:
    """A scalar, a list of scalars or a map."""

    name: str
    field: str
    kind: Kind
    keep: bool = False
    since: Version = OLDEST

    @property
    def needs(self) -> str | None:
        return self.name

    def show(self, message: Any, out: dict[str, Any], version: Version) -> None:
        shown = getattr(message, self.field)
        if shown or self.keep:
            shown = self.kind.show(shown)
        if shown or self.keep:
            out[self.name] = shown

    def read(self, given: Given, message: Any) -> None:
        if given.version < self.since or not given.has(self.name):
            return
        value = self.kind.read(given, self.name)
        if isinstance(value, list):
            getattr(message, self.field)[:] = value
        elif isinstance(value, dict):
            held = getattr(message, self.field)
            held.clear()
            held.update(value)
        else:
            setattr(message, self.field, value)

    def fill_in(self, told: Mapping[str, Any], out: dict[str, Any]) -> None:
        out[self.name] = told.get(self.name, self.kind.empty)


@dataclass(frozen=True, slots=True)
class Part:
    """An object within. With `always` it is there even if the message has none; with `keep` null stands for one that is not."""

    name: str
    field: str
    shape: Shape
    always: bool = False
    keep: bool = False
    since: Version = OLDEST

    @property
    def needs(self) -> str | None:
        return None if self.always else self.name

    def show(self, message: Any, out: dict[str, Any], version: Version) -> None:
        if self.always or message.HasField(self.field):
            out[self.name] = self.shape.show(getattr(message, self.field), version)
        elif self.keep:
            out[self.name] = None

    def read(self, given: Given, message: Any) -> None:
        if given.version >= self.since and (part := given.part(self.name)) is not None:
            self.shape.read(part, getattr(message, self.field))
        elif self.always:
            getattr(message, self.field).SetInParent()

    def fill_in(self, told: Mapping[str, Any], out: dict[str, Any]) -> None:
        part = told.get(self.name)
        out[self.name] = None if part is None else self.shape.form(part)


@dataclass(frozen=True, slots=True)
class Parts:
    """A list of objects. With `keep` null stands for an empty one."""

    name: str
    field: str
    shape: Shape
    keep: bool = False
    since: Version = OLDEST

    @property
    def needs(self) -> str | None:
        return self.name

    def show(self, message: Any, out: dict[str, Any], version: Version) -> None:
        if held := getattr(message, self.field):
            out[self.name] = [self.shape.show(each, version) for each in held]
        elif self.keep:
            out[self.name] = None

    def read(self, given: Given, message: Any) -> None:
        if given.version >= self.since:
            held = getattr(message, self.field)
            for part in given.parts(self.name):
                self.shape.read(part, held.add())

    def fill_in(self, told: Mapping[str, Any], out: dict[str, Any]) -> None:
        parts = told.get(self.name, [])
        out[self.name] = None if parts is None else [self.shape.form(each) for each in parts]


@dataclass(frozen=True, slots=True)
class Inline:
    """A message within, whose rows stand in the object around it. It is always there."""

    field: str
    shape: Shape

    @property
    def needs(self) -> str | None:
        return None

    def show(self, message: Any, out: dict[str, Any], version: Version) -> None:
        self.shape.fill(getattr(message, self.field), out, version)

    def read(self, given: Given, message: Any) -> None:
        self.shape.read(given, getattr(message, self.field))

    def fill_in(self, told: Mapping[str, Any], out: dict[str, Any]) -> None:
        self.shape.fill_in(told, out)


@dataclass(frozen=True, slots=True)
class Nanoseconds:
    """A duration that may be missing, and then is left out."""

    name: str
    field: str
    since: Version = OLDEST

    @property
    def needs(self) -> str | None:
        return self.name

    def show(self, message: Any, out: dict[str, Any], version: Version) -> None:
        if message.HasField(self.field):
            out[self.name] = nanoseconds(getattr(message, self.field))

    def read(self, given: Given, message: Any) -> None:
        if given.version >= self.since and given.has(self.name):
            set_nanoseconds(getattr(message, self.field), given.whole(self.name))

    def fill_in(self, told: Mapping[str, Any], out: dict[str, Any]) -> None:
        out[self.name] = told.get(self.name)


@dataclass(frozen=True, slots=True)
class NanosecondsOrZero:
    """A duration that is left out when it is 0. Read, it is set `always`, or unless it is 0."""

    name: str
    field: str
    always: bool = False
    since: Version = OLDEST

    @property
    def needs(self) -> str | None:
        return None if self.always else self.name

    def show(self, message: Any, out: dict[str, Any], version: Version) -> None:
        if value := nanoseconds(getattr(message, self.field)):
            out[self.name] = value

    def read(self, given: Given, message: Any) -> None:
        if given.version < self.since:
            return
        value = given.whole(self.name)
        if value or self.always:
            set_nanoseconds(getattr(message, self.field), value)

    def fill_in(self, told: Mapping[str, Any], out: dict[str, Any]) -> None:
        out[self.name] = told.get(self.name, 0)


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A scalar in a wrapper, which tells an absent value from an empty one."""

    name: str
    field: str
    kind: Kind
    since: Version = OLDEST

    @property
    def needs(self) -> str | None:
        return self.name

    def show(self, message: Any, out: dict[str, Any], version: Version) -> None:
        if message.HasField(self.field):
            out[self.name] = self.kind.show(getattr(message, self.field).value)

    def read(self, given: Given, message: Any) -> None:
        if given.version >= self.since and given.has(self.name):
            held = getattr(message, self.field)
            held.SetInParent()
            held.value = self.kind.read(given, self.name)

    def fill_in(self, told: Mapping[str, Any], out: dict[str, Any]) -> None:
        out[self.name] = told.get(self.name)


@dataclass(frozen=True, slots=True)
class Moment:
    """A time, which clients only read. With `optional` one that is unset is left out."""

    name: str
    field: str
    optional: bool = False

    @property
    def needs(self) -> str | None:
        return self.name

    def show(self, message: Any, out: dict[str, Any], version: Version) -> None:
        value = getattr(message, self.field)
        if not self.optional or value.seconds or value.nanos:
            out[self.name] = moment(value)

    def read(self, given: Given, message: Any) -> None:
        pass

    def fill_in(self, told: Mapping[str, Any], out: dict[str, Any]) -> None:
        out[self.name] = told.get(self.name, "")


@dataclass(frozen=True, slots=True)
class Own:
    """What no table says: a function for each direction. `like` are the rows that have a form like its own."""

    shown: Callable[[Any, dict[str, Any], Version], None]
    taken: Callable[[Given, Any], None]
    like: tuple[Row, ...] = ()

    @property
    def needs(self) -> str | None:
        return None

    def show(self, message: Any, out: dict[str, Any], version: Version) -> None:
        self.shown(message, out, version)

    def read(self, given: Given, message: Any) -> None:
        self.taken(given, message)

    def fill_in(self, told: Mapping[str, Any], out: dict[str, Any]) -> None:
        for row in self.like:
            row.fill_in(told, out)


@dataclass(frozen=True, slots=True)
class _Scalar:
    shown: Callable[[Any], Any]
    taken: Callable[[Given, str], Any]
    none: Callable[[], Any]

    def show(self, value: Any) -> Any:
        return self.shown(value)

    def read(self, given: Given, name: str) -> Any:
        return self.taken(given, name)

    @property
    def empty(self) -> Any:
        return self.none()


def _same(value: Any) -> Any:
    return value


def integer(within: Range = INT64) -> Kind:
    """A whole number that the message's field can hold."""
    return _Scalar(_same, lambda given, name: given.whole(name, within), int)


TEXT: Final[Kind] = _Scalar(_same, Given.text, str)
FLAG: Final[Kind] = _Scalar(_same, Given.flag, bool)
TEXTS: Final[Kind] = _Scalar(list, Given.texts, list)
MAP: Final[Kind] = _Scalar(lambda held: {key: held[key] for key in sorted(held)}, Given.mapping, dict)
BASE64: Final[Kind] = _Scalar(lambda data: base64.b64encode(data).decode(), Given.data, str)
PEM: Final[Kind] = _Scalar(
    lambda data: data.decode(errors="replace"), lambda given, name: given.text(name).encode(), str
)


def _float32(given: Given, name: str) -> float:
    value = given.number(name)
    try:
        return rounded(value)
    except OverflowError:
        raise BadRequest(f"invalid JSON: {given.where(name)} is too large") from None


FLOAT32: Final[Kind] = _Scalar(shortest, _float32, float)


@dataclass(frozen=True, slots=True)
class Words:
    """An enum. `words` are its values in JSON; a number that none of them has, of a newer member, is shown as it is.

    `refusal` is what is said of a word that there is not, with it in the place of {}; without a refusal such a word is the default. Where
    `any_case`, words are read in any case.
    """

    words: Mapping[str, int]
    refusal: str = ""
    default: int | None = 0
    any_case: bool = False

    def show(self, value: int) -> str:
        for word, number in self.words.items():
            if number == value:
                return word
        return str(value)

    def read(self, given: Given, name: str) -> int:
        word = given.text(name)
        number = self.words.get(word.lower() if self.any_case else word)
        if number is None and (word or self.default is None) and self.refusal:
            raise BadRequest(self.refusal.format(word))
        return (self.default or 0) if number is None else number


@dataclass(frozen=True, slots=True)
class Choice:
    """A field that holds an enum and is always shown; what is missing is read as the enum's default."""

    name: str
    field: str
    words: Words
    since: Version = OLDEST

    @property
    def needs(self) -> str | None:
        return None

    def show(self, message: Any, out: dict[str, Any], version: Version) -> None:
        if word := self.words.show(getattr(message, self.field)):
            out[self.name] = word

    def read(self, given: Given, message: Any) -> None:
        if given.version >= self.since:
            setattr(message, self.field, self.words.read(given, self.name))

    def fill_in(self, told: Mapping[str, Any], out: dict[str, Any]) -> None:
        out[self.name] = told.get(self.name, "")
