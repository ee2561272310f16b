"""All kinds of objects the interface knows, in the order of their keys. A new kind is one module and one line here.

Everything that shows, lists, finds or tells objects asks here which kinds there are, when it is built or asked, so that a
kind that is registered before the program starts is everywhere.
"""

from collections.abc import Callable
from typing import Any

from swarm_tui.resources import (
    cluster,
    configs,
    events,
    networks,
    nodes,
    secrets,
    services,
    stacks,
    tasks,
    volumes,
)
from swarm_tui.resources.engines import containers as engine_containers
from swarm_tui.resources.engines import engines
from swarm_tui.resources.engines import events as engine_events
from swarm_tui.resources.engines import images as engine_images
from swarm_tui.resources.engines import networks as engine_networks
from swarm_tui.resources.engines import volumes as engine_volumes
from swarm_tui.resources.model import Realm, ResourceKind

_kinds: list[ResourceKind[Any]] = []
_by_noun: dict[str, ResourceKind[Any]] = {}
_by_word: dict[tuple[Realm, str], ResourceKind[Any]] = {}
_by_message: dict[type[Any], ResourceKind[Any]] = {}


def register(kind: ResourceKind[Any]) -> Callable[[], None]:
    """Make a kind known; the returned call takes it out again. No two kinds share a noun or a message, and none of one realm a
    word."""
    words = (kind.noun, *kind.aliases)
    assert kind.message not in _by_message and kind.noun not in _by_noun, kind.noun
    assert not any((kind.realm, word) in _by_word for word in words), kind.noun
    _kinds.append(kind)
    _by_noun[kind.noun] = kind
    _by_message[kind.message] = kind
    _by_word.update({(kind.realm, word): kind for word in words})
    return lambda: unregister(kind)


def unregister(kind: ResourceKind[Any]) -> None:
    """Take a kind out again."""
    _kinds.remove(kind)
    del _by_message[kind.message], _by_noun[kind.noun]
    for word in (kind.noun, *kind.aliases):
        del _by_word[kind.realm, word]


def kinds(realm: Realm = Realm.CLUSTER) -> tuple[ResourceKind[Any], ...]:
    """Every kind of a realm, in the order of registration."""
    return tuple(kind for kind in _kinds if kind.realm is realm)


def stored() -> tuple[ResourceKind[Any], ...]:
    """Those whose objects the cluster stores."""
    return tuple(kind for kind in kinds() if not kind.is_derived)


def by_word(word: str, realm: Realm = Realm.CLUSTER) -> ResourceKind[Any] | None:
    """The kind called `word` in a command; None when there is none."""
    return _by_word.get((realm, word.lower()))


def known(noun: str) -> ResourceKind[Any] | None:
    """The kind with this noun, of whatever realm; None when there is none."""
    return _by_noun.get(noun)


def by_noun(noun: str) -> ResourceKind[Any]:
    """The kind with this noun, which must exist."""
    kind = _by_noun.get(noun)
    assert kind is not None, f"no kind is called {noun!r}"
    return kind


def by_message(message: type[Any]) -> ResourceKind[Any]:
    """The kind of these objects. Raises KeyError."""
    return _by_message[message]


register(nodes.KIND)
register(services.KIND)
register(tasks.KIND)
register(stacks.KIND)
register(networks.KIND)
register(secrets.KIND)
register(configs.KIND)
register(volumes.KIND)
register(events.KIND)
register(cluster.KIND)
register(engines.KIND)
register(engine_containers.KIND)
register(engine_images.KIND)
register(engine_volumes.KIND)
register(engine_networks.KIND)
register(engine_events.KIND)
