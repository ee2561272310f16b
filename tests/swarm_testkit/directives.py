"""Files of directives with their expected output, as the reference's data-driven tests write them.

A directive is a command with arguments, perhaps input lines, a line `----`, and the expected output up to the next blank
line; between two pairs of such lines, when the output has blank lines itself. Lines that begin with # are comments.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, takewhile

_SEPARATOR = "----"


class ScriptError(Exception):
    """The script itself is wrong: an unknown argument, a missing node."""


@dataclass(frozen=True, slots=True)
class Directive:
    """One command of a script. An argument without a value has no values, `key=(a,b)` has two."""

    line: int
    command: str
    arguments: tuple[tuple[str, tuple[str, ...]], ...]
    input: str
    expected: str

    def values(self, key: str) -> tuple[str, ...]:
        return tuple(value for name, values in self.arguments for value in values if name == key)

    def number(self, key: str) -> int:
        values = self.values(key)
        if len(values) != 1:
            raise ScriptError(f"line {self.line}: {self.command} needs one {key}=")
        return int(values[0])

    @property
    def keys(self) -> list[str]:
        """Arguments without a value, in order."""
        return [name for name, values in self.arguments if not values]

    @property
    def numbers(self) -> list[int]:
        return [int(key) for key in self.keys]


def parse(text: str) -> list[Directive]:
    """The directives of a script."""
    lines = enumerate(text.splitlines(), 1)
    return list(_directives(lines))


def _directives(lines: Iterator[tuple[int, str]]) -> Iterator[Directive]:
    for number, line in lines:
        command = line.strip()
        if not command or command.startswith("#"):
            continue
        while command.endswith("\\"):
            command = command[:-1] + next(lines)[1].strip()
        words = list(_words(command))
        input_ = "\n".join(line for _, line in takewhile(lambda one: one[1].strip() != _SEPARATOR, lines))
        arguments = tuple(map(_argument, words[1:]))
        yield Directive(number, words[0], arguments, input_.strip(), _expected(lines))


def _words(command: str) -> Iterator[str]:
    """Splits at blanks that are not within parentheses."""
    word = ""
    depth = 0
    for char in command + " ":
        depth += (char == "(") - (char == ")")
        if char.isspace() and depth == 0:
            if word:
                yield word
            word = ""
        else:
            word += char


def _argument(word: str) -> tuple[str, tuple[str, ...]]:
    key, equals, value = word.partition("=")
    if not equals:
        return key, ()
    if value.startswith("(") and value.endswith(")"):
        return key, tuple(part.strip() for part in value[1:-1].split(",") if part.strip())
    return key, (value,)


def _expected(lines: Iterator[tuple[int, str]]) -> str:
    """The output of a directive; `lines` stands right behind the separator."""
    found = [line for _, line in islice(lines, 1)]
    if found == [_SEPARATOR]:
        # Between doubled separators blank lines are output.
        found = []
        while found[-2:] != [_SEPARATOR, _SEPARATOR]:
            following = next(lines, None)
            if following is None:
                raise ScriptError("the output between doubled separators does not end")
            found.append(following[1])
        del found[-2:]
    elif found and found[0].strip():
        found += [line for _, line in takewhile(lambda one: one[1].strip(), lines)]
    else:
        found = []
    return "".join(f"{line}\n" for line in found)
