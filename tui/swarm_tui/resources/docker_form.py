"""An object as docker's API shows it: the names and values that docker's templates know (`{{.Spec.TaskTemplate.ForceUpdate}}`).

Made from the wire's messages by their descriptors and the tables below. Fields that nobody has set are there with their empty value,
as in Go's structs, so that a template finds them; JSON leaves them out where docker's does. Credentials are not part of docker's form.
"""

import base64
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.wrappers_pb2 import BoolValue, Int64Value
from swarm_core.api.floats import shortest
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.api.timestamps import calendar_time, timestamp_ns
from swarm_core.specs.defaults import with_defaults
from swarm_core.specs.network import is_ingress
from swarm_core.specs.tmpfs import tmpfs_options

_NS: Final = 1_000_000_000
_NEVER: Final = "1970-01-01T00:00:00Z"
_WORDS: Final = {
    "id": "ID", "tty": "TTY", "os": "OS", "uid": "UID", "gid": "GID", "pid": "PID", "cpus": "CPUs", "tls": "TLS", "dns": "DNS",
    "ips": "IPs", "ca": "CA", "csi": "CSI", "ipam": "IPAM", "fips": "FIPS", "readonly": "ReadOnly", "nocopy": "NoCopy", "nonrecursive": "NonRecursive",
    "createmountpoint": "CreateMountpoint", "readonlynonrecursive": "ReadOnlyNonRecursive", "ipv6": "IPv6",
    "readonlyforcerecursive": "ReadOnlyForceRecursive",
}  # fmt: skip
# A message's name and a field of it → docker's name for the field; none where docker has no such field.
_FIELDS: Final[dict[str, str | None]] = {
    "ServiceSpec.task": "TaskTemplate", "ServiceSpec.update": "UpdateConfig", "ServiceSpec.rollback": "RollbackConfig",
    "ServiceSpec.endpoint": "EndpointSpec", "TaskSpec.container": "ContainerSpec", "TaskSpec.restart": "RestartPolicy",
    "TaskSpec.attachment": "NetworkAttachmentSpec", "TaskSpec.generic": None, "TaskSpec.resource_references": None,
    "Resources.generic": "GenericResources", "TaskStatus.container": "ContainerStatus", "NodeSpec.desired_role": "Role",
    "Task.networks": "NetworksAttachments", "Task.assigned_generic_resources": "GenericResources",
    "NetworkAttachmentConfig.driver_attachment_opts": "DriverOpts", "ContainerSpec.pull_options": None, "ContainerSpec.pidsLimit": None,
    "Service.spec_version": None, "Service.previous_spec_version": None, "Service.pending_delete": None, "NodeSpec.membership": None,
    "Node.certificate": None, "Node.role": None, "Node.attachment": None, "Node.attachments": None, "Node.VXLANUDPPort": None,
    "ManagerStatus.raft_id": None, "Task.spec_version": None, "Task.service_annotations": None, "Task.endpoint": None,
    "Task.log_driver": None, "TaskStatus.applied_by": None, "TaskStatus.applied_at": None, "SecretSpec.data": None,
    "Secret.internal": None, "Mount.consistency": None, "Privileges.selinux_context": "SELinuxContext", "Privileges.apparmor": "AppArmor", "NodeDescription.fips": None, "JobStatus.last_execution": "LastExecution",
}  # fmt: skip
_KEPT: Final = frozenset({
    "ID", "Version", "ForceUpdate", "Parallelism", "MaxFailureRatio", "Replicas", "Mode", "UID", "GID", "PID", "ExitCode",
    "Hard", "Soft", "MaxAttempts", "SecretID", "SecretName", "ConfigID", "ConfigName", "SpreadDescriptor",
})  # fmt: skip
"""What docker writes though it is empty."""
_KEPT_OF: Final = {
    "FileTarget": ("Name",), "Ulimit": ("Name",), "SELinuxContext": ("Disable", "User", "Role", "Type", "Level"),
    "Privileges": ("NoNewPrivileges",), "ReplicatedJob": ("MaxConcurrent", "TotalCompletions"),
}  # fmt: skip
"""What docker writes though it is empty, in messages of one sort."""
_BY_VALUE: Final = (
    "NodeDescription.tls_info", "TaskStatus.port_status", "JobStatus.job_iteration", "ServiceSpec.task",
)  # fmt: skip
"""Objects that docker has even where nobody has set them."""
_NULLS: Final = ("Privileges.credential_spec", "Privileges.selinux_context", "Task.volumes")
"""What docker writes as null where there is none."""
_POINTERS: Final = ("RestartPolicy.delay", "RestartPolicy.window", "ContainerSpec.stop_grace_period")
"""Durations of which docker tells none from nothing."""
_UNDERSCORED: Final = ("UpdateState",)
"""Enums whose words docker writes with an underscore, and of which it has none for what nobody has set."""


class Form(dict[str, Any]):
    """One object of docker's; `told` is what its JSON has: all but the fields `left_out`."""

    def __init__(self, fields: dict[str, Any], left_out: frozenset[str]) -> None:
        super().__init__(fields)
        self.left_out = left_out

    @property
    def told(self) -> dict[str, Any]:
        return {key: value for key, value in self.items() if key not in self.left_out}


def docker_form(item: Message) -> Form:
    """The whole object, a service with the defaults that docker shows."""
    if isinstance(item, objects_pb2.Service):
        shown = objects_pb2.Service()
        shown.CopyFrom(item)
        with_defaults(shown.spec)
        return _with_endpoint(_form(shown))
    if isinstance(item, objects_pb2.Network):
        return _network(item)
    return _without_runtime(_form(item)) if isinstance(item, objects_pb2.Task) else _form(item)


def _network(item: objects_pb2.Network) -> Form:
    """Docker shows networks of the cluster and of an engine in one form, of its own. Templates know the id as both `ID` and `Id`."""
    spec, state, ipam = item.spec, item.driver_state, item.ipam
    configs = [_address_range(one) for one in ipam.configs] if item.HasField("ipam") else None
    addresses = {"Driver": ipam.driver.name, "Options": _map_or_null(ipam.driver.options), "Config": configs}
    fields = {
        "Name": spec.annotations.name,
        "ID": item.id,
        "Id": item.id,
        "Created": _time(item.meta.created_at) or _NEVER,
        "Scope": "swarm",
        "Driver": state.name,
        "EnableIPv6": spec.ipv6_enabled,
        "IPAM": Form(addresses, frozenset()),
        "Internal": spec.internal,
        "Attachable": spec.attachable,
        "Ingress": is_ingress(spec),
        "ConfigFrom": Form({"Network": spec.network}, frozenset()),
        "ConfigOnly": False,
        "Containers": None,
        "Options": _map_or_null(state.options),
        "Labels": _map_or_null(spec.annotations.labels),
    }
    return Form(fields, frozenset({"ID"}))


def _address_range(config: types_pb2.IPAMConfig) -> Form:
    fields = {
        "Subnet": config.subnet, "IPRange": config.range, "Gateway": config.gateway,
        "AuxiliaryAddresses": dict(config.reserved),
    }  # fmt: skip
    return Form(fields, frozenset(key for key, value in fields.items() if not value))


def _map_or_null(held: Mapping[str, str]) -> dict[str, str] | None:
    return {key: held[key] for key in sorted(held)} or None


def _with_endpoint(service: Form) -> Form:
    """Docker's services have an endpoint with a spec, however empty they are."""
    spec = Form({"Mode": "", "Ports": []}, frozenset({"Mode", "Ports"}))
    service.setdefault(
        "Endpoint", Form({"Ports": [], "VirtualIPs": []}, frozenset({"Ports", "VirtualIPs"}))
    ).setdefault("Spec", spec)
    return service


def _without_runtime(task: Form) -> Form:
    """Docker names the runtime of a service's template, and of no task."""
    spec = task.get("Spec")
    if isinstance(spec, Form) and "Runtime" in spec:
        task["Spec"] = Form({**spec, "Runtime": ""}, spec.left_out | {"Runtime"})
    return task


def _form(message: Message) -> Form:
    fields: dict[str, Any] = {}
    kept = {*_KEPT, *_KEPT_OF.get(message.DESCRIPTOR.name, ())}
    for field in message.DESCRIPTOR.fields:
        for name, value, is_kept in _of_field(message, cast(FieldDescriptor, field)):
            fields[name] = value
            if is_kept:
                kept.add(name)
    empty = (key for key, value in fields.items() if _is_empty(value) and key not in kept)
    return Form(fields, frozenset(empty))


def _is_empty(value: Any) -> bool:
    return not isinstance(value, Form) and (value is None or value in ("", 0, False) or value in ([], {}))


def _of_field(message: Message, field: FieldDescriptor) -> Iterator[tuple[str, Any, bool]]:
    """(docker's name, value, whether it is written though empty) of one field."""
    value = getattr(message, field.name)
    known = f"{message.DESCRIPTOR.name}.{field.name}"
    if field.name == "meta":
        yield "Version", Form({"Index": value.version.index}, frozenset()), True
        yield "CreatedAt", _time(value.created_at), False
        yield "UpdatedAt", _time(value.updated_at), False
    elif isinstance(value, types_pb2.Annotations) and known != "Task.service_annotations":
        yield "Name", value.name, False
        yield "Labels", dict(value.labels), True
    elif field.containing_oneof is not None and field.containing_oneof.name == "mode":
        if message.HasField(field.name):
            yield "Mode", Form({_camel(field.name): _form(value)}, frozenset()), True
    else:
        name = _FIELDS.get(known, _camel(field.name))
        is_there = (
            field.message_type is None or field.is_repeated or known in _BY_VALUE or _has(message, field)
        )
        if name is not None and known in _NULLS and not (value if field.is_repeated else is_there):
            yield name, None, True
        elif name is not None and is_there:
            is_kept = field.has_presence and (known in _POINTERS or not isinstance(value, Duration))
            yield name, _value(field, value), is_kept
        if known == "TaskSpec.resources" and isinstance(message, specs_pb2.TaskSpec):
            yield from _with_pids(message)
        if known == "TaskSpec.force_update" and isinstance(message, specs_pb2.TaskSpec):
            yield "Runtime", "container" if message.HasField("container") else "", False


def _with_pids(task: specs_pb2.TaskSpec) -> Iterator[tuple[str, Any, bool]]:
    """Docker has the limit of processes among the resources."""
    if not task.container.pidsLimit:
        return
    resources = _requirements(task.resources)
    limits = resources.get("Limits") or _form(types_pb2.Resources())
    limits["Pids"] = task.container.pidsLimit
    resources["Limits"] = limits
    yield "Resources", resources, True


def _has(message: Message, field: FieldDescriptor) -> bool:
    return message.HasField(field.name)


def _value(field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return {str(key): value[key] for key in sorted(value)}
    if field.is_repeated:
        return [_one(field, one) for one in value]
    return _one(field, value)


def _one(field: FieldDescriptor, value: Any) -> Any:
    match value:
        case types_pb2.ResourceRequirements():
            return _requirements(value)
        case types_pb2.Mount.TmpfsOptions():
            return _tmpfs(value)
        case Duration():
            return value.seconds * _NS + value.nanos
        case Timestamp():
            return _time(value)
        case BoolValue() | Int64Value():
            return value.value
        case Message():
            return _form(value)
        case bytes():
            is_text = field.name == "trust_root"
            return value.decode("utf-8", "replace") if is_text else base64.b64encode(value).decode()
        case int() if field.enum_type is not None:
            return _word(field, value)
        case float():
            return shortest(value)
    return value


def _requirements(given: types_pb2.ResourceRequirements) -> Form:
    """Docker limits no generic resources."""
    shown = types_pb2.ResourceRequirements()
    shown.CopyFrom(given)
    if shown.HasField("limits"):
        shown.limits.ClearField("generic")
    return _form(shown)


def _tmpfs(given: types_pb2.Mount.TmpfsOptions) -> Form:
    """The options are a list in docker's form; those that cannot be read are none."""
    options = list[list[str]]()
    with suppress(ValueError):
        options = tmpfs_options(given.options)
    fields = {**_form(given), "Options": options}
    return Form(fields, frozenset(key for key, value in fields.items() if _is_empty(value)))


def _word(field: FieldDescriptor, number: int) -> Any:
    assert field.enum_type is not None
    known = field.enum_type.values_by_number.get(number)
    if known is None:
        return number
    word = known.name.lower().removeprefix("isolation_")
    if field.enum_type.name in _UNDERSCORED:
        return word if number else ""
    return word.replace("_", "-")


def _time(moment: Timestamp) -> str:
    at_ns = timestamp_ns(moment)
    found = calendar_time(at_ns) if at_ns else None
    if found is None:
        return ""
    fraction = f".{at_ns % _NS:09}".rstrip("0").rstrip(".")
    return f"{found:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def _camel(name: str) -> str:
    return "".join(_WORDS.get(part, part[:1].upper() + part[1:]) for part in name.split("_"))
