"""Jobs: how many of their tasks have completed, and whether some never will.

Only the present iteration counts. A replicated job has a number to complete; a global job has what is still to complete and
what has.
"""

from collections.abc import Hashable, Iterable

from swarm_core.api.jobs import is_job, is_of_iteration
from swarm_core.api.proto import objects_pb2, types_pb2

from swarm_tui.resources.model import ClusterView, Health
from swarm_tui.resources.states import has_ended_badly

Service = objects_pb2.Service
Task = objects_pb2.Task


def completed(service: Service, view: ClusterView) -> int:
    """How many tasks have completed."""
    return view.service_sums(service.id).completed.get(service.job_status.job_iteration.index, 0)


def total(service: Service, view: ClusterView) -> int:
    """How many are to complete in the end."""
    if service.spec.HasField("replicated_job"):
        return service.spec.replicated_job.total_completions
    return view.service_sums(service.id).wanted + completed(service, view)


def listed(service: Service, view: ClusterView) -> str:
    """What follows the running tasks in a list, as docker writes it; nothing for a service that is no job."""
    if not is_job(service):
        return ""
    return f" ({completed(service, view)}/{total(service, view)} completed)"


def health(service: Service, view: ClusterView) -> Health:
    """In motion until nothing is left to do; failed when that left some without a completion."""
    sums = view.service_sums(service.id)
    if sums.running or sums.wanted:
        return Health.MOTION
    failed, done = given_up(service, view.tasks_of_service(service.id)), completed(service, view)
    if service.spec.HasField("replicated_job") and done + failed < total(service, view):
        return Health.MOTION  # the next tasks are about to be made
    return Health.FAILED if failed else Health.DONE


def given_up(service: Service, tasks: Iterable[Task]) -> int:
    """In how many slots, or on how many nodes, the last attempt failed."""
    failed: set[Hashable] = set()
    fine: set[Hashable] = set()
    for task in tasks:
        if not is_of_iteration(service, task):
            continue
        place = task.node_id if service.spec.HasField("global_job") else task.slot
        if task.status.state == types_pb2.COMPLETE or task.desired_state <= types_pb2.COMPLETE:
            fine.add(place)
        elif has_ended_badly(task):
            failed.add(place)
    return len(failed - fine)
