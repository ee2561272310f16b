"""The members of a raft script: their settings, their storage, and what survives a restart.

Rules
1. Storage keeps what was written; entries are applied to a state that is the concatenation of all payloads.
2. A restart forgets everything but storage. It begins from the snapshot at the start of the log and applies what follows again.
3. Who begins anew has no storage either: an empty log, no term, no vote.
"""

import random
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from swarm_core.raft.conf_change import unmarshal
from swarm_core.raft.config import Config
from swarm_core.raft.raw_node import RawNode
from swarm_core.raft.sizes import NO_LIMIT
from swarm_core.raft.storage import MemoryStorage
from swarm_core.raft.types import (
    ConfChangeSingle,
    ConfChangeType,
    ConfState,
    Entry,
    EntryType,
    HardState,
    Message,
    Snapshot,
)
from swarm_core.raft_node.config import RaftNodeConfig, raft_config

from swarm_testkit.directives import ScriptError

_CHANGE_LETTERS = {
    "v": ConfChangeType.ADD_NODE,
    "l": ConfChangeType.ADD_LEARNER_NODE,
    "r": ConfChangeType.REMOVE_NODE,
    "u": ConfChangeType.UPDATE_NODE,
}
_TRUTHS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
# What the reference's scripts take for granted where they name nothing else.
_REFERENCE_SETTINGS: dict[str, Any] = {
    "election_tick": 3,
    "heartbeat_tick": 1,
    "max_size_per_message": NO_LIMIT,
    "max_committed_size_per_ready": 0,
    "max_inflight_messages": (1 << 31) - 1,
}
_SWITCHES = {
    "async-storage-writes": "async_storage_writes",
    "prevote": "pre_vote",
    "checkquorum": "check_quorum",
    "disable-conf-change-validation": "disable_conf_change_validation",
    "step-down-on-removal": "step_down_on_removal",
    "disable-proposal-forwarding": "disable_proposal_forwarding",
}
_NUMBERS = {
    "inflight": "max_inflight_messages",
    "max-committed-size-per-ready": "max_committed_size_per_ready",
    "election-tick": "election_tick",
    "heartbeat-tick": "heartbeat_tick",
    "max-inflight-bytes": "max_inflight_bytes",
    "max-size-per-message": "max_size_per_message",
    "max-uncommitted-size": "max_uncommitted_entries_size",
}


class CommandFailed(Exception):
    """A command was refused; its text is part of the output."""


class HistoryStorage(MemoryStorage):
    """Storage whose newest snapshot always reflects everything applied; `history` holds them all."""

    def __init__(self, first: Snapshot) -> None:
        super().__init__()
        self.history = [first]

    def snapshot(self) -> Snapshot:
        return self.history[-1]

    def apply_snapshot(self, snapshot: Snapshot) -> None:
        super().apply_snapshot(snapshot)
        self.history.append(snapshot)

    def restart(self) -> Snapshot:
        """Goes back to the snapshot that the log follows on, and returns it."""
        start = self.first_index() - 1
        self._snapshot = next(one for one in self.history if one.index == start)
        self.history = [self._snapshot]
        return self._snapshot


@dataclass(slots=True)
class ScriptNode:
    """One member and the storage work that it asked for."""

    raw: RawNode
    storage: HistoryStorage
    config: Config
    append_work: list[Message] = field(default_factory=list)
    apply_work: list[Message] = field(default_factory=list)

    def store(self, state: HardState | None, entries: tuple[Entry, ...], snapshot: Snapshot | None) -> None:
        if state is not None:
            self.storage.set_hard_state(state)
        if snapshot is None:
            self.storage.append(entries)
            return
        if entries:
            raise CommandFailed("can't apply snapshot and entries at the same time")
        self.storage.apply_snapshot(snapshot)

    def apply(self, entries: tuple[Entry, ...]) -> None:
        for entry in entries:
            last = self.storage.history[-1]
            state: ConfState = last.conf_state
            update = entry.data
            if entry.type is not EntryType.NORMAL:
                change = unmarshal(entry.type, entry.data)
                state = self.raw.apply_conf_change(change)
                update = change.context
            self.storage.history.append(Snapshot(entry.index, entry.term, state, last.data + update))

    def restart(self, *, wiped: bool) -> None:
        """Begins again from storage, or from nothing."""
        if wiped:
            self.storage = HistoryStorage(Snapshot())
        applied = 0 if wiped else self.storage.restart().index
        self.config = replace(self.config, storage=self.storage, applied=applied)
        self.append_work.clear()
        self.apply_work.clear()
        self.raw = RawNode(self.config)


def new_node(config: Config, snapshot: Snapshot) -> ScriptNode:
    """A member that starts from `snapshot`, or from nothing when that is empty."""
    is_bootstrap = snapshot != Snapshot()
    if is_bootstrap:
        if snapshot.index <= 1:
            raise CommandFailed("index must be specified as > 1 due to bootstrap")
        snapshot = replace(snapshot, term=1)
    storage = HistoryStorage(snapshot)
    if is_bootstrap:
        storage.apply_snapshot(snapshot)
    config = replace(config, storage=storage)
    return ScriptNode(RawNode(config), storage, config)


def first_config(*, swarmkit: bool, rng: random.Random) -> Config:
    """The settings before a script changes any: those of a manager, or those of the reference's scripts."""
    if swarmkit:
        manager = RaftNodeConfig(directory=Path("raft"), node_id="manager", address="")
        return raft_config(manager, raft_id=1, storage=MemoryStorage(), rng=rng)
    return Config(id=1, storage=MemoryStorage(), rng=rng, **_REFERENCE_SETTINGS)


def configure(
    config: Config, snapshot: Snapshot, key: str, values: tuple[str, ...]
) -> tuple[Config, Snapshot]:
    """What one argument of `add-nodes` makes of the settings and of the state to start from."""
    if key in ("voters", "learners"):
        ids = tuple(int(value) for value in values)
        state = snapshot.conf_state
        state = replace(state, voters=ids) if key == "voters" else replace(state, learners=ids)
        return config, replace(snapshot, conf_state=state)
    if not values:
        return config, snapshot
    (value,) = values
    if key == "index":
        return replace(config, applied=int(value)), replace(snapshot, index=int(value))
    if key == "content":
        return config, replace(snapshot, data=value.encode())
    return _set(config, key, value), snapshot


def _set(config: Config, key: str, value: str) -> Config:
    if key in _NUMBERS:
        return _with(config, _NUMBERS[key], int(value))
    if key == "read-only":
        if value not in ("safe", "lease-based"):
            raise CommandFailed(f'invalid read-only option "{value}"')
        return replace(config, read_only_lease=value == "lease-based")
    if key not in _SWITCHES:
        raise ScriptError(f"unknown argument {key}")
    return _with(config, _SWITCHES[key], truth(value))


def _with(config: Config, setting: str, value: Any) -> Config:
    return replace(config, **{setting: value})


def truth(value: str) -> bool:
    if value.lower() not in _TRUTHS:
        raise ScriptError(f"{value} is neither true nor false")
    return _TRUTHS[value.lower()]


def parse_changes(text: str) -> tuple[ConfChangeSingle, ...]:
    """Membership changes in short: `v1 l2 r3`."""
    changes = []
    for token in text.split():
        if len(token) < 2:
            raise CommandFailed(f"unknown token {token}")
        if token[0] not in _CHANGE_LETTERS:
            raise CommandFailed(f"unknown input: {token}")
        changes.append(ConfChangeSingle(_CHANGE_LETTERS[token[0]], int(token[1:])))
    return tuple(changes)
