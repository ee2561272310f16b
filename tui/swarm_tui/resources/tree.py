"""What hangs on what: from an object to those that it holds or that use it, down to the attempts of each place.

    service → places → earlier attempts          stack → services, networks, secrets, configs
    node → services, as far as they are there → places → earlier attempts
    network, secret, config, volume → the services that use it
    engine → its containers                      an engine's image, volume, network → the containers that use it

A place is told by its newest task. A trail is the way from a root to an object, both included. Everything here is pure.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from swarm_core.api.proto import objects_pb2
from swarm_core.api.timestamps import timestamp_ns

from swarm_tui.resources import format as fmt
from swarm_tui.resources import registry
from swarm_tui.resources.engines.items import ContainerItem
from swarm_tui.resources.model import (
    EMPTY,
    PROBLEMS,
    Align,
    Cell,
    ClusterView,
    Column,
    Health,
    Realm,
    Role,
    RowCells,
    cell,
    spans,
)
from swarm_tui.resources.states import brief, has_ended_badly, is_wanted

NODE, SERVICE, TASK, STACK = "node", "service", "task", "stack"
_USED: Final = ("network", "secret", "config", "volume")
ENGINE, CONTAINER = "engine", "container"
_USED_ON_ENGINES: Final = ("image", "engine-volume", "engine-network")
ROOTS: Final = (NODE, SERVICE, STACK, *_USED, ENGINE, *_USED_ON_ENGINES)
"""Kinds that a tree may begin with."""
_MEMBERS: Final = ("network", "secret", "config")
"""What a stack holds beside services, in the order in which it is shown."""
FIRST: Final = {Realm.CLUSTER: SERVICE, Realm.ENGINES: ENGINE}
"""What a tree begins with where nothing else is asked for."""
_ABOVE: Final = {TASK: SERVICE, CONTAINER: ENGINE}
"""What stands above those that are no roots."""
_PLAIN: Final = (SERVICE, NODE, TASK, STACK, ENGINE, CONTAINER)
"""What needs no noun before its name."""
Task = objects_pb2.Task
Branch = tuple[str, Any]
"""An object with the noun of its kind."""
Trail = tuple[Branch, ...]

COLUMNS: Final = (
    Column("object", "OBJECT", 18, grow=4, wanted=30),
    Column("state", "STATE", 11, grow=1),
    Column("for", "FOR", 4, align=Align.RIGHT, drop=2),
    Column("where", "WHERE", 8, grow=1, is_wide=True, drop=3),
    Column("cause", "NOTE", 21, grow=12, drop=1, wanted=48),
)
_OWN_CAUSE: Final = ("cause", "note")
"""Columns in which a kind tells its cause itself, shorter than it would be told alone."""
_GLYPHS: Final = frozenset(health.glyph for health in Health)
_FOLDED, _UNFOLDED, _LEAF = "▸ ", "▾ ", "  "


def root_of(noun: str) -> str:
    """What a tree begins with in which objects of this kind are; empty where they are in none."""
    return _ABOVE.get(noun) or (noun if noun in ROOTS else "")


def word(noun: str) -> str:
    """What people call a kind on the screen of its realm: an engine's volume is a volume there."""
    return noun.removeprefix("engine-")


def root_id(noun: str, id_: str, view: ClusterView) -> str:
    """The id of the root that an object of this kind is below: a task's service, a container's engine, else itself; empty where that is not known."""
    match noun:
        case "task":
            task = view.get(Task, id_)
            return "" if task is None else task.service_id
        case "container":
            container = view.get(ContainerItem, id_)
            return "" if container is None else container.record.engine
        case _:
            return id_


def other_way(root: str) -> str:
    """What the same may be looked at by as well; empty where there is nothing else."""
    if registry.by_noun(root).realm is Realm.ENGINES:
        return "" if root == ENGINE else ENGINE
    return SERVICE if root == NODE else NODE


def nouns_below(root: str) -> tuple[str, ...]:
    """The kinds of objects that may stand below a root."""
    if registry.by_noun(root).realm is Realm.ENGINES:
        return (CONTAINER,)
    return (SERVICE, TASK, *(_MEMBERS if root == STACK else ()))


def touched(root: str, changes: Mapping[type[Any], Collection[str]], view: ClusterView) -> set[str]:
    """Ids of the roots of this kind that look different, or what is below them, by the ids that changed: services and nodes are told of with their
    tasks, stacks with their services."""
    found = set(changes.get(registry.by_noun(root).message, ()))
    if root == ENGINE:
        held = (view.get(ContainerItem, id_) for id_ in changes.get(ContainerItem, ()))
        found |= {one.record.engine for one in held if one is not None}
    return found


def branches(trail: Trail, view: ClusterView) -> list[Branch]:
    """What hangs on the last of the trail, in the order in which it is shown."""
    noun, item = trail[-1]
    if noun == CONTAINER:
        return []
    if noun == ENGINE:
        held = view.on_engine(item.id, ContainerItem)
        return _sorted(CONTAINER, (view.get(ContainerItem, id_) for id_ in held), view)
    if noun == TASK:
        return [] if len(trail) > 1 and trail[-2][0] == TASK else _earlier(item, view, _node_id(trail))
    if noun == SERVICE:
        return [(TASK, attempts[0]) for attempts in _places(item.id, view, _node_id(trail))]
    if noun == NODE:
        return list(_on_node(item, view))
    if noun == STACK:
        return [one for member in (SERVICE, *_MEMBERS) for one in _members(item, member, view)]
    kind = registry.by_noun(noun)
    users, user = view.users(noun, kind.called(item)), CONTAINER if noun in _USED_ON_ENGINES else SERVICE
    message = registry.by_noun(user).message
    return _sorted(user, (view.get(message, id_) for id_ in users), view)


def _node_id(trail: Trail) -> str:
    """The node that the trail begins with: below it stands what is there."""
    return trail[0][1].id if trail[0][0] == NODE else ""


def _sorted(noun: str, items: Iterable[Any], view: ClusterView) -> list[Branch]:
    kind = registry.by_noun(noun)
    there = [(noun, item) for item in items if item is not None]
    return sorted(there, key=lambda one: (fmt.natural(kind.name(one[1], view)), one[1].id))


def _members(stack: Any, noun: str, view: ClusterView) -> list[Branch]:
    message = registry.by_noun(noun).message
    return _sorted(noun, (view.get(message, id_) for id_ in getattr(stack, f"{noun}s")), view)


def _places(service_id: str, view: ClusterView, node_id: str) -> list[list[Task]]:
    """The attempts of each place, the one that counts first; places in the order of slots, else of nodes."""
    places: dict[tuple[int, str], list[Task]] = {}
    for task in view.tasks_of_service(service_id):
        if not node_id or task.node_id == node_id:
            places.setdefault(_place(task), []).append(task)
    for attempts in places.values():
        attempts.sort(key=lambda task: (is_wanted(task), timestamp_ns(task.meta.created_at)), reverse=True)
    return [places[key] for key in sorted(places, key=lambda key: (key[0], _host_key(key[1], view)))]


def _place(task: Task) -> tuple[int, str]:
    return task.slot, "" if task.slot else task.node_id


def _host_key(node_id: str, view: ClusterView) -> Any:
    node = view.get(objects_pb2.Node, node_id) if node_id else None
    return fmt.natural(registry.by_noun(NODE).name(node, view) if node is not None else node_id)


def _earlier(task: Task, view: ClusterView, node_id: str) -> list[Branch]:
    """The attempts of the same place before this one, the newest first."""
    if not task.service_id:
        return []
    place = _place(task)
    found = next((one for one in _places(task.service_id, view, node_id) if _place(one[0]) == place), [task])
    return [(TASK, one) for one in found if one.id != task.id]


def _on_node(node: objects_pb2.Node, view: ClusterView) -> Iterator[Branch]:
    """Services with a task there that is there still, or failed there and nowhere runs since; then tasks of no service."""
    there = [task for task in view.tasks_of_node(node.id) if counts(task, view)]
    found = {task.service_id for task in there if task.service_id}
    yield from _sorted(SERVICE, (view.get(objects_pb2.Service, id_) for id_ in found), view)
    yield from _sorted(TASK, (task for task in there if not task.service_id), view)


def counts(task: Task, view: ClusterView) -> bool:
    """Whether a task says how its place stands: it is meant to run, or ended badly and no other is meant to run there since."""
    if is_wanted(task) or not has_ended_badly(task):
        return is_wanted(task)
    others = view.tasks_of_service(task.service_id) if task.service_id else ()
    return not any(is_wanted(other) and _place(other) == _place(task) for other in others)


def is_past(trail: Trail) -> bool:
    """Whether it is an attempt before the one that counts."""
    return len(trail) > 1 and trail[-1][0] == trail[-2][0] == TASK


def own(trail: Trail, view: ClusterView, now_ns: int) -> tuple[Health, str]:
    """How the last of the trail fares, and why; of a service below a node, how its tasks there do."""
    noun, item = trail[-1]
    if noun == SERVICE and _node_id(trail):
        here = [one for one in branches(trail, view) if counts(one[1], view)]
        return _worst([own((*trail, one), view, now_ns) for one in here]) or (Health.IDLE, "")
    kind = registry.by_noun(noun)
    found = kind.problems(item, view, now_ns)
    return kind.health(item, view, now_ns), brief(found[0].cause) if found else ""


def below(trail: Trail, view: ClusterView, now_ns: int) -> tuple[Health, str] | None:
    """How the worst below the last of the trail fares and why, with its name before it; None where nothing below it can be worse
    than it tells itself: a service sums its tasks up, and attempts before the one that counts are past."""
    noun = trail[-1][0]
    if noun in (SERVICE, TASK, CONTAINER):
        return None
    looks = []
    for one in branches(trail, view):
        way = (*trail, one)
        look, cause = own(way, view, now_ns)
        if look in PROBLEMS and not cause:
            cause = "".join(span.text for span in _own_cells(way, view, now_ns)["state"].spans)
        kind = registry.by_noun(one[0])
        looks.append((look, f"{kind.name(one[1], view)}: {cause}" if cause else ""))
    return _worst(looks)


def _worst(looks: Sequence[tuple[Health, str]]) -> tuple[Health, str] | None:
    """The first of those that fare worst."""
    return max(looks, key=lambda look: look[0].severity, default=None)


def cells(trail: Trail, view: ClusterView, now_ns: int, *, is_unfolded: bool, has_branches: bool) -> RowCells:
    """The cells of an object's line. A folded one tells of the worst below it as well."""
    noun, item = trail[-1]
    kind = registry.by_noun(noun)
    look, own_cause = own(trail, view, now_ns)
    cause = own_cause
    if has_branches and not is_unfolded:
        worse = below(trail, view, now_ns)
        if worse is not None and worse[0] in PROBLEMS and worse[0].severity > look.severity:
            look, cause = worse
    muted = is_past(trail)
    role = Role.MUTED if muted else Role.TEXT
    sign = (_UNFOLDED if is_unfolded else _FOLDED) if has_branches else _LEAF
    shown = () if noun in _PLAIN else ((f"{word(noun)} ", Role.MUTED),)
    own_cells = _own_cells(trail, view, now_ns)
    told = own_cells["cause"]
    if cause and (muted or cause != own_cause or kind.tree_cells.get("cause") not in _OWN_CAUSE):
        told = cell(cause, Role.MUTED if muted else look.role)
    return (
        spans(
            ("  " * (len(trail) - 1) + sign, Role.MUTED),
            (f"{look.glyph} ", look.role),
            *shown,
            (kind.name(item, view), role),
        ),
        own_cells["state"],
        own_cells["for"],
        own_cells["where"],
        told,
    )


def _own_cells(trail: Trail, view: ClusterView, now_ns: int) -> Mapping[str, Cell]:
    """What the kind's own row says under these headings."""
    noun, item = trail[-1]
    kind = registry.by_noun(noun)
    row = dict(zip((column.id for column in kind.columns), kind.row(item, view, now_ns), strict=True))
    found = {key: row.get(kind.tree_cells.get(key, ""), EMPTY) for key in ("state", "for", "where", "cause")}
    if noun == SERVICE and (node_id := _node_id(trail)):
        here = [
            one for attempts in _places(item.id, view, node_id) for one in attempts[:1] if counts(one, view)
        ]
        health = registry.by_noun(TASK).health
        running = sum(health(task, view, now_ns) is Health.OK for task in here)
        found["state"] = spans((str(running), Role.TEXT), (f"/{len(here)} here", Role.MUTED))
    state = found["state"]
    if state.spans and state.spans[0].text.strip() in _GLYPHS:
        # The glyph stands before the name already.
        found["state"] = Cell(state.spans[1:])
    return found


def trails(noun: str, view: ClusterView) -> list[Trail]:
    """The roots of a tree of this kind, in their order."""
    return [(one,) for one in _sorted(noun, view.objects(registry.by_noun(noun).message), view)]


def trail_to(
    root: str, noun: str, id_: str, view: ClusterView, *, admits: Callable[[str], bool]
) -> Trail | None:
    """The first way from a root of this kind, whose id is admitted, to an object; None where there is none."""
    message = registry.by_noun(root).message
    found = (view.get(message, one) for one in _candidates(root, noun, id_, view) if admits(one))
    for branch in _sorted(root, found, view):
        way = _down((branch,), noun, id_, view)
        if way is not None:
            return way
    return None


def _candidates(root: str, noun: str, id_: str, view: ClusterView) -> Iterable[str]:
    """Ids of the roots below which the object can be."""
    if noun == root:
        return (id_,)
    if noun == CONTAINER and root == ENGINE:
        return (root_id(noun, id_, view),)
    if noun == TASK and root in (NODE, SERVICE):
        task = view.get(Task, id_)
        return () if task is None else (task.node_id if root == NODE else task.service_id,)
    if noun == SERVICE and root == NODE:
        return {task.node_id for task in view.tasks_of_service(id_) if task.node_id}
    return [item.id for item in view.objects(registry.by_noun(root).message)]


def _down(trail: Trail, noun: str, id_: str, view: ClusterView) -> Trail | None:
    if trail[-1][0] == noun and trail[-1][1].id == id_:
        return trail
    ways = (_down((*trail, one), noun, id_, view) for one in branches(trail, view))
    return next((way for way in ways if way is not None), None)
