"""What commands print: tables as the docker command line draws them, JSON, YAML; one way for every kind.

`ls --format json` prints one object a line with the docker command line's keys; `inspect` prints the whole objects, as
the wire has them, in a list.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer
from google.protobuf.message import Message

from swarm_tui.resources.documents import as_dict, as_yaml
from swarm_tui.resources.format import short_id
from swarm_tui.resources.model import ClusterView, Listing, ResourceKind, Section

_GAP = "   "


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


FormatOption = Annotated[Format, typer.Option("--format", help="table, json or yaml.", case_sensitive=False)]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print ids only.")]
NoTruncOption = Annotated[bool, typer.Option("--no-trunc", help="Cut nothing.")]
FilterOption = Annotated[
    list[str] | None, typer.Option("--filter", "-f", help="Show only what matches.", metavar="KEY=VALUE")
]


def print_listing(
    kind: ResourceKind[Any],
    items: Iterable[Any],
    view: ClusterView,
    now_ns: int,
    *,
    style: Format,
    quiet: bool = False,
    no_trunc: bool = False,
    columns: Sequence[Listing] | None = None,
) -> None:
    """Print objects as rows."""
    shown = list(items)
    listings = kind.listing if columns is None else columns
    if quiet and style is Format.TABLE:
        is_cut = any(listing.is_id for listing in listings) and not no_trunc
        for item in shown:
            typer.echo(short_id(item.id) if is_cut else item.id)
        return
    rows = [[listing.text(item, view, now_ns) for listing in listings] for item in shown]
    if style is Format.TABLE:
        cut = [
            [_cut(text, listing, no_trunc) for text, listing in zip(row, listings, strict=True)]
            for row in rows
        ]
        print_table([listing.title for listing in listings], cut)
        return
    records = [{listing.key: text for listing, text in zip(listings, row, strict=True)} for row in rows]
    print_records(records, style)


def _cut(text: str, listing: Listing, no_trunc: bool) -> str:
    if no_trunc:
        return text
    if listing.is_id:
        return short_id(text)
    if listing.width_max is not None and len(text) > listing.width_max:
        return text[: listing.width_max - 1] + "…"
    return text


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their widest cell; the last one is not padded."""
    widths = [max(len(row[index]) for row in [titles, *rows]) for index in range(len(titles))]
    for row in [titles, *rows]:
        cells = [_plain(text).ljust(width) for text, width in zip(row, widths, strict=True)]
        typer.echo(_GAP.join(cells).rstrip())


def _plain(text: str) -> str:
    """Without control characters: what a task says must not steer the terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def print_records(records: Sequence[dict[str, Any]], style: Format) -> None:
    """One JSON object a line, or one YAML list."""
    if style is Format.YAML:
        typer.echo(as_yaml(list(records)), nl=False)
        return
    import json

    for record in records:
        typer.echo(json.dumps(record, ensure_ascii=False))


def print_objects(
    kind: ResourceKind[Any], items: Sequence[Message], view: ClusterView, now_ns: int, style: Format
) -> None:
    """Whole objects: as a JSON list, as YAML, or as the detail view's sections."""
    match style:
        case Format.JSON:
            import json

            typer.echo(json.dumps([as_dict(item) for item in items], indent=4, ensure_ascii=False))
        case Format.YAML:
            typer.echo(as_yaml([as_dict(item) for item in items]), nl=False)
        case Format.TABLE:
            for index, item in enumerate(items):
                if index:
                    typer.echo("")
                print_sections(kind.describe(item, view, now_ns))


def print_sections(sections: Iterable[Section]) -> None:
    """Sections as indented lines of label and value."""
    for section in sections:
        typer.echo(f"{section.title}:")
        width = max((len(label) for label, _ in section.lines), default=0) + 2
        for label, value in section.lines:
            typer.echo(f"  {(label + ':' if label else '').ljust(width)}{_plain(value.text)}".rstrip())
