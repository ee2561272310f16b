"""How containers were made is forgotten when they are gone, whoever removed them.

Rules
1. What an engine that lives does not have any more is forgotten; what an engine that is away had is kept.
2. What was gone before anybody looked is forgotten at the start, for the engines that have answered by then.
"""

import logging

from swarm_core.engines.cluster import EngineCluster
from swarm_core.engines.deployed import DeployedFiles
from swarm_core.engines.records import EngineKey, Gone, Kind, Resync

_log = logging.getLogger(__name__)


async def forget_gone(cluster: EngineCluster, files: DeployedFiles) -> None:
    """Until cancelled."""
    with cluster.changes([Kind.CONTAINER]) as changes:
        await cluster.settled()
        sweep(cluster, files)
        async for batch in changes:
            for change in batch:
                match change:
                    case Gone(engine=key, id=id_) if _lives(cluster, key):
                        _forget(files, id_)
                    case Resync():
                        sweep(cluster, files)
                    case _:
                        pass


def sweep(cluster: EngineCluster, files: DeployedFiles) -> None:
    """Forget what the engines that live do not have."""
    live = {one.id: one.key for one in cluster.engines() if one.state.is_live}
    for deployment in files:
        key = live.get(deployment.engine_id)
        if key is not None and cluster.tables.containers.get(key, deployment.id) is None:
            _forget(files, deployment.id)


def _lives(cluster: EngineCluster, key: EngineKey) -> bool:
    return any(one.key == key and one.state.is_live for one in cluster.engines())


def _forget(files: DeployedFiles, id_: str) -> None:
    try:
        files.forget(id_)
    except OSError as error:
        _log.warning("how container %s was made is not forgotten: %s", id_[:12], error)
