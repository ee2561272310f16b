"""What a cluster of engines tells, as a mirror takes it in: everything once, then what changes; and events as they come."""

from collections.abc import AsyncGenerator

from swarm_core.engines.cluster import EngineCluster
from swarm_core.engines.errors import FellBehind
from swarm_core.engines.records import EngineKey, Event, Record, Resync

from swarm_tui.clusters.session import Clock
from swarm_tui.engines.mirror import Listed, Told


async def changes_of(cluster: EngineCluster) -> AsyncGenerator[Listed | Told, None]:
    """Every record that there is, then the changes; every record again where more happened than was kept."""
    with cluster.changes() as changes:
        yield Listed(records_of(cluster))
        async for found in changes:
            if any(isinstance(one, Resync) for one in found):
                yield Listed(records_of(cluster))
            else:
                yield Told(found)


def records_of(cluster: EngineCluster) -> list[Record]:
    """All that is known now."""
    tables = cluster.tables
    return [
        *cluster.engines(),
        *tables.containers,
        *tables.images,
        *tables.volumes,
        *tables.networks,
    ]


async def events_of(cluster: EngineCluster, clock: Clock) -> AsyncGenerator[Told, None]:
    """The events of all engines. Where more came than were read, an event of ours says so."""
    while True:
        with cluster.events() as events:
            try:
                async for found in events:
                    yield Told(events=found)
            except FellBehind as error:
                lost = Event(EngineKey(""), "swarm", "events_lost", "", {"name": str(error)}, clock.wall_ns())
                yield Told(events=(lost,))
