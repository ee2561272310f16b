"""Placement constraints: `key op value` read once, then matched against nodes (docs/design/orchestration.md 2.8).

`==` and `!=` compare whole values without regard to case; there is no globbing. A key that names nothing,
and an address that is none, are satisfied by no node, whichever the operator.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from swarm_core.api.proto.objects_pb2 import Node
from swarm_core.api.proto.types_pb2 import NodeRole
from swarm_core.api.words import enum_word

_KEY = re.compile(r"[a-z_][a-z0-9\-_.]+", re.IGNORECASE | re.ASCII)
_VALUE = re.compile(r"[a-z0-9:\-_\s.*()?+\[\]\\^$|/]+", re.IGNORECASE | re.ASCII)
_NODE_LABEL, _ENGINE_LABEL = "node.labels.", "engine.labels."


class InvalidConstraint(ValueError):
    """The text is no constraint; says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """One parsed constraint."""

    key: str
    is_equality: bool
    value: str

    def __str__(self) -> str:
        return f"{self.key} {'==' if self.is_equality else '!='} {self.value}"

    def matches(self, node: Node) -> bool:
        """Whether `node` satisfies this constraint."""
        key = self.key.lower()
        if key == "node.ip":
            return self._matches_address(node.status.addr)
        actual = _actual(key, self.key, node)
        return actual is not None and (actual.lower() == self.value.lower()) == self.is_equality

    def _matches_address(self, text: str) -> bool:
        try:
            network = ip_network(self.value, strict=False)
        except ValueError:
            return False
        address = _address(text)
        return (address is not None and address in network) == self.is_equality

    def actual(self, node: Node) -> str | None:
        """What `node` has for the key, for explanations; None when no node can have it."""
        key = self.key.lower()
        return node.status.addr if key == "node.ip" else _actual(key, self.key, node)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


_VALUES: dict[str, Callable[[Node], str]] = {
    "node.id": lambda node: node.id,
    "node.hostname": lambda node: node.description.hostname,
    "node.role": lambda node: enum_word(NodeRole, node.role),
    "node.platform.os": lambda node: node.description.platform.os,
    "node.platform.arch": lambda node: node.description.platform.architecture,
}


def _actual(lowered: str, key: str, node: Node) -> str | None:
    if (value_of := _VALUES.get(lowered)) is not None:
        return value_of(node)
    return label_of(node, key)


def label_of(node: Node, descriptor: str) -> str | None:
    """The label that `node.labels.<k>` or `engine.labels.<k>` names, "" when the node lacks it; None for any
    other descriptor. The prefix is read without regard to case, the label's own name with it."""
    lowered = descriptor.lower()
    if lowered.startswith(_NODE_LABEL) and len(descriptor) > len(_NODE_LABEL):
        labels, key = node.spec.annotations.labels, descriptor[len(_NODE_LABEL) :]
    elif lowered.startswith(_ENGINE_LABEL) and len(descriptor) > len(_ENGINE_LABEL):
        labels, key = node.description.engine.labels, descriptor[len(_ENGINE_LABEL) :]
    else:
        return None
    # Not by subscript: that would add a missing key to the stored node.
    return labels.get(key, "")


def parse(texts: Iterable[str]) -> tuple[Constraint, ...]:
    """The constraints that `texts` spell. Raises InvalidConstraint."""
    return tuple(_parse_one(text) for text in texts)


def parse_or_none(texts: Iterable[str]) -> tuple[Constraint, ...]:
    """As `parse`, but a text that is no constraint makes all of them void (docs/design/orchestration.md 2.8)."""
    try:
        return parse(texts)
    except InvalidConstraint:
        return ()


def match(constraints: Iterable[Constraint], node: Node) -> bool:
    """Whether `node` satisfies all of `constraints`."""
    return all(constraint.matches(node) for constraint in constraints)


def _parse_one(text: str) -> Constraint:
    for operator in ("==", "!="):
        key, separator, value = text.partition(operator)
        if not separator:
            continue
        key, value = key.strip(), value.strip()
        if not _KEY.fullmatch(key):
            raise InvalidConstraint(f"key {key!r} in constraint {text!r} is invalid")
        if not _VALUE.fullmatch(value):
            raise InvalidConstraint(f"value {value!r} in constraint {text!r} is invalid")
        return Constraint(key, operator == "==", value)
    raise InvalidConstraint(f"constraint expected one operator from ==, !=: {text!r} has none")
