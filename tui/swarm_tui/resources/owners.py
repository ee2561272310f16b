"""What an object belongs to, as (noun, id): where the key that goes to the owner leads."""

from typing import Any

from swarm_core.api.names import STACK_LABEL

Owner = tuple[str, str]


def stack_of(item: Any) -> Owner | None:
    """The stack that an object was deployed with."""
    name = item.spec.annotations.labels.get(STACK_LABEL, "")
    return ("stack", name) if name else None


def stack_name(item: Any) -> str:
    """The name of the stack that an object was deployed with; empty for none, and for no object."""
    found = stack_of(item) if item is not None else None
    return found[1] if found is not None else ""


def service_or_node_of(task: Any) -> Owner | None:
    """A task's service; of a task without one, such as an attachment, its node."""
    if task.service_id:
        return "service", task.service_id
    return ("node", task.node_id) if task.node_id else None
