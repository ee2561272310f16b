"""Plays a plan through on the nodes as the leader would (docs/design/scheduling.md 3.15): which tasks stop, which are replaced, where
the new ones land.

Rules
1. Every decision is the leader's own rule: slots (`rules.slots`), what is outdated (`rules.dirty`), who may not stay
   (`rules.placement.offenders`), and where a task goes (`rules.placement`).
2. A task that is to stop weighs no more in the spread, and holds what it reserved until it has stopped: what replaces it is placed
   before that, and again after it where there was no room.
3. Every task that finds a node is taken to run. What fails on its own, nobody can foresee.
4. Nodes are in the order of their ids, which decides between equal ones.

It is one thing: every change is played on the same nodes, tasks and counts, and what one leaves behind is what the next one finds.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from swarm_core.api.jobs import is_job
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.proto.specs_pb2 import NodeSpec
from swarm_core.api.states import is_node_invalid
from swarm_core.api.timestamps import timestamp_ns
from swarm_core.rules import slots
from swarm_core.rules.dirty import is_dirty
from swarm_core.rules.placement import constraint
from swarm_core.rules.placement.filters import Pipeline
from swarm_core.rules.placement.matrix import Matrix
from swarm_core.rules.placement.node_info import survey
from swarm_core.rules.placement.offenders import offenders
from swarm_core.rules.placement.spread import spread_descriptors, tree
from swarm_core.rules.placement.summaries import node_name
from swarm_core.rules.rollout import Settings

from swarm_tui.operations.forecast import estimate
from swarm_tui.operations.forecast.model import Forecast, Homeless, Managers, Pair, ServiceCourse, Stuck
from swarm_tui.resources import services as service_kind
from swarm_tui.resources.cluster import quorum
from swarm_tui.resources.model import ClusterView
from swarm_tui.resources.why.placement import probe

Node = objects_pb2.Node
Service = objects_pb2.Service
Task = objects_pb2.Task
Volume = objects_pb2.Volume
_PLACED_MAX: Final = 1_000
"""A forecast beyond so many new tasks of a service says little that the first thousand do not."""


def forecast(view: ClusterView, pairs: Sequence[Pair], left: Collection[str] = ()) -> Forecast:
    """What these changes come to, carried out in this order. Why a task finds no node is told of the nodes that the changes do not themselves take
    away, nor are among `left`, by their ids."""
    play = _Play(view, pairs, left)
    for pair in pairs:
        if isinstance(pair.before or pair.after, Service):
            play.service(pair.before, pair.after)
    for pair in pairs:
        if isinstance(pair.before or pair.after, Node):
            play.node(pair.before, pair.after)
    play.killed([pair.before for pair in pairs if isinstance(pair.before, Task) and pair.after is None])
    return play.end()


class _Follows(Enum):
    """Whose place a new task takes."""

    NOBODY = 0
    STOPPED = 1
    RUNNING = 2


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A task that has no node yet; `earlier` is the task itself where it waited before the plan. `follows`: it takes the place of a task, which
    has been stopped for it, or runs until the new one does."""

    service: Service
    bound_to: str = ""
    earlier: Task | None = None
    follows: _Follows = _Follows.NOBODY


class _Play:
    """The cluster while the plan is carried out."""

    def __init__(self, view: ClusterView, pairs: Sequence[Pair], left: Collection[str]) -> None:
        self._view = view
        self._pairs = pairs
        self._left = {*left, *_taken_away(pairs)}
        nodes = {node.id: node for node in view.objects(Node)}
        services = {service.id: service for service in view.objects(Service)}
        for pair in pairs:
            known = nodes if isinstance(pair.before or pair.after, Node) else services
            if not isinstance(pair.before or pair.after, Node | Service):
                continue
            if pair.after is None:
                known.pop(pair.before.id, None)
            else:
                known[pair.after.id] = pair.after
        self._nodes = {id_: nodes[id_] for id_ in sorted(nodes)}
        self._services = services
        self._tasks = {task.id: task for task in view.objects(Task)}
        self._infos = survey(self._nodes.values(), self._tasks.values(), view.objects(Volume))
        self._leaving: list[Task] = []
        self._waiting = list(self._earlier())
        self._placed = 0
        self._landing: Counter[str] = Counter()
        self._runs: Counter[str] = Counter()
        self._now: Counter[str] = Counter()
        self._lowest: dict[str, int] = {}
        self._restarts = self._starts = self._stops = self._relieved = 0
        self._batches: dict[str, int] = {}
        self._rolled: dict[str, tuple[int, int]] = {}
        self._is_whole = True
        for task in self._tasks.values():
            if task.status.state == task.desired_state == types_pb2.RUNNING:
                self._now[task.service_id] += 1
        self._runs.update(self._now)

    # -- what changes ------------------------------------------------------------------------------

    def service(self, before: Service | None, after: Service | None) -> None:
        """A service is new, changed or gone."""
        tasks = self._wanted_tasks(self._of_service(before.id)) if before is not None else []
        if after is None:
            self._stop(tasks)
        elif is_job(after):
            return
        elif after.spec.HasField("replicated"):
            self._replicated(after, tasks)
        elif after.spec.HasField("global"):
            self._global(after, tasks)
        self._let_go()

    def node(self, before: Node | None, after: Node | None) -> None:
        """A node is changed or gone."""
        if before is None:
            return
        # Who waits looks at a node that changed before anything new is made for it.
        self._let_go()
        tasks = self._wanted_tasks(task for task in self._tasks.values() if task.node_id == before.id)
        if after is None or is_node_invalid(after):
            self._leave_node(tasks, is_gone=after is None)
        else:
            sent_away = {task_id for task_id, _ in offenders(after, tasks, self._services.get)}
            self._leave_node([task for task in tasks if task.id in sent_away], is_gone=True)
            self._globals_of(after, [task for task in tasks if task.id not in sent_away])
        self._let_go()

    def killed(self, tasks: Sequence[Task]) -> None:
        """Tasks are removed by hand: their services fill the places that are empty then, while the old ones still stop."""
        self._end(tasks)
        for service_id in dict.fromkeys(task.service_id for task in tasks):
            own = [task for task in tasks if task.service_id == service_id]
            service = self._services.get(service_id)
            wanted = [] if service is None or is_job(service) else self._again(service, own)
            self._restarts += len(wanted)
            self._stops += len(own) - len(wanted)
            self._want(wanted)
        self._let_go()

    def _again(self, service: Service, gone: Sequence[Task]) -> list[_Wanted]:
        if service.spec.HasField("global"):
            nodes = [self._nodes.get(task.node_id) for task in gone]
            return [_Wanted(service, node.id) for node in nodes if node is not None and _takes(service, node)]
        left = self._wanted_tasks(self._of_service(service.id))
        todo = slots.reconcile(slots.by_slot(left), service.spec.replicated.replicas, lambda found: found)
        return [_Wanted(service) for _ in todo.create[: len(gone)]]

    def end(self) -> Forecast:
        """Everything has come to rest."""
        self._let_go()
        still = _groups(one for one in self._waiting if one.earlier is None)
        follows = Counter(one.follows for one in self._waiting)
        stuck = tuple(self._stuck())
        return Forecast(
            restarts=self._restarts - follows[_Follows.STOPPED] - follows[_Follows.RUNNING],
            starts=self._starts,
            stops=self._stops + follows[_Follows.STOPPED],
            relieved=self._relieved,
            landing=tuple(sorted((self._name(id_), count) for id_, count in self._landing.items())),
            homeless=tuple(self._homeless(group) for group in still),
            services=tuple(self._courses()),
            stuck=stuck,
            managers=self._managers(),
            # What gets stuck comes to no end.
            seconds=None if stuck else estimate.seconds(self._view, self._batches, self._services),
            is_whole=self._is_whole,
        )

    # -- services ----------------------------------------------------------------------------------

    def _replicated(self, after: Service, tasks: list[Task]) -> None:
        todo = slots.reconcile(slots.by_slot(tasks), after.spec.replicated.replicas, lambda found: found)
        self._starts += len(todo.create)
        self._want([_Wanted(after) for _ in todo.create])
        self._stop(todo.remove)
        self._roll(after, [found for found in todo.update if self._is_dirty(after, found)])

    def _global(self, after: Service, tasks: list[Task]) -> None:
        by_node: dict[str, list[Task]] = {}
        for task in tasks:
            by_node.setdefault(task.node_id, []).append(task)
        to_update: list[list[Task]] = []
        to_create: list[Node] = []
        for node in self._nodes.values():
            if is_node_invalid(node):
                continue
            found = by_node.pop(node.id, [])
            if not _matches(after, node):
                self._stop(found)
            elif node.spec.availability != NodeSpec.PAUSE:
                if found:
                    to_update.append(found)
                else:
                    to_create.append(node)
        for found in by_node.values():
            self._stop(found)
        self._starts += len(to_create)
        self._want([_Wanted(after, node.id) for node in to_create])
        self._roll(after, [found for found in to_update if self._is_dirty(after, found)])

    def _is_dirty(self, after: Service, found: Sequence[Task]) -> bool:
        return len(found) > 1 or is_dirty(after, found[0], self._nodes.get(found[0].node_id))

    def _roll(self, after: Service, dirty: list[list[Task]]) -> None:
        """Replace slot by slot, as many at a time as the settings say; a slot that finds no node keeps its place in that number."""
        if not dirty:
            return
        settings = Settings.of(after)
        at_once = settings.parallelism or len(dirty)
        if len(dirty) > _PLACED_MAX:
            self._is_whole = False
        queue, replaced = dirty[:_PLACED_MAX], 0
        bridging: list[tuple[list[Task], _Wanted]] = []
        while queue and (free := at_once - self._new_waiting(after)) > 0:
            batch, queue = queue[:free], queue[free:]
            follows = _Follows.RUNNING if settings.is_start_first else _Follows.STOPPED
            wanted = [
                _Wanted(after, found[0].node_id if not found[0].slot else "", follows=follows)
                for found in batch
            ]
            if settings.is_start_first:
                bridging += zip(batch, wanted, strict=True)
                self._want(wanted)
                # The old ones of the round before stop while the new ones of this one are placed already.
                self._let_go()
                bridging = self._cross(bridging)
            else:
                for found in batch:
                    self._end(found)
                self._want(wanted)
                self._let_go()
            replaced += len(batch)
        # Who found room last frees what its predecessor had.
        while bridging and self._leaving:
            self._let_go()
            bridging = self._cross(bridging)
        self._restarts += len(dirty) if not queue and not self._new_waiting(after) else replaced
        self._batches[after.id] = -(-len(dirty) // at_once)
        if self._is_whole:
            self._rolled[after.id] = (replaced, len(dirty))

    def _cross(self, bridging: list[tuple[list[Task], _Wanted]]) -> list[tuple[list[Task], _Wanted]]:
        """Stop the old tasks of slots whose new one has a node; the slots that still wait."""
        waiting = {id(one) for one in self._waiting}
        for found, one in bridging:
            if id(one) not in waiting:
                self._end(found)
        return [(found, one) for found, one in bridging if id(one) in waiting]

    # -- nodes -------------------------------------------------------------------------------------

    def _leave_node(self, tasks: Iterable[Task], *, is_gone: bool) -> None:
        """These tasks leave their node; those of replicated services are made anew elsewhere."""
        moving: dict[str, list[Task]] = {}
        for task in sorted(tasks, key=lambda task: task.id):
            moving.setdefault(task.service_id, []).append(task)
        for service_id, found in moving.items():
            service = self._services.get(service_id)
            self._end(found)
            if is_gone:
                self._let_go()
            if service is not None and service.spec.HasField("replicated"):
                self._restarts += len(found)
                self._want([_Wanted(service, follows=_Follows.STOPPED) for _ in found])
            else:
                self._stops += len(found)

    def _globals_of(self, node: Node, tasks: Iterable[Task]) -> None:
        """The global services on a node that may have become another one for them."""
        if node.spec.availability == NodeSpec.PAUSE:
            return
        have = {task.service_id for task in tasks}
        for service in sorted(self._services.values(), key=lambda one: one.id):
            if service.spec.HasField("global") and service.id not in have and _matches(service, node):
                self._starts += 1
                self._want([_Wanted(service, node.id)])

    # -- tasks -------------------------------------------------------------------------------------

    def _of_service(self, service_id: str) -> list[Task]:
        return [task for task in self._tasks.values() if task.service_id == service_id]

    def _wanted_tasks(self, tasks: Iterable[Task]) -> list[Task]:
        """Those that are meant to run and have not been sent away in this play, by slot."""
        gone = {task.id for task in self._leaving}
        found = [task for task in tasks if task.desired_state <= types_pb2.RUNNING and task.id not in gone]
        return sorted(found, key=lambda task: (task.slot, task.node_id, task.id))

    def _stop(self, tasks: Sequence[Task]) -> None:
        self._stops += len(tasks)
        self._end(tasks)

    def _end(self, tasks: Iterable[Task]) -> None:
        """They are to stop: they weigh no more, and hold what they have."""
        for task in tasks:
            leaving = Task()
            leaving.CopyFrom(task)
            leaving.desired_state = types_pb2.SHUTDOWN
            self._leaving.append(leaving)
            if (info := self._infos.get(task.node_id)) is not None and task.id in info:
                info.add(leaving)
            if task.status.state == task.desired_state == types_pb2.RUNNING:
                self._count(task.service_id, -1)

    def _let_go(self) -> None:
        """Those that were to stop have stopped, and what waited is tried again."""
        for task in self._leaving:
            if (info := self._infos.get(task.node_id)) is not None:
                info.remove(task.id)
            self._tasks.pop(task.id, None)
        self._leaving.clear()
        waiting, self._waiting = self._waiting, []
        for group in _groups(one for one in waiting if one.earlier is None or one.earlier.id in self._tasks):
            self._want(group)

    def _want(self, wanted: Sequence[_Wanted]) -> None:
        """Place these, alike for placement; those that find no node wait."""
        if not wanted:
            return
        service = wanted[0].service
        pipeline = Pipeline(wanted[0].earlier or probe(service, self._view))
        descriptors = spread_descriptors(service.spec.task.placement.preferences)
        branch = None if wanted[0].bound_to else tree(list(self._infos.values()), pipeline, descriptors, 0.0)
        for number, one in enumerate(wanted):
            if number >= _PLACED_MAX:
                self._is_whole = False
                break
            if one.bound_to:
                info = self._infos.get(one.bound_to)
            else:
                info = branch.place() if branch is not None else None
            is_placed = info is not None and (branch is not None or pipeline.passes(info))
            if info is None or not is_placed:
                self._waiting.append(one)
                continue
            demand = pipeline.demand
            self._placed += 1
            volumes = info.volumes.choose(demand.mounts, info.node) if demand.mounts else ()
            items = info.generic.choose(demand.generic) if demand.generic else ()
            info.take(f"placed-{self._placed}", demand, items, volumes=volumes or ())
            if one.earlier is None:
                self._landing[info.id] += 1
            else:
                self._relieved += 1
            self._count(service.id, +1)

    def _earlier(self) -> Iterator[_Wanted]:
        """The tasks that wait before the plan, those that wait longest first, as the scheduler tries them."""
        waiting = [
            task
            for task in self._tasks.values()
            if task.status.state == types_pb2.PENDING and task.desired_state <= types_pb2.RUNNING
        ]
        for task in sorted(
            waiting, key=lambda task: (timestamp_ns(task.meta.created_at), task.slot, task.id)
        ):
            if (service := self._services.get(task.service_id)) is not None:
                yield _Wanted(service, task.node_id, task)

    def _new_waiting(self, service: Service) -> int:
        return sum(one.service.id == service.id and one.earlier is None for one in self._waiting)

    def _count(self, service_id: str, step: int) -> None:
        self._runs[service_id] += step
        self._lowest[service_id] = min(
            self._lowest.get(service_id, self._now[service_id]), self._runs[service_id]
        )

    # -- what came of it ---------------------------------------------------------------------------

    def _homeless(self, group: list[_Wanted]) -> Homeless:
        service = group[0].service
        bound = {one.bound_to for one in group if one.bound_to}
        infos = [info for info in self._infos.values() if not bound or info.id in bound]
        others = [info for info in infos if info.id not in self._left]
        matrix = Matrix.of(
            Pipeline(probe(service, self._view)),
            infos if bound else others,
            is_of_others=not bound and len(others) < len(self._nodes),
        )
        return Homeless(service_kind.name(service), len(group), matrix.sentence)

    def _courses(self) -> Iterator[ServiceCourse]:
        for id_, lowest in self._lowest.items():
            service = self._services.get(id_) or self._view.get(Service, id_)
            if service is None:
                continue
            is_there = id_ in self._services
            goal = (
                service.spec.replicated.replicas if service.spec.HasField("replicated") else self._runs[id_]
            )
            yield ServiceCourse(
                service_kind.name(service), self._now[id_], lowest, self._runs[id_], goal if is_there else 0
            )

    def _stuck(self) -> Iterator[Stuck]:
        for id_, (replaced, dirty) in self._rolled.items():
            service = self._services[id_]
            done = replaced - self._new_waiting(service)
            if done < dirty:
                yield Stuck(service_kind.name(service), max(done, 0), dirty)

    def _managers(self) -> Managers | None:
        """Only where a manager comes or goes."""
        changes = [pair for pair in self._pairs if isinstance(pair.before, Node)]
        before = sum(_is_manager(pair.before) for pair in changes)
        after = sum(_is_manager(pair.after) for pair in changes)
        lost_reachable = sum(_is_reachable(pair.before) and not _is_manager(pair.after) for pair in changes)
        come = sum(_is_manager(pair.after) and not _is_manager(pair.before) for pair in changes)
        state = quorum(self._view)
        if before == after and not come:
            return None
        managers = state.managers - before + after
        reachable = state.reachable - lost_reachable + come
        needed = managers // 2 + 1
        return Managers(state.managers, managers, max(reachable - needed, 0), reachable < needed)

    def _name(self, node_id: str) -> str:
        return node_name(self._infos[node_id])


def _taken_away(pairs: Iterable[Pair]) -> Iterator[str]:
    """The nodes that take no tasks any more once this is done."""
    for pair in pairs:
        if isinstance(pair.before, Node) and (
            pair.after is None or pair.after.spec.availability != NodeSpec.ACTIVE
        ):
            yield pair.before.id


def _groups(waiting: Iterable[_Wanted]) -> list[list[_Wanted]]:
    groups: dict[tuple[object, ...], list[_Wanted]] = {}
    for one in waiting:
        version = None if one.earlier is None else one.earlier.spec_version.index
        groups.setdefault((one.service.id, bool(one.bound_to), version), []).append(one)
    return list(groups.values())


def _matches(service: Service, node: Node) -> bool:
    return constraint.match(constraint.parse_or_none(service.spec.task.placement.constraints), node)


def _takes(service: Service, node: Node) -> bool:
    """Whether a global service makes a task there."""
    is_open = node.spec.availability != NodeSpec.PAUSE and not is_node_invalid(node)
    return is_open and _matches(service, node)


def _is_manager(node: Node | None) -> bool:
    return node is not None and node.spec.desired_role == types_pb2.MANAGER


def _is_reachable(node: Node) -> bool:
    return node.manager_status.reachability == types_pb2.RaftMemberStatus.REACHABLE
