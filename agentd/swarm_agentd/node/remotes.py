"""The managers this node knows, each with a weight that experience moves (docs/design/node.md 6.5).

Rules: an observation is clipped to ±256 and averaged with the old weight, rounded up; a choice is random in proportion
to the weight, and even the worst manager keeps a small chance.
"""

import math
import random
from collections.abc import Collection, Iterable
from typing import TypeAlias

from swarm_core.api.proto.types_pb2 import Peer

Key: TypeAlias = tuple[str, str]
"""Of one manager: node id and address."""
WEIGHT = 10
_LIMIT = 256
_LEAST = 0.001


class Remotes:
    def __init__(self, rng: random.Random, peers: Iterable[Peer] = ()) -> None:
        self._rng = rng
        self._weights: dict[Key, int] = {}
        for peer in peers:
            self.observe(peer, WEIGHT)

    def observe(self, peer: Peer, weight: int) -> None:
        """Good (positive) or bad experience with `peer`; bad experience with an unknown one is forgotten."""
        key = key_of(peer)
        if weight < 0 and key not in self._weights:
            return
        old = self._weights.get(key, 0)
        self._weights[key] = _clip(math.ceil(0.5 * _clip(weight) + 0.5 * old))

    def replace(self, peers: Iterable[tuple[Peer, int]]) -> bool:
        """Adopt the list a manager gave, forget all others; whether the set of managers changed."""
        before = set(self._weights)
        listed = [(peer, weight) for peer, weight in peers if peer.addr]
        for peer, weight in listed:
            self.observe(peer, weight)
        keep = {key_of(peer) for peer, _ in listed}
        self._weights = {key: weight for key, weight in self._weights.items() if key in keep}
        return set(self._weights) != before

    def choose(self, *, other_than: str = "", but_for: Collection[Key] = ()) -> Peer | None:
        """A manager to try, but not the node `other_than` nor one of `but_for`; None when no such manager is known."""
        keys = [
            key for key in self._weights if (not other_than or key[0] != other_than) and key not in but_for
        ]
        if not keys:
            return None
        chances = [max(self._weights[key], 0) + _LEAST for key in keys]
        node_id, addr = self._rng.choices(keys, chances)[0]
        return Peer(node_id=node_id, addr=addr)

    def peers(self) -> list[Peer]:
        return [Peer(node_id=node_id, addr=addr) for node_id, addr in sorted(self._weights)]

    def weight(self, peer: Peer) -> int | None:
        return self._weights.get(key_of(peer))


def key_of(peer: Peer) -> Key:
    return (peer.node_id, peer.addr)


def _clip(weight: int) -> int:
    return max(-_LIMIT, min(_LIMIT, weight))
