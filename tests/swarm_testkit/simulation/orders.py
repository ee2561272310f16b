"""What people ask of services: new ones of every mode, scales, updates with every order and failure action, rollbacks, removals.

An update may come during an update, during a rollback and while one is paused: nobody waits. Some specs make tasks that fail; `is_bad` tells them,
so that `mended` gives what people do about it in the end. Together they often reserve more than there is; in the end people see to that as well.
"""

import random
from collections.abc import Callable, Sequence

from google.protobuf.message import Message
from swarm_core.api.jobs import is_job
from swarm_core.api.proto import control_pb2
from swarm_core.api.proto.objects_pb2 import Network, Service
from swarm_core.api.proto.specs_pb2 import EndpointSpec, ServiceSpec
from swarm_core.api.proto.types_pb2 import RestartPolicy, UpdateConfig
from swarm_core.api.timestamps import duration

NANO_CPUS = 1_000_000_000
_REPLICAS_MAX = 5
_SERVICES, _JOBS = 4, 2
_BAD = (("SIM_BROKEN=1",), ("SIM_AFTER=0", "SIM_EXIT=1"), ("SIM_AFTER=1.5", "SIM_EXIT=3"))
_RESERVED_CPUS = (0.0, 0.5, 1.0)
NETWORKS = ("net-a", "net-b")
"""Those that are there from the beginning."""
_PORTS = (0, 0, 8080, 8081, 30_001)

Request = tuple[str, Message]


def networks() -> list[Network]:
    """The networks that services join; nobody has given them anything yet."""
    found = [Network(id=name) for name in NETWORKS]
    for network in found:
        network.spec.annotations.name = network.id
    return found


class Orders:
    """The wishes of one client."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def next(self, services: Sequence[Service]) -> Request:
        """What is asked for now, in view of the services that are there."""
        rng = self._rng
        if len(services) < 2 or (len(services) < _SERVICES + _JOBS and rng.random() < 0.3):
            return "Control.CreateService", control_pb2.CreateServiceRequest(spec=self._new_spec())
        service = rng.choice(services)
        if rng.random() < 0.12:
            return "Control.RemoveService", control_pb2.RemoveServiceRequest(service_id=service.id)
        request = control_pb2.UpdateServiceRequest(
            service_id=service.id, service_version=service.meta.version, spec=service.spec
        )
        if service.HasField("previous_spec") and rng.random() < 0.15:
            request.rollback = control_pb2.UpdateServiceRequest.PREVIOUS
        else:
            for change in rng.sample(self._changes(service), rng.randint(1, 2)):
                change(request.spec)
        return "Control.UpdateService", request

    def _new_spec(self) -> ServiceSpec:
        rng = self._rng
        spec = ServiceSpec()
        spec.task.container.image = "simulated"
        mode = rng.choice(
            ("replicated", "replicated", "replicated", "global", "replicated_job", "global_job")
        )
        is_a_job = mode.endswith("_job")
        spec.annotations.name = (
            f"job-{rng.randrange(_JOBS)}" if is_a_job else f"service-{rng.randrange(_SERVICES)}"
        )
        getattr(spec, mode).SetInParent()
        self._scale(spec)
        self._behave(spec)
        self._reserve(spec)
        self._attach(spec)
        if rng.random() < 0.7:
            restart = spec.task.restart
            restart.condition = RestartPolicy.ON_FAILURE if is_a_job else RestartPolicy.ANY
            restart.delay.CopyFrom(duration(rng.choice((0.5, 2.0))))
        if not is_a_job:
            self._configure(spec)
        return spec

    def _changes(self, service: Service) -> list[Callable[[ServiceSpec], None]]:
        changes: list[Callable[[ServiceSpec], None]] = [
            self._behave,
            self._force,
            self._reserve,
            self._attach,
        ]
        if not service.spec.HasField("global"):
            changes += [self._scale, self._scale]
        if not is_job(service):
            changes.append(self._configure)
        return changes

    def _scale(self, spec: ServiceSpec) -> None:
        if spec.HasField("replicated"):
            spec.replicated.replicas = self._rng.randint(0, _REPLICAS_MAX)
        elif spec.HasField("replicated_job"):
            spec.replicated_job.total_completions = self._rng.randint(1, _REPLICAS_MAX)
            spec.replicated_job.max_concurrent = self._rng.randint(1, 2)

    def _behave(self, spec: ServiceSpec) -> None:
        """Now and then tasks fail, so or so; those of a job end by themselves."""
        del spec.task.container.env[:]
        if self._rng.random() < 0.3:
            spec.task.container.env.extend(self._rng.choice(_BAD))
        else:
            spec.task.container.env.extend(_good(spec, self._rng.choice((0.2, 1.0, 4.0))))
        spec.task.container.env.append(f"CHANGE={self._rng.randrange(1000)}")

    def _force(self, spec: ServiceSpec) -> None:
        spec.task.force_update += 1

    def _reserve(self, spec: ServiceSpec) -> None:
        spec.task.resources.reservations.nano_cpus = int(self._rng.choice(_RESERVED_CPUS) * NANO_CPUS)

    def _attach(self, spec: ServiceSpec) -> None:
        """Some networks and ports; a port that another service has is refused."""
        rng = self._rng
        del spec.task.networks[:], spec.endpoint.ports[:]
        for name in rng.sample(NETWORKS, rng.choice((0, 0, 1, 2))):
            spec.task.networks.add(target=name)
        is_found_by_tasks = rng.random() < 0.3
        spec.endpoint.mode = EndpointSpec.DNSRR if is_found_by_tasks else EndpointSpec.VIP
        for target in range(0 if is_found_by_tasks else rng.choice((0, 0, 1, 2))):
            spec.endpoint.ports.add(
                target_port=80 + target, published_port=rng.choice(_PORTS) if not target else 0
            )

    def _configure(self, spec: ServiceSpec) -> None:
        for config in (spec.update, spec.rollback):
            config.parallelism = self._rng.choice((0, 1, 1, 2))
            config.delay.CopyFrom(duration(self._rng.choice((0.0, 0.0, 0.5))))
            config.monitor.CopyFrom(duration(self._rng.choice((0.0, 0.5, 3.0))))
            config.max_failure_ratio = self._rng.choice((0.0, 0.0, 0.3))
            config.failure_action = self._rng.choice(UpdateConfig.FailureAction.values())
            config.order = self._rng.choice(UpdateConfig.UpdateOrder.values())


def is_bad(spec: ServiceSpec) -> bool:
    """Whether the tasks of `spec` fail."""
    env = spec.task.container.env
    return any(entry.startswith(("SIM_BROKEN", "SIM_EXIT")) for entry in env)


def mended(service: Service) -> control_pb2.UpdateServiceRequest:
    """What helps a service whose tasks fail or find no room, or whose update is paused: a spec that works, to be carried out."""
    request = control_pb2.UpdateServiceRequest(
        service_id=service.id, service_version=service.meta.version, spec=service.spec
    )
    task = request.spec.task
    task.resources.reservations.Clear()
    task.placement.Clear()
    # A rollback may have asked for a port that is another's by then, or for what was removed.
    del request.spec.endpoint.ports[:], task.networks[:]
    del task.container.mounts[:], task.container.secrets[:], task.container.configs[:]
    if is_bad(service.spec):
        env = request.spec.task.container.env
        del env[:]
        env.extend(_good(service.spec, 1.0))
    return request


def _good(spec: ServiceSpec, seconds: float) -> list[str]:
    return [f"SIM_AFTER={seconds}"] if (spec.WhichOneof("mode") or "").endswith("_job") else []
