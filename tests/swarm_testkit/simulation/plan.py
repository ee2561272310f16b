"""Everything about one run that follows from its seed before it begins.

Each seed draws its own selection of faults, so that some runs meet one sort alone and others all of them at once.
"""

import random
from dataclasses import dataclass, replace

FAULTS = (
    "power cut",
    "kill",
    "stop",
    "all at once",
    "leader",
    "partition",
    "one way",
    "bridge",
    "pause",
    "clock",
    "disk error",
    "disk full",
    "slow disk",
    "bad network",
    "agent",
    "rotate key",
    "drain",
    "member",
    "transfer",
    "role",
    "remove node",
    "root",
    "issuance",
    "tokens",
    "old token",
    "autolock",
    "days",
)

# Those that concern services and their tasks.
ORDER_FAULTS = (
    "failing tasks",
    "agent",
    "drain",
    "remove node",
    "kill",
    "stop",
    "leader",
    "transfer",
    "pause",
    "bad network",
    "role",
    "storage",
    "by hand",
    "power cut",
)

_BACKUPS_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Plan:
    """Times of the phases count in ticks of raft. `faults` are the sorts that may happen in this run. The last `others_makes`
    managers behave as a Docker Engine does: their ticks are always long, and they do not say so."""

    seed: int
    managers: int
    agents: int
    clients: int
    tick_s: float
    snapshot_interval: int
    entries_kept: int
    segment_bytes: int
    faulty_ticks: int
    fault_every_ticks: float
    operation_every_ticks: float
    faults: tuple[str, ...]
    short_tick_s: float | None
    others_makes: int
    service_share: float = 0.2  # of what clients do
    supply_share: float = (
        0.0  # of what clients do about services: about networks, secrets, configs and volumes that these use
    )
    takes_backups: bool = False

    @classmethod
    def growing(cls, seed: int) -> "Plan":
        """A cluster of one that becomes one of two and three, whose new managers have slow disks."""
        rng = random.Random(f"growing {seed}")
        return replace(
            cls.of(seed),
            managers=1,
            agents=rng.choice((1, 2)),
            tick_s=rng.choice((0.5, 1.0)),
            short_tick_s=rng.choice((None, 0.05, 0.08)),
            faulty_ticks=rng.choice((40, 80)),
            fault_every_ticks=rng.choice((8.0, 16.0)),
            faults=("slow joiner", *rng.choice(((), ("bad network",), ("pause",), ("slow disk",)))),
            others_makes=0,
        )

    @classmethod
    def ordering(cls, seed: int) -> "Plan":
        """Services of every mode are made, updated, rolled back and removed, with networks, ports, secrets, configs and volumes, while tasks fail
        and nodes are lost, drained, promoted and demoted."""
        rng = random.Random(f"ordering {seed}")
        return replace(
            cls.of(seed),
            managers=3,
            agents=rng.choice((2, 3, 4)),
            tick_s=rng.choice((0.25, 0.5)),
            faulty_ticks=rng.choice((80, 160)),
            fault_every_ticks=rng.choice((8.0, 16.0, 32.0)),
            operation_every_ticks=rng.choice((0.5, 1.0, 3.0)),
            faults=tuple(rng.sample(ORDER_FAULTS, rng.randint(1, len(ORDER_FAULTS)))),
            service_share=0.9,
            supply_share=0.3,
        )

    @classmethod
    def of(cls, seed: int) -> "Plan":
        rng = random.Random(f"plan {seed}")
        return cls(
            seed=seed,
            managers=rng.choice((3, 5, 5)),
            agents=rng.choice((2, 3)),
            clients=3,
            tick_s=rng.choice((0.25, 0.5, 1.0)),
            snapshot_interval=rng.choice((10, 25, 60, 10_000)),
            entries_kept=rng.choice((0, 5, 20)),
            segment_bytes=rng.choice((4096, 16_384, 1_000_000)),
            faulty_ticks=rng.choice((30, 50, 80)),
            fault_every_ticks=rng.choice((4.0, 8.0, 16.0)),
            operation_every_ticks=rng.choice((0.5, 1.0, 2.0)),
            faults=tuple(rng.sample(FAULTS, rng.randint(1, len(FAULTS)))),
            short_tick_s=rng.choice((None, 0.05, 0.1)),
            others_makes=rng.choice((0, 0, 1, 2)),
            # By a number of its own: a seed without backups plays what it played before there were any.
            takes_backups=random.Random(f"backups {seed}").random() < _BACKUPS_SHARE,
        )
