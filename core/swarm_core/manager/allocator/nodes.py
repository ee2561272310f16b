"""The networks that each node is attached to (docs/design/allocator.md 4.6). No input, no output.

Rules: a node with Docker's overlay driver has an address on the ingress network: it may be asked for any published port. A node has one
on each network of its tasks, from the first of them to the last. A machine that runs processes alone needs none.
"""

from collections import Counter

from swarm_core.api.proto.objects_pb2 import NetworkAttachment, Node, Task
from swarm_core.manager.allocator.address_books import AddressBooks
from swarm_core.manager.allocator.addresses import is_allocated, needs_address
from swarm_core.manager.allocator.decisions import Attach
from swarm_core.manager.allocator.errors import CannotAllocate
from swarm_core.manager.allocator.networks import Networks
from swarm_core.specs.network import OVERLAY

_PLUGIN = "Network"


class Nodes:
    """Fed with nodes, and with tasks that have networks, as they are in the store."""

    def __init__(self, networks: Networks, addresses: AddressBooks) -> None:
        self._networks = networks
        self._addresses = addresses
        self._known: dict[str, Node] = {}
        self._used: dict[str, Counter[str]] = {}  # node id -> network id -> tasks
        self._counted: dict[str, tuple[str, list[str]]] = {}  # task id -> node, networks
        self._unplanned: dict[str, None] = {}
        self._short: dict[str, None] = {}  # those that lack an address

    def changed(self, node: Node) -> bool:
        """A node is new or has a new object; whether that freed anything."""
        self._known[node.id] = node
        self._unplanned[node.id] = None
        held = {one.network.id: list(one.addresses) for one in node.attachments}
        return self._addresses.hold(_holder(node.id), held)

    def removed(self, node_id: str) -> bool:
        """A node is gone; whether that freed anything."""
        self._known.pop(node_id, None)
        self._short.pop(node_id, None)
        return self._addresses.hold(_holder(node_id), {})

    def task_changed(self, task: Task) -> None:
        """A task has these networks on its node."""
        self.task_removed(task.id)
        networks = [one.network.id for one in task.networks if needs_address(one.network)]
        if task.node_id and networks:
            self._counted[task.id] = (task.node_id, networks)
            self._used.setdefault(task.node_id, Counter()).update(networks)
            self._unplanned[task.node_id] = None

    def task_removed(self, task_id: str) -> None:
        """A task has ended or is gone."""
        node_id, networks = self._counted.pop(task_id, ("", []))
        if networks:
            used = self._used[node_id]
            used.subtract(networks)
            if not +used:
                del self._used[node_id]
            self._unplanned[node_id] = None

    def look_again(self) -> None:
        """Try those again that lack an address."""
        self._unplanned.update(self._short)

    def look_at_all(self) -> None:
        self._unplanned.update(dict.fromkeys(self._known))

    def plan(self) -> list[Attach]:
        """What nodes get and give back now; it is counted already, but for what is given back."""
        unplanned, self._unplanned = self._unplanned, {}
        nodes = (self._known[node_id] for node_id in unplanned if node_id in self._known)
        return [decision for node in nodes if (decision := self._plan(node)) is not None]

    def refused(self, node_id: str) -> None:
        """What was planned is not written."""
        if (node := self._known.get(node_id)) is not None:
            self.changed(node)

    def _plan(self, node: Node) -> Attach | None:
        wanted = self._wanted(node)
        kept = [one for one in node.attachments if one.network.id in wanted and one.addresses]
        self._short.pop(node.id, None)
        missing = sorted(wanted - {one.network.id for one in kept})
        made = [one for network_id in missing if (one := self._attach(node, network_id)) is not None]
        if not made and len(kept) == len(node.attachments):
            return None
        return Attach(node, [*kept, *made])

    def _wanted(self, node: Node) -> set[str]:
        used: Counter[str] = self._used.get(node.id, Counter())
        # A task may carry an older copy of a network, which is gone or has no subnet any more.
        wanted = {
            network_id for network_id, tasks in used.items() if tasks > 0 and self._has_addresses(network_id)
        }
        ingress = self._networks.ingress
        if ingress is not None and _has_overlay(node) and self._has_addresses(ingress.id):
            wanted.add(ingress.id)
        return wanted

    def _has_addresses(self, network_id: str) -> bool:
        network = self._networks.get(network_id)
        return network is not None and is_allocated(network) and needs_address(network)

    def _attach(self, node: Node, network_id: str) -> NetworkAttachment | None:
        network = self._networks.usable(network_id)
        try:
            address = self._addresses.take(_holder(node.id), network)
        except CannotAllocate:
            self._short[node.id] = None
            return None
        return NetworkAttachment(network=network, addresses=[address])


def _has_overlay(node: Node) -> bool:
    return any(one.type == _PLUGIN and one.name == OVERLAY for one in node.description.engine.plugins)


def _holder(node_id: str) -> str:
    return f"node {node_id}"
