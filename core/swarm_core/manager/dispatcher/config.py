"""Settings of the dispatcher, with the values that agents of other makes expect (docs/design/dispatcher.md 5.2)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DispatcherConfig:
    """`heartbeat_period_s` serves until the cluster object names one."""

    heartbeat_period_s: float = 5.0
    heartbeat_jitter_s: float = 0.5
    grace_factor: float = 3.0
    grace_factor_unknown: float = 6.0
    # Of nodes that run our daemon, while every manager does (5.5.2).
    quick_period_s: float = 1.0
    quick_grace_factor: float = 4.0
    quick_beats_per_s_max: float = 200.0
    # How long a node whose connection was lost has to come back, where heartbeats are quick (5.5.3).
    reconnect_s: float = 3.0
    # A leader that was held up for longer has not heard what was said meanwhile (5.5.4).
    held_up_s: float = 0.5
    rate_window_s: float = 8.0
    registrations_max: int = 3
    orphan_s: float = 24 * 3600.0
    manager_weight: int = 10
    write_retry_s: float = 0.5
    # Of one write: what comes meanwhile, registrations above all, shall not wait long.
    write_tasks_max: int = 1000
    # Rests between messages to many nodes (5.7.5).
    nodes_without_rest: int = 32
    rest_per_node_s: float = 0.0005

    def __post_init__(self) -> None:
        assert 0 <= self.heartbeat_jitter_s < self.heartbeat_period_s
        assert 1 < self.grace_factor <= self.grace_factor_unknown
        assert 0 < self.quick_period_s <= self.heartbeat_period_s
        assert self.quick_period_s * self.quick_grace_factor >= self.reconnect_s > self.quick_period_s

    def rest_s(self, nodes: int) -> float:
        """How long changes gather after `nodes` nodes were told of theirs."""
        return max(nodes - self.nodes_without_rest, 0) * self.rest_per_node_s
