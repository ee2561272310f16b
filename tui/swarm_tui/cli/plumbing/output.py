"""What commands print: tables as the docker command line draws them, JSON, YAML; one way for every kind.

`ls --format json` prints one object a line with the docker command line's keys; `inspect` prints the whole objects, as
the cluster stores them, in a list. A template gets a row of the list, or the object as docker's API shows it
(docs/design/engine-api-json.md 14.13).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import typer
from google.protobuf.message import Message

from swarm_tui.cli.plumbing.say import say, say_lines
from swarm_tui.resources.documents import as_dict, as_json, as_yaml
from swarm_tui.resources.format import short_id
from swarm_tui.resources.model import ClusterView, Listing, ResourceKind, Section
from swarm_tui.resources.printable import cut, padded, printable, width_of

_GAP = "   "
_CELL_MAX = 200
"""What is longer is no name that a person reads."""


@dataclass(frozen=True, slots=True)
class Format:
    """One of three words, or a template of Go's as docker's commands take it."""

    TABLE: ClassVar["Format"]
    JSON: ClassVar["Format"]
    YAML: ClassVar["Format"]
    text: str

    @property
    def is_template(self) -> bool:
        return self not in (Format.TABLE, Format.JSON, Format.YAML)

    @property
    def is_table_template(self) -> bool:
        return self.is_template and self.text.startswith("table")

    def __str__(self) -> str:
        return self.text


Format.TABLE, Format.JSON, Format.YAML = Format("table"), Format("json"), Format("yaml")


def _format(text: "str | Format") -> Format:
    """What was typed, or the default of the command."""
    if isinstance(text, Format):
        return text
    words = {known.text: known for known in (Format.TABLE, Format.JSON, Format.YAML)}
    if (known := words.get(text.strip().lower())) is not None:
        return known
    if "{{" not in text:
        raise typer.BadParameter(
            f"{text!r} is neither table, json nor yaml, nor a template such as '{{{{.ID}}}}'"
        )
    from swarm_tui.cli.plumbing import templates

    if wrong := templates.complaint(text):
        raise typer.BadParameter(wrong)
    return Format(text)


FormatOption = Annotated[
    Format,
    typer.Option(
        "--format", help="table, json, yaml, or a template: '{{.ID}}'.", parser=_format, metavar="FORMAT"
    ),
]
InspectFormatOption = Annotated[
    Format,
    typer.Option(
        "--format",
        help="json and yaml as the cluster stores it, table, or a template with docker's names: '{{json .}}'.",
        parser=_format,
        metavar="FORMAT",
    ),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print ids only.")]
NoTruncOption = Annotated[bool, typer.Option("--no-trunc", help="Cut nothing.")]
NoResolveOption = Annotated[
    bool, typer.Option("--no-resolve", help="Show ids of services and nodes, not their names.")
]
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
            say(short_id(item.id) if is_cut else item.id)
        return
    rows = [[listing.text(item, view, now_ns) for listing in listings] for item in shown]
    if style is Format.TABLE:
        shorter = [
            [_cut(text, listing, no_trunc) for text, listing in zip(row, listings, strict=True)]
            for row in rows
        ]
        print_table([listing.title for listing in listings], shorter)
        return
    records = [{listing.key: text for listing, text in zip(listings, row, strict=True)} for row in rows]
    if style.is_template:
        titles = {listing.key: listing.title for listing in listings}
        filled = [
            _for_template(one, item, listings, no_trunc) for one, item in zip(records, shown, strict=True)
        ]
        print_templated(titles, filled, style)
        return
    print_records(records, style)


def _for_template(
    record: dict[str, Any], item: Any, listings: Sequence[Listing], no_trunc: bool
) -> dict[str, Any]:
    """A row for a template: ids as the table shows them, all else whole, and the labels. JSON has labels in docker's rows of what
    shows when it was made."""
    from swarm_core.engine_json.form import Form

    ids = {listing.key for listing in listings if listing.is_id and not no_trunc}
    shown = {key: short_id(text) if key in ids else text for key, text in record.items()}
    left_out = frozenset() if "CreatedAt" in record else frozenset({"Labels"})
    return Form(dict(sorted((shown | _labels(item)).items())), left_out)


def _labels(item: Any) -> dict[str, str]:
    """The labels, as one text, of what has any."""
    spec = getattr(item, "spec", None)
    if spec is None or "annotations" not in spec.DESCRIPTOR.fields_by_name:
        return {}
    return {"Labels": ",".join(f"{key}={value}" for key, value in sorted(spec.annotations.labels.items()))}


def print_templated(titles: Mapping[str, str], records: Sequence[Mapping[str, Any]], style: Format) -> None:
    """Rows by a template; `titles` are those of a table."""
    from swarm_tui.cli.plumbing import templates

    if style.is_table_template:
        lines = templates.table(style.text, {**titles, "Labels": "LABELS"}, records)
    else:
        lines = [templates.rendered(style.text, record) for record in records]
    for line in lines:
        say_lines(line)


def _cut(text: str, listing: Listing, no_trunc: bool) -> str:
    if no_trunc:
        return text
    if listing.is_id:
        return short_id(text)
    return cut(printable(text), listing.width_max or _CELL_MAX)


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their widest cell; the last one is not padded."""
    shown = [list(map(printable, row)) for row in [titles, *rows]]
    widths = [max(width_of(row[index]) for row in shown) for index in range(len(titles))]
    for row in shown:
        cells = [padded(text, width) for text, width in zip(row, widths, strict=True)]
        say(_GAP.join(cells).rstrip())


def print_records(records: Sequence[dict[str, Any]], style: Format) -> None:
    """One JSON object a line, or one YAML list."""
    if style is Format.YAML:
        say_lines(as_yaml(list(records)), nl=False)
        return
    if style.is_template:
        print_templated({}, list(records), style)
        return
    for record in records:
        say(as_json(record))


def print_objects(
    kind: ResourceKind[Any], items: Sequence[Message], view: ClusterView, now_ns: int, style: Format
) -> None:
    """Whole objects: as a JSON list, as YAML, or as the detail view's sections."""
    if style is Format.JSON:
        say_lines(as_json([as_dict(item) for item in items], indent=4))
    elif style is Format.YAML:
        say_lines(as_yaml([as_dict(item) for item in items]), nl=False)
    elif style.is_template:
        from swarm_tui.cli.plumbing import templates
        from swarm_tui.resources.docker_form import docker_form

        for item in items:
            say_lines(templates.rendered(style.text, docker_form(item)))
    else:
        for index, item in enumerate(items):
            if index:
                say("")
            print_sections(kind.describe(item, view, now_ns))


def print_sections(sections: Iterable[Section]) -> None:
    """Sections as indented lines of label and value."""
    for section in sections:
        say(f"{section.title}:")
        labels = [printable(f"{label}:" if label else "") for label, _ in section.lines]
        width = max(map(width_of, labels), default=0) + 1
        for label, (_, value) in zip(labels, section.lines, strict=True):
            say(f"  {padded(label, width)}{value.text}".rstrip())
