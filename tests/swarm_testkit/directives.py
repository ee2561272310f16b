"""Files of directives with their expected output, as the reference's data-driven tests write them.

A directive is a command with arguments, perhaps input lines, a line `----`, and the expected output up to the next blank
line; between two pairs of such lines, when the output has blank lines itself. Lines that begin with # are comments.
`compare` plays a file and holds the outputs against the expected ones. With `SWARM_REWRITE=1` in the environment it writes
today's outputs into the file instead and keeps every other line: the difference is then reviewed like code.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import Path

_SEPARATOR = "----"


class ScriptError(Exception):
    """The script itself is wrong: an unknown argument, a missing node."""


@dataclass(frozen=True, slots=True)
class Directive:
    """One command of a script. An argument without a value has no values, `key=(a,b)` has two.

    `output_lines` are the positions, from 0, of the first line of the expected output and of the line behind it.
    """

    line: int
    command: str
    arguments: tuple[tuple[str, tuple[str, ...]], ...]
    input: str
    expected: str
    output_lines: tuple[int, int]

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


class _Lines(Iterator[tuple[int, str]]):
    """Lines with their numbers from 1; `taken` counts those that were read."""

    def __init__(self, text: str) -> None:
        self._lines = iter(text.splitlines())
        self.taken = 0

    def __next__(self) -> tuple[int, str]:
        line = next(self._lines)
        self.taken += 1
        return self.taken, line


def parse(text: str) -> list[Directive]:
    """The directives of a script."""
    return list(_directives(_Lines(text)))


def compare(path: Path, play: Callable[[Directive], str]) -> None:
    """Plays every directive of a file; raises AssertionError where an output is another than expected."""
    text = path.read_text()
    directives = parse(text)
    assert directives, f"{path} has no directive"
    outputs = [play(directive) for directive in directives]
    if os.environ.get("SWARM_REWRITE") == "1":
        path.write_text(rewritten(text, outputs))
        return
    for directive, output in zip(directives, outputs, strict=True):
        place = f"{path.parent.name}/{path.name}:{directive.line}: {directive.command}"
        assert output == directive.expected, place


def rewritten(text: str, outputs: Sequence[str]) -> str:
    """The script with one output for each of its directives, and nothing else changed."""
    lines = text.splitlines()
    for directive, output in reversed(list(zip(parse(text), outputs, strict=True))):
        found = output.splitlines()
        if any(not line.strip() for line in found):
            found = [_SEPARATOR, *found, _SEPARATOR, _SEPARATOR]
        start, end = directive.output_lines
        lines[start:end] = found
    return "".join(f"{line}\n" for line in lines)


def _directives(lines: _Lines) -> Iterator[Directive]:
    for number, line in lines:
        command = line.strip()
        if not command or command.startswith("#"):
            continue
        while command.endswith("\\"):
            command = command[:-1] + next(lines)[1].strip()
        words = list(_words(command))
        input_ = "\n".join(line for _, line in takewhile(lambda one: one[1].strip() != _SEPARATOR, lines))
        arguments = tuple(map(_argument, words[1:]))
        start = lines.taken
        expected, length = _expected(lines)
        yield Directive(number, words[0], arguments, input_.strip(), expected, (start, start + length))


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


def _expected(lines: Iterator[tuple[int, str]]) -> tuple[str, int]:
    """The output of a directive and how many lines it takes; `lines` stands right behind the separator."""
    found = [line for _, line in islice(lines, 1)]
    separators = 0
    if found == [_SEPARATOR]:
        # Between doubled separators blank lines are output.
        found = []
        while found[-2:] != [_SEPARATOR, _SEPARATOR]:
            following = next(lines, None)
            if following is None:
                raise ScriptError("the output between doubled separators does not end")
            found.append(following[1])
        del found[-2:]
        separators = 3
    elif found and found[0].strip():
        found += [line for _, line in takewhile(lambda one: one[1].strip(), lines)]
    else:
        found = []
    return "".join(f"{line}\n" for line in found), len(found) + separators
