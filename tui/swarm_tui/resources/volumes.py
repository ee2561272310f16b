"""Cluster volumes: what they are for, where they are, and what keeps them from getting there."""

from collections.abc import Iterator, Sequence
from typing import Final

from swarm_core.api import volume_failures
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.api.timestamps import timestamp_ns
from swarm_core.api.words import enum_word

from swarm_tui.resources import format as fmt
from swarm_tui.resources import payloads, services
from swarm_tui.resources.model import (
    Align,
    ClusterView,
    Column,
    Health,
    Listing,
    Problem,
    ResourceKind,
    Role,
    RowCells,
    Section,
    cell,
    description_of,
)
from swarm_tui.resources.payloads import users_cell
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.resources.uses import volume_called

Volume = objects_pb2.Volume
_Status = types_pb2.VolumePublishStatus
_Mode = types_pb2.VolumeAccessMode
SCOPES: Final = {_Mode.SINGLE_NODE: "single", _Mode.MULTI_NODE: "multi"}
SHARINGS: Final = {
    _Mode.NONE: "none",
    _Mode.READ_ONLY: "readonly",
    _Mode.ONE_WRITER: "onewriter",
    _Mode.ALL: "all",
}
COLUMNS = (
    Column("name", "NAME", 16, grow=3),
    Column("group", "GROUP", 8, grow=1, drop=3),
    Column("driver", "DRIVER", 10, grow=1, drop=2),
    Column("availability", "AVAILABILITY", 12),
    Column("status", "STATUS", 16, grow=1),
    Column("size", "SIZE", 6, align=Align.RIGHT, drop=4),
    Column("users", "USED BY", 12, grow=3, drop=5),
    Column("nodes", "NODES", 10, grow=2, is_wide=True, drop=6),
    Column("age", "AGE", 4, align=Align.RIGHT, drop=1),
)


def name(volume: Volume, view: ClusterView | None = None) -> str:
    return volume.spec.annotations.name or fmt.short_id(volume.id)


def availability(volume: Volume) -> str:
    return enum_word(specs_pb2.VolumeSpec.VolumeAvailability, volume.spec.availability, "availability")


def failure(volume: Volume, view: ClusterView) -> str:
    """Why its plugin could not make or delete it, as far as the view has that."""
    return volume_failures.of_volume(volume, view.objects(objects_pb2.Resource))


def told_status(volume: Volume, view: ClusterView) -> str:
    """The status, with what keeps the volume from getting on."""
    text = failure(volume, view)
    return f"{status(volume)}: {text}" if text else status(volume)


def status(volume: Volume) -> str:
    """In docker's words."""
    if volume.pending_delete:
        return "being removed"
    if not volume.volume_info.volume_id:
        return "pending creation"
    nodes = len(volume.publish_status)
    return f"in use ({fmt.plural(nodes, 'node')})" if nodes else "created"


def row(volume: Volume, view: ClusterView, now_ns: int) -> RowCells:
    look = health(volume, view, now_ns)
    return (
        cell(name(volume)),
        cell(volume.spec.group, Role.SPECIAL),
        cell(volume.spec.driver.name, Role.MUTED),
        cell(availability(volume)),
        cell(told_status(volume, view), look.role),
        cell(_size(volume), Role.MUTED),
        users_cell(users(volume, view)),
        cell(", ".join(_node(each.node_id, view) for each in volume.publish_status), Role.MUTED),
        cell(fmt.age_of(volume.meta.created_at, now_ns), Role.MUTED),
    )


def _size(volume: Volume) -> str:
    count = volume.volume_info.capacity_bytes
    return fmt.size(count) if count else "–"


def _failures(volume: Volume) -> list[types_pb2.VolumePublishStatus]:
    return [each for each in volume.publish_status if each.message]


def health(volume: Volume, view: ClusterView, now_ns: int) -> Health:
    if _failures(volume) or failure(volume, view):
        return Health.WARNING
    if volume.pending_delete or not volume.volume_info.volume_id:
        return Health.MOTION
    return Health.OK if volume.publish_status else Health.IDLE


def problems(volume: Volume, view: ClusterView, now_ns: int) -> tuple[Problem, ...]:
    failures = _failures(volume)
    if failures:
        nodes = ", ".join(_node(each.node_id, view) for each in failures)
        summary, why = f"cannot be moved · {nodes}", failures[0].message
    elif why := failure(volume, view):
        verb = "removed" if volume.pending_delete else "created"
        summary = f"cannot be {verb} · {volume.spec.driver.name}"
    else:
        return ()
    return (
        Problem(
            ObjectRef(view.cluster, "volume", volume.id),
            name(volume),
            Health.WARNING,
            summary,
            why,
            since_ns=timestamp_ns(volume.meta.updated_at),
        ),
    )


def _node(node_id: str, view: ClusterView) -> str:
    node = view.get(objects_pb2.Node, node_id)
    return (node.description.hostname if node is not None else "") or fmt.short_id(node_id)


def describe(volume: Volume, view: ClusterView, now_ns: int) -> tuple[Section, ...]:
    spec, info = volume.spec, volume.volume_info
    mode = spec.access_mode
    overview = payloads.overview(volume)
    overview += [
        ("Group", cell(spec.group or "–")),
        ("Driver", cell(spec.driver.name)),
        ("Driver options", cell(fmt.labels_below(spec.driver.options))),
        ("Access", cell(_access(mode))),
        ("Availability", cell(availability(volume))),
        ("Status", cell(told_status(volume, view))),
        ("Used by", cell(", ".join(users(volume, view)) or "no service")),
    ]
    if info.volume_id:
        overview.append(("Plugin's id", cell(info.volume_id)))
        overview.append(("Size", cell(fmt.size(info.capacity_bytes) if info.capacity_bytes else "unknown")))
        places = "; ".join(fmt.labels(each.segments) for each in info.accessible_topology)
        overview.append(("Reached from", cell(places or "everywhere")))
    nodes = tuple(
        (_node(each.node_id, view), cell(f"{state_word(each)}{f': {each.message}' if each.message else ''}"))
        for each in volume.publish_status
    )
    return Section("Volume", tuple(overview)), Section("Nodes", nodes or (("", cell("on no node")),))


def _access(mode: types_pb2.VolumeAccessMode) -> str:
    kind = "block device" if mode.WhichOneof("access_type") == "block" else "file system"
    scope, sharing = SCOPES.get(mode.scope, str(mode.scope)), SHARINGS.get(mode.sharing, str(mode.sharing))
    return f"{kind}, scope {scope}, sharing {sharing}"


def state_word(each: types_pb2.VolumePublishStatus) -> str:
    """How far a volume is on one node."""
    return enum_word(_Status.State, each.state, "state")


def users(volume: Volume, view: ClusterView) -> list[str]:
    """Names of the services that ask for this volume, by its name or its group."""
    return services.users_of("volume", volume_called(volume), view)


def changes(old: Volume | None, new: Volume | None, view: ClusterView) -> Iterator[str]:
    """What became different."""
    if new is None:
        yield "removed"
        return
    if old is None:
        yield "created"
        return
    if old.spec.annotations.labels != new.spec.annotations.labels:
        yield "labels"
    if old.spec.availability != new.spec.availability:
        yield f"{availability(old)} → {availability(new)}"
    if status(old) != status(new):
        yield f"{status(old)} → {status(new)}"


def consequences(items: Sequence[Volume], view: ClusterView) -> list[str]:
    """What removing these does."""
    sentences = []
    for volume in items:
        if volume.publish_status:
            nodes = fmt.plural(len(volume.publish_status), "node")
            sentences.append(f"{name(volume)} is published on {nodes}, so the manager will refuse it.")
        elif found := users(volume, view):
            sentences.append(
                f"{name(volume)} is asked for by {', '.join(found)}, whose new tasks will wait for it."
            )
    return [*sentences, "The plugin deletes what is in them. There is no undo."]


KIND: ResourceKind[Volume] = ResourceKind(
    noun="volume",
    title="Volumes",
    message=Volume,
    columns=COLUMNS,
    row=row,
    tree_cells={"state": "status", "for": "age", "where": "nodes", "cause": "driver"},
    sort_keys={
        "name": lambda volume, view, now: fmt.natural(name(volume)),
        "group": lambda volume, view, now: (volume.spec.group, fmt.natural(name(volume))),
        "driver": lambda volume, view, now: (volume.spec.driver.name, fmt.natural(name(volume))),
        "size": lambda volume, view, now: -volume.volume_info.capacity_bytes,
        "users": lambda volume, view, now: (-len(users(volume, view)), fmt.natural(name(volume))),
        "age": lambda volume, view, now: -timestamp_ns(volume.meta.created_at),
    },
    default_sort="name",
    name=name,
    health=health,
    problems=problems,
    describe=describe,
    fields={
        "group": lambda volume, view, now: volume.spec.group,
        "driver": lambda volume, view, now: volume.spec.driver.name,
        "availability": lambda volume, view, now: availability(volume),
        "label": lambda volume, view, now: fmt.label_list(volume.spec.annotations.labels),
        "node": lambda volume, view, now: [_node(each.node_id, view) for each in volume.publish_status],
        "size": lambda volume, view, now: float(volume.volume_info.capacity_bytes) or None,
        "users": lambda volume, view, now: float(len(users(volume, view))),
        "service": lambda volume, view, now: users(volume, view),
        "age": lambda volume, view, now: fmt.age_s(volume.meta.created_at, now),
        "id": lambda volume, view, now: volume.id,
    },
    listing=(
        Listing("VOLUME NAME", "Name", lambda volume, view, now: name(volume)),
        Listing("GROUP", "Group", lambda volume, view, now: volume.spec.group),
        Listing("DRIVER", "Driver", lambda volume, view, now: volume.spec.driver.name),
        Listing("AVAILABILITY", "Availability", lambda volume, view, now: availability(volume)),
        Listing("STATUS", "Status", lambda volume, view, now: told_status(volume, view)),
    ),
    verbs=(
        "open",
        "used_by",
        "describe",
        "pin",
        "labels",
        "timeline",
        "yaml",
        "json",
        "compare",
        "copy",
        "copy_command",
        "remove",
    ),
    drill_in=description_of("volume"),
    called=volume_called,
    list_key="8",
    description_needs=(objects_pb2.Service, objects_pb2.Node),
    changes=changes,
    consequences=consequences,
    aliases=("volumes", "vol"),
)
