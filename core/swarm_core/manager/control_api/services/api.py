"""Services: create, read, update, remove, count (docs/design/control-api.md 4.3)."""

import random

from swarm_core.api.ids import new_id
from swarm_core.api.jobs import is_job, is_of_iteration
from swarm_core.api.proto import control_pb2, objects_pb2, types_pb2
from swarm_core.api.runtimes import runtime_of
from swarm_core.api.timestamps import timestamp
from swarm_core.manager.control_api.requests import check_has_spec, check_update, copy, known
from swarm_core.manager.control_api.selection import BY_SPEC_LABELS, BY_SPEC_NAME, Criterion, Selection
from swarm_core.manager.control_api.services.attached import check_attached
from swarm_core.manager.control_api.services.checks import (
    check_change,
    check_payloads_exist,
    check_spec,
)
from swarm_core.manager.service_history import ServiceHistory, forget
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import AlreadyExists, FailedPrecondition
from swarm_core.rules.rollout import swap
from swarm_core.runtime.clock import Clock
from swarm_core.specs import surge
from swarm_core.specs.defaults import with_defaults
from swarm_core.store.by import ByService, RunningOf, Runtime, WantedOf
from swarm_core.store.errors import NameConflict
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Transaction

_Status = control_pb2.ListServiceStatusesResponse.ServiceStatus
_SELECTION = Selection(
    objects_pb2.Service,
    BY_SPEC_NAME,
    (
        Criterion(
            "runtimes",
            Runtime,
            lambda service, runtime: runtime_of(service.spec.task) == runtime,
            normal=str.lower,
        ),
        BY_SPEC_LABELS,
    ),
)


class ServicesApi:
    """The Control methods for services."""

    def __init__(self, store: MemoryStore, clock: Clock, rng: random.Random) -> None:
        self._store = store
        self._clock = clock
        self._rng = rng
        self._history = ServiceHistory(rng)

    # reading

    async def get_service(
        self, request: control_pb2.GetServiceRequest, caller: Caller
    ) -> control_pb2.GetServiceResponse:
        service = known(self._store, objects_pb2.Service, request.service_id)
        if request.insert_defaults:
            service = copy(service)
            with_defaults(service.spec)
        return control_pb2.GetServiceResponse(service=service)

    async def list_services(
        self, request: control_pb2.ListServicesRequest, caller: Caller
    ) -> control_pb2.ListServicesResponse:
        return control_pb2.ListServicesResponse(services=_SELECTION.found(self._store, request.filters))

    async def list_service_statuses(
        self, request: control_pb2.ListServiceStatusesRequest, caller: Caller
    ) -> control_pb2.ListServiceStatusesResponse:
        return control_pb2.ListServiceStatusesResponse(statuses=map(self._status, request.services))

    def _status(self, id_: str) -> _Status:
        store = self._store
        status = _Status(service_id=id_)
        status.running_tasks = store.count(objects_pb2.Task, RunningOf(id_))
        service = store.get(objects_pb2.Service, id_)
        if service is None:
            return status
        if is_job(service):
            return self._job_status(service)
        if service.spec.WhichOneof("mode") == "replicated":
            status.desired_tasks = service.spec.replicated.replicas
        else:
            status.desired_tasks = store.count(objects_pb2.Task, WantedOf(id_))
        return status

    def _job_status(self, service: objects_pb2.Service) -> _Status:
        """Only the present iteration counts. A global job's tasks are still to complete, or have."""
        status = _Status(service_id=service.id)
        for task in self._store.find(objects_pb2.Task, ByService(service.id)):
            if is_of_iteration(service, task):
                state = task.status.state
                status.running_tasks += state == types_pb2.RUNNING
                status.completed_tasks += state == types_pb2.COMPLETE
                status.desired_tasks += task.desired_state == types_pb2.COMPLETE != state
        if service.spec.HasField("replicated_job"):
            status.desired_tasks = service.spec.replicated_job.max_concurrent
        return status

    # writing

    async def create_service(
        self, request: control_pb2.CreateServiceRequest, caller: Caller
    ) -> control_pb2.CreateServiceResponse:
        check_has_spec(request, "service")
        spec = request.spec
        check_spec(spec)
        service = objects_pb2.Service(id=new_id(self._rng), spec=spec)
        service.spec_version.index = 0
        service.spec_version.SetInParent()
        self._begin_iteration(service, 0)

        def create(tx: Transaction) -> None:
            check_payloads_exist(tx, spec.task)
            check_attached(tx, service)
            tx.create(service)

        try:
            await self._store.update(create)
        except NameConflict as error:
            # SwarmKit's words, in SwarmKit's order: scripts look for them.
            raise AlreadyExists(f"{error}: service {spec.annotations.name} already exists") from None
        return control_pb2.CreateServiceResponse(service=service)

    async def update_service(
        self, request: control_pb2.UpdateServiceRequest, caller: Caller
    ) -> control_pb2.UpdateServiceResponse:
        check_update(request, "service")
        spec = request.spec
        check_spec(spec)
        goes_back = request.rollback == control_pb2.UpdateServiceRequest.PREVIOUS

        def update(tx: Transaction) -> objects_pb2.Service:
            stored = known(tx, objects_pb2.Service, request.service_id)
            check_change(stored, spec)
            service = copy(stored)
            service.meta.version.CopyFrom(request.service_version)
            if goes_back:
                self._roll_back(stored, service)
            else:
                if not surge.is_move(stored.spec, spec):
                    service.previous_spec.CopyFrom(stored.spec)
                    service.previous_spec_version.CopyFrom(stored.spec_version)
                service.spec.CopyFrom(spec)
                service.spec_version.CopyFrom(request.service_version)
                service.ClearField("update_status")
            check_payloads_exist(tx, service.spec.task)
            check_attached(tx, service, stored.spec)
            self._begin_iteration(service, stored.job_status.job_iteration.index + 1)
            self._history.keep(tx, stored, service.spec, now_ns=self._clock.wall_ns())
            tx.update(service)
            return service

        return control_pb2.UpdateServiceResponse(service=await self._store.update(update))

    def _roll_back(self, stored: objects_pb2.Service, service: objects_pb2.Service) -> None:
        """A job has no rollout, so no status of one: its next iteration runs the spec before."""
        if not stored.HasField("previous_spec"):
            raise FailedPrecondition(f"service {stored.id} does not have a previous spec")
        swap(service, self._clock.wall_ns())
        if is_job(service):
            service.ClearField("update_status")

    def _begin_iteration(self, service: objects_pb2.Service, number: int) -> None:
        """Each change of a job, whatever it is, begins it anew."""
        if is_job(service):
            service.job_status.job_iteration.index = number
            service.job_status.job_iteration.SetInParent()
            service.job_status.last_execution.CopyFrom(timestamp(self._clock.wall_ns()))

    async def remove_service(
        self, request: control_pb2.RemoveServiceRequest, caller: Caller
    ) -> control_pb2.RemoveServiceResponse:
        service = known(self._store, objects_pb2.Service, request.service_id)

        def remove(tx: Transaction) -> None:
            tx.delete(objects_pb2.Service, service.id)
            forget(tx, service.id)

        await self._store.update(remove)
        return control_pb2.RemoveServiceResponse()
