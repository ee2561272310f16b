"""What the allocator knows of the store, and what it decides. No input, no output.

Rules
1. The board is fed objects as they are in the store; `plan` counts what it decides as if it were written, but for what is given back, and
   `refused` takes one decision back.
2. Networks come before services, services before tasks: a task waits until its service's endpoint is in the store, and a service until
   its networks are.
3. A task holds its addresses until its observed state passes RUNNING, whatever is desired of it.
4. What got nothing is tried again when something was freed, or a network or service changed.
"""

from collections.abc import Iterable

from swarm_core.api.proto.objects_pb2 import Endpoint, Network, NetworkAttachment, Node, Service, Task
from swarm_core.api.proto.types_pb2 import COMPLETE, NEW, PENDING, RUNNING
from swarm_core.api.states import Actor, may_move
from swarm_core.manager.allocator.address_books import AddressBooks
from swarm_core.manager.allocator.addresses import needs_address
from swarm_core.manager.allocator.attachments import attachments
from swarm_core.manager.allocator.decisions import (
    Allocate,
    AllocateNetwork,
    Attach,
    Decision,
    Explain,
    Serve,
)
from swarm_core.manager.allocator.endpoints import endpoint_of_task
from swarm_core.manager.allocator.errors import CannotAllocate
from swarm_core.manager.allocator.networks import Networks
from swarm_core.manager.allocator.nodes import Nodes
from swarm_core.manager.allocator.services import Services
from swarm_core.manager.allocator.subnets import Pools


class Board:
    """Networks, services, nodes, and the tasks that wait."""

    def __init__(self, pools: Pools) -> None:
        self._addresses = AddressBooks()
        self._networks = Networks(pools, self._addresses)
        self._services = Services(self._networks, self._addresses)
        self._nodes = Nodes(self._networks, self._addresses)
        self._waiting: dict[str, dict[str, Task]] = {}  # service id -> task id -> task
        self._unplanned: dict[str, Task] = {}  # of those that wait, the ones to look at
        self._holding: set[str] = set()  # tasks that have addresses

    # feeding

    def network_changed(self, network: Network) -> None:
        """A network is new, or something but its addresses changed."""
        self._networks.changed(network)
        self._look_at_all()

    def has_other_subnets(self, network: Network) -> bool:
        """Whether the network was known with others: what is counted here no longer holds then."""
        return self._networks.has_other_subnets(network)

    def network_removed(self, network_id: str) -> None:
        self._networks.removed(network_id)
        self._look_at_all()

    def service_changed(self, service: Service) -> None:
        self._look_again(self._services.changed(service))
        self._unplanned.update(self._waiting.get(service.id, {}))

    def service_removed(self, service_id: str) -> None:
        self._look_again(self._services.removed(service_id))

    def node_changed(self, node: Node) -> None:
        self._look_again(self._nodes.changed(node))

    def node_removed(self, node_id: str) -> None:
        self._look_again(self._nodes.removed(node_id))

    def task_changed(self, task: Task) -> None:
        """A task is new or has a new object."""
        if task.status.state > RUNNING:
            self.task_removed(task)
            return
        if task.networks or task.id in self._holding:
            self._hold(task, task.networks)
            self._nodes.task_changed(task)
        is_new = task.status.state == NEW and task.desired_state <= COMPLETE
        if is_new and (task.service_id or task.spec.HasField("attachment")):
            self._waiting.setdefault(task.service_id, {})[task.id] = task
            self._unplanned[task.id] = task
        else:
            self._stop_waiting(task)

    def task_removed(self, task: Task) -> None:
        """A task has ended or is gone."""
        self._stop_waiting(task)
        if task.id in self._holding:
            self._hold(task, ())
            self._nodes.task_removed(task.id)

    def _stop_waiting(self, task: Task) -> None:
        waiting = self._waiting.get(task.service_id)
        if waiting is not None:
            waiting.pop(task.id, None)
            if not waiting:
                del self._waiting[task.service_id]
        self._unplanned.pop(task.id, None)

    def _hold(self, task: Task, attached: Iterable[NetworkAttachment]) -> None:
        held = {one.network.id: list(one.addresses) for one in attached}
        self._holding.add(task.id) if held else self._holding.discard(task.id)
        self._look_again(self._addresses.hold(_holder(task), held))

    def _look_again(self, freed: bool) -> None:
        """Try again what could not be done, where something was freed."""
        if freed:
            self._networks.look_again()
            self._services.look_again()
            self._nodes.look_again()
            self._look_at_tasks()

    def _look_at_all(self) -> None:
        self._services.look_at_all()
        self._nodes.look_at_all()
        self._look_at_tasks()

    def _look_at_tasks(self) -> None:
        for tasks in self._waiting.values():
            self._unplanned.update(tasks)

    # deciding

    def plan(self) -> list[Decision]:
        """Everything that can be decided now; it is counted already."""
        decisions: list[Decision] = [*self._networks.plan(), *self._services.plan()]
        unplanned, self._unplanned = self._unplanned, {}
        made = (self._plan_task(task) for task in unplanned.values())
        decisions += [decision for decision in made if decision is not None]
        decisions += self._nodes.plan()
        return decisions

    def refused(self, decision: Decision) -> None:
        """Take back what was not written; an event that says why is on its way."""
        match decision:
            case AllocateNetwork():
                self._networks.refused(decision.network.id)
            case Serve():
                self._look_again(self._services.refused(decision.service.id))
            case Attach():
                self._nodes.refused(decision.node.id)
            case Allocate() | Explain():
                waiting = self._waiting.get(decision.task.service_id, {})
                if (task := waiting.get(decision.task.id)) is not None:
                    self.task_changed(task)

    def _plan_task(self, task: Task) -> Decision | None:
        service = self._services.get(task.service_id)
        if service is None and task.service_id:
            return None
        if not may_move(task.status.state, PENDING, Actor.ALLOCATOR):
            return None
        try:
            if (reason := self._services.waits_for(task.service_id)) is not None:
                raise CannotAllocate(reason)
            made = attachments(task, service, self._networks)
            for attachment in made:
                self._give_address(task, attachment)
        except CannotAllocate as error:
            # What the failed attempt took is free again, and nobody has waited for it.
            self._addresses.hold(
                _holder(task), {one.network.id: list(one.addresses) for one in task.networks}
            )
            return None if str(error) in ("", task.status.err) else Explain(task, str(error))
        if made:
            self._holding.add(task.id)
        return Allocate(task, made, Endpoint() if service is None else endpoint_of_task(service))

    def _give_address(self, task: Task, attachment: NetworkAttachment) -> None:
        """Give the attachment an address where it needs one. Those of a spec are wishes. Raises CannotAllocate."""
        if not needs_address(attachment.network):
            del attachment.addresses[:]
            return
        if task.networks and any("/" in text for text in attachment.addresses):
            return  # an earlier leader has given it
        taken = self._addresses.take(_holder(task), attachment.network, list(attachment.addresses))
        del attachment.addresses[:]
        attachment.addresses.append(taken)


def _holder(task: Task) -> str:
    return f"task {task.id}"
