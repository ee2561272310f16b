"""Who belongs to which stack, and which services use what: kept as objects come and go, so that rows need not look for it.

A stack is no object of the cluster's: it is what objects with the same label are called together, docker's included.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any, Final

from swarm_core.api.names import STACK_LABEL
from swarm_core.api.proto import objects_pb2

from swarm_tui.resources.stacks import Stack
from swarm_tui.resources.uses import NETWORK, Use, uses

_Service = objects_pb2.Service
_MEMBERS: Final[dict[type[Any], str]] = {
    _Service: "services",
    objects_pb2.Network: "networks",
    objects_pb2.Secret: "secrets",
    objects_pb2.Config: "configs",
}
"""Kinds that may belong to a stack, and the field of the stack that holds their ids."""
RELATED: Final = frozenset(_MEMBERS)


class Relations:
    """See the module's text."""

    def __init__(self) -> None:
        self.stacks: dict[str, Stack] = {}
        """By name; without those that hold nothing any more."""
        self._stack_of: dict[tuple[type[Any], str], str] = {}
        self._uses: dict[str, frozenset[Use]] = {}
        self._users: defaultdict[Use, set[str]] = defaultdict(set)

    def put(self, item: Any) -> tuple[set[str], frozenset[Use]]:
        """Take in an object of a related kind: the names of stacks, and the uses, that are different since. Networks always
        are: how many addresses a service takes is in its spec."""
        kind = type(item)
        used: frozenset[Use] = frozenset()
        if kind is _Service:
            used = self._set_uses(item.id, uses(item))
        return self._set_stack(kind, item.id, item.spec.annotations.labels.get(STACK_LABEL, "")), used

    def remove(self, kind: type[Any], id_: str) -> tuple[set[str], frozenset[Use]]:
        """Take out an object that is gone; the same answer."""
        used = self._set_uses(id_, frozenset()) if kind is _Service else frozenset()
        return self._set_stack(kind, id_, ""), used

    def stacks_of(self, service_ids: Collection[str]) -> Iterator[str]:
        """The stacks that these services belong to, some perhaps twice."""
        for id_ in service_ids:
            name = self._stack_of.get((_Service, id_))
            if name is not None:
                yield name

    def users(self, noun: str, called: Collection[str]) -> set[str]:
        """Ids of the services that use what is called by any of these."""
        return {id_ for key in called for id_ in self._users.get((noun, key), ())}

    def _set_uses(self, service_id: str, new: frozenset[Use]) -> frozenset[Use]:
        old = self._uses.pop(service_id, frozenset())
        if new:
            self._uses[service_id] = new
        for use in old - new:
            self._users[use].discard(service_id)
            if not self._users[use]:
                del self._users[use]
        for use in new - old:
            self._users[use].add(service_id)
        return (old ^ new) | {use for use in new if use[0] == NETWORK}

    def _set_stack(self, kind: type[Any], id_: str, new: str) -> set[str]:
        old = self._stack_of.pop((kind, id_), "")
        if new:
            self._stack_of[kind, id_] = new
        if old == new:
            return set()
        field = _MEMBERS[kind]
        if old:
            self._replace(old, field, lambda ids: ids - {id_})
        if new:
            self._replace(new, field, lambda ids: ids | {id_})
        return {name for name in (old, new) if name}

    def _replace(self, name: str, field: str, change: Any) -> None:
        stack = self.stacks.get(name, Stack(name))
        stack = replace(stack, **{field: change(getattr(stack, field))})
        if stack.members:
            self.stacks[name] = stack
        else:
            self.stacks.pop(name, None)


def relations_of(objects: Collection[Any]) -> Relations:
    """Those of objects that were listed once."""
    found = Relations()
    for item in objects:
        if type(item) in RELATED:
            found.put(item)
    return found
