"""A change that somebody asks of one engine: how long it may take, and what is said where no answer comes.

Rules (docs/design/engines.md N3.6)
1. Each change has a limit. What an engine has to wait for itself, as a container's time to stop, comes on top.
2. An engine that does not answer within it may have done what was asked, may do it yet, or may not: that is said, and the engine is looked at at once.
3. What reports how far it is may take as long as it reports.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from swarm_core.engines.api import EngineApi
from swarm_core.engines.cluster import EngineCluster
from swarm_core.engines.errors import EngineSilent, EngineUnanswered
from swarm_core.engines.records import EngineKey

T = TypeVar("T")
CHANGE_S: Final = 60.0
PRUNE_S: Final = 600.0
"""An engine removes what may be thousands of files before it answers."""
QUIET_S: Final = 300.0
"""What reports how far it is, as a pull, is silent for no longer: a large layer is unpacked meanwhile."""
GRACE_S: Final = 10
"""A container's time to stop where it was made without one, as docker has it."""


async def changed(cluster: EngineCluster, key: EngineKey, call: Callable[[EngineApi], Awaitable[T]]) -> T:
    """What the engine answers to a change. Raises EngineUnanswered where it does not answer in time, and EngineError."""
    api = cluster.api(key)
    try:
        return await call(api)
    except EngineSilent as error:
        cluster.suspect(key, error)
        raise EngineUnanswered(cluster.engine(key).name, error.seconds) from None


async def stopping_s(api: EngineApi, id_: str, seconds: int | None) -> float | None:
    """How long stopping a container may take: `seconds`, or its own time where that is None, and the limit of any change. None where it may
    run as long as it likes. Asks the engine for its own time; nothing was changed where that fails. Raises EngineError."""
    if seconds is None:
        told = (await api.get_object(f"/containers/{id_}/json")).get("Config") or {}
        own = told.get("StopTimeout")
        seconds = own if isinstance(own, int) else GRACE_S
    return None if seconds < 0 else seconds + CHANGE_S
