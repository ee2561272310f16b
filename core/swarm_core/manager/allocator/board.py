"""What the allocator knows of the store, and what it decides. No input, no output.

Rules
1. The board is fed objects as they are in the store; `plan` counts what it decides as if it were written, and `refused` takes
   one decision back.
2. A task holds its addresses until its observed state passes RUNNING, whatever is desired of it.
3. A task that got none is tried again when something was freed, or a network or service changed.
4. A node has an address on the ingress network, and on each network of its tasks.
"""

from collections import Counter
from collections.abc import Iterable

from swarm_core.api.proto.objects_pb2 import Network, NetworkAttachment, Node, Service, Task
from swarm_core.api.proto.types_pb2 import COMPLETE, NEW, PENDING, RUNNING
from swarm_core.api.states import Actor, may_move
from swarm_core.manager.allocator.addresses import Addresses, NoAddress, needs_address
from swarm_core.manager.allocator.attachments import attachments, check_service, endpoint_of, is_ingress
from swarm_core.manager.allocator.decisions import Allocate, Attach, Decision, Explain


class Board:
    """Networks with their addresses, waiting tasks, and the networks that each node's tasks use."""

    def __init__(self) -> None:
        self._networks: dict[str, Network] = {}
        self._addresses: dict[str, Addresses] = {}
        self._services: dict[str, Service] = {}
        self._nodes: dict[str, Node] = {}
        self._waiting: dict[str, Task] = {}
        self._unplanned: dict[str, None] = {}  # of those that wait, the ones to look at
        self._used: dict[str, Counter[str]] = {}  # node id -> network id -> tasks
        self._counted: dict[str, tuple[str, list[str]]] = {}  # task id -> node, networks
        self._changed_nodes: dict[str, None] = {}
        self._short_nodes: dict[str, None] = {}  # those that lack an address

    # feeding

    def network_changed(self, network: Network) -> None:
        """A network is new, or something but its addresses changed."""
        self._networks[network.id] = network
        if network.id not in self._addresses:
            self._addresses[network.id] = Addresses(network)
        self._look_at_all()

    def has_other_subnets(self, network: Network) -> bool:
        """Whether the network was known with others: what is counted here no longer holds then."""
        known = self._networks.get(network.id)
        return known is not None and known.ipam != network.ipam

    def network_removed(self, network_id: str) -> None:
        self._networks.pop(network_id, None)
        self._addresses.pop(network_id, None)
        self._look_at_all()

    def service_changed(self, service: Service) -> None:
        self._services[service.id] = service
        held = {one.network_id: [one.addr] for one in service.endpoint.virtual_ips if one.addr}
        self._hold(f"service {service.id}", held)
        self._unplanned.update(
            (task.id, None) for task in self._waiting.values() if task.service_id == service.id
        )

    def service_removed(self, service_id: str) -> None:
        self._services.pop(service_id, None)
        self._hold(f"service {service_id}", {})

    def node_changed(self, node: Node) -> None:
        self._nodes[node.id] = node
        self._hold(f"node {node.id}", _held(node.attachments))
        self._changed_nodes[node.id] = None

    def node_removed(self, node_id: str) -> None:
        self._nodes.pop(node_id, None)
        self._hold(f"node {node_id}", {})

    def task_changed(self, task: Task) -> None:
        """A task is new or has a new object."""
        if task.status.state > RUNNING:
            self.task_removed(task)
            return
        if task.networks or task.id in self._counted:
            self._hold(f"task {task.id}", _held(task.networks))
            self._count(task)
        if task.status.state == NEW and task.desired_state <= COMPLETE and task.service_id:
            self._waiting[task.id] = task
            self._unplanned[task.id] = None
        else:
            self._stop_waiting(task.id)

    def task_removed(self, task: Task) -> None:
        """A task has ended or is gone."""
        self._stop_waiting(task.id)
        if task.networks or task.id in self._counted:
            self._hold(f"task {task.id}", {})
            self._uncount(task.id)

    def _stop_waiting(self, task_id: str) -> None:
        self._waiting.pop(task_id, None)
        self._unplanned.pop(task_id, None)

    def _count(self, task: Task) -> None:
        self._uncount(task.id)
        networks = [one.network.id for one in task.networks if needs_address(one.network)]
        self._counted[task.id] = (task.node_id, networks)
        if task.node_id and networks:
            self._used.setdefault(task.node_id, Counter()).update(networks)
            self._changed_nodes[task.node_id] = None

    def _uncount(self, task_id: str) -> None:
        node_id, networks = self._counted.pop(task_id, ("", []))
        if node_id and networks:
            self._used[node_id].subtract(networks)
            self._changed_nodes[node_id] = None

    def _hold(self, holder: str, held: dict[str, list[str]]) -> None:
        freed = False
        for network_id, addresses in self._addresses.items():
            wanted = held.get(network_id)
            if wanted is not None:
                addresses.hold(holder, wanted)
            else:
                freed = addresses.release(holder) or freed
        if freed:
            self._unplanned.update(dict.fromkeys(self._waiting))
            self._changed_nodes.update(self._short_nodes)

    def _look_at_all(self) -> None:
        self._unplanned.update(dict.fromkeys(self._waiting))
        self._changed_nodes.update(dict.fromkeys(self._nodes))

    # deciding

    def plan(self) -> list[Decision]:
        """Everything that can be decided now; it is counted already."""
        unplanned, self._unplanned = self._unplanned, {}
        tasks = [self._waiting[task_id] for task_id in unplanned if task_id in self._waiting]
        decisions = [decision for task in tasks if (decision := self._plan_task(task)) is not None]
        changed, self._changed_nodes = self._changed_nodes, {}
        nodes = [self._nodes[node_id] for node_id in changed if node_id in self._nodes]
        attached = [decision for node in nodes if (decision := self._plan_node(node)) is not None]
        return [*decisions, *attached]

    def refused(self, decision: Decision) -> None:
        """Take back what was not written; an event that says why is on its way."""
        if isinstance(decision, Attach):
            if (node := self._nodes.get(decision.node.id)) is not None:
                self.node_changed(node)
        elif decision.task.id in self._waiting:
            self.task_changed(self._waiting[decision.task.id])

    @property
    def _ingress(self) -> Network | None:
        return next((one for one in self._networks.values() if is_ingress(one)), None)

    def _plan_task(self, task: Task) -> Decision | None:
        service = self._services.get(task.service_id)
        if service is None or not may_move(task.status.state, PENDING, Actor.ALLOCATOR):
            return None
        holder = f"task {task.id}"
        try:
            check_service(service, self._networks.get, self._ingress)
            made = attachments(task, service, self._networks.get, self._ingress)
            for attachment in made:
                self._address(holder, attachment, may_have_one=bool(task.networks))
        except NoAddress as error:
            self._hold_quietly(holder, _held(task.networks))
            return None if task.status.err == str(error) else Explain(task, str(error))
        return Allocate(task, made, endpoint_of(service))

    def _plan_node(self, node: Node) -> Decision | None:
        used = self._used.get(node.id, Counter())
        wanted = {network_id for network_id, tasks in used.items() if tasks > 0}
        if (ingress := self._ingress) is not None and needs_address(ingress):
            wanted.add(ingress.id)
        kept = [one for one in node.attachments if one.network.id in wanted and one.addresses]
        self._short_nodes.pop(node.id, None)
        missing = sorted(wanted - {one.network.id for one in kept})
        made = [one for network_id in missing if (one := self._attach(node, network_id)) is not None]
        if not made and len(kept) == len(node.attachments):
            return None
        return Attach(node, [*kept, *made])

    def _attach(self, node: Node, network_id: str) -> NetworkAttachment | None:
        network = self._networks.get(network_id)
        # A task may carry an older copy of the network, with a subnet that it has no longer.
        if network is None or not needs_address(network):
            return None
        attachment = NetworkAttachment(network=network)
        try:
            self._address(f"node {node.id}", attachment, may_have_one=False)
        except NoAddress:
            self._short_nodes[node.id] = None
            return None
        return attachment

    def _address(self, holder: str, attachment: NetworkAttachment, *, may_have_one: bool) -> None:
        """Give the attachment an address where it needs one. Without `may_have_one` those in it are wishes. Raises NoAddress."""
        if not needs_address(attachment.network):
            del attachment.addresses[:]
            return
        addresses = self._addresses.get(attachment.network.id)
        if addresses is None:
            raise NoAddress(f"network {attachment.network.id} does not exist")
        if may_have_one and any("/" in text for text in attachment.addresses):
            return  # an earlier leader has given it
        taken = addresses.take(holder, attachment.addresses)
        del attachment.addresses[:]
        attachment.addresses.append(taken)

    def _hold_quietly(self, holder: str, held: dict[str, list[str]]) -> None:
        """Give back what a failed attempt took: nothing that others waited for."""
        for network_id, addresses in self._addresses.items():
            addresses.hold(holder, held.get(network_id, ()))


def _held(attached: Iterable[NetworkAttachment]) -> dict[str, list[str]]:
    return {one.network.id: list(one.addresses) for one in attached}
