"""Who holds a node's processors and memory: a line for each service with what its tasks reserve there, the greatest first."""

from dataclasses import dataclass
from typing import Final

from swarm_core.api.proto import objects_pb2, types_pb2

from swarm_tui.resources import format as fmt
from swarm_tui.resources.model import Cell, ClusterView, Role, Section, cell

Node = objects_pb2.Node
Task = objects_pb2.Task
SERVICES_MAX: Final = 12
"""The rest is summed up."""


@dataclass(slots=True)
class Share:
    """What some tasks reserve together."""

    tasks: int = 0
    nano_cpus: int = 0
    memory_bytes: int = 0

    def add(self, task: Task) -> None:
        """Count one more."""
        wanted = task.spec.resources.reservations
        self.tasks += 1
        self.nano_cpus += wanted.nano_cpus
        self.memory_bytes += wanted.memory_bytes


def shares(node: Node, view: ClusterView) -> list[tuple[str, Share]]:
    """By service what its tasks that hold a place on the node reserve, the greatest first."""
    found: dict[str, Share] = {}
    for task in view.tasks_of_node(node.id):
        if types_pb2.ASSIGNED <= task.status.state <= types_pb2.RUNNING:
            name = task.service_annotations.name or fmt.short_id(task.service_id or task.id)
            found.setdefault(name, Share()).add(task)
    have = node.description.resources

    def weight(share: Share) -> float:
        cpus = share.nano_cpus / have.nano_cpus if have.nano_cpus else 0.0
        return max(cpus, share.memory_bytes / have.memory_bytes if have.memory_bytes else 0.0)

    return sorted(found.items(), key=lambda one: (-weight(one[1]), -one[1].tasks, fmt.natural(one[0])))


def section(node: Node, view: ClusterView) -> tuple[Section, ...]:
    """The lines, and what is left."""
    found = shares(node, view)
    if not found:
        return ()
    lines = [(name, _text(share)) for name, share in found[:SERVICES_MAX]]
    rest = Share()
    for _, share in found[SERVICES_MAX:]:
        rest = Share(
            rest.tasks + share.tasks, rest.nano_cpus + share.nano_cpus, rest.memory_bytes + share.memory_bytes
        )
    if rest.tasks:
        lines.append((f"{len(found) - SERVICES_MAX} others", _text(rest)))
    have = node.description.resources
    if have.nano_cpus or have.memory_bytes:
        cpus = have.nano_cpus - sum(share.nano_cpus for _, share in found)
        memory = have.memory_bytes - sum(share.memory_bytes for _, share in found)
        role = Role.WARNING if min(cpus, memory) < 0 else Role.OK
        left = f"{fmt.cpus(max(cpus, 0))} cpu  {fmt.size(max(memory, 0))}"
        lines.append(
            (
                "Free",
                cell(left if min(cpus, memory) >= 0 else f"{left}  more is reserved than is there", role),
            )
        )
    return (Section("Held by", tuple(lines)),)


def _text(share: Share) -> Cell:
    reserved = f"  {fmt.cpus(share.nano_cpus)} cpu  {fmt.size(share.memory_bytes)}"
    return cell(
        f"{fmt.plural(share.tasks, 'task')}{reserved if share.nano_cpus or share.memory_bytes else ''}"
    )
