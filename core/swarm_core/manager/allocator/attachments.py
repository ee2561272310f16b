"""What tasks are attached to (docs/design/allocator.md 4.3). Pure.

Rules: a task is attached to the ingress network first, where its service publishes a port through it, then to the networks of its
spec, each once. An attachment carries the whole network: agents make theirs from it. A task without a service is attached to what
its own spec says; a process to nothing.
"""

from collections.abc import Iterable

from swarm_core.api.proto.objects_pb2 import NetworkAttachment, Service, Task
from swarm_core.api.proto.types_pb2 import NetworkAttachmentConfig
from swarm_core.manager.allocator.endpoints import Networks, has_networks, networks_of, wants_ingress


def attachments(task: Task, service: Service | None, networks: Networks) -> list[NetworkAttachment]:
    """The task's, still without addresses where it has none. Raises CannotAllocate."""
    if task.networks:
        return [_copy(attachment) for attachment in task.networks]
    if not has_networks(task.spec):
        return []
    made: list[NetworkAttachment] = []
    if service is not None and wants_ingress(service):
        made.append(NetworkAttachment(network=networks_of(service, networks)[0]))
    asked: Iterable[NetworkAttachmentConfig] = task.spec.networks
    if not task.spec.networks and service is not None:
        asked = service.spec.networks
    for config in {config.target: config for config in asked}.values():
        attachment = NetworkAttachment(
            network=networks.usable(config.target),
            aliases=config.aliases,
            addresses=config.addresses,
        )
        for key, value in config.driver_attachment_opts.items():
            attachment.driver_attachment_opts[key] = value
        made.append(attachment)
    return made


def _copy(attachment: NetworkAttachment) -> NetworkAttachment:
    new = NetworkAttachment()
    new.CopyFrom(attachment)
    return new
