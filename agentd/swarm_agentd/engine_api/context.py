"""What the routers of the Engine API share: the node, its manager, its engine."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from swarm_core.client.interfaces import of_this_machine
from swarm_core.runtime.clock import Clock
from swarm_core.specs.addresses import Interface

from swarm_agentd.engine_api.events import Events
from swarm_agentd.engine_api.kept_answers import KeptAnswers
from swarm_agentd.engine_api.local_engine import LocalEngine
from swarm_agentd.engine_api.managers import LocalManagers
from swarm_agentd.engine_api.membership.cluster import Membership
from swarm_agentd.node.labels import EngineLabels


@dataclass(frozen=True, slots=True)
class Context:
    node: Membership
    managers: LocalManagers
    local: LocalEngine
    clock: Clock
    kept: KeptAnswers
    hostname: str = ""
    """What the node was told to call itself; empty for this machine's name."""
    rng: random.Random = field(default_factory=random.SystemRandom)
    interfaces: Callable[[], Sequence[Interface]] = of_this_machine
    advertised: str = ""
    """What others are told of a node that begins, where the client does not say it."""
    events: Events = field(default_factory=Events)
    labels: EngineLabels = field(default_factory=EngineLabels)
    """What people call this machine's engine."""
    is_experimental: Callable[[], bool] = lambda: False
