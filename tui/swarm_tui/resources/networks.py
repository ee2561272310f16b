"""Networks: driver, subnets, and the services on them."""

from collections.abc import Iterator, Sequence

from swarm_core.api.proto import objects_pb2
from swarm_core.api.timestamps import timestamp_ns
from swarm_core.specs.network import NODE_LOCAL, OVERLAY, is_ingress, is_predefined

from swarm_tui.resources import addresses, services
from swarm_tui.resources import format as fmt
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
from swarm_tui.resources.owners import stack_of
from swarm_tui.resources.payloads import users_cell
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.resources.uses import network_called

Network = objects_pb2.Network
_NOT_YET = "none yet"


def name(network: Network, view: ClusterView | None = None) -> str:
    return network.spec.annotations.name or fmt.short_id(network.id)


def driver(network: Network) -> str:
    return network.driver_state.name or network.spec.driver_config.name or OVERLAY


def scope(network: Network) -> str:
    """Docker's word: what is referred to here but made by each node is local."""
    return "local" if is_predefined(network.spec) else "swarm"


def subnets(network: Network) -> list[str]:
    """Those that it has; of a network that has none yet, those it asks for."""
    configs = network.ipam.configs or network.spec.ipam.configs
    return [config.subnet for config in configs if config.subnet]


def kinds(network: Network) -> list[str]:
    """What is special about it, in words."""
    spec = network.spec
    marks = (
        ("ingress", is_ingress(spec)),
        ("attachable", spec.attachable),
        ("internal", spec.internal),
        ("predefined", is_predefined(spec)),
    )
    return [word for word, holds in marks if holds]


def users(network: Network, view: ClusterView) -> list[str]:
    """Names of the services on it; of the ingress network, those that publish a port through it."""

    return services.users_of("network", network_called(network), view)


def row(network: Network, view: ClusterView, now_ns: int) -> RowCells:
    return (
        cell(name(network)),
        cell(driver(network), Role.MUTED),
        cell(_subnet_text(network)),
        *addresses.cells(network, view),
        users_cell(users(network, view)),
        cell(", ".join(kinds(network)), Role.SPECIAL),
        cell(fmt.age_of(network.meta.created_at, now_ns), Role.MUTED),
        cell(fmt.short_id(network.id), Role.MUTED),
    )


def health(network: Network, view: ClusterView, now_ns: int) -> Health:
    """A warning when it runs out of addresses."""
    share = addresses.share(network, view)
    return Health.WARNING if share is not None and share >= addresses.WARNING else Health.OK


def problems(network: Network, view: ClusterView, now_ns: int) -> tuple[Problem, ...]:
    look = health(network, view, now_ns)
    free, total = addresses.free(network, view), addresses.total(network)
    if look is Health.OK or total is None:
        return ()
    return (
        Problem(
            ObjectRef(view.cluster, "network", network.id),
            name(network),
            look,
            f"{free:.0f} of {total} addresses free",
            "New tasks and services on it will wait for an address.",
            "U",
            "used by",
        ),
    )


def _free(network: Network, view: ClusterView) -> float:
    """For the order: what has no addresses of the cluster's comes last."""
    left = addresses.free(network, view)
    return float("inf") if left is None else left


def _subnet_text(network: Network) -> str:
    if found := subnets(network):
        return ", ".join(found)
    return "" if driver(network) in NODE_LOCAL else _NOT_YET


def describe(network: Network, view: ClusterView, now_ns: int) -> tuple[Section, ...]:
    spec = network.spec
    lines = [
        ("ID", cell(network.id)),
        ("Name", cell(name(network))),
        ("Driver", cell(driver(network))),
        ("Scope", cell(scope(network))),
        ("Kind", cell(", ".join(kinds(network)) or "–")),
        ("Created", cell(fmt.moment(timestamp_ns(network.meta.created_at)))),
        ("Labels", cell(fmt.labels_below(spec.annotations.labels), Role.SPECIAL)),
        ("Used by", cell(", ".join(users(network, view)) or "no service")),
    ]
    options = network.driver_state.options or spec.driver_config.options
    given = tuple((key, cell(options[key])) for key in sorted(options))
    sections = [Section("Network", tuple(lines)), _addresses(network, view)]
    return (*sections, Section("Driver options", given)) if given else tuple(sections)


def _addresses(network: Network, view: ClusterView) -> Section:
    lines = addresses.lines(network, view)
    for config in network.ipam.configs or network.spec.ipam.configs:
        lines.append(("Subnet", cell(config.subnet)))
        if config.range:
            lines.append(("Range", cell(config.range)))
        lines.append(("Gateway", cell(config.gateway or _NOT_YET)))
        lines.extend(
            (f"Reserved for {who}", cell(address)) for who, address in sorted(config.reserved.items())
        )
    return Section("Addresses", tuple(lines) or (("", cell("None of the cluster's.", Role.MUTED)),))


def changes(before: Network | None, after: Network | None, view: ClusterView) -> Iterator[str]:
    if before is None and after is not None:
        yield "created"
    elif after is None:
        yield "removed"


def consequences(networks: Sequence[Network], view: ClusterView) -> list[str]:
    texts = []
    for network in networks:
        if is_predefined(network.spec):
            texts.append(f"{name(network)} is on every node by itself: the manager keeps it.")
        elif used := users(network, view):
            texts.append(
                f"{name(network)} is used by {', '.join(used)}: the manager keeps it until they are gone."
            )
    return texts


KIND: ResourceKind[Network] = ResourceKind(
    noun="network",
    title="Networks",
    message=Network,
    columns=(
        Column("name", "NAME", 14, grow=2),
        Column("driver", "DRIVER", 8, drop=2),
        Column("subnets", "SUBNETS", 14, grow=2),
        Column("addresses", "TAKEN", 10, grow=1, drop=5),
        Column("free", "FREE", 6, align=Align.RIGHT, drop=4),
        Column("users", "USED BY", 12, grow=3, drop=6),
        Column("kind", "KIND", 10, drop=3),
        Column("age", "AGE", 4, align=Align.RIGHT, drop=1),
        Column("id", "ID", 12, is_wide=True, drop=4),
    ),
    row=row,
    tree_cells={"state": "driver", "for": "age", "where": "kind", "cause": "subnets"},
    sort_keys={
        "name": lambda network, view, now: fmt.natural(name(network)),
        "free": lambda network, view, now: (_free(network, view), fmt.natural(name(network))),
        "users": lambda network, view, now: (-len(users(network, view)), fmt.natural(name(network))),
        "age": lambda network, view, now: -timestamp_ns(network.meta.created_at),
        "driver": lambda network, view, now: (driver(network), fmt.natural(name(network))),
    },
    default_sort="name",
    name=name,
    health=health,
    problems=problems,
    describe=describe,
    fields={
        "driver": lambda network, view, now: driver(network),
        "scope": lambda network, view, now: scope(network),
        "type": lambda network, view, now: "builtin" if is_predefined(network.spec) else "custom",
        "kind": lambda network, view, now: kinds(network),
        "subnet": lambda network, view, now: subnets(network),
        "free": lambda network, view, now: addresses.free(network, view),
        "taken": lambda network, view, now: addresses.share(network, view),
        "users": lambda network, view, now: float(len(users(network, view))),
        "label": lambda network, view, now: fmt.label_list(network.spec.annotations.labels),
        "service": lambda network, view, now: users(network, view),
        "age": lambda network, view, now: fmt.age_s(network.meta.created_at, now),
        "id": lambda network, view, now: network.id,
    },
    listing=(
        Listing("NETWORK ID", "ID", lambda network, view, now: network.id),
        Listing("NAME", "Name", lambda network, view, now: name(network)),
        Listing("DRIVER", "Driver", lambda network, view, now: driver(network)),
        Listing("SCOPE", "Scope", lambda network, view, now: scope(network)),
    ),
    verbs=(
        "open",
        "used_by",
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
    drill_in=description_of("network"),
    owner=stack_of,
    called=network_called,
    list_key="6",
    description_needs=(objects_pb2.Service,),
    changes=changes,
    consequences=consequences,
    aliases=("networks", "net"),
    create_view="new-network",
    empty_hint="n creates one",
)
