"""What a service's description says beside its spec: its places with their attempts, what its last change was, what it uses.

A place is a slot, or a node where the service has one task on each. The places that are worst off stand first.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from swarm_core.api.proto import objects_pb2
from swarm_core.api.timestamps import timestamp_ns
from swarm_core.rules import autoscale
from swarm_core.specs.replicas import SCALED

from swarm_tui.resources import format as fmt
from swarm_tui.resources import nodes
from swarm_tui.resources.fingerprints import fingerprints
from swarm_tui.resources.model import Cell, ClusterView, Role, Section, cell, spans
from swarm_tui.resources.service_changes import moving_off
from swarm_tui.resources.spec_changes import differences
from swarm_tui.resources.states import is_wanted, short_cause, since_ns, state_health, state_word
from swarm_tui.resources.uses import CONFIG, NETWORK, SECRET, VOLUME, uses

Service = objects_pb2.Service
Task = objects_pb2.Task
PLACES_MAX: Final = 30
"""More are counted, not listed."""
SPEC_BEFORE: Final = "Since the spec before"
_ATTEMPTS_MAX: Final = 6
_STORED: Final[tuple[tuple[str, type[Any]], ...]] = (
    (SECRET, objects_pb2.Secret),
    (CONFIG, objects_pb2.Config),
    (NETWORK, objects_pb2.Network),
)


def places_section(service: Service, view: ClusterView, now_ns: int) -> tuple[Section, ...]:
    """A line for each place: its newest task, and how the attempts there ended, the newest first."""
    places: dict[tuple[int, str], list[Task]] = {}
    for task in view.tasks_of_service(service.id):
        places.setdefault((task.slot, "" if task.slot else task.node_id), []).append(task)
    for attempts in places.values():
        attempts.sort(key=lambda task: (is_wanted(task), timestamp_ns(task.meta.created_at)), reverse=True)
    ordered = sorted(places.items(), key=lambda place: (-_severity(place[1][0]), place[0]))
    lines = [_place_line(key, attempts, view, now_ns) for key, attempts in ordered[:PLACES_MAX]]
    if more := len(ordered) - len(lines):
        lines.append(("", cell(f"and {more} more, none worse off", Role.MUTED)))
    return (Section("Places, attempts newest first", tuple(lines)),) if lines else ()


def _severity(task: Task) -> int:
    return state_health(task.status.state).severity if is_wanted(task) else 0


def _place_line(
    key: tuple[int, str], attempts: list[Task], view: ClusterView, now_ns: int
) -> tuple[str, Cell]:
    slot, node_id = key
    newest = attempts[0]
    look = state_health(newest.status.state)
    marks = [(one.glyph, one.role) for one in (state_health(t.status.state) for t in attempts)]
    text = (
        *marks[:_ATTEMPTS_MAX],
        ("…" if len(marks) > _ATTEMPTS_MAX else "", Role.MUTED),
        (" " * (_ATTEMPTS_MAX + 2 - min(len(marks), _ATTEMPTS_MAX + 1)), Role.TEXT),
        (f"{state_word(newest.status.state)} {fmt.age(since_ns(newest), now_ns)}", look.role),
        (f"  {_host(newest.node_id, view)}" if slot else "", Role.MUTED),
        (f"  {short_cause(newest)}", look.role),
    )
    return str(slot) if slot else _host(node_id, view) or "no node", spans(*text)


def _host(node_id: str, view: ClusterView) -> str:
    node = view.get(objects_pb2.Node, node_id)
    return nodes.name(node, view) if node is not None else fmt.short_id(node_id)


def by_itself(service: Service, view: ClusterView) -> Iterator[tuple[str, Cell]]:
    """What is done to it without a person: how it scales by what it uses and why it was scaled last, and a drain that moves it off nodes."""
    labels = service.spec.annotations.labels
    if text := labels.get(autoscale.POLICY):
        if autoscale.parse(text) is None:
            yield "Autoscale", cell(f"▲ {text} cannot be read, so nothing scales it", Role.WARNING)
        else:
            yield "Autoscale", cell(text)
    if text := labels.get(SCALED):
        yield "Scaled by it", cell(text)
    if text := moving_off(service, view):
        yield "Drain", spans(("⟳ ", Role.MOTION), (text, Role.TEXT))


def failures_section(tasks: Iterable[Task], now_ns: int) -> tuple[Section, ...]:
    """How failed attempts ended, those that most ended so first; their last lines are in `K`."""
    found = fingerprints(tasks, {}, now_ns)
    lines = tuple((one.cause, cell(one.count_words(), Role.ERROR)) for one in found)
    return (Section("Failures", lines),) if lines else ()


def change_section(service: Service) -> tuple[Section, ...]:
    """What is different from the spec before, to which a rollback would go back."""
    if not service.HasField("previous_spec"):
        return ()
    found = differences(service.previous_spec, service.spec) or ["the same"]
    return (Section(SPEC_BEFORE, tuple(("", cell(text)) for text in found)),)


def uses_section(service: Service, view: ClusterView) -> tuple[Section, ...]:
    """Secrets, configs, networks and volumes that its tasks are given, by name."""
    used = uses(service)
    lines: list[tuple[str, Cell]] = []
    for noun, kind in _STORED:
        for called in sorted(called for of, called in used if of == noun):
            item = view.get(kind, called)
            if item is not None:
                lines.append((f"{noun.title()}s", cell(item.spec.annotations.name)))
    lines += [("Volumes", cell(called)) for called in sorted(called for of, called in used if of == VOLUME)]
    return (Section("Uses", tuple(lines)),) if lines else ()
