"""The Control service in one handler: the methods of every kind, each from its own module."""

import random

from swarm_core.ca.external_ca import ExternalCas
from swarm_core.manager.control_api.clusters import ClusterRpcs
from swarm_core.manager.control_api.nodes import CanRemove, Members, NodeRpcs
from swarm_core.manager.control_api.others import OtherRpcs
from swarm_core.manager.control_api.payloads import ConfigRpcs, SecretRpcs
from swarm_core.manager.control_api.services import ServiceRpcs
from swarm_core.manager.control_api.tasks import TaskRpcs
from swarm_core.runtime.clock import Clock
from swarm_core.store.memory import MemoryStore


class ControlApi(NodeRpcs, TaskRpcs, ServiceRpcs, ClusterRpcs, SecretRpcs, ConfigRpcs, OtherRpcs):
    """Handler of docker.swarmkit.v1.Control. `members` gives the live raft members by node id; `can_remove` guards their
    quorum; `external` is the way to external CAs."""

    def __init__(
        self,
        store: MemoryStore,
        clock: Clock,
        rng: random.Random,
        *,
        members: Members,
        can_remove: CanRemove,
        external: ExternalCas,
    ) -> None:
        NodeRpcs.__init__(self, store, clock, members, can_remove)
        TaskRpcs.__init__(self, store)
        ServiceRpcs.__init__(self, store, rng)
        ClusterRpcs.__init__(self, store, clock, rng, external)
        SecretRpcs.__init__(self, store, rng)
        ConfigRpcs.__init__(self, store, rng)
        OtherRpcs.__init__(self, store)
