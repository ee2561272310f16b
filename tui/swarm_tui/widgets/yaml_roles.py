"""What is set off in a line of YAML: its key, values that are quoted, numbers, and a comment."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from swarm_tui.widgets.paint import Span, Spans

_KEY: Final = re.compile(r"^(\s*+(?:- ++)*+)([^\s#'\"][^:#]*:|\"[^\"]*\":|'[^']*':)(?=\s|$)")
_QUOTED: Final = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'")
_NUMBER: Final = re.compile(r"(?:(?<=[:\-,] )|(?<=\[))-?\d[\d.]*(?=[\s,\]}]|$)")
_COMMENT: Final = re.compile(r"(?:^|\s)#.*$")


def stretches(line: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and role of each; a later one lies over an earlier."""
    for pattern, role in ((_NUMBER, "special"), (_QUOTED, "ok")):
        for found in pattern.finditer(line):
            yield (*found.span(), role)
    if key := _KEY.match(line):
        yield (*key.span(2), "accent")
    for found in _COMMENT.finditer(line):
        yield (*found.span(), "muted")


@lru_cache(maxsize=1024)
def spans_of(line: str) -> Spans:
    """The line with its roles."""
    roles = ["text"] * len(line)
    for start, end, role in stretches(line):
        roles[start:end] = [role] * (end - start)
    spans: list[Span] = []
    begin = 0
    for at in range(1, len(line) + 1):
        if at == len(line) or roles[at] != roles[begin]:
            spans.append((line[begin:at], roles[begin]))
            begin = at
    return spans
