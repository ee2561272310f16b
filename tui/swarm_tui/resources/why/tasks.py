"""Why one task is as it is."""

from collections.abc import Iterator

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.volumes import GROUP_PREFIX, cluster_mounts
from swarm_core.api.words import enum_word

from swarm_tui.resources import format as fmt
from swarm_tui.resources import tasks, volumes
from swarm_tui.resources.model import ClusterView
from swarm_tui.resources.states import cause, has_ended_badly, is_wanted, since_ns, state_word, wanted_word
from swarm_tui.resources.why.ends import end_of
from swarm_tui.resources.why.explanation import Explanation, Finding, sentence
from swarm_tui.resources.why.placement import Places

Node = objects_pb2.Node
Task = objects_pb2.Task
SLOW_S = 60
"""A task that has been on its way for longer than this is told of."""


def explain(task: Task, view: ClusterView, now_ns: int) -> Explanation:
    """One task: where it is, or every node that does not take it; or how it ended."""
    findings = [found for look in (_waiting, _ended, _lost, _slow) if (found := look(task, view, now_ns))]
    return Explanation(f"task {tasks.name(task, view)}", _summary(task, view, now_ns), tuple(findings))


def _summary(task: Task, view: ClusterView, now_ns: int) -> str:
    word, host = state_word(task.status.state), tasks.node_name(task, view)
    where = f" on {host}" if host else ""
    since = fmt.age(since_ns(task), now_ns)
    text = f"It is {word}{where}{f' since {since}' if since else ''}"
    if not is_wanted(task) and task.status.state <= types_pb2.RUNNING:
        text += f", and is to be {wanted_word(task.desired_state)}"
    return f"{text}."


def _waiting(task: Task, view: ClusterView, now_ns: int) -> Finding | None:
    if not is_wanted(task) or task.status.state > types_pb2.PENDING:
        return None
    if task.status.state < types_pb2.PENDING:
        return unallocated([task], view, 1)
    return homeless([task], view, 1, Places(view))


def unallocated(found: list[Task], view: ClusterView, count: int) -> Finding:
    """Tasks that wait for what the allocator gives: addresses on their networks, ports."""
    text = next((one.status.err for one in found if one.status.err), "")
    return Finding(
        f"{_of(len(found), count)} for addresses and ports",
        sentence(text) or "The leader has not given them yet: their networks or ports are not ready.",
        _names(found, view),
        (
            "See that each network it names is there, has free addresses, and that no other service has the port.",
        ),
    )


def homeless(found: list[Task], view: ClusterView, count: int, places: Places) -> Finding:
    """Tasks that wait for a node, alike for placement; those that are bound to a node are asked of that node alone."""
    bound = [task.node_id for task in found if task.node_id]
    matrix = places.asked(found[0], bound or None)
    cause_ = matrix.sentence if not matrix.fitting else f"{matrix.sentence} It is being placed."
    cause_ = " ".join((cause_, *_unmade(found[0], view)))
    return Finding(
        f"{_of(len(found), count)} for a node", cause_, _names(found, view), matrix.remedies, matrix
    )


def _unmade(task: Task, view: ClusterView) -> Iterator[str]:
    """What the plugins say of the volumes that the task asks for and that they could not make or delete."""
    sources = {mount.source for mount in cluster_mounts(task.spec)}
    for volume in sorted(view.objects(objects_pb2.Volume), key=volumes.name):
        is_asked_for = sources & {volume.spec.annotations.name, f"{GROUP_PREFIX}{volume.spec.group}"}
        if is_asked_for and (text := volumes.failure(volume, view)):
            yield sentence(f"volume {volumes.name(volume)} is {volumes.status(volume)}: {text}")


def _of(waiting: int, count: int) -> str:
    if count == 1:
        return "It waits"
    return f"{waiting} of {count} tasks {'waits' if waiting == 1 else 'wait'}"


def _names(found: list[Task], view: ClusterView) -> tuple[str, ...]:
    return tuple(sorted((tasks.name(task, view) for task in found), key=fmt.natural))


def _ended(task: Task, view: ClusterView, now_ns: int) -> Finding | None:
    if not has_ended_badly(task):
        return None
    if task.status.state == types_pb2.ORPHANED:
        return Finding("Its node was gone for too long", sentence(cause(task)) or "Nothing is known of it.")
    end = end_of(task)
    text = sentence(cause(task)) or f"It was {state_word(task.status.state)} without a reason."
    return Finding(f"It ended because {end.name}", text, remedies=end.remedies)


def _lost(task: Task, view: ClusterView, now_ns: int) -> Finding | None:
    """A task that is counted as running on a node that nobody hears of."""
    if not task.node_id or not types_pb2.ASSIGNED <= task.status.state <= types_pb2.RUNNING:
        return None
    node = view.get(Node, task.node_id)
    if node is None:
        return Finding("Its node is not in the cluster any more", "It will be replaced.")
    if node.status.state != types_pb2.NodeStatus.DOWN:
        return None
    reason = node.status.message or enum_word(types_pb2.NodeStatus.State, node.status.state)
    return Finding(
        f"Its node {tasks.node_name(task, view)} is down",
        sentence(f"{reason}: this is how the task was last seen"),
        remedies=(f"Bring {tasks.node_name(task, view)} back, or remove it from the cluster.",),
    )


def _slow(task: Task, view: ClusterView, now_ns: int) -> Finding | None:
    """A task that is longer on its way than usual: an image that is pulled, a start that waits for its health check."""
    if not is_wanted(task) or not types_pb2.ASSIGNED <= task.status.state < types_pb2.RUNNING:
        return None
    if task.status.state == types_pb2.READY and task.desired_state == types_pb2.READY:
        return Finding(
            "It waits for its turn", "It is ready, and starts when the restart delay or its update says so."
        )
    took = fmt.age(since_ns(task), now_ns)
    if busy := tasks.busy_with(task, view):
        return Finding(
            f"It is {state_word(task.status.state)}: {busy}",
            sentence(task.status.message) or "It starts when that is done.",
        )
    if now_ns - since_ns(task) < SLOW_S * 1_000_000_000:
        return None
    return Finding(
        f"It is {state_word(task.status.state)} for {took}",
        sentence(task.status.err or task.status.message) or "The node has said nothing more.",
        remedies=(_ON_THE_WAY.get(task.status.state, "Look at the node's own log."),),
    )


_ON_THE_WAY = {
    types_pb2.ASSIGNED: "The node has not taken it up: see that its agent runs.",
    types_pb2.PREPARING: "An image that is pulled for the first time may take minutes; see the registry and the node's network.",
    types_pb2.STARTING: "A health check has to pass first; read its logs, or give it time: --health-start-period.",
}
