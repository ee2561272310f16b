"""The settings of the shell, with SwarmKit's values (docs/design/raft-node.md 2.1)."""

import random
from dataclasses import dataclass
from pathlib import Path

from swarm_core.raft.config import Config
from swarm_core.raft.storage import Storage

# A store proposes one entry at a time, so that many waiting callers are a fault of ours.
PROPOSALS_MAX = 4096


@dataclass(frozen=True, slots=True)
class RaftNodeConfig:
    """`directory` is `<state>/raft`; `address` is where other managers reach this one.

    `short_tick_s`: the ticks of a cluster whose managers are all ours (see `ticks`). None: `tick_s` there too.
    `may_found`: whether a directory without a log is a new cluster's; else its log was lost.
    """

    directory: Path
    node_id: str
    address: str
    may_found: bool = True
    force_new_cluster: bool = False
    tick_s: float = 1.0
    short_tick_s: float | None = None
    election_tick: int = 10
    heartbeat_tick: int = 1
    segment_bytes: int = 64_000_000

    @property
    def raft_ids(self) -> Path:
        """The file of the ids under which this node ever began. It lies beside the directory, because it outlives log and
        snapshots. A node that begins again under a former id, without the log and the votes of then, could vote twice in a
        term. A leader that was replaced without knowing it may offer such an id."""
        return self.directory.with_name("raft-ids")

    def __post_init__(self) -> None:
        assert self.node_id
        assert 0 < self.heartbeat_tick < self.election_tick


def raft_config(
    config: RaftNodeConfig, *, raft_id: int, storage: Storage, rng: random.Random, applied: int = 0
) -> Config:
    """What raft itself runs with; for the rest it takes the defaults of `Config`, which are SwarmKit's (raft, rule R40)."""
    return Config(
        id=raft_id,
        storage=storage,
        rng=rng,
        election_tick=config.election_tick,
        heartbeat_tick=config.heartbeat_tick,
        applied=applied,
        check_quorum=True,
        disable_proposal_forwarding=True,
    )


@dataclass(frozen=True, slots=True)
class LogLimits:
    """From the cluster object, read anew at every use. An interval of 0 turns snapshots off."""

    snapshot_interval: int = 10_000
    keep_old_snapshots: int = 0
    entries_for_slow_followers: int = 500


def default_limits() -> LogLimits:
    return LogLimits()
