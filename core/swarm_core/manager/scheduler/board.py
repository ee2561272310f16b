"""What the scheduler knows, and what it decides (docs/design/scheduling.md 3.2 to 3.8). No input, no output.

Rules
1. The board is fed objects as they are in the store (`node_changed`, `task_changed`, …) and keeps sums.
2. `plan` counts every assignment at once, as if it were written; `refused` takes one back.
3. Nothing is tried twice on the same facts: a waiting group is tried again when a node changed in a way
   that lets it pass, a task with a preset node when that node changed.
4. A PENDING task that is desired SHUTDOWN has no way to run: it is closed as SHUTDOWN. One that is desired
   REMOVE is left to the reaper.
5. A newer spec version of its service does not stop a waiting task from being placed: it is still desired,
   and whoever wants it replaced says so in its desired state.
6. A task that waits for a volume is tried again when any volume changed or lost a user; one that nobody uses on a node is
   freed there (docs/design/volumes.md 12.3).
"""

from swarm_core.api.proto.objects_pb2 import Node, Task, Volume
from swarm_core.api.proto.types_pb2 import (
    ASSIGNED,
    COMPLETE,
    FAILED,
    PENDING,
    REJECTED,
    REMOVE,
    RUNNING,
    SHUTDOWN,
    TaskState,
    TaskStatus,
)
from swarm_core.api.states import Actor, may_move
from swarm_core.api.timestamps import timestamp
from swarm_core.api.volumes import cluster_mounts
from swarm_core.manager.scheduler.decisions import Assign, Close, Decision, Explain, Free
from swarm_core.manager.scheduler.groups import Group, GroupKey, group_key
from swarm_core.rules.placement import spread
from swarm_core.rules.placement.explain import Refusals
from swarm_core.rules.placement.filters import Pipeline
from swarm_core.rules.placement.node_info import NodeInfo
from swarm_core.rules.placement.volumes import VolumeSet
from swarm_core.runtime.clock import Clock


class Board:
    """Nodes with their sums, waiting tasks in groups, tasks with a preset node."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._nodes: dict[str, NodeInfo] = {}
        self._volumes = VolumeSet()
        self._groups: dict[GroupKey, Group] = {}
        self._group_of: dict[str, Group] = {}
        self._preset: dict[str, dict[str, Task]] = {}  # node id -> pending tasks that must go there
        self._preassigned: set[str] = set()  # tasks that were given their node before they came here
        self._unwanted: dict[str, Task] = {}
        self._changed: dict[str, None] = {}  # nodes that may take what they refused before, in order

    # feeding

    def node_changed(self, node: Node) -> None:
        """A node is new or has a new object."""
        info = self._nodes.get(node.id)
        if info is None:
            self._nodes[node.id] = NodeInfo(node, self._volumes)
        else:
            info.describe(node)
        self._changed[node.id] = None

    def node_removed(self, node_id: str) -> None:
        """A node is gone."""
        info = self._nodes.pop(node_id, None)
        for task_id in info.task_ids if info is not None else ():
            self._volumes.release(task_id)
        self._changed[node_id] = None

    def volume_changed(self, volume: Volume) -> None:
        """A volume is new or has a new object."""
        self._volumes.put(volume)

    def volume_removed(self, volume_id: str) -> None:
        """A volume is gone."""
        self._volumes.remove(volume_id)

    def task_changed(self, task: Task) -> None:
        """A task is new or has a new object."""
        state = task.status.state
        if state > RUNNING:
            self._task_ended(task)
        elif state >= ASSIGNED:
            info = self._nodes.get(task.node_id)
            if info is None or task.id not in info:
                self._stop_waiting(task)
            if info is not None and info.add(task):
                self._changed[info.id] = None
        elif may_move(state, ASSIGNED, Actor.SCHEDULER):
            if task.node_id:
                # Whatever another implementation wrote before: a task that waits is counted nowhere.
                self._release(task)
            self._task_pending(task)

    def task_removed(self, task: Task) -> None:
        """A task is gone."""
        self._stop_waiting(task)
        self._release(task)
        self._preassigned.discard(task.id)

    def _task_pending(self, task: Task) -> None:
        if task.desired_state > COMPLETE:
            self._stop_waiting(task)
            if task.desired_state != REMOVE:
                self._unwanted[task.id] = task
        elif task.node_id:
            self._preassigned.add(task.id)
            waiting = self._preset.setdefault(task.node_id, {})
            if waiting.get(task.id) is not task:
                self._changed[task.node_id] = None
            waiting[task.id] = task
        else:
            self._wait(task)

    def _task_ended(self, task: Task) -> None:
        self._stop_waiting(task)
        info = self._release(task)
        failed = task.status.state in (FAILED, REJECTED)
        if info is not None and failed and task.id not in self._preassigned:
            release = (task.service_id, task.spec_version.index)
            info.record_failure(release, self._clock.monotonic())

    def _wait(self, task: Task) -> None:
        group = self._group_of.get(task.id)
        if group is None:
            key = group_key(task)
            group = self._groups.get(key)
            if group is None:
                group = self._groups[key] = Group(key, task)
            self._group_of[task.id] = group
        group.add(task)

    def _stop_waiting(self, task: Task) -> None:
        group = self._group_of.pop(task.id, None)
        if group is not None:
            group.discard(task.id)
            if not group.tasks:
                del self._groups[group.key]
        self._unwanted.pop(task.id, None)
        preset = self._preset.get(task.node_id)
        if preset is not None and preset.pop(task.id, None) is not None and not preset:
            del self._preset[task.node_id]

    def _release(self, task: Task) -> NodeInfo | None:
        """Take a task off its node; the node, if the task was counted there."""
        info = self._nodes.get(task.node_id)
        if info is None or not info.remove(task.id):
            return None
        self._changed[info.id] = None
        return info

    # deciding

    def plan(self) -> list[Decision | Free]:
        """Everything that can be decided now; assignments are counted already."""
        touched = self._volumes.take_touched()
        if touched:
            self._look_again_for_volumes()
        decisions: list[Decision | Free] = [*self._place_all()]
        # Placing uses volumes and frees none; what it used is not unused any more.
        for volume_id in touched:
            if nodes := self._volumes.unused_on(volume_id):
                decisions.append(Free(volume_id, tuple(nodes)))
        return decisions

    def _look_again_for_volumes(self) -> None:
        for group in self._groups.values():
            if group.pipeline.demand.mounts:
                group.refusals = None
        for node_id, waiting in self._preset.items():
            if any(cluster_mounts(task.spec) for task in waiting.values()):
                self._changed[node_id] = None

    def _place_all(self) -> list[Decision]:
        changed = {node_id: self._nodes.get(node_id) for node_id in self._changed}
        self._changed.clear()
        decisions = self._close_unwanted()
        decisions += self._confirm_preset(changed)
        for group in list(self._groups.values()):
            if group.look_again(changed):
                decisions += self._place(group)
            if group.refusals is not None:
                decisions += self._explain(group)
        return decisions

    def refused(self, decision: Decision) -> None:
        """Take back a decision that was not written; an event that says why is on its way."""
        if isinstance(decision, Assign):
            decision.node.remove(decision.task.id)
            self._changed[decision.node.id] = None
        elif decision.task.node_id:
            self._changed[decision.task.node_id] = None
        self.task_changed(decision.task)

    def _close_unwanted(self) -> list[Decision]:
        status = self._status(SHUTDOWN, "not wanted any more before it had a node")
        unwanted, self._unwanted = self._unwanted, {}
        return [Close(task, status) for task in unwanted.values()]

    def _confirm_preset(self, changed: dict[str, NodeInfo | None]) -> list[Decision]:
        decisions: list[Decision] = []
        status = self._status(ASSIGNED, "confirmed on the node it was made for")
        pipelines: dict[GroupKey, Pipeline] = {}
        for node_id, info in changed.items():
            if info is None or node_id not in self._preset:
                continue
            for task in list(self._preset[node_id].values()):
                key = group_key(task)
                if (pipeline := pipelines.get(key)) is None:
                    pipeline = pipelines[key] = Pipeline(task)
                if pipeline.passes(info):
                    decisions.append(self._assign(task, info, pipeline, status))
                elif task.status.err != (reasons := str(Refusals(pipeline, [info]))):
                    decisions.append(Explain(task, self._status(PENDING, err=reasons)))
        return decisions

    def _place(self, group: Group) -> list[Decision]:
        decisions: list[Decision] = []
        status = self._status(ASSIGNED, "scheduler assigned the task to a node")
        pipeline = group.pipeline
        tree = spread.tree(list(self._nodes.values()), pipeline, group.descriptors, self._clock.monotonic())
        for task in list(group.tasks.values()):
            info = tree.place()
            if info is None:
                group.refused(Refusals(pipeline, self._nodes.values()))
                break
            decisions.append(self._assign(task, info, pipeline, status))
        return decisions

    def _assign(self, task: Task, info: NodeInfo, pipeline: Pipeline, status: TaskStatus) -> Assign:
        demand = pipeline.demand
        items = info.generic.choose(demand.generic) if demand.generic else ()
        volumes = info.volumes.choose(demand.mounts, info.node) if demand.mounts else ()
        assert volumes is not None, "the node has just passed the filter of volumes"
        self._stop_waiting(task)
        info.take(task.id, demand, items, volumes=volumes)
        return Assign(task, info, status, items, tuple(volumes))

    def _explain(self, group: Group) -> list[Decision]:
        if not group.unexplained:
            return []
        text, tasks = group.explain()
        status = self._status(PENDING, err=text)
        return [Explain(task, status) for task in tasks]

    def _status(self, state: "TaskState.ValueType", message: str = "", err: str = "") -> TaskStatus:
        return TaskStatus(state=state, message=message, err=err, timestamp=timestamp(self._clock.wall_ns()))
