"""Ids for names: what a spec refers to by name gets the id that the cluster gave it."""

from typing import Any

from swarm_core.api.proto import process_pb2, specs_pb2
from swarm_core.api.runtimes import process_spec, set_process
from swarm_core.compose.changes.held import Held
from swarm_core.compose.reading.errors import Unsound

Body = specs_pb2.ContainerSpec | process_pb2.ProcessSpec


def body_of(spec: specs_pb2.ServiceSpec) -> Body:
    """What the tasks of a service run, as container or as process."""
    process = process_spec(spec.task)
    return process if process is not None else spec.task.container


def bound(spec: specs_pb2.ServiceSpec, held: Held) -> specs_pb2.ServiceSpec:
    """A copy whose references have ids. Raises Unsound for what the cluster does not have."""
    found = specs_pb2.ServiceSpec()
    found.CopyFrom(spec)
    service = spec.annotations.name
    for attachment in found.task.networks:
        attachment.target = _id(held.networks, attachment.target, "network", service)
    process = process_spec(found.task)
    if process is not None:
        _bind(process, held, service)
        set_process(found.task, process)
        return found
    container = found.task.container
    _bind(container, held, service)
    credentials = container.privileges.credential_spec
    if credentials.WhichOneof("source") == "config":
        credentials.config = _id(held.configs, credentials.config, "config", service)
    return found


def _bind(body: Any, held: Held, service: str) -> None:
    for secret in body.secrets:
        secret.secret_id = _id(held.secrets, secret.secret_name, "secret", service)
    for config in body.configs:
        config.config_id = _id(held.configs, config.config_name, "config", service)


def _id(items: Any, name: str, noun: str, service: str) -> str:
    if name not in items:
        raise Unsound(f"service {service}: {noun} not found: {name}")
    return str(items[name].id)


def is_as_wanted(there: specs_pb2.ServiceSpec, wanted: specs_pb2.ServiceSpec, held: Held) -> bool:
    """Whether a service is exactly as wanted: the quick answer for most services of most deploys. No says nothing yet."""
    try:
        exact = bound(wanted, held)
    except Unsound:
        return False
    exact.task.force_update = there.task.force_update
    return exact == there


def laid_over(held: specs_pb2.ServiceSpec, wanted: specs_pb2.ServiceSpec) -> specs_pb2.ServiceSpec:
    """The spec to write over the one that is held: as wanted, and what files cannot say as it is.

    Kept are the count of forced updates, the registry's credentials unless there are new ones, the platforms that docker's command line found out, the digest
    of an image that the files name as before, and fields of a newer manager.
    """
    found = specs_pb2.ServiceSpec()
    found.CopyFrom(held)
    _replace(found, wanted)
    found.task.force_update = held.task.force_update
    if wanted.task.HasField("container") and held.task.HasField("container"):
        before, after = held.task.container, found.task.container
        if before.HasField("pull_options") and not after.pull_options.registry_auth:
            after.pull_options.CopyFrom(before.pull_options)
        if before.image.startswith(f"{after.image}@"):
            after.image = before.image
            if not wanted.task.placement.platforms:
                found.task.placement.platforms.extend(held.task.placement.platforms)
    return found


def _replace(found: Any, wanted: Any) -> None:
    """Every field that is known becomes what is wanted; what is unknown stays."""
    for field in found.DESCRIPTOR.fields:
        is_part = field.message_type is not None and not field.is_repeated
        if is_part and wanted.HasField(field.name) and found.HasField(field.name):
            _replace(getattr(found, field.name), getattr(wanted, field.name))
        elif is_part and wanted.HasField(field.name):
            getattr(found, field.name).CopyFrom(getattr(wanted, field.name))
        else:
            found.ClearField(field.name)
            if (
                field.is_repeated
                and field.message_type is not None
                and field.message_type.GetOptions().map_entry
            ):
                getattr(found, field.name).MergeFrom(getattr(wanted, field.name))
            elif field.is_repeated:
                getattr(found, field.name).extend(getattr(wanted, field.name))
            elif (field.message_type is None and field.containing_oneof is None) or (
                field.message_type is None and wanted.WhichOneof(field.containing_oneof.name) == field.name
            ):
                setattr(found, field.name, getattr(wanted, field.name))
