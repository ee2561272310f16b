"""What a service uses, as (noun, what it calls it): secrets, configs and networks by id, volumes by name or group.

The ingress network is used by whoever publishes a port through it; its id stands in no spec.
"""

from typing import Final

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.references import dependencies
from swarm_core.api.volumes import GROUP_PREFIX, cluster_mounts
from swarm_core.specs.network import is_ingress

Use = tuple[str, str]
SECRET, CONFIG, NETWORK, VOLUME = "secret", "config", "network", "volume"
_INGRESS: Final = "ingress"


def uses(service: objects_pb2.Service) -> frozenset[Use]:
    """Everything that its tasks are given."""
    spec = service.spec
    secrets, configs = dependencies(spec.task)
    found: set[Use] = {(SECRET, id_) for id_ in secrets}
    found |= {(CONFIG, id_) for id_ in configs}
    found |= {(NETWORK, one.target) for one in (*spec.task.networks, *spec.networks)}
    found |= {(VOLUME, mount.source) for mount in cluster_mounts(spec.task)}
    if any(port.publish_mode == types_pb2.PortConfig.INGRESS for port in spec.endpoint.ports):
        found.add((NETWORK, _INGRESS))
    return frozenset(found)


def network_called(network: objects_pb2.Network) -> tuple[str, ...]:
    """What services call a network."""
    return (network.id, _INGRESS) if is_ingress(network.spec) else (network.id,)


def volume_called(volume: objects_pb2.Volume) -> tuple[str, ...]:
    """What services call a volume."""
    group = volume.spec.group
    return (volume.spec.annotations.name, *([GROUP_PREFIX + group] if group else []))
