"""All kinds of objects the interface knows, in the order of their keys. A new kind is one module and one line here."""

from typing import Any

from google.protobuf.message import Message

from swarm_tui.resources import cluster, configs, nodes, secrets, services, tasks
from swarm_tui.resources.model import ResourceKind

KINDS: tuple[ResourceKind[Any], ...] = (
    nodes.KIND,
    services.KIND,
    tasks.KIND,
    secrets.KIND,
    configs.KIND,
    cluster.KIND,
)
_BY_WORD = {word: kind for kind in KINDS for word in (kind.noun, *kind.aliases)}
_BY_MESSAGE = {kind.message: kind for kind in KINDS}


def by_word(word: str) -> ResourceKind[Any] | None:
    """The kind called `word` in a command; None when there is none."""
    return _BY_WORD.get(word.lower())


def by_message(message: type[Message]) -> ResourceKind[Any]:
    """The kind of these objects. Raises KeyError."""
    return _BY_MESSAGE[message]
