"""Secrets: names and users; the bytes are never fetched."""

from functools import partial

from swarm_core.api.proto import objects_pb2
from swarm_core.api.timestamps import timestamp_ns

from swarm_tui.resources import format as fmt
from swarm_tui.resources import payloads, services
from swarm_tui.resources.model import (
    ClusterView,
    Listing,
    ResourceKind,
    RowCells,
    Section,
    always_fine,
    cell,
    description_of,
    no_problems,
)
from swarm_tui.resources.owners import stack_of

Secret = objects_pb2.Secret


def row(secret: Secret, view: ClusterView, now_ns: int) -> RowCells:
    return payloads.row(secret, "secret", secret.spec.driver.name, view, now_ns)


def describe(secret: Secret, view: ClusterView, now_ns: int) -> tuple[Section, ...]:
    lines = payloads.overview(secret)
    if secret.spec.driver.name:
        lines.append(("Driver", cell(secret.spec.driver.name)))
    lines.append(
        ("Used by", cell(", ".join(services.users_of("secret", (secret.id,), view)) or "no service"))
    )
    return (Section("Secret", tuple(lines)),)


KIND: ResourceKind[Secret] = ResourceKind(
    noun="secret",
    title="Secrets",
    message=Secret,
    columns=payloads.COLUMNS,
    row=row,
    tree_cells={"for": "age", "where": "driver", "cause": "labels"},
    sort_keys={
        "name": lambda secret, view, now: fmt.natural(payloads.name(secret)),
        "users": lambda secret, view, now: (
            -len(view.users("secret", (secret.id,))),
            fmt.natural(payloads.name(secret)),
        ),
        "age": lambda secret, view, now: -timestamp_ns(secret.meta.created_at),
    },
    default_sort="name",
    name=payloads.name,
    health=always_fine,
    problems=no_problems,
    describe=describe,
    fields={
        "label": lambda secret, view, now: fmt.label_list(secret.spec.annotations.labels),
        "driver": lambda secret, view, now: secret.spec.driver.name or None,
        "service": lambda secret, view, now: services.users_of("secret", (secret.id,), view),
        "users": lambda secret, view, now: float(len(view.users("secret", (secret.id,)))),
        "age": lambda secret, view, now: fmt.age_s(secret.meta.created_at, now),
        "id": lambda secret, view, now: secret.id,
    },
    listing=(
        Listing("ID", "ID", lambda secret, view, now: secret.id),
        Listing("NAME", "Name", payloads.name_listed),
        Listing("DRIVER", "Driver", lambda secret, view, now: secret.spec.driver.name),
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
    drill_in=description_of("secret"),
    owner=stack_of,
    list_key="7",
    create_view="new-secret",
    empty_hint="n creates one",
    description_needs=(objects_pb2.Service,),
    changes=payloads.changes,
    consequences=partial(payloads.consequences, "secret"),
    aliases=("secrets", "sec"),
)
