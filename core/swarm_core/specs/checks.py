"""Rules that a spec must meet before it enters the store (docs/design/control-api.md 4.0, 4.3).

Every check raises InvalidSpec with one sentence that names the field and says what it takes.
"""

import re
from collections.abc import Iterable
from typing import TypeAlias

from google.protobuf.duration_pb2 import Duration

from swarm_core.api.proto import objects_pb2, process_pb2, specs_pb2, types_pb2
from swarm_core.api.runtimes import RESERVED_KINDS, MalformedProcess, process_payload
from swarm_core.api.timestamps import duration_s
from swarm_core.rules.templates.tasks import check_templates
from swarm_core.rules.templates.values import TemplateError
from swarm_core.specs.errors import InvalidSpec
from swarm_core.specs.replicas import TASKS_MAX, TOO_MANY, check_bytes

CPU_NANOS_MIN = 1_000_000
MEMORY_BYTES_MIN = 4 * 1024 * 1024
HEALTH_DURATION_MIN_S = 0.001
NAME_BYTES_MAX = 63

# Compiled when first used, and kept by `re`: a command line that checks nothing need not wait.
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?"
_ITEM_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?"
_DOMAIN_PART = r"(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])"
_PATH_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_IMAGE = (
    rf"(?:(?:{_DOMAIN_PART}(?:\.{_DOMAIN_PART})*|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?/)?{_PATH_PART}(?:/{_PATH_PART})*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9A-Fa-f]{32,})?"
)
_IMAGE_ID = r"[0-9a-f]{64}"

Reference: TypeAlias = types_pb2.SecretReference | types_pb2.ConfigReference


def check_name(annotations: types_pb2.Annotations) -> None:
    """Names of services and networks."""
    name = annotations.name
    if not name:
        raise InvalidSpec("a name is required")
    if not re.fullmatch(_NAME, name):
        raise InvalidSpec(
            f"name must be valid as a DNS name component: {name!r} must start and end with a letter or digit and hold only letters, digits, '-' and '_'"
        )
    if len(name) > NAME_BYTES_MAX:
        raise InvalidSpec(f"the name may be at most {NAME_BYTES_MAX} characters long")


def check_item_name(annotations: types_pb2.Annotations) -> None:
    """Names of secrets and configs."""
    if not re.fullmatch(_ITEM_NAME, annotations.name):
        raise InvalidSpec(
            "invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, and the start and end character must be [a-zA-Z0-9]"
        )


def check_image(reference: str) -> None:
    """A repository with an optional tag or digest, as `docker pull` takes it."""
    if not reference:
        raise InvalidSpec("an image is required")
    if not is_image(reference):
        raise InvalidSpec(f'"{reference}" is not a valid repository/tag')


def is_image(reference: str) -> bool:
    """Whether it names an image; an id does not."""
    return bool(re.fullmatch(_IMAGE, reference)) and not re.fullmatch(_IMAGE_ID, reference)


def check_service(spec: specs_pb2.ServiceSpec) -> None:
    """Everything about a service that can be judged without the cluster."""
    check_name(spec.annotations)
    check_task(spec.task)
    try:
        check_templates(spec)
    except TemplateError as error:
        raise InvalidSpec(str(error)) from None
    check_mode(spec)
    if spec.HasField("update"):
        _check_update(spec.update)
    _check_endpoint(spec.endpoint)


def check_task(task: specs_pb2.TaskSpec) -> None:
    """Resources, restart policy, runtime with its references."""
    # What is not there has nothing wrong with it, and most of a spec mostly is not: to look into it costs more than to ask.
    if task.HasField("resources"):
        _check_resources(task.resources.limits, "limits")
        _check_resources(task.resources.reservations, "reservations")
    if task.HasField("restart"):
        _check_not_negative(task.restart.delay, "the restart delay")
        _check_not_negative(task.restart.window, "the restart window")
    runtime = task.WhichOneof("runtime")
    if runtime == "container":
        check_container(task.container)
    elif runtime == "generic":
        _check_generic(task.generic)
        process = process_payload(task)
        _check_process(process)
        if process is not None and task.networks:
            raise InvalidSpec("a process has the network of its node; other networks are for containers")
    elif runtime is None:
        raise InvalidSpec("a task needs a runtime: a container or a process")


def check_mode(spec: specs_pb2.ServiceSpec) -> None:
    """Exactly one mode, with counts that are not negative as signed 64-bit numbers."""
    mode = spec.WhichOneof("mode")
    if mode is None:
        raise InvalidSpec("a service needs a mode: replicated or global")
    counts = {
        "replicated": (spec.replicated.replicas,),
        "replicated_job": (spec.replicated_job.max_concurrent, spec.replicated_job.total_completions),
    }.get(mode, ())
    if any(count >= 1 << 63 for count in counts):
        raise InvalidSpec("the number of tasks must not be negative")
    if any(count > TASKS_MAX for count in counts):
        raise InvalidSpec(TOO_MANY)
    check_bytes(spec)
    if mode in ("replicated_job", "global_job") and spec.HasField("update"):
        raise InvalidSpec("a job cannot have an update configuration")


def check_container(container: specs_pb2.ContainerSpec) -> None:
    check_image(container.image)
    _check_mounts(container.mounts)
    if container.HasField("healthcheck"):
        _check_health(container.healthcheck)
    check_references(container.secrets, "secret", "secret_id", "secret_name")
    check_references(container.configs, "config", "config_id", "config_name")
    if container.HasField("privileges"):
        _check_credential_spec(container)


def _check_health(health: types_pb2.HealthConfig) -> None:
    periods = {
        "interval": health.interval,
        "timeout": health.timeout,
        "start period": health.start_period,
        "start interval": health.start_interval,
    }
    for name, period in periods.items():
        if duration_s(period) != 0 and duration_s(period) < HEALTH_DURATION_MIN_S:
            raise InvalidSpec(f"the health check's {name} must be 0 or at least 1 ms")
    if health.retries < 0:
        raise InvalidSpec("the health check's retries must not be negative")


def _check_mounts(mounts: Iterable[types_pb2.Mount]) -> None:
    targets: set[str] = set()
    for mount in mounts:
        if mount.target in targets:
            raise InvalidSpec(f"two mounts have the target {mount.target!r}; each target can be used once")
        targets.add(mount.target)
        if mount.type == types_pb2.Mount.CLUSTER and not mount.source:
            raise InvalidSpec(f"the cluster mount at {mount.target!r} names no volume")


def check_references(references: Iterable[Reference], what: str, id_field: str, name_field: str) -> None:
    """Secrets or configs that a task asks for: complete, and no file named twice."""
    files: set[str] = set()
    for reference in references:
        name = getattr(reference, name_field)
        if not getattr(reference, id_field) or not name:
            raise InvalidSpec(f"a {what} reference needs the {what}'s id and name")
        target = reference.WhichOneof("target")
        if target is None:
            raise InvalidSpec(f"the reference to {what} {name} needs a target")
        if target != "file":
            continue
        if not reference.file.name:
            raise InvalidSpec(f"the reference to {what} {name} needs a file name")
        if reference.file.name in files:
            raise InvalidSpec(f"two {what} references have the file {reference.file.name!r}")
        files.add(reference.file.name)


def _check_credential_spec(container: specs_pb2.ContainerSpec) -> None:
    wanted = container.privileges.credential_spec.config
    if wanted and not any(
        config.config_id == wanted and config.WhichOneof("target") == "runtime"
        for config in container.configs
    ):
        raise InvalidSpec("the credential spec's config must be among the configs, with a runtime target")


def _check_generic(generic: specs_pb2.GenericRuntimeSpec) -> None:
    if len(generic.kind) < 3:
        raise InvalidSpec("a generic runtime needs a kind of at least 3 characters")
    if generic.kind.lower() in RESERVED_KINDS:
        raise InvalidSpec(f"{generic.kind!r} is a reserved kind and cannot name a generic runtime")
    if not generic.payload.type_url or not generic.payload.value:
        raise InvalidSpec("a generic runtime needs a payload with a type and a value")


def _check_process(process: process_pb2.ProcessSpec | MalformedProcess | None) -> None:
    if process is None:
        return
    if isinstance(process, MalformedProcess):
        raise InvalidSpec(str(process))
    if not process.command:
        raise InvalidSpec("a process needs a command")
    _check_mounts(process.mounts)
    if any(mount.type != types_pb2.Mount.CLUSTER for mount in process.mounts):
        raise InvalidSpec(
            "a process sees the files of its machine, and takes mounts of cluster volumes alone"
        )
    check_references(process.secrets, "secret", "secret_id", "secret_name")
    check_references(process.configs, "config", "config_id", "config_name")


def _check_resources(resources: types_pb2.Resources, what: str) -> None:
    if resources.nano_cpus != 0 and resources.nano_cpus < CPU_NANOS_MIN:
        least, given = CPU_NANOS_MIN / 1e9, resources.nano_cpus / 1e9
        raise InvalidSpec(f"invalid cpu value {given:g}: Must be at least {least:g} (of the {what})")
    if resources.memory_bytes != 0 and resources.memory_bytes < MEMORY_BYTES_MIN:
        raise InvalidSpec(
            f"invalid memory value {resources.memory_bytes}: Must be at least 4MiB (of the {what})"
        )


def _check_not_negative(period: Duration, what: str) -> None:
    if duration_s(period) < 0:
        raise InvalidSpec(f"{what} must not be negative")


def _check_update(update: types_pb2.UpdateConfig) -> None:
    _check_not_negative(update.delay, "the update delay")
    _check_not_negative(update.monitor, "the update monitor period")
    if not 0 <= update.max_failure_ratio <= 1:
        raise InvalidSpec("TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1")


def _check_endpoint(endpoint: specs_pb2.EndpointSpec) -> None:
    published: set[tuple[int, int]] = set()
    for port in endpoint.ports:
        ingress = port.publish_mode == types_pb2.PortConfig.INGRESS
        if ingress and endpoint.mode == specs_pb2.EndpointSpec.DNSRR:
            raise InvalidSpec(
                "a service in DNS round-robin mode cannot publish ports through the ingress network"
            )
        key = (port.published_port, port.protocol)
        if port.published_port and key in published:
            raise InvalidSpec(f"port {port.published_port} is published twice")
        published.add(key)


def missing_references(
    references: Iterable[tuple[str, str]], known: Iterable[objects_pb2.Secret | objects_pb2.Config]
) -> list[str]:
    """Names of `references` (id, name) that no known object carries with exactly that name."""
    names = {item.id: item.spec.annotations.name for item in known}
    return [name for id_, name in references if names.get(id_) != name]
