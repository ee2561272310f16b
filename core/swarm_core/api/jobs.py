"""Jobs: services whose tasks are to complete once instead of running (docs/design/orchestration.md 2.3).

Each update of a job begins a new iteration; a task belongs to the one in which it was made.
"""

from typing import Final

from swarm_core.api.proto.objects_pb2 import Service, Task

MODES: Final = ("replicated_job", "global_job")


def is_job(service: Service) -> bool:
    """Whether the tasks of `service` are to complete."""
    return service.spec.WhichOneof("mode") in MODES


def is_of_iteration(service: Service, task: Task) -> bool:
    """Whether `task` belongs to the present iteration of its job."""
    return task.job_iteration.index == service.job_status.job_iteration.index
