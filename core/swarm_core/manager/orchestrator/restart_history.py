"""May a task that ended be replaced? Its policy, and how often its slot was restarted (docs/design/orchestration.md 2.5).

The condition, delay, attempts and window are those of the task's own spec. The history lives in the leader's
memory; `task_init` rebuilds it from the tasks that are there.
"""

from dataclasses import dataclass, field

from swarm_core.api.jobs import is_job
from swarm_core.api.proto.objects_pb2 import Service, Task
from swarm_core.api.proto.types_pb2 import COMPLETE, RestartPolicy
from swarm_core.api.timestamps import duration_s, timestamp_ns

DELAY_DEFAULT_S = 5.0
SlotTuple = tuple[int, str]  # slot, or 0 and the node of a global service


def slot_tuple(service: Service, task: Task) -> SlotTuple:
    """What makes a task the successor of another one of its service (docs/design/tasks.md 1.5)."""
    if service.spec.WhichOneof("mode") in ("global", "global_job"):
        return (0, task.node_id)
    return (task.slot, "")


def status_ns(task: Task) -> int:
    """When the status was applied, else when it was observed; 0 when neither is known."""
    status = task.status
    return timestamp_ns(status.applied_at if status.HasField("applied_at") else status.timestamp)


def restart_delay_s(task: Task) -> float:
    """How long a replacement of `task` waits."""
    restart = task.spec.restart
    return duration_s(restart.delay) if restart.HasField("delay") else DELAY_DEFAULT_S


@dataclass(slots=True)
class _SlotHistory:
    """Replacements made in one slot for one spec version."""

    version: int
    total: int = 0
    times_ns: list[int] = field(default_factory=list)  # kept only as far back as a window asked for


class RestartHistory:
    """Replacements by service and slot."""

    def __init__(self) -> None:
        self._services: dict[str, dict[SlotTuple, _SlotHistory]] = {}

    def record(self, service: Service, task: Task, created_ns: int) -> None:
        """Count `task` as a replacement in its slot."""
        if not task.spec.restart.max_attempts:
            return
        slots = self._services.setdefault(service.id, {})
        key, version = slot_tuple(service, task), task.spec_version.index
        history = slots.get(key)
        if history is None or history.version != version:
            history = slots[key] = _SlotHistory(version)
        history.total += 1
        if task.spec.restart.HasField("window"):
            history.times_ns.append(created_ns)

    def forget(self, service_id: str) -> None:
        """Drop everything about a service."""
        self._services.pop(service_id, None)

    def should_restart(self, service: Service, task: Task) -> bool:
        """Whether the policy of `task` wants a replacement."""
        policy = task.spec.restart
        condition = policy.condition if task.spec.HasField("restart") else RestartPolicy.ANY
        if condition == RestartPolicy.ANY and is_job(service):
            condition = RestartPolicy.ON_FAILURE
        if condition == RestartPolicy.NONE:
            return False
        if condition == RestartPolicy.ON_FAILURE and task.status.state == COMPLETE:
            return False
        return not policy.max_attempts or self._attempts(service, task) < policy.max_attempts

    def _attempts(self, service: Service, task: Task) -> int:
        """Replacements that count against `task`: of its spec version, and within its window if it has one."""
        history = self._services.get(service.id, {}).get(slot_tuple(service, task))
        if history is None or history.version != task.spec_version.index:
            return 0
        window_s = duration_s(task.spec.restart.window)
        ended_ns = status_ns(task)
        if window_s <= 0 or not ended_ns:
            return history.total
        oldest_ns = ended_ns - round(window_s * 1e9)
        history.times_ns = [at for at in history.times_ns if at > oldest_ns]
        return sum(1 for at in history.times_ns if at < ended_ns)
