"""What the routers of the Engine API share: the node, its manager, its engine."""

from dataclasses import dataclass, field

from swarm_core.runtime.clock import Clock

from swarm_agentd.engine_api.events import Events
from swarm_agentd.engine_api.local_engine import LocalEngine
from swarm_agentd.engine_api.managers import LocalManagers
from swarm_agentd.node.standing import HasStanding


@dataclass(frozen=True, slots=True)
class Context:
    node: HasStanding
    managers: LocalManagers
    local: LocalEngine
    clock: Clock
    hostname: str = ""
    """What the node was told to call itself; empty for this machine's name."""
    events: Events = field(default_factory=Events)
