"""What a person's own command is told of an object, and the command made of it (docs/design/plugins.md 19.2). Pure."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from swarm_core.api.proto import objects_pb2

from swarm_tui.preferences.model import OwnCommand
from swarm_tui.preferences.plugins import filled, placeholders
from swarm_tui.resources import nodes, services, tasks
from swarm_tui.resources.model import ClusterView, ResourceKind

_Node = objects_pb2.Node
_Service = objects_pb2.Service
_Task = objects_pb2.Task
Of = Callable[[Any, ClusterView], str]


def _task_node(task: _Task, view: ClusterView) -> _Node | None:
    return view.get(_Node, task.node_id) if task.node_id else None


def _task_service(task: _Task, view: ClusterView) -> _Service | None:
    return view.get(_Service, task.service_id)


def _address(node: _Node | None) -> str:
    return node.status.addr if node is not None else ""


def _stack(service: _Service | None) -> str:
    return services.stack(service) if service is not None else ""


_OF_KIND: Final[Mapping[str, Mapping[str, Of]]] = {
    "node": {
        "node": lambda node, view: nodes.name(node, view),
        "address": lambda node, view: _address(node),
    },
    "service": {
        "service": lambda service, view: services.name(service, view),
        "stack": lambda service, view: services.stack(service),
        "image": lambda service, view: str(service.spec.task.container.image),
    },
    "task": {
        "node": lambda task, view: tasks.node_name(task, view) if task.node_id else "",
        "address": lambda task, view: _address(_task_node(task, view)),
        "service": lambda task, view: tasks.service_name(task),
        "stack": lambda task, view: _stack(_task_service(task, view)),
        "image": lambda task, view: str(task.spec.container.image),
        "slot": lambda task, view: str(task.slot) if task.slot else "",
        "container": lambda task, view: str(task.status.container.container_id),
    },
    "stack": {"stack": lambda stack, view: stack.id},
}
OF_ALL: Final = ("id", "name", "kind", "cluster")
OF_NONE: Final = ("cluster",)
"""What a command is told that works on nothing."""


def known(noun: str) -> tuple[str, ...]:
    """The placeholders that objects of a kind have; of no kind those that are there without an object."""
    return (*OF_ALL, *_OF_KIND.get(noun, {})) if noun else OF_NONE


def words_for(own: OwnCommand, kind: ResourceKind[Any], item: Any, view: ClusterView) -> list[str]:
    """The command for an object, an argument for each word. Raises ValueError with a sentence where the object lacks what a placeholder
    stands for."""
    values = {"id": item.id, "name": kind.name(item, view), "kind": kind.noun, "cluster": str(view.cluster)}
    values |= {name: of(item, view) for name, of in _OF_KIND.get(kind.noun, {}).items()}
    for word in own.command:
        for name in placeholders(word):
            if not values[name]:
                raise ValueError(
                    f"{kind.noun.capitalize()} {values['name']} has no {name}, which {own.name} is told."
                )
    return [filled(word, values) for word in own.command]


def words_alone(own: OwnCommand, view: ClusterView) -> list[str]:
    """The command that works on nothing."""
    return [filled(word, {"cluster": str(view.cluster)}) for word in own.command]
