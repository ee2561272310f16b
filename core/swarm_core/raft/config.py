"""The settings of one member, checked once."""

import random
from dataclasses import dataclass

from swarm_core.raft.errors import ConfigInvalid
from swarm_core.raft.sizes import NO_LIMIT
from swarm_core.raft.storage import Storage
from swarm_core.raft.trace import Trace
from swarm_core.raft.types import LOCAL_TARGETS, NO_ID


@dataclass(frozen=True, slots=True)
class Config:
    """Settings of a member; raises ConfigInvalid when they contradict each other.

    election_tick                 ticks without a leader before an election, randomised up to twice as many
    heartbeat_tick                ticks between two heartbeats of a leader
    applied                       what the state machine has applied already; nothing below is handed out again
    max_size_per_message          bytes of entries in one append; a single larger entry still goes
    max_committed_size_per_ready  bytes of committed entries handed out and not yet applied; 0: as above
    max_inflight_messages         appends on the way to one member; max_inflight_bytes: their payload, 0: no limit
    max_uncommitted_entries_size  payload of a leader's uncommitted entries above which proposals drop, 0: no limit
    check_quorum                  a leader that hears of no quorum steps down; voters trust a leader for a while
    pre_vote                      ask whether an election could be won before disturbing the term
    read_only_lease               serve read indexes on the leader's lease alone; needs check_quorum
    step_down_on_removal          a leader that removes or demotes itself becomes a follower at once
    async_storage_writes          storage work leaves as messages to APPEND_THREAD and APPLY_THREAD; no `advance`
    trace                         receives the lines that the reference logs
    """

    id: int
    storage: Storage
    rng: random.Random
    election_tick: int = 10
    heartbeat_tick: int = 1
    applied: int = 0
    max_size_per_message: int = 65_535
    max_committed_size_per_ready: int = 65_535
    max_inflight_messages: int = 256
    max_inflight_bytes: int = 0
    max_uncommitted_entries_size: int = 0
    check_quorum: bool = False
    pre_vote: bool = False
    read_only_lease: bool = False
    disable_proposal_forwarding: bool = False
    disable_conf_change_validation: bool = False
    step_down_on_removal: bool = False
    async_storage_writes: bool = False
    trace: Trace | None = None

    def __post_init__(self) -> None:
        wrong = {
            "cannot use none as id": self.id == NO_ID,
            "cannot use local target as id": self.id in LOCAL_TARGETS,
            "heartbeat tick must be greater than 0": self.heartbeat_tick <= 0,
            "election tick must be greater than heartbeat tick": self.election_tick <= self.heartbeat_tick,
            "max inflight messages must be greater than 0": self.max_inflight_messages <= 0,
            "max inflight bytes must be >= max message size": (
                0 < self.max_inflight_bytes < self.max_size_per_message
            ),
            "a read lease needs check_quorum": self.read_only_lease and not self.check_quorum,
        }
        for reason, applies in wrong.items():
            if applies:
                raise ConfigInvalid(reason)

    @property
    def applying_limit(self) -> int:
        return self.max_committed_size_per_ready or self.max_size_per_message

    @property
    def inflight_bytes_limit(self) -> int:
        return self.max_inflight_bytes or NO_LIMIT

    @property
    def uncommitted_limit(self) -> int:
        return self.max_uncommitted_entries_size or NO_LIMIT
