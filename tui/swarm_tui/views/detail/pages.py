"""Texts about one object as lines: its description in words, and the object itself as YAML. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final

from google.protobuf.message import Message

from swarm_tui.resources.documents import Plain, as_dict, as_json, as_yaml
from swarm_tui.resources.model import Section
from swarm_tui.resources.printable import printable
from swarm_tui.widgets.cells import bar
from swarm_tui.widgets.paint import Span, Spans

_LABEL: Final = 16
VALUES_AT: Final = _LABEL + 3
"""Where values begin."""


def page_lines(page: Iterable[Section]) -> list[Spans]:
    """These sections, one below the other."""
    lines: list[Spans] = []
    for section in page:
        lines.extend(_section_lines(section))
    return lines


def _section_lines(section: Section) -> list[Spans]:
    lines: list[Spans] = [[(f" {section.title}", "text+bold")]]
    previous = ""
    for label, cell in section.lines:
        shown = "" if label == previous else label
        spans: list[Span] = [("   ", "text"), (shown.ljust(_LABEL), "muted")]
        spans += (
            bar(cell.bar, 20, cell.role)
            if cell.bar is not None
            else [(span.text, span.role) for span in cell.spans]
        )
        first, *others = _lines_of(spans)
        lines.append(first)
        lines.extend([(" " * VALUES_AT, "text"), *other] for other in others)
        previous = label
    lines.append([])
    return lines


def _lines_of(spans: Sequence[Span]) -> list[list[Span]]:
    """Spans whose texts hold line ends, as several lines; other control characters are made visible."""
    lines: list[list[Span]] = [[]]
    for text, role in spans:
        first, *others = text.split("\n")
        lines[-1].append((printable(first), role))
        lines.extend([(printable(other), role)] for other in others)
    return lines


def yaml_lines(item: Message | Plain) -> list[Spans]:
    """The object as YAML, with its keys set off."""
    return [_yaml_line(line) for line in as_yaml(as_dict(item)).splitlines()]


def json_lines(item: Message | Plain) -> list[Spans]:
    """The object as JSON, as `inspect` prints it."""
    return [
        [(" ", "text"), (printable(line), "text")] for line in as_json(as_dict(item), indent=2).splitlines()
    ]


def _yaml_line(line: str) -> Spans:
    line = printable(line)
    body = line.lstrip(" -")
    key, separator, value = body.partition(": ")
    if not separator and body.endswith(":"):
        key, separator = body[:-1], ":"
    if not separator or " " in key:
        return [(" ", "text"), (line, "text")]
    indent = line[: len(line) - len(body)]
    return [(f" {indent}", "muted"), (key, "accent"), (separator, "muted"), (value, "text")]
