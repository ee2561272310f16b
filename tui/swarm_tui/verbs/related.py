"""From an object to what it belongs to, to who uses it, and to what happened to it."""

from swarm_tui.resources import registry
from swarm_tui.resources.engines.containers import KIND as CONTAINERS
from swarm_tui.resources.events import KIND as EVENTS
from swarm_tui.resources.model import Link, Realm
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.resources.services import KIND as SERVICES
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context


def _owner(ports: Ports) -> ObjectRef | None:
    """What the selected object belongs to, if that is there."""
    cluster = ports.cluster
    kind = registry.known(ports.selection.kind)
    item = cluster.get(kind.message, ports.ids[0]) if kind is not None and ports.ids else None
    found = kind.owner(item) if kind is not None and item is not None else None
    if found is None:
        return None
    noun, id_ = found
    is_there = cluster.get(registry.by_noun(noun).message, id_) is not None
    return ObjectRef(cluster.cluster, noun, id_) if is_there else None


async def to_owner(ports: Ports) -> None:
    owner = _owner(ports)
    if owner is not None:
        await ports.navigator.go(Link(registry.by_noun(owner.kind).plural), owner)


async def to_users(ports: Ports) -> None:
    ref = ports.selection.refs[0]
    await ports.navigator.go(Link(SERVICES.plural, ref.kind, ref.id))


async def to_containers(ports: Ports) -> None:
    ref = ports.selection.refs[0]
    await ports.navigator.go(Link(CONTAINERS.plural, ref.kind, ref.id))


async def to_events(ports: Ports) -> None:
    ref = ports.selection.refs[0]
    ports.desk.recall(ref)
    await ports.navigator.go(Link(EVENTS.plural, ref.kind, ref.id))


OWNER = Verb(
    "list.owner",
    ("J",),
    "owner",
    "to what it belongs to: a task's service, a service's stack, an event's object",
    Context.LIST,
    to_owner,
    lambda ports: _owner(ports) is not None,
    is_on_objects=True,
)
USED_BY = Verb(
    "list.used_by",
    ("U",),
    "used by",
    "the services that use this secret, config, network or volume",
    Context.LIST,
    to_users,
    is_on_objects=True,
    rank=4,
    in_realm={Realm.ENGINES: to_containers},
)
TIMELINE = Verb(
    "list.timeline",
    ("E",),
    "timeline",
    "what happened to this object, from as long ago as is recorded",
    Context.LIST,
    to_events,
    is_on_objects=True,
)
