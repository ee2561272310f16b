"""What the node daemon decides only when it starts a manager: one line of JSON on the manager's standard input.

A process that was started early has loaded its modules by then and waits here. Without a line there is nothing to do: the daemon
has ended, or needs no manager.
"""

import os
from dataclasses import dataclass, replace

from swarm_core.api.json_text import json_of
from swarm_core.ca.tokens import parse_unlock_key
from swarm_core.managerd.config import Config


@dataclass(frozen=True, slots=True)
class Orders:
    """`kek` opens the node's key file; `join_address` is a manager of the cluster to join; `force_new_cluster`: the other
    managers are lost."""

    kek: bytes | None = None
    join_address: str = ""
    force_new_cluster: bool = False

    def applied_to(self, config: Config) -> Config:
        """The flags, with what is ordered in their place."""
        return replace(config, join_address=self.join_address, force_new_cluster=self.force_new_cluster)


def read(descriptor: int) -> Orders | None:
    """The orders; None when the input ends first. Raises ValueError for a line that is none, InvalidToken for its key."""
    line = _first_line(descriptor)
    if not line.endswith(b"\n"):
        return None
    told = json_of(line)
    key = told["unlock_key"]
    return Orders(
        kek=parse_unlock_key(key) if key else None,
        join_address=told["join_addr"],
        force_new_cluster=told["force_new_cluster"],
    )


def _first_line(descriptor: int) -> bytes:
    """One line, and not a byte of what follows it."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(descriptor, 1)):
        line += byte
    return line
