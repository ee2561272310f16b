"""Draining nodes with the replacements first: what is moved, where to, what cannot be, and each of its parts as a plan.

Rules (docs/design/plans.md 13.9)
1. The nodes are paused. Each replicated service with tasks there is kept off them by a constraint, while its update starts first: the leader, whichever
   it is, stops a task there once the one that takes its slot runs elsewhere. Then the nodes are drained, and the specs say again what they said.
2. A constraint is never written while a node of it takes tasks: the enforcer would stop what runs there at once.
3. What cannot be moved so is named with its reason, and stops with the drain where the person wants that.

Pure: how it goes on is `surge_course`'s.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from swarm_core.api.jobs import is_job
from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.rules.rollout import is_going, is_paused
from swarm_core.specs import surge as marks
from swarm_core.specs.defaults import update_config

from swarm_tui.clusters.allowance import Level
from swarm_tui.operations import changes
from swarm_tui.operations import nodes as node_operation
from swarm_tui.operations.describe import Description, describe
from swarm_tui.operations.docker.commands import Commands, commands_of
from swarm_tui.operations.forecast.changed import changed
from swarm_tui.operations.forecast.model import Forecast, Pair
from swarm_tui.operations.forecast.play import forecast
from swarm_tui.operations.model import Change, Done, Edit, Nothing, Plan, Refused, Step
from swarm_tui.resources import nodes, services
from swarm_tui.resources.format import plural
from swarm_tui.resources.model import ClusterView
from swarm_tui.resources.states import is_wanted

Node = objects_pb2.Node
Service = objects_pb2.Service
Task = objects_pb2.Task
_DRAIN = specs_pb2.NodeSpec.DRAIN
_GOES_ON = ("job", "goes on to its end", "go on to their end")
_JOB_STOPS = ("job", "stops here with the drain", "stop here with the drain")
_GLOBAL_STOPS = ("global service", "stops here with the drain", "stop here with the drain")
_NO_ROOM = "no node has room for them"
WORD = "surge"
"""What the choice is called beside the availabilities."""
MEANS = "drained once its tasks run elsewhere"


@dataclass(frozen=True, slots=True)
class Surge:
    """A drain of the nodes `ids`, of which `shown` tells. `moving` are the services that are moved, by their ids, `before` the availability of each
    node, to which it goes back where the drain does not come to its end."""

    ids: tuple[str, ...]
    moving: tuple[str, ...]
    before: Mapping[str, str]
    shown: Plan

    @property
    def title(self) -> str:
        """What is done, in a few words."""
        return self.shown.title


def prepared(view: ClusterView, ids: Sequence[str], *, rest_plainly: bool) -> Surge:
    """The drain of these nodes. What cannot be moved first stops with the drain with `rest_plainly`, and refuses it otherwise."""
    title = f"Drain {changes.subject(view, nodes.KIND, ids)}, replacements first"
    before = {node.id: nodes.availability(node) for node in changes.found(view, nodes.KIND, ids)}
    candidates = [one for one in _on(view, ids) if one.spec.HasField("replicated")]
    moving, reasons = _sorted_out(view, ids, candidates)
    names = " ".join(nodes.name(node, view) for node in changes.found(view, nodes.KIND, ids))
    if reasons and not rest_plainly:
        refusals = (
            *(f"Could not move {name} first: {why.rstrip('.')}." for name, why in reasons),
            f"'node drain --surge --rest-plainly {names}' lets these stop with the drain, 'node drain {names}' all.",
        )
        return Surge(tuple(ids), (), before, Plan(title, refusals=refusals))
    steps = (*_marking(view, moving, ids), *node_operation.availability(view, ids, "drain").steps)
    left = [one for one in marked_for(view, ids) if one.id not in {one.id for one in moving}]
    if all(word == "drain" for word in before.values()):
        steps = _restoring(left) if left else ()
        if not left:
            return Surge(tuple(ids), (), before, Plan(title, refusals=(f"{names} is drained already.",)))
    warnings = tuple(f"{name} stops with the drain: {why.rstrip('.')}." for name, why in reasons)
    shown = Plan(title, tuple(steps), warnings, notes=tuple(_notes(view, ids, moving)))
    return Surge(tuple(ids), tuple(one.id for one in moving), before, shown)


def described(surge: Surge, view: ClusterView) -> Description:
    """What it comes to. A person types the nodes' name only where a service runs fewer tasks for it."""
    return told(surge, view, describe(surge.shown, view))


def told(surge: Surge, view: ClusterView, description: Description) -> Description:
    """The description of its plan, with what is particular to it: the word, the level, and docker's commands in their order."""
    found = description.forecast
    is_less = found.stops > 0 or any(one.lowest < min(one.now, one.goal) for one in found.services)
    names = [nodes.name(node, view) for node in changes.found(view, nodes.KIND, surge.ids)]
    word = (names[0] if len(names) == 1 else str(len(names))) if is_less else ""
    return replace(description, word=word, level=Level.IMPACT, docker=_docker(surge, view))


def pausing(view: ClusterView, surge: Surge) -> Plan:
    """The nodes take no new tasks; one that is drained already stays so."""
    return node_operation.availability(
        view, [id_ for id_, word in surge.before.items() if word == "active"], "pause"
    )


def marking(view: ClusterView, surge: Surge) -> Plan:
    """The services are kept off the nodes."""
    found = [one for id_ in surge.moving if (one := view.get(Service, id_)) is not None]
    return Plan(surge.title, tuple(_marking(view, found, surge.ids)))


def draining(view: ClusterView, surge: Surge) -> Plan:
    """What is left on the nodes stops."""
    return node_operation.availability(
        view, [id_ for id_, word in surge.before.items() if word != "drain"], "drain"
    )


def restoring(view: ClusterView, ids: Sequence[str], marked: Collection[str] = ()) -> Plan:
    """The specs of what is moved off these nodes say again what they said. `marked` are services of which the view may not know yet that
    they are."""
    title = f"End the move off {changes.subject(view, nodes.KIND, ids)}"
    found = {one.id: one for one in marked_for(view, ids)}
    found |= {id_: one for id_ in marked if (one := view.get(Service, id_)) is not None}
    return Plan(title, _restoring(sorted(found.values(), key=services.name)))


def giving_back(view: ClusterView, before: Mapping[str, str]) -> Iterator[Plan]:
    """The nodes are again as they were; what was drained before was not touched."""
    for word in sorted({*before.values()} - {"drain"}):
        yield node_operation.availability(view, [id_ for id_, one in before.items() if one == word], word)


def stopped(view: ClusterView, ids: Sequence[str]) -> list[Plan]:
    """What ends a move that was cut off, one after the other: the specs, and then the nodes, which take tasks again."""
    nodes_back = node_operation.availability(view, ids, "active")
    return [restoring(view, ids), nodes_back]


def marked_for(view: ClusterView, ids: Sequence[str]) -> list[Service]:
    """The services that are moved off any of these nodes just now, or were when that was cut off."""
    wanted = set(ids)
    return [
        one
        for one in sorted(view.objects(Service), key=lambda one: one.spec.annotations.name)
        if (mark := marks.mark_of(one.spec)) is not None and wanted.intersection(mark.nodes)
    ]


def left_there(view: ClusterView, service_id: str, ids: Sequence[str]) -> int:
    """So many tasks of a service are meant to run on these nodes."""
    return sum(is_wanted(task) and task.node_id in ids for task in view.tasks_of_service(service_id))


def _on(view: ClusterView, ids: Sequence[str]) -> list[Service]:
    """The services with tasks on these nodes, by name."""
    found = (
        view.get(Service, id_)
        for id_ in {task.service_id for task in view.objects(Task) if task.node_id in ids and is_wanted(task)}
    )
    return sorted((one for one in found if one is not None), key=services.name)


def _sorted_out(
    view: ClusterView, ids: Sequence[str], candidates: Sequence[Service]
) -> tuple[list[Service], list[tuple[str, str]]]:
    """Those that can be moved first, and the names of the others with why not: how they stand now, and what the leader's own rules say of room
    with all of them on the way. What does not fit is left out and the rest tried again: it may have taken room from others."""
    reasons = {one.id: why for one in candidates if (why := _standing(one, ids))}
    while True:
        moving = [one for one in candidates if one.id not in reasons]
        plan = Plan(
            "", (*_marking(view, moving, ids), *node_operation.availability(view, ids, "pause").steps)
        )
        homeless = _homeless(forecast(view, changed(plan, view), ids))
        more = {one.id: homeless[services.name(one)] for one in moving if services.name(one) in homeless}
        if not more:
            return moving, [(services.name(one), reasons[one.id]) for one in candidates if one.id in reasons]
        reasons |= more


def _homeless(found: Forecast) -> dict[str, str]:
    """By the service's name why its tasks find no node."""
    stuck = {one.service: _NO_ROOM for one in found.stuck}
    return stuck | {one.service: one.why for one in found.homeless}


def _standing(service: Service, ids: Sequence[str]) -> str:
    """Why it cannot be moved as it is now; nothing where it can."""
    if marks.is_marked(service.spec):
        mark = marks.mark_of(service.spec)
        if mark is None:
            return marks.UNREADABLE
        return "" if mark.nodes == tuple(sorted(ids)) else "it is moved off another node just now"
    if is_going(service):
        return "an update of it is on its way"
    return "its update is paused" if is_paused(service) else ""


def _marking(view: ClusterView, moving: Sequence[Service], ids: Sequence[str]) -> Iterator[Step]:
    wanted = tuple(sorted(ids))
    for service in moving:
        name = services.name(service)
        count = left_there(view, service.id, ids)
        done = Done(f"{name}: {plural(count, 'task')} on the way", "each stops once its replacement runs")
        text = f"{plural(count, 'task')}, {'its replacement' if count == 1 else 'their replacements'} first"
        if marks.is_marked(service.spec) and not is_paused(service):
            yield Step(name, f"move {name}", Nothing(service.id), done, (text,))
        else:
            yield Step(name, f"move {name}", Change(Service, service.id, _mark(wanted, done)), done, (text,))


def _mark(wanted: tuple[str, ...], done: Done) -> Edit:
    """What is marked already is written over again as it is: that ends a pause."""

    def edit(spec: specs_pb2.ServiceSpec) -> Done:
        if marks.is_marked(spec):
            mark = marks.mark_of(spec)
            if mark is None or mark.nodes != wanted:
                raise Refused("it is moved off another node just now")
        else:
            marks.mark(spec, wanted)
        return done

    return edit


def _restoring(found: Sequence[Service]) -> tuple[Step, ...]:
    """Two changes of each: the spec before, to which docker's rollback goes, is then the same but for a label."""
    return tuple(
        Step(
            services.name(one),
            f"give {services.name(one)} its spec back",
            Change(Service, one.id, edit),
            Done(f"{services.name(one)} has its spec again"),
            changed,
        )
        for one in found
        for edit, changed in ((_unmark, ("its spec as it was",)), (_forget, ("without the label",)))
    )


def _unmark(spec: specs_pb2.ServiceSpec) -> Done:
    name = spec.annotations.name
    marks.unmark(spec)
    return Done(f"{name} has its spec again")


def _forget(spec: specs_pb2.ServiceSpec) -> Done:
    marks.forget(spec)
    return Done("")


def _notes(view: ClusterView, ids: Sequence[str], moving: Sequence[Service]) -> Iterator[str]:
    if moving:
        yield "The node takes no new tasks from now on, and is drained once these run elsewhere. A failure ends it and gives the node back."
    staying = Counter[tuple[str, str, str]]()
    for one in _on(view, ids):
        if one.spec.HasField("replicated"):
            continue
        if one.spec.HasField("replicated_job"):
            staying[_GOES_ON] += 1
        else:
            staying[_JOB_STOPS if is_job(one) else _GLOBAL_STOPS] += 1
    for (what, one_does, many_do), count in sorted(staying.items()):
        yield f"Beside it {plural(count, what)}, which {one_does if count == 1 else many_do}."


def _docker(surge: Surge, view: ClusterView) -> Commands:
    """Pause, move, drain, and the specs as they were; between the second and the third one waits."""
    pausing_pairs = changed(pausing(view, surge), view)
    there = [pair for pair in changed(surge.shown, view) if isinstance(pair.before, Service)]
    drained = [_drained(pair) for pair in pausing_pairs]
    back = [Pair(pair.after, _restored(pair.after)) for pair in there]
    lines: list[str] = []
    for pairs in (pausing_pairs, there, drained, back):
        found = commands_of(Plan(""), pairs, view)
        if pairs and found.why_none:
            return found
        lines += found.lines if pairs else ()
    return Commands(tuple(lines))


def _drained(pair: Pair) -> Pair:
    after = Node()
    after.CopyFrom(pair.after)
    after.spec.availability = _DRAIN
    return Pair(pair.after, after)


def _restored(service: Service) -> Service:
    after = Service()
    after.CopyFrom(service)
    if marks.mark_of(after.spec) is not None:
        marks.unmark(after.spec)
        marks.forget(after.spec)
    if not after.spec.HasField("update"):
        # Docker's command cannot take settings away: these are what none mean.
        after.spec.update.CopyFrom(update_config())
    return after
