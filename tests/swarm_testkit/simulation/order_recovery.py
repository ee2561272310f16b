"""Whether services are as their specs say, once nothing fails any more: what runs where, of which spec, and what jobs have completed.

People help where only people can: a service whose tasks always fail gets a spec that works, one whose update is paused is updated again, and
where more is reserved than fits, whatever the order, services give their reservations up.
"""

from collections import Counter
from collections.abc import Collection, Sequence

from swarm_core.api.jobs import is_job, is_of_iteration
from swarm_core.api.proto.objects_pb2 import Node, Service, Task
from swarm_core.api.proto.types_pb2 import COMPLETE, RUNNING, NodeStatus
from swarm_core.rules.dirty import is_dirty
from swarm_core.rules.placement import constraint
from swarm_core.rules.rollout import is_going, is_paused
from swarm_core.store.by import ByService
from swarm_core.store.memory import MemoryStore

from swarm_testkit.simulation.nodes import NodeMachine
from swarm_testkit.simulation.orders import is_bad

# The largest task takes a third of a node: below this share some node always has room for it.
_FULL = 0.6


def needs_help(store: MemoryStore, stuck: Collection[str]) -> list[Service]:
    """The services that do not come right by themselves; `stuck` are those with tasks that have waited for long."""
    nodes = store.find(Node)
    has = sum(node.description.resources.nano_cpus for node in nodes)
    reserved = sum(_reserved(service, len(nodes)) for service in store.find(Service))
    is_full = reserved > _FULL * has
    return [
        service
        for service in store.find(Service)
        if service.id in stuck
        or is_paused(service)
        or (is_bad(service.spec) and not is_going(service))
        or (is_full and _reserved(service, len(nodes)) > 0)
    ]


def _reserved(service: Service, nodes: int) -> int:
    """What its tasks reserve together."""
    spec = service.spec
    tasks = spec.replicated.replicas or spec.replicated_job.max_concurrent or nodes
    return tasks * spec.task.resources.reservations.nano_cpus


def missing_orders(store: MemoryStore, machines: Sequence[NodeMachine]) -> str:
    """What is not well yet, in a few words."""
    for node in store.find(Node):
        if node.status.state != NodeStatus.READY:
            return f"node {node.id} is {NodeStatus.State.Name(node.status.state)}"
    expected: set[str] = set()
    for service in store.find(Service):
        tasks = store.find(Task, ByService(service.id))
        if (
            missing := _missing_completions(store, service, tasks)
            if is_job(service)
            else _missing_tasks(store, service, tasks)
        ):
            return f"service {service.spec.annotations.name} {missing}"
        expected |= {task.id for task in tasks if task.desired_state <= RUNNING}
    by_hand = [task for task in store.find(Task) if not task.service_id]
    expected |= {task.id for task in by_hand if task.status.state <= RUNNING}
    held = {
        task_id
        for machine in machines
        for task_id, work in machine.works.works.items()
        if work.started_s is not None and work.result(machine.host.clock.monotonic()) is None
    }
    if held != expected:
        return f"machines run {sorted(held - expected)} too many, {sorted(expected - held)} too few"
    return ""


def _missing_tasks(store: MemoryStore, service: Service, tasks: Sequence[Task]) -> str:
    running = [task for task in tasks if task.desired_state <= RUNNING]
    if is_bad(service.spec) or is_paused(service):
        return "waits for people"
    if is_going(service):
        return "is being updated"
    if any(task.status.state != RUNNING for task in running):
        return "has tasks that do not run"
    if any(is_dirty(service, task, store.get(Node, task.node_id)) for task in running):
        return "has tasks of an older spec"
    if service.spec.HasField("global"):
        places = Counter(task.node_id for task in running)
        return "" if places == Counter(_eligible(store, service)) else f"runs on {dict(places)}"
    slots, replicas = {task.slot for task in running}, service.spec.replicated.replicas
    if len(running) == len(slots) == replicas:
        return ""
    return f"runs {len(running)} tasks in {len(slots)} slots instead of {replicas}"


def _eligible(store: MemoryStore, service: Service) -> list[str]:
    """The nodes that a global service is to have tasks on."""
    constraints = constraint.parse(service.spec.task.placement.constraints)
    return [node.id for node in store.find(Node) if constraint.match(constraints, node)]


def _missing_completions(store: MemoryStore, service: Service, tasks: Sequence[Task]) -> str:
    done = [task for task in tasks if is_of_iteration(service, task) and task.status.state == COMPLETE]
    if service.spec.HasField("global_job"):
        places = {task.node_id for task in done}
        lacking = [node_id for node_id in _eligible(store, service) if node_id not in places]
        return f"has not completed on {lacking}" if lacking else ""
    slots = sorted(task.slot for task in done)
    wanted = list(range(service.spec.replicated_job.total_completions))
    return "" if slots == wanted else f"has completed {slots} instead of {wanted}"
