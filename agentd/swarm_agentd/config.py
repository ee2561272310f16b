"""Settings of the node daemon's parts, as values; flags and files are read elsewhere."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """How the agent waits, tries again and groups (docs/design/agent.md 6.1)."""

    backoff_base_s: float = 0.1
    backoff_ceiling_s: float = 8.0
    # Less than a lost leader takes to be replaced: who waits for the next one does so at a manager that is there.
    switch_s: float = 0.3
    first_message_s: float = 5.0
    call_s: float = 5.0
    describe_every_s: float = 20.0
    retry_step_s: float = 1.0
    # A state that the task only passes through is told after this time, unless it is gone by then.
    passing_state_s: float = 0.1
    report_tasks_max: int = 1024
    # Progress is for people: it is told this seldom, and again so that the manager does not forget it.
    progress_rest_s: float = 0.5
    progress_again_s: float = 3.0
    progress_tasks_max: int = 1000
    # What tasks use is measured this seldom while nobody watches: so that there is a past to tell.
    usage_apart_s: float = 30.0
    leave_volumes_s: float = 15.0
    log_batch_bytes_max: int = 64 * 1024
    log_bytes_per_s: int = 10 * 1024 * 1024

    def __post_init__(self) -> None:
        assert 0 < self.backoff_base_s <= self.backoff_ceiling_s
        assert 0 <= self.switch_s <= self.backoff_ceiling_s
        assert self.passing_state_s < self.retry_step_s
        assert self.report_tasks_max > 0


@dataclass(frozen=True, slots=True)
class PortsConfig:
    """`address`: where published ports answer, empty for all addresses. `gate_port`: 0 for one that is free."""

    address: str = ""
    gate_port: int = 0
