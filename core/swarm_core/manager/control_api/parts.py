"""The handlers that together are the Control service: one for each kind of object."""

import random

from swarm_core.ca.external_ca import ExternalCas
from swarm_core.manager.control_api.clusters import ClustersApi
from swarm_core.manager.control_api.configs import ConfigsApi
from swarm_core.manager.control_api.extensions import ExtensionsApi
from swarm_core.manager.control_api.networks import NetworksApi
from swarm_core.manager.control_api.nodes import CanRemove, Members, NodesApi
from swarm_core.manager.control_api.resources import ResourcesApi
from swarm_core.manager.control_api.secrets import SecretsApi
from swarm_core.manager.control_api.services.api import ServicesApi
from swarm_core.manager.control_api.tasks import TasksApi
from swarm_core.manager.control_api.volumes import VolumesApi
from swarm_core.runtime.clock import Clock
from swarm_core.store.memory import MemoryStore


def control_handlers(
    store: MemoryStore,
    clock: Clock,
    rng: random.Random,
    *,
    members: Members,
    can_remove: CanRemove,
    external: ExternalCas,
) -> tuple[object, ...]:
    """Handlers of docker.swarmkit.v1.Control. `members` gives the live raft members by node id; `can_remove` guards their
    quorum; `external` is the way to external CAs."""
    return (
        NodesApi(store, clock, members, can_remove),
        TasksApi(store),
        ServicesApi(store, clock, rng),
        ClustersApi(store, clock, rng, external),
        SecretsApi(store, rng),
        ConfigsApi(store, rng),
        NetworksApi(store, rng),
        VolumesApi(store, rng),
        ExtensionsApi(store),
        ResourcesApi(store),
    )
