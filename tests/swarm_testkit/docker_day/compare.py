"""What two sides said to one command, and in what it differs once ids, times, addresses and the like are the same words.

Rules
1. What both print as JSON is compared value by value, anything else as text.
2. What a stack's command does it does in no order: its lines are sorted.
3. What docker's client says by chance is left out: of a container that cannot begin 20.10 says too that it no longer waits for its end, if its order
   was refused before that end was told. On a Docker Engine alone that was 6 times of 40.
4. A place is `exit code`, `output`, `errors`, or a path into JSON (`[].Spec.Labels`): items of a list have no number in it.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_MASKS = tuple(
    (re.compile(pattern), word)
    for pattern, word in (
        (r"-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----", "PEM"),
        (r"SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}", "TOKEN"),
        (r"\b[0-9a-f]{64}\b", "HASH"),
        (r"\b[0-9a-z]{25}\b", "ID"),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( ?\+0000 ?(utc|UTC)|Z)?", "TIME"),
        (r"(?i)\b(about )?(less than )?(an?|\d+) (second|minute|hour|day)s?( ago)?\b", "AGO"),
        (r"\b10\.213\.77\.\d+\b(:\d+)?", "HOST"),
        (r"\b(\d{1,3}\.){3}\d{1,3}(/\d+)?\b", "ADDRESS"),
        (r"/tmp/st-[^/ ]+/[^ :\"]*", "SOCKET"),
        (r"\b[0-9a-z]{12}\b", "ID"),
        (r"\bMFkw[A-Za-z0-9+/]+=*", "KEY"),
    )
)
_BY_CHANCE = re.compile(
    r'^time="[^"]*" level=error msg="error waiting for container: context canceled"\n?', re.MULTILINE
)
_IN_NO_ORDER = ("stack deploy", "stack rm")
_NUMBERS = re.compile(r"(Index|Slot)$")


@dataclass(frozen=True, slots=True)
class Difference:
    """`ours` and `theirs` are what stands at the place."""

    line: str
    where: str
    ours: str
    theirs: str

    def __str__(self) -> str:
        return f"{self.line}\n    {self.where}\n      ours:   {self.ours}\n      theirs: {self.theirs}"


def masked(text: str) -> str:
    """What a side printed, without what is another on each or said by chance: blanks count once."""
    text = _BY_CHANCE.sub("", text)
    for pattern, word in _MASKS:
        text = pattern.sub(word, text)
    return "\n".join(" ".join(line.split()) for line in text.strip().splitlines())


def differences(
    line: str, ours: subprocess.CompletedProcess[bytes], theirs: subprocess.CompletedProcess[bytes]
) -> list[Difference]:
    """In what the two differ; nothing when they are the same."""
    places = [("exit code", str(ours.returncode), str(theirs.returncode))]
    printed = [end.stdout.decode(errors="replace") for end in (ours, theirs)]
    if line.startswith(_IN_NO_ORDER):
        printed = ["\n".join(sorted(text.splitlines())) for text in printed]
    places += _printed(*printed)
    places.append(
        (
            "errors",
            masked(ours.stderr.decode(errors="replace")),
            masked(theirs.stderr.decode(errors="replace")),
        )
    )
    return [Difference(line, where, mine, other) for where, mine, other in places if mine != other]


def _printed(ours: str, theirs: str) -> list[tuple[str, str, str]]:
    read = [_json(ours), _json(theirs)]
    if any(one is None for one in read):
        return [("output", masked(ours), masked(theirs))]
    mine, other = (dict(_values(one)) for one in read)
    return [
        (where, mine.get(where, "nothing"), other.get(where, "nothing"))
        for where in sorted(mine.keys() | other.keys())
        if mine.get(where) != other.get(where)
    ]


def _json(text: str) -> Any:
    """What the text is in JSON; None when it is none, or no more than one word."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict | list) else None


def _values(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each place of a JSON value with what stands there."""
    gathered: dict[str, list[str]] = {}
    for where, found in _leaves(value, path):
        gathered.setdefault(where, []).append(found)
    for where, all_found in gathered.items():
        yield where, " ".join(all_found)


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    match value:
        case dict():
            if not value:
                yield path, "{}"
            for name, each in value.items():
                yield from _leaves(each, f"{path}.{masked(name)}" if path else masked(name))
        case list():
            if not value:
                yield f"{path}[]", "none"
            for each in value:
                yield from _leaves(each, f"{path}[]")
        case str():
            yield path, masked(value)
        case _:
            yield path, "N" if _NUMBERS.search(path) else json.dumps(value)
