"""Services: create, read, update, remove, count (control-plane spec 4.3).

What this manager cannot do yet is refused with UNIMPLEMENTED and one sentence, never accepted and ignored:
jobs, networks, published ports, cluster volumes, and an update that would have to replace running tasks.
"""

import random
from collections import Counter
from collections.abc import Sequence

from swarm_core.api.defaults import with_defaults
from swarm_core.api.ids import new_id
from swarm_core.api.proto import control_pb2, objects_pb2, process_pb2, specs_pb2, types_pb2
from swarm_core.api.references import config_references, secret_references
from swarm_core.api.runtimes import MalformedProcess, process_payload, runtime_of
from swarm_core.api.validation import InvalidSpec, check_references, check_service, missing_references
from swarm_core.manager.control_api.select import (
    Criterion,
    by_name,
    copy,
    labels,
    select,
    spec_labels,
    spec_name,
)
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import AlreadyExists, InvalidArgument, NotFound, Unimplemented, Unknown
from swarm_core.rules.placement.constraint import InvalidConstraint, parse
from swarm_core.store.by import ByService, Runtime
from swarm_core.store.errors import NameConflict
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Transaction


class ServiceRpcs:
    """The Control methods for services."""

    def __init__(self, store: MemoryStore, rng: random.Random) -> None:
        self._store = store
        self._rng = rng

    # reading

    def _service(self, id_: str) -> objects_pb2.Service:
        if not id_:
            raise InvalidArgument("the service's id is required")
        service = self._store.get(objects_pb2.Service, id_)
        if service is None:
            raise NotFound(f"service {id_} not found")
        return service

    async def get_service(
        self, request: control_pb2.GetServiceRequest, caller: Caller
    ) -> control_pb2.GetServiceResponse:
        service = self._service(request.service_id)
        if request.insert_defaults:
            service = copy(service)
            with_defaults(service.spec)
        return control_pb2.GetServiceResponse(service=service)

    async def list_services(
        self, request: control_pb2.ListServicesRequest, caller: Caller
    ) -> control_pb2.ListServicesResponse:
        filters = request.filters
        criteria = [
            *by_name(filters, spec_name),
            Criterion(
                [runtime.lower() for runtime in filters.runtimes],
                Runtime,
                lambda service, runtime: runtime_of(service.spec.task) == runtime,
            ),
            labels(filters.labels, spec_labels),
        ]
        return control_pb2.ListServicesResponse(services=select(self._store, objects_pb2.Service, criteria))

    async def list_service_statuses(
        self, request: control_pb2.ListServiceStatusesRequest, caller: Caller
    ) -> control_pb2.ListServiceStatusesResponse:
        return control_pb2.ListServiceStatusesResponse(statuses=map(self._status, request.services))

    def _status(self, id_: str) -> control_pb2.ListServiceStatusesResponse.ServiceStatus:
        states = Counter(
            (task.desired_state, task.status.state)
            for task in self._store.each(objects_pb2.Task, ByService(id_))
        )
        status = control_pb2.ListServiceStatusesResponse.ServiceStatus(service_id=id_)
        status.running_tasks = sum(n for (_, state), n in states.items() if state == types_pb2.RUNNING)
        service = self._store.get(objects_pb2.Service, id_)
        if service is None:
            return status
        if service.spec.WhichOneof("mode") == "replicated":
            status.desired_tasks = service.spec.replicated.replicas
        else:
            status.desired_tasks = sum(n for (wish, _), n in states.items() if wish == types_pb2.RUNNING)
        return status

    # writing

    async def create_service(
        self, request: control_pb2.CreateServiceRequest, caller: Caller
    ) -> control_pb2.CreateServiceResponse:
        spec = _spec_of(request)
        self._check(spec)
        service = objects_pb2.Service(id=new_id(self._rng), spec=spec)
        service.spec_version.index = 0
        service.spec_version.SetInParent()

        def create(tx: Transaction) -> None:
            _check_payloads_exist(tx, spec.task)
            tx.create(service)

        try:
            await self._store.update(create)
        except NameConflict as error:
            # Clients look for the store's text inside this message.
            raise AlreadyExists(f"service {spec.annotations.name} already exists: {error}") from None
        return control_pb2.CreateServiceResponse(service=service)

    async def update_service(
        self, request: control_pb2.UpdateServiceRequest, caller: Caller
    ) -> control_pb2.UpdateServiceResponse:
        if not request.service_id or not request.HasField("service_version"):
            raise InvalidArgument("the service's id and version are required")
        spec = _spec_of(request)
        self._check(spec)
        if request.rollback != control_pb2.UpdateServiceRequest.NONE:
            raise Unimplemented("rolling back a service is not supported yet")

        def update(tx: Transaction) -> objects_pb2.Service:
            stored = tx.get(objects_pb2.Service, request.service_id)
            if stored is None:
                raise NotFound(f"service {request.service_id} not found")
            _check_change(tx, stored, spec)
            _check_payloads_exist(tx, spec.task)
            service = copy(stored)
            service.meta.version.CopyFrom(request.service_version)
            service.previous_spec.CopyFrom(stored.spec)
            service.previous_spec_version.CopyFrom(stored.spec_version)
            service.spec.CopyFrom(spec)
            service.spec_version.CopyFrom(request.service_version)
            service.ClearField("update_status")
            tx.update(service)
            return service

        return control_pb2.UpdateServiceResponse(service=await self._store.update(update))

    async def remove_service(
        self, request: control_pb2.RemoveServiceRequest, caller: Caller
    ) -> control_pb2.RemoveServiceResponse:
        service = self._service(request.service_id)
        await self._store.update(lambda tx: tx.delete(objects_pb2.Service, service.id))
        return control_pb2.RemoveServiceResponse()

    def _check(self, spec: specs_pb2.ServiceSpec) -> None:
        try:
            check_service(spec)
            _check_process(process_payload(spec.task))
        except InvalidSpec as error:
            raise InvalidArgument(str(error)) from None
        try:
            parse(spec.task.placement.constraints)
        except InvalidConstraint as error:
            raise Unknown(str(error)) from None
        _check_supported(spec)


def _spec_of(
    request: control_pb2.CreateServiceRequest | control_pb2.UpdateServiceRequest,
) -> specs_pb2.ServiceSpec:
    if not request.HasField("spec"):
        raise InvalidArgument("the service's spec is required")
    return request.spec


def _check_process(process: process_pb2.ProcessSpec | MalformedProcess | None) -> None:
    if process is None:
        return
    if isinstance(process, MalformedProcess):
        raise InvalidSpec(str(process))
    if not process.command:
        raise InvalidSpec("a process needs a command")
    check_references(process.secrets, "secret", "secret_id", "secret_name")
    check_references(process.configs, "config", "config_id", "config_name")


def _check_supported(spec: specs_pb2.ServiceSpec) -> None:
    runtime = spec.task.WhichOneof("runtime")
    if runtime == "attachment":
        raise Unimplemented("a service cannot be made of network attachments")
    mode = spec.WhichOneof("mode")
    if mode not in ("replicated", "global"):
        raise Unimplemented("jobs are not supported yet; use a replicated or a global service")
    if spec.task.networks or spec.networks:
        raise Unimplemented("networks are not supported yet; remove them from the service's spec")
    if spec.endpoint.ports:
        raise Unimplemented("published ports are not supported yet; remove them from the service's spec")
    if any(mount.type == types_pb2.Mount.CLUSTER for mount in spec.task.container.mounts):
        raise Unimplemented("cluster volumes are not supported yet; use a bind, volume or tmpfs mount")


def _check_change(tx: Transaction, stored: objects_pb2.Service, spec: specs_pb2.ServiceSpec) -> None:
    """What an update may not do: rename, change the mode's type, replace running tasks."""
    if stored.spec.annotations.name != spec.annotations.name:
        raise Unimplemented("renaming a service is not supported")
    if stored.spec.WhichOneof("mode") != spec.WhichOneof("mode"):
        raise Unimplemented("changing a service's mode is not supported")
    replaces = stored.spec.task != spec.task or stored.spec.endpoint != spec.endpoint
    if replaces and tx.find(objects_pb2.Task, ByService(stored.id)):
        raise Unimplemented(
            "rolling updates are not supported yet; scale the service to 0 before changing what its tasks run"
        )


def _check_payloads_exist(tx: Transaction, task: specs_pb2.TaskSpec) -> None:
    secrets = [(reference.secret_id, reference.secret_name) for reference in secret_references(task)]
    configs = [(reference.config_id, reference.config_name) for reference in config_references(task)]
    _check_known(tx, objects_pb2.Secret, "secret", secrets)
    _check_known(tx, objects_pb2.Config, "config", configs)


def _check_known(
    tx: Transaction,
    kind: type[objects_pb2.Secret] | type[objects_pb2.Config],
    noun: str,
    wanted: Sequence[tuple[str, str]],
) -> None:
    known = [item for id_, _ in wanted if (item := tx.get(kind, id_)) is not None]
    if missing := missing_references(wanted, known):
        raise InvalidArgument(f"no such {noun}{'s' if len(missing) > 1 else ''}: {', '.join(missing)}")
