"""Making tasks of a service (docs/design/tasks.md 1.4).

A task that needs nothing from an allocator (no networks, no published ports) is made PENDING directly: one
write less, and the scheduler sees it in the commit that creates it.
"""

import random

from swarm_core.api.ids import new_id
from swarm_core.api.jobs import is_job
from swarm_core.api.proto.objects_pb2 import Cluster, Service, Task
from swarm_core.api.proto.types_pb2 import COMPLETE, NEW, PENDING, READY, RUNNING
from swarm_core.api.timestamps import timestamp
from swarm_core.runtime.clock import Clock


def needs_allocator(service: Service) -> bool:
    """Whether tasks of `service` need addresses or ports before they can be placed."""
    spec = service.spec
    return bool(spec.task.networks or spec.networks or spec.endpoint.ports)


class TaskMaker:
    """Makes tasks of one service as it is now; what they share is filled in once."""

    def __init__(
        self, service: Service, cluster: Cluster | None, *, clock: Clock, rng: random.Random
    ) -> None:
        self._clock = clock
        self._rng = rng
        model = Task(service_id=service.id, desired_state=RUNNING)
        model.service_annotations.CopyFrom(service.spec.annotations)
        model.spec.CopyFrom(service.spec.task)
        model.spec_version.CopyFrom(service.spec_version)
        model.spec_version.SetInParent()
        model.status.state = NEW if needs_allocator(service) else PENDING
        model.status.message = "created"
        model.endpoint.spec.CopyFrom(service.spec.endpoint)
        if service.spec.task.HasField("log_driver"):
            model.log_driver.CopyFrom(service.spec.task.log_driver)
        elif cluster is not None and cluster.spec.task_defaults.HasField("log_driver"):
            model.log_driver.CopyFrom(cluster.spec.task_defaults.log_driver)
        if is_job(service):
            model.desired_state = COMPLETE
            model.job_iteration.CopyFrom(service.job_status.job_iteration)
            model.job_iteration.SetInParent()
        self._model = model

    def make(self, *, slot: int = 0, node_id: str = "", waits: bool = False) -> Task:
        """A fresh task for a slot, or for a node of a global service; one that `waits` is made READY and started later."""
        task = Task()
        task.CopyFrom(self._model)
        task.id = new_id(self._rng)
        task.status.timestamp.CopyFrom(timestamp(self._clock.wall_ns()))
        if slot:
            task.slot = slot
        if node_id:
            task.node_id = node_id
        if waits:
            task.desired_state = READY
        return task
