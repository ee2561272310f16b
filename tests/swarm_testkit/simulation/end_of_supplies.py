"""Whether networks and volumes are as everybody's specs say, once nothing fails any more: who has which address, which volume is where, and
whether what the leader counts is what the store holds.

The last is what the next leader would count. What the present one counts beyond it is leaked: it would not be given to anybody until the leader
is another.
"""

from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from swarm_core.api.proto.objects_pb2 import Network, Node, Service, Task, Volume
from swarm_core.api.proto.specs_pb2 import EndpointSpec
from swarm_core.api.proto.types_pb2 import RUNNING, VolumePublishStatus
from swarm_core.manager.allocator.addresses import needs_address
from swarm_core.manager.allocator.allocator import Allocator
from swarm_core.manager.allocator.endpoints import wanted_of, wants_ingress
from swarm_core.manager.scheduler.scheduler import Scheduler
from swarm_core.specs.network import is_ingress
from swarm_core.store.by import ByService
from swarm_core.store.memory import MemoryStore

from swarm_testkit.simulation.life import Life
from swarm_testkit.simulation.nodes import NodeMachine
from swarm_testkit.simulation.storage import Storage


def missing_supplies(life: Life, machines: Sequence[NodeMachine], storage: Storage) -> str:
    """What is not well yet with the leader's networks and volumes, in a few words."""
    store = life.store
    return _missing_addresses(store) or _missing_volumes(store, machines, storage) or _miscounted(life)


def _missing_addresses(store: MemoryStore) -> str:
    networks = {network.id: network for network in store.find(Network)}
    ingress = next((one.id for one in networks.values() if is_ingress(one.spec)), None)
    for service in store.find(Service):
        wanted = {config.target for config in wanted_of(service)}
        if wants_ingress(service) and ingress is not None:
            wanted.add(ingress)
        is_found_by_tasks = service.spec.endpoint.mode == EndpointSpec.DNSRR
        has = {one.network_id for one in service.endpoint.virtual_ips}
        if has != (set() if is_found_by_tasks else wanted):
            return f"service {service.id} has addresses on {sorted(has)}, and wants {sorted(wanted)}"
        if len(service.endpoint.ports) != len(service.spec.endpoint.ports):
            return f"service {service.id} has {len(service.endpoint.ports)} ports"
        for task in store.find(Task, ByService(service.id)):
            joined = {one.network.id for one in task.networks}
            if task.desired_state == task.status.state == RUNNING and joined != wanted:
                return f"task {task.id} is on {sorted(joined)} instead of {sorted(wanted)}"
    for node in store.find(Node):
        if fault := _wrong_attachments(store, node, ingress, networks):
            return fault
    return ""


def _wrong_attachments(
    store: MemoryStore, node: Node, ingress: str | None, networks: Mapping[str, Network]
) -> str:
    """4.6.1: a node has an address on the ingress network and on each one of its tasks that has one left, and on no other."""
    wanted = {
        one.network.id
        for task in store.find(Task)
        if task.node_id == node.id and task.status.state <= RUNNING
        for one in task.networks
    }
    if ingress is not None:
        wanted.add(ingress)
    wanted = {id_ for id_ in wanted if id_ in networks and needs_address(networks[id_])}
    has = {one.network.id for one in node.attachments if one.addresses}
    is_well = has <= wanted and all(_is_full(store, networks[id_]) for id_ in wanted - has)
    return "" if is_well else f"node {node.id} is on {sorted(has)} instead of {sorted(wanted)}"


def _is_full(store: MemoryStore, network: Network) -> bool:
    """Whether the network has given every address (4.6.3: some nodes have none then)."""
    attached = [one for task in store.find(Task) if task.status.state <= RUNNING for one in task.networks]
    attached += [one for node in store.find(Node) for one in node.attachments]
    held = {address for one in attached if one.network.id == network.id for address in one.addresses}
    services = store.find(Service)
    held |= {
        one.addr for each in services for one in each.endpoint.virtual_ips if one.network_id == network.id
    }
    # The network's own, its broadcast address and its gateway are never given.
    return len(held) >= sum(ip_network(config.subnet).num_addresses - 3 for config in network.ipam.configs)


def _missing_volumes(store: MemoryStore, machines: Sequence[NodeMachine], storage: Storage) -> str:
    names = {found.node_id: one.host.name for one in machines if (found := one.identity) is not None}
    used: dict[str, set[str]] = {}
    for task in store.find(Task):
        if task.status.state <= RUNNING:
            for attachment in task.volumes:
                used.setdefault(attachment.id, set()).add(names.get(task.node_id, ""))
    for volume in store.find(Volume):
        on = {names.get(one.node_id, one.node_id) for one in volume.publish_status}
        if not volume.HasField("volume_info") or volume.pending_delete:
            return f"volume {volume.id} is being made or removed"
        if any(one.state != VolumePublishStatus.PUBLISHED for one in volume.publish_status):
            return f"volume {volume.id} is being brought somewhere"
        if on != used.get(volume.id, set()):
            return f"volume {volume.id} is on {sorted(on)}, and used on {sorted(used.get(volume.id, ()))}"
        if on != storage.on.get(volume.id):
            return f"volume {volume.id} is on {sorted(on)}, and the storage has it elsewhere"
        if on != {name for name, here in storage.here.items() if volume.id in here}:
            return f"volume {volume.id} is not where the nodes have it"
    return ""


# what the leader counts


def _miscounted(life: Life) -> str:
    """Where the books of the leader's allocator or scheduler are not those that another leader would make of the store."""
    loops = life.parts.manager._loops
    allocator = next(one for one in loops if isinstance(one, Allocator))
    scheduler = next(one for one in loops if isinstance(one, Scheduler))
    for counted, fresh in (
        (_addresses(allocator._board), _addresses(allocator._fill_board())),
        (_places(scheduler._board), _places(scheduler._fill_board())),
    ):
        if counted != fresh:
            different = sorted(
                str(key) for key in counted.keys() | fresh.keys() if counted.get(key) != fresh.get(key)
            )
            return f"the leader counts otherwise than the store: {different}"
    return ""


def _addresses(board: Any) -> dict[Any, Any]:
    """Who holds what, without what was given last."""
    books = board._networks._books
    held: dict[Any, Any] = {
        ("addresses", network_id, holder): frozenset(numbers)
        for network_id, book in board._addresses._books.items()
        for holder, numbers in book._of.items()
        if numbers
    }
    held.update((("port", key), holder) for key, holder in board._services._ports._holder.items())
    held.update((("subnet", id_), frozenset(map(str, nets))) for id_, nets in books._subnets._of.items())
    held.update((("overlay", number), holder) for number, holder in books._ids._holder.items())
    return held


def _places(board: Any) -> dict[Any, Any]:
    """What each node has left, who counts there, and who uses which volume."""
    users = {("volume", id_): frozenset(users.items()) for id_, users in board._volumes._users.items()}
    return users | {
        ("node", info.id): (
            info.cpus_free,
            info.memory_free,
            frozenset(info.task_ids),
            info.active,
            dict(info.active_of),
            dict(info.ports),
        )
        for info in board._nodes.values()
    }
