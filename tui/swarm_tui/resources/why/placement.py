"""Where a task could run now: the leader's rules, asked about a cluster as a client sees it."""

from collections.abc import Collection, Iterable, Mapping

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.rules.placement.filters import Pipeline
from swarm_core.rules.placement.matrix import Matrix
from swarm_core.rules.placement.node_info import NodeInfo, survey

from swarm_tui.resources import tasks
from swarm_tui.resources.model import ClusterView

Network = objects_pb2.Network
Node = objects_pb2.Node
Service = objects_pb2.Service
Task = objects_pb2.Task
Volume = objects_pb2.Volume


class Places:
    """The nodes with what their tasks hold. Making one looks at every task of the cluster."""

    def __init__(self, view: ClusterView) -> None:
        self._view = view
        self._infos: Mapping[str, NodeInfo] = survey(
            view.objects(Node), view.objects(Task), view.objects(Volume)
        )

    def asked(
        self, task: Task, node_ids: Iterable[str] | None = None, without: Collection[str] = ()
    ) -> Matrix:
        """What these nodes, or all of them, say about `task`; those `without` are out of the question. A task that is on a node already does not
        stand in its own way."""
        infos = list(self._infos.values())
        if node_ids is not None:
            wanted = set(node_ids)
            infos = [info for info in infos if info.id in wanted]
        holding = self._infos.get(task.node_id)
        is_counted = holding is not None and task.id in holding
        if holding is not None and is_counted:
            holding.remove(task.id)
        others = [info for info in infos if info.id not in without]
        matrix = Matrix.of(Pipeline(task), others, self._name, is_of_others=len(others) < len(infos))
        if holding is not None and is_counted:
            holding.add(task)
        return matrix

    def one_more(self, service: Service) -> Matrix:
        """What all nodes say about one more task of the service."""
        return self.asked(probe(service, self._view))

    def _name(self, task_id: str) -> str:
        task = self._view.get(Task, task_id)
        return tasks.name(task, self._view) if task is not None else task_id


class Nowhere:
    """Why a service's tasks have no node, in one sentence with the numbers, in place of the scheduler's counts. Asked for again and
    again while somebody waits, it looks at the cluster anew only when the scheduler has found another reason. `view` holds
    nodes and tasks; what asks for cluster volumes keeps the scheduler's words. Of the nodes `without`, by their ids, nothing is said: it is
    known that they take none."""

    def __init__(self, view: ClusterView, without: Collection[str] = ()) -> None:
        self._view = view
        self._without = without
        self._told: tuple[str, str] = ("", "")

    def sentence(self, service: Service, reason: str) -> str:
        """The sentence for `reason`, where a task of the service waits with it; any other reason as it is."""
        if reason == self._told[0]:
            return self._told[1]
        waiting = next(
            (
                task
                for task in self._view.tasks_of_service(service.id)
                if task.status.state == types_pb2.PENDING and task.status.err == reason
            ),
            None,
        )
        if waiting is None or Pipeline(waiting).demand.mounts:
            return reason
        nodes = [waiting.node_id] if waiting.node_id else None
        matrix = Places(self._view).asked(waiting, nodes, self._without)
        self._told = (reason, reason if matrix.fitting else matrix.sentence)
        return self._told[1]


def probe(service: Service, view: ClusterView) -> Task:
    """A task of the service as it would be made now, for rules that ask about a task."""
    task = Task(service_id=service.id, spec=service.spec.task)
    task.service_annotations.CopyFrom(service.spec.annotations)
    task.endpoint.spec.CopyFrom(service.spec.endpoint)
    if service.HasField("endpoint"):
        task.endpoint.ports.extend(service.endpoint.ports)
    if service.HasField("spec_version"):
        task.spec_version.CopyFrom(service.spec_version)
    for attachment in service.spec.task.networks or service.spec.networks:
        network = view.get(Network, attachment.target)
        if network is not None:
            task.networks.add().network.CopyFrom(network)
    return task
