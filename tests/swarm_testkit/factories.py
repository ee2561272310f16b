"""Objects for tests: whole and valid by default, so a test spells out only the field it is about.

Rules:
- Each call gives a fresh message that nobody else holds; hand it to `Transaction.create` as it is.
- Ids are the ones given (first argument, by position), or count up per kind ("task-1", "task-2", …); nothing is random.
- Times are the nanoseconds given, or unset.
"""

import itertools
from collections.abc import Iterable, Mapping

from google.protobuf.any_pb2 import Any as AnyPayload
from google.protobuf.duration_pb2 import Duration
from swarm_core.api import volume_failures
from swarm_core.api.proto import objects_pb2, process_pb2, specs_pb2, types_pb2
from swarm_core.api.timestamps import duration, timestamp

GIB = 1 << 30
_counters: dict[str, "itertools.count[int]"] = {}


def make_id(prefix: str) -> str:
    """The next id of `prefix`: "task-000001", "task-000002", …; sorted as text they keep the order they were made in."""
    return f"{prefix}-{next(_counters.setdefault(prefix, itertools.count(1))):06}"


def make_restart(
    condition: str = "ANY",
    *,
    delay_s: float | None = None,
    max_attempts: int = 0,
    window_s: float | None = None,
) -> types_pb2.RestartPolicy:
    """A restart policy; `condition` is NONE, ON_FAILURE or ANY."""
    policy = types_pb2.RestartPolicy(
        condition=types_pb2.RestartPolicy.RestartCondition.Value(condition), max_attempts=max_attempts
    )
    for field, seconds in (("delay", delay_s), ("window", window_s)):
        if seconds is not None:
            value: Duration = getattr(policy, field)
            value.CopyFrom(duration(seconds))
            value.SetInParent()
    return policy


def make_resources(
    *, cpus: float = 0, memory: int = 0, generic: Mapping[str, int | Iterable[str]] | None = None
) -> types_pb2.Resources:
    """Resources; `generic` maps a kind to a count (discrete) or to names (named)."""
    resources = types_pb2.Resources(nano_cpus=round(cpus * 1e9), memory_bytes=memory)
    for kind, value in (generic or {}).items():
        if isinstance(value, int):
            resources.generic.add().discrete_resource_spec.MergeFrom(
                types_pb2.DiscreteGenericResource(kind=kind, value=value)
            )
        else:
            for name in value:
                resources.generic.add().named_resource_spec.MergeFrom(
                    types_pb2.NamedGenericResource(kind=kind, value=name)
                )
    return resources


def make_task_spec(
    *,
    image: str = "nginx:latest",
    command: Iterable[str] | None = None,
    constraints: Iterable[str] = (),
    spread: Iterable[str] = (),
    platforms: Iterable[tuple[str, str]] = (),
    max_replicas: int = 0,
    reservations: types_pb2.Resources | None = None,
    restart: types_pb2.RestartPolicy | None = None,
    log_driver: str | None = None,
    mounts: Iterable[types_pb2.Mount] = (),
    networks: Iterable[str] = (),
    secrets: Iterable[types_pb2.SecretReference] = (),
    configs: Iterable[types_pb2.ConfigReference] = (),
    force_update: int = 0,
) -> specs_pb2.TaskSpec:
    """A container task, or with `command` a task of the process runtime.

    `spread` lists descriptors ("node.labels.zone"), `platforms` pairs of architecture and os."""
    spec = specs_pb2.TaskSpec(force_update=force_update)
    if command is None:
        spec.container.image = image
        spec.container.mounts.extend(mounts)
        spec.container.secrets.extend(secrets)
        spec.container.configs.extend(configs)
    else:
        process = process_pb2.ProcessSpec(command=command, secrets=secrets, configs=configs, mounts=mounts)
        spec.generic.kind = "process"
        payload = AnyPayload()
        payload.Pack(process)
        spec.generic.payload.CopyFrom(payload)
    if restart is not None:
        spec.restart.CopyFrom(restart)
        spec.restart.SetInParent()
    if reservations is not None:
        spec.resources.reservations.CopyFrom(reservations)
    if log_driver is not None:
        spec.log_driver.name = log_driver
        spec.log_driver.SetInParent()
    spec.networks.extend(types_pb2.NetworkAttachmentConfig(target=target) for target in networks)
    _place(spec, constraints, spread, platforms, max_replicas)
    return spec


def _place(
    spec: specs_pb2.TaskSpec,
    constraints: Iterable[str],
    spread: Iterable[str],
    platforms: Iterable[tuple[str, str]],
    max_replicas: int,
) -> None:
    placement = types_pb2.Placement(constraints=constraints, max_replicas=max_replicas)
    for descriptor in spread:
        placement.preferences.add().spread.spread_descriptor = descriptor
    for architecture, os in platforms:
        placement.platforms.add(architecture=architecture, os=os)
    if placement.ByteSize():
        spec.placement.CopyFrom(placement)


def make_service(
    id_: str | None = None,
    /,
    *,
    name: str | None = None,
    replicas: int = 1,
    is_global: bool = False,
    task: specs_pb2.TaskSpec | None = None,
    labels: Mapping[str, str] | None = None,
    spec_version: int | None = 0,
    ports: Iterable[types_pb2.PortConfig] = (),
) -> objects_pb2.Service:
    """A replicated service of `replicas` tasks, or a global one. Without a spec version when it is None."""
    service = objects_pb2.Service(id=id_ or make_id("service"))
    service.spec.annotations.name = name or f"name-of-{service.id}"
    service.spec.annotations.labels.update(labels or {})
    service.spec.task.CopyFrom(make_task_spec() if task is None else task)
    if is_global:
        getattr(service.spec, "global").SetInParent()
    else:
        service.spec.replicated.replicas = replicas
        service.spec.replicated.SetInParent()
    service.spec.endpoint.ports.extend(ports)
    if spec_version is not None:
        service.spec_version.index = spec_version
        service.spec_version.SetInParent()
    return service


def make_job(
    id_: str | None = None,
    /,
    *,
    completions: int | None = None,
    max_concurrent: int | None = None,
    iteration: int = 0,
    task: specs_pb2.TaskSpec | None = None,
    name: str | None = None,
) -> objects_pb2.Service:
    """A replicated job of `completions` tasks, all at once unless said; a global job where no number is given."""
    service = make_service(id_, name=name, task=task, spec_version=iteration)
    if completions is None:
        service.spec.global_job.SetInParent()
    else:
        job = service.spec.replicated_job
        job.total_completions = completions
        job.max_concurrent = completions if max_concurrent is None else max_concurrent
    service.job_status.job_iteration.index = iteration
    return service


def make_task(
    id_: str | None = None,
    /,
    *,
    service: objects_pb2.Service | None = None,
    service_id: str | None = None,
    slot: int = 0,
    node_id: str = "",
    state: str = "NEW",
    desired: str = "RUNNING",
    spec: specs_pb2.TaskSpec | None = None,
    spec_version: int | None = None,
    message: str = "",
    err: str = "",
    status_ns: int | None = None,
    created_ns: int | None = None,
    host_ports: Iterable[tuple[str, int]] = (),
    generic: types_pb2.Resources | None = None,
) -> objects_pb2.Task:
    """A task; of `service` it takes id, annotations, spec, spec version and iteration unless they are given.

    `host_ports` are pairs of protocol ("TCP") and published port; `generic` what was claimed for it."""
    task = objects_pb2.Task(id=id_ or make_id("task"), slot=slot, node_id=node_id)
    task.spec.CopyFrom(spec or (service.spec.task if service else make_task_spec()))
    task.service_id = service_id or (service.id if service else "")
    if service is not None:
        task.service_annotations.CopyFrom(service.spec.annotations)
        task.endpoint.spec.CopyFrom(service.spec.endpoint)
        if service.HasField("spec_version"):
            task.spec_version.CopyFrom(service.spec_version)
            task.spec_version.SetInParent()
        if service.HasField("job_status"):
            task.job_iteration.CopyFrom(service.job_status.job_iteration)
            task.job_iteration.SetInParent()
    if spec_version is not None:
        task.spec_version.index = spec_version
        task.spec_version.SetInParent()
    task.desired_state = types_pb2.TaskState.Value(desired)
    task.status.state = types_pb2.TaskState.Value(state)
    task.status.message, task.status.err = message, err
    if status_ns is not None:
        task.status.timestamp.CopyFrom(timestamp(status_ns))
    if created_ns is not None:
        task.meta.created_at.CopyFrom(timestamp(created_ns))
    for protocol, port in host_ports:
        task.endpoint.ports.append(make_host_port(port, protocol))
    if generic is not None:
        task.assigned_generic_resources.extend(generic.generic)
    return task


def make_host_port(published: int, protocol: str = "TCP") -> types_pb2.PortConfig:
    """A port published on the task's own host."""
    return types_pb2.PortConfig(
        protocol=types_pb2.PortConfig.Protocol.Value(protocol),
        target_port=80,
        published_port=published,
        publish_mode=types_pb2.PortConfig.HOST,
    )


def make_node(
    id_: str | None = None,
    /,
    *,
    hostname: str | None = None,
    state: str = "READY",
    availability: str = "ACTIVE",
    role: str = "WORKER",
    labels: Mapping[str, str] | None = None,
    engine_labels: Mapping[str, str] | None = None,
    plugins: Iterable[tuple[str, str]] = (),
    platform: tuple[str, str] | None = ("x86_64", "linux"),
    resources: types_pb2.Resources | None = None,
    addr: str = "192.0.2.1",
    csi: Iterable[str] = (),
    topology: Mapping[str, str] | None = None,
) -> objects_pb2.Node:
    """A ready worker with an engine, 4 CPUs and 8 GiB; `plugins` are pairs of type and name, `csi` names of storage plugins
    that run there and reach volumes of this `topology`."""
    node = objects_pb2.Node(id=id_ or make_id("node"), role=types_pb2.NodeRole.Value(role))
    node.spec.membership = specs_pb2.NodeSpec.ACCEPTED
    node.spec.desired_role = node.role
    node.spec.availability = specs_pb2.NodeSpec.Availability.Value(availability)
    node.spec.annotations.labels.update(labels or {})
    node.status.state = types_pb2.NodeStatus.State.Value(state)
    node.status.addr = addr
    description = node.description
    description.hostname = hostname or f"host-of-{node.id}"
    description.resources.CopyFrom(make_resources(cpus=4, memory=8 * GIB) if resources is None else resources)
    if platform is not None:
        description.platform.architecture, description.platform.os = platform
    description.engine.engine_version = "25.0.0"
    description.engine.labels.update(engine_labels or {})
    for type_, name in plugins:
        description.engine.plugins.add(type=type_, name=name)
    for name in csi:
        info = description.csi_info.add(plugin_name=name, node_id=f"csi-{node.id}")
        info.accessible_topology.segments.update(topology or {})
    return node


def make_cluster(
    id_: str | None = None, /, *, history_limit: int = 5, log_driver: str | None = None
) -> objects_pb2.Cluster:
    """The one cluster object, with its defaults."""
    cluster = objects_pb2.Cluster(id=id_ or make_id("cluster"))
    cluster.spec.annotations.name = "default"
    cluster.spec.orchestration.task_history_retention_limit = history_limit
    cluster.spec.dispatcher.heartbeat_period.CopyFrom(duration(5))
    if log_driver is not None:
        cluster.spec.task_defaults.log_driver.name = log_driver
    return cluster


def make_secret(
    id_: str | None = None, /, *, name: str | None = None, data: bytes = b"s3cret"
) -> objects_pb2.Secret:
    """A secret with a payload."""
    secret = objects_pb2.Secret(id=id_ or make_id("secret"))
    secret.spec.annotations.name = name or f"name-of-{secret.id}"
    secret.spec.data = data
    return secret


def make_config(
    id_: str | None = None, /, *, name: str | None = None, data: bytes = b"key = value\n"
) -> objects_pb2.Config:
    """A config with a payload."""
    config = objects_pb2.Config(id=id_ or make_id("config"))
    config.spec.annotations.name = name or f"name-of-{config.id}"
    config.spec.data = data
    return config


def make_network(
    id_: str | None = None, /, *, name: str | None = None, driver: str = "overlay"
) -> objects_pb2.Network:
    """An allocated network of `driver`."""
    network = objects_pb2.Network(id=id_ or make_id("network"))
    network.spec.annotations.name = name or f"name-of-{network.id}"
    network.spec.driver_config.name = driver
    network.driver_state.name = driver
    return network


def make_volume(
    id_: str | None = None,
    /,
    *,
    name: str | None = None,
    group: str = "",
    driver: str = "csi",
    scope: str = "MULTI_NODE",
    sharing: str = "ALL",
    availability: str = "ACTIVE",
    published: Mapping[str, str] | None = None,
    topologies: Iterable[Mapping[str, str]] = (),
    is_created: bool = True,
    pending_delete: bool = False,
) -> objects_pb2.Volume:
    """A file system that every node can reach and every task may use; `published` maps a node's id to its state there."""
    volume = objects_pb2.Volume(id=id_ or make_id("volume"), pending_delete=pending_delete)
    spec = volume.spec
    spec.annotations.name = name or f"name-of-{volume.id}"
    spec.group, spec.driver.name = group, driver
    spec.access_mode.scope = types_pb2.VolumeAccessMode.Scope.Value(scope)
    spec.access_mode.sharing = types_pb2.VolumeAccessMode.Sharing.Value(sharing)
    spec.access_mode.mount.SetInParent()
    spec.availability = specs_pb2.VolumeSpec.VolumeAvailability.Value(availability)
    for node_id, state in (published or {}).items():
        volume.publish_status.add(node_id=node_id, state=types_pb2.VolumePublishStatus.State.Value(state))
    if is_created:
        volume.volume_info.volume_id = f"plugin-{volume.id}"
        for segments in topologies:
            volume.volume_info.accessible_topology.add(segments=segments)
    return volume


def make_cluster_mount(source: str, target: str = "/data", *, readonly: bool = False) -> types_pb2.Mount:
    """A mount of a cluster volume, or of one of `group:NAME`."""
    return types_pb2.Mount(type=types_pb2.Mount.CLUSTER, source=source, target=target, readonly=readonly)


def make_volume_failure(volume_id: str, text: str, id_: str = "") -> objects_pb2.Resource:
    """What the leader keeps of a plugin that could not make, or delete, a volume."""
    resource = objects_pb2.Resource(id=id_ or make_id("resource"), kind=volume_failures.KIND)
    resource.annotations.name = volume_id
    volume_failures.write(resource, text)
    return resource
