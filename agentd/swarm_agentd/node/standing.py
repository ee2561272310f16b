"""How a node stands at this moment, for whoever tells others about it."""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from swarm_core.api.proto.types_pb2 import Peer


class NodeState(Enum):
    """In the words of the Engine's API."""

    INACTIVE = "inactive"
    PENDING = "pending"
    ACTIVE = "active"
    ERROR = "error"
    LOCKED = "locked"


@dataclass(frozen=True, slots=True)
class Standing:
    """`node_id` is empty before the node has an identity. `serves`: its manager answers on the control socket. `managers` are those
    it knows, itself too while it is one. `error` says why there is no node; `local_address` is this machine's on the way to its managers,
    where that was found out."""

    state: NodeState = NodeState.PENDING
    node_id: str = ""
    is_manager: bool = False
    serves: bool = False
    managers: tuple[Peer, ...] = ()
    error: str = ""
    local_address: str = ""

    @property
    def address(self) -> str:
        """Where others reach this node, without a port, as far as it is known."""
        for peer in self.managers:
            if peer.node_id == self.node_id:
                return peer.addr.rpartition(":")[0].strip("[]")
        return self.local_address


class HasStanding(Protocol):
    """Port: a node, or what stands for one."""

    def standing(self) -> Standing:
        """Now; it changes."""
