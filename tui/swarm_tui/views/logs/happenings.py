"""What happens to those who write a log, as lines in it: an attempt ended, a node fell silent or came back. Pure but for what was told.

Each is told once. An end stands where its task ended, silence where the node was last heard of.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.timestamps import timestamp_ns
from swarm_core.api.words import size_words

from swarm_tui.resources import format as fmt
from swarm_tui.resources import nodes
from swarm_tui.resources.log_levels import Level
from swarm_tui.resources.model import ClusterView
from swarm_tui.resources.states import has_ended_badly, short_cause, since_ns, state_word
from swarm_tui.resources.tasks import name as task_name
from swarm_tui.resources.why.ends import end_of
from swarm_tui.views.logs.scope import has_ended
from swarm_tui.widgets.log_buffer import LogLine

Task = objects_pb2.Task
_KILLED = 137
_NAMED = 4


@dataclass(frozen=True, slots=True)
class Gap:
    """A node that gives no lines though tasks of the log are on it."""

    node_id: str
    node: str
    since_ns: int
    tasks: tuple[str, ...]


class Happenings:
    """What was told of one log so far."""

    def __init__(self) -> None:
        self._ended: set[str] = set()
        self._silent: dict[str, Gap] = {}

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """The nodes that are silent now."""
        return tuple(self._silent.values())

    def news(
        self, tasks: Iterable[Task], view: ClusterView, now_ns: int, *, since_ns: int | None
    ) -> list[LogLine]:
        """What was not told yet; ends before `since_ns` are none."""
        found = list(tasks)
        lines = [_end_line(task, view) for task in found if has_ended(task) and task.id not in self._ended]
        self._ended.update(task.id for task in found if has_ended(task))
        lines += self._silence(found, view, now_ns)
        return [line for line in lines if since_ns is None or line.time_ns >= since_ns]

    def _silence(self, found: list[Task], view: ClusterView, now_ns: int) -> Iterator[LogLine]:
        gaps = {gap.node_id: gap for gap in silent_nodes(found, view)}
        for node_id, gap in gaps.items():
            if node_id not in self._silent:
                shown = ", ".join(gap.tasks[:_NAMED])
                more = f" +{len(gap.tasks) - _NAMED}" if len(gap.tasks) > _NAMED else ""
                text = f"◌ {gap.node} is silent: lines of {shown}{more} are missing"
                yield _rule(gap.since_ns or now_ns, "", text, Level.ERROR)
        for node_id, gap in self._silent.items():
            if node_id not in gaps:
                yield _rule(now_ns, "", f"● {gap.node} is heard again", Level.NONE)
        self._silent = {node_id: self._silent.get(node_id, gap) for node_id, gap in gaps.items()}


def silent_nodes(tasks: Iterable[Task], view: ClusterView) -> Iterator[Gap]:
    """The nodes that do not answer, with the tasks whose lines are missing for it."""
    silent: dict[str, list[Task]] = {}
    for task in tasks:
        if task.node_id:
            silent.setdefault(task.node_id, []).append(task)
    for node_id, mine in silent.items():
        node = view.get(objects_pb2.Node, node_id)
        if node is None or node.status.state == types_pb2.NodeStatus.READY:
            continue
        names = tuple(sorted({task_name(task, view) for task in mine}, key=fmt.natural))
        yield Gap(node_id, nodes.name(node, view), timestamp_ns(node.meta.updated_at), names)


def _end_line(task: Task, view: ClusterView) -> LogLine:
    """How an attempt ended, its cause decoded."""
    name, lived = f"{task_name(task, view)} · {fmt.short_id(task.id)}", _lived(task)
    if not has_ended_badly(task):
        return _rule(
            since_ns(task), task.id, f"■ {name} ended: {state_word(task.status.state)}{lived}", Level.NONE
        )
    end = end_of(task)
    parts = [f"✖ {name} {state_word(task.status.state)}{lived}: {short_cause(task) or 'without a reason'}"]
    parts += [end.name] if end.is_decoded else []
    limit = task.spec.resources.limits.memory_bytes
    parts += [f"limit {size_words(limit)}"] if limit and task.status.container.exit_code == _KILLED else []
    return _rule(since_ns(task), task.id, " · ".join(parts), Level.ERROR)


def _lived(task: Task) -> str:
    began_ns = timestamp_ns(task.meta.created_at)
    return f" after {fmt.age(began_ns, since_ns(task))}" if 0 < began_ns <= since_ns(task) else ""


def _rule(time_ns: int, source: str, text: str, level: Level) -> LogLine:
    return LogLine(time_ns, source, " ".join(text.split()), level=level, is_rule=True)
