"""Configs: names, sizes, users and, in the detail view, the text."""

from functools import partial

from swarm_core.api.proto import objects_pb2
from swarm_core.api.timestamps import timestamp_ns

from swarm_tui.resources import format as fmt
from swarm_tui.resources import payloads, services
from swarm_tui.resources.model import (
    ClusterView,
    Listing,
    ResourceKind,
    Role,
    RowCells,
    Section,
    always_fine,
    cell,
    description_of,
    no_problems,
)
from swarm_tui.resources.owners import stack_of

Config = objects_pb2.Config
LINES_SHOWN_MAX = 500
_LEFT_OUT = "Not here. 'swarm-tui bundle --configs' puts it into an incident's file."


def row(config: Config, view: ClusterView, now_ns: int) -> RowCells:
    return payloads.row(config, "config", "", view, now_ns)


def describe(config: Config, view: ClusterView, now_ns: int) -> tuple[Section, ...]:
    lines = payloads.overview(config)
    if config.spec.data:
        lines.append(("Size", cell(fmt.size(len(config.spec.data)))))
    lines.append(
        ("Used by", cell(", ".join(services.users_of("config", (config.id,), view)) or "no service"))
    )
    return Section("Config", tuple(lines)), _content(config.spec.data)


def _content(data: bytes) -> Section:
    if not data:  # No manager takes an empty config: it was left out on the way here.
        return Section("Content", (("", cell(_LEFT_OUT, Role.MUTED)),))
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return Section("Content", (("", cell("Not text.", Role.MUTED)),))
    lines = text.splitlines()
    shown = [("", cell(line)) for line in lines[:LINES_SHOWN_MAX]]
    if len(lines) > LINES_SHOWN_MAX:
        shown.append(("", cell(f"… {len(lines) - LINES_SHOWN_MAX} more lines", Role.MUTED)))
    return Section("Content", tuple(shown))


KIND: ResourceKind[Config] = ResourceKind(
    noun="config",
    title="Configs",
    message=Config,
    columns=payloads.COLUMNS,
    row=row,
    tree_cells={"for": "age", "cause": "labels"},
    sort_keys={
        "name": lambda config, view, now: fmt.natural(payloads.name(config)),
        "users": lambda config, view, now: (
            -len(view.users("config", (config.id,))),
            fmt.natural(payloads.name(config)),
        ),
        "age": lambda config, view, now: -timestamp_ns(config.meta.created_at),
    },
    default_sort="name",
    name=payloads.name,
    health=always_fine,
    problems=no_problems,
    describe=describe,
    fields={
        "label": lambda config, view, now: fmt.label_list(config.spec.annotations.labels),
        "service": lambda config, view, now: services.users_of("config", (config.id,), view),
        "size": lambda config, view, now: float(len(config.spec.data)),
        "users": lambda config, view, now: float(len(view.users("config", (config.id,)))),
        "age": lambda config, view, now: fmt.age_s(config.meta.created_at, now),
        "id": lambda config, view, now: config.id,
    },
    listing=(
        Listing("ID", "ID", lambda config, view, now: config.id),
        Listing("NAME", "Name", payloads.name_listed),
        Listing("CREATED", "CreatedAt", payloads.created),
        Listing("UPDATED", "UpdatedAt", payloads.updated),
    ),
    verbs=(
        "open",
        "used_by",
        "rotate",
        "describe",
        "pin",
        "owner",
        "timeline",
        "yaml",
        "json",
        "compare",
        "copy",
        "copy_command",
        "remove",
    ),
    drill_in=description_of("config"),
    owner=stack_of,
    list_key="7",
    create_view="new-config",
    empty_hint="n creates one",
    description_needs=(objects_pb2.Service,),
    changes=payloads.changes,
    consequences=partial(payloads.consequences, "config"),
    aliases=("configs", "cfg"),
)
