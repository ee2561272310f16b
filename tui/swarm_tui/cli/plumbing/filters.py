"""`--filter key=value` of the ls commands, as the docker command line has them: one key's values are OR-ed, keys AND-ed."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from swarm_core.api.proto import specs_pb2
from swarm_core.api.words import enum_word

from swarm_tui.cli.plumbing.session import USAGE, Failure
from swarm_tui.resources import nodes, services, tasks
from swarm_tui.resources.model import ClusterView
from swarm_tui.resources.states import is_wanted, state_word
from swarm_tui.resources.task_specs import runtime_text

T = TypeVar("T")
Test = Callable[[Any, str, ClusterView], bool]


def has_label(labels: Mapping[str, str], wanted: str) -> bool:
    """`key` or `key=value`."""
    key, separator, value = wanted.partition("=")
    return key in labels and (not separator or labels[key] == value)


def by_id(item: Any, value: str, view: ClusterView) -> bool:
    return bool(item.id.startswith(value))


def _spec_label(item: Any, value: str, view: ClusterView) -> bool:
    return has_label(item.spec.annotations.labels, value)


def _spec_name(item: Any, value: str, view: ClusterView) -> bool:
    return bool(item.spec.annotations.name.startswith(value))


_DESIRED = ("running", "shutdown", "accepted", "ready", "complete", "remove")


def _desired(task: Any, value: str, view: ClusterView) -> bool:
    return is_wanted(task) if value == "running" else state_word(task.desired_state) == value


def _membership(node: Any, value: str, view: ClusterView) -> bool:
    return enum_word(specs_pb2.NodeSpec.Membership, node.spec.membership) == value.lower()


PAYLOAD: Mapping[str, Test] = {"id": by_id, "name": _spec_name, "label": _spec_label}
NODE: Mapping[str, Test] = {
    "id": by_id,
    "name": lambda node, value, view: nodes.name(node).startswith(value),
    "role": lambda node, value, view: ("manager" if node.role else "worker") == value.lower(),
    "membership": _membership,
    "label": lambda node, value, view: has_label(node.description.engine.labels, value),
    "node.label": _spec_label,
}
SERVICE: Mapping[str, Test] = {
    "id": by_id,
    "name": _spec_name,
    "label": _spec_label,
    "mode": lambda service, value, view: services.mode(service).replace(" ", "-") == value,
    "runtime": lambda service, value, view: runtime_text(service.spec.task)[0] == value,
}
TASK: Mapping[str, Test] = {
    "id": by_id,
    "name": lambda task, value, view: tasks.name(task, view).startswith(value),
    "service": lambda task, value, view: value in (tasks.service_name(task), task.service_id),
    "node": lambda task, value, view: value in (tasks.node_name(task, view), task.node_id),
    "label": lambda task, value, view: has_label(task.service_annotations.labels, value),
    "state": lambda task, value, view: state_word(task.status.state) == value.lower(),
    "desired-state": _desired,
}


def chosen(
    items: Iterable[T], filters: list[str] | None, tests: Mapping[str, Test], view: ClusterView
) -> list[T]:
    """The items that pass. Raises Failure for a filter that does not exist."""
    wanted: dict[str, list[str]] = {}
    for text in filters or []:
        key, separator, value = text.partition("=")
        if not separator or key not in tests:
            raise Failure(f"filter {text!r} is not key=value with one of {', '.join(tests)}.", USAGE)
        if key == "desired-state" and value not in _DESIRED:
            raise Failure(f"desired-state={value} is none of running, shutdown, accepted.", USAGE)
        wanted.setdefault(key, []).append(value)
    return [
        item
        for item in items
        if all(any(tests[key](item, value, view) for value in values) for key, values in wanted.items())
    ]
