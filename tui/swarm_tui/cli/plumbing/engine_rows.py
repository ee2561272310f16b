"""What engines answered, as docker's tables show it, with the engine in front; and as rows for JSON, YAML and templates.

Rule: the keys are those that docker's own templates know, and `Engine`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from swarm_tui.cli.plumbing.output import Format, print_records, print_table, print_templated
from swarm_tui.cli.plumbing.say import say, say_lines
from swarm_tui.cli.plumbing.session import USAGE, Failure
from swarm_tui.resources import format as fmt
from swarm_tui.resources.documents import as_json, as_yaml
from swarm_tui.resources.printable import cut, printable

if TYPE_CHECKING:
    from swarm_core.engines.records import EngineRecord

NS_PER_S: Final = 1_000_000_000
_COMMAND_MAX: Final = 20
Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """`key` is its name in templates. `is_long`: cut unless nothing is to be cut."""

    title: str
    key: str
    text: Callable[[Entry, int], str]
    is_id: bool = False
    width_max: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """One kind of object. `id_key` is the column that --quiet prints; `more` are keys of templates without a column."""

    columns: Sequence[Column]
    id_key: str
    more: Mapping[str, Callable[[Entry, int], str]]


def print_entries(
    table: Table,
    rows: Sequence[tuple[str, Entry]],
    now_ns: int,
    *,
    style: Format,
    quiet: bool = False,
    no_trunc: bool = False,
) -> None:
    """Rows of an engine's name and an entry of its list."""
    columns = table.columns
    if quiet:
        column = next(one for one in columns if one.key == table.id_key)
        for _, entry in rows:
            say(_shown(column, column.text(entry, now_ns), no_trunc=no_trunc))
        return
    if style is Format.TABLE:
        print_table(
            ["ENGINE", *(one.title for one in columns)],
            [
                [name, *(_shown(one, one.text(entry, now_ns), no_trunc=no_trunc) for one in columns)]
                for name, entry in rows
            ],
        )
        return
    is_cut = style.is_template and not no_trunc
    records = [
        {
            "Engine": name,
            **{one.key: _shown(one, one.text(entry, now_ns), no_trunc=not is_cut) for one in columns},
            **{key: text(entry, now_ns) for key, text in table.more.items()},
        }
        for name, entry in rows
    ]
    if style.is_template:
        titles = {
            "Engine": "ENGINE",
            **{one.key: one.title for one in columns},
            **{key: key.upper() for key in table.more},
        }
        print_templated(titles, records, style)
        return
    print_records(records, style)


def _shown(column: Column, text: str, *, no_trunc: bool) -> str:
    if no_trunc:
        return text
    if column.is_id:
        return fmt.short_id(text.removeprefix("sha256:"))
    return cut(printable(text), column.width_max) if column.width_max else text


def first_name(entry: Entry) -> str:
    """A container's name without the slash."""
    return ",".join(str(name).removeprefix("/") for name in entry.get("Names") or ())


def ports(entry: Entry) -> str:
    """As docker writes them: 0.0.0.0:80->80/tcp."""
    texts = []
    for one in entry.get("Ports") or ():
        inside = f"{one['PrivatePort']}/{one.get('Type', 'tcp')}"
        ip = str(one.get("IP") or "")
        if public := one.get("PublicPort"):
            texts.append(f"{f'[{ip}]' if ':' in ip else ip}:{public}->{inside}")
        else:
            texts.append(inside)
    return ", ".join(dict.fromkeys(texts))


def _made(entry: Entry, now_ns: int) -> str:
    return f"{fmt.ago(int(entry.get('Created') or 0) * NS_PER_S, now_ns)} ago"


def _text(key: str) -> Callable[[Entry, int], str]:
    return lambda entry, now_ns: str(entry.get(key) or "")


def _labels(entry: Entry, now_ns: int) -> str:
    return fmt.labels({str(key): str(value) for key, value in (entry.get("Labels") or {}).items()})


def _created_at(entry: Entry, now_ns: int) -> str:
    return fmt.moment(int(entry.get("Created") or 0) * NS_PER_S)


def _size(entry: Entry, now_ns: int) -> str:
    """In decimal units with three digits, as docker writes sizes of images."""
    value = float(entry.get("Size") or 0)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            return f"{value:.3g}{unit}"
        value /= 1000
    raise AssertionError("the last unit has no limit")


CONTAINERS: Final = Table(
    (
        Column("CONTAINER ID", "ID", _text("Id"), is_id=True),
        Column("IMAGE", "Image", _text("Image")),
        Column(
            "COMMAND",
            "Command",
            lambda entry, now_ns: f'"{entry.get("Command") or ""}"',
            width_max=_COMMAND_MAX,
        ),
        Column("CREATED", "RunningFor", _made),
        Column("STATUS", "Status", _text("Status")),
        Column("PORTS", "Ports", lambda entry, now_ns: ports(entry)),
        Column("NAMES", "Names", lambda entry, now_ns: first_name(entry)),
    ),
    "ID",
    {"State": _text("State"), "Labels": _labels, "CreatedAt": _created_at},
)
IMAGES: Final = Table(
    (
        Column("REPOSITORY", "Repository", _text("repository")),
        Column("TAG", "Tag", _text("tag")),
        Column("IMAGE ID", "ID", _text("Id"), is_id=True),
        Column("CREATED", "CreatedSince", _made),
        Column("SIZE", "Size", _size),
    ),
    "ID",
    {"CreatedAt": _created_at},
)
VOLUMES: Final = Table(
    (Column("DRIVER", "Driver", _text("Driver")), Column("VOLUME NAME", "Name", _text("Name"))),
    "Name",
    {"Scope": _text("Scope"), "Mountpoint": _text("Mountpoint"), "Labels": _labels},
)
NETWORKS: Final = Table(
    (
        Column("NETWORK ID", "ID", _text("Id"), is_id=True),
        Column("NAME", "Name", _text("Name")),
        Column("DRIVER", "Driver", _text("Driver")),
        Column("SCOPE", "Scope", _text("Scope")),
    ),
    "ID",
    {"Labels": _labels, "Internal": lambda entry, now_ns: str(bool(entry.get("Internal"))).lower()},
)


def image_lines(entry: Entry) -> list[dict[str, Any]]:
    """One row for each name of an image, as docker lists them."""
    names = [str(tag) for tag in entry.get("RepoTags") or ()] or ["<none>:<none>"]
    lines = []
    for name in names:
        repository, _, tag = name.rpartition(":")
        lines.append({**entry, "repository": repository, "tag": tag})
    return lines


def print_whole(found: Sequence[Mapping[str, Any]], style: Format) -> None:
    """Whole objects as engines tell them: a JSON list, YAML, or a template for each."""
    if style.is_template:
        from swarm_tui.cli.plumbing import templates

        for one in found:
            say_lines(templates.rendered(style.text, one))
    elif style is Format.YAML:
        say_lines(as_yaml(list(found)), nl=False)
    else:
        say_lines(as_json(list(found), indent=4))


def filters_of(given: Sequence[str] | None) -> dict[str, list[str]] | None:
    """docker's filters, as engines take them. Raises Failure."""
    found: dict[str, list[str]] = {}
    for text in given or ():
        key, separator, value = text.partition("=")
        if not separator:
            raise Failure(f"--filter needs KEY=VALUE, not {text!r}.", USAGE)
        found.setdefault(key, []).append(value)
    return found or None


def engine_fields(record: "EngineRecord") -> dict[str, Any]:
    """An engine as programs read it."""
    return {
        "Name": record.name,
        "Address": record.entry.url,
        "Status": record.word,
        "Error": record.note,
        "ID": record.id,
        "Hostname": record.hostname,
        "Version": record.version,
        "ApiVersion": record.api_version,
        "OS": record.os,
        "Architecture": record.architecture,
        "CPUs": record.cpus,
        "Memory": record.memory_bytes,
        "Containers": record.containers,
        "Running": record.running,
        "Images": record.images,
        "SkewSeconds": record.skew_s,
        "Maintenance": record.in_maintenance,
        "Labels": dict(record.labels),
        "Source": record.entry.source,
    }


def print_engines(records: "Sequence[EngineRecord]", *, style: Format, quiet: bool) -> None:
    """Engines as rows, in the order of the list."""
    if quiet:
        for record in records:
            say(record.name)
        return
    if style is Format.TABLE:
        print_table(_ENGINE_TITLES, [_engine_row(record) for record in records])
        return
    fields = [engine_fields(record) for record in records]
    if style.is_template:
        titles = {key: key.upper() for one in fields[:1] for key in one}
        print_templated(titles, [{**one, "Labels": fmt.labels(one["Labels"])} for one in fields], style)
        return
    print_records(fields, style)


_ENGINE_TITLES: Final = (
    "ENGINE",
    "STATE",
    "VERSION",
    "CONTAINERS",
    "IMAGES",
    "CPUS",
    "MEMORY",
    "ADDRESS",
    "NOTE",
)


def _engine_row(record: "EngineRecord") -> list[str]:
    if not record.id:
        known = [""] * 5
    else:
        known = [
            record.version,
            f"{record.running}/{record.containers}",
            str(record.images),
            str(record.cpus),
            fmt.size(record.memory_bytes),
        ]
    return [record.name, record.word, *known, record.entry.url, record.note]
