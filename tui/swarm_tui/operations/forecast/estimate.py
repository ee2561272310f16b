"""How long a plan takes, from how long the tasks of its services took to start before. Pure."""

from collections.abc import Mapping
from typing import Final

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.timestamps import timestamp_ns
from swarm_core.rules.rollout import Settings

from swarm_tui.resources.model import ClusterView

Service = objects_pb2.Service
_NS_PER_S: Final = 1_000_000_000
_LOOKED_AT_MAX: Final = 50


def seconds(view: ClusterView, batches: Mapping[str, int], services: Mapping[str, Service]) -> float | None:
    """Of rollouts of so many batches each, which go on side by side; None where nothing is known of a start, or nothing rolls."""
    known = [_of(view, services[id_], count) for id_, count in batches.items() if id_ in services]
    found = [one for one in known if one is not None]
    return max(found) if found and len(found) == len(known) else None


def _of(view: ClusterView, service: Service, batches: int) -> float | None:
    starts = [
        (timestamp_ns(task.status.timestamp) - timestamp_ns(task.meta.created_at)) / _NS_PER_S
        for task in list(view.tasks_of_service(service.id))[:_LOOKED_AT_MAX]
        if task.status.state == types_pb2.RUNNING
        and task.meta.HasField("created_at")
        and task.status.timestamp.seconds
    ]
    starts = [one for one in starts if one >= 0]
    if not starts:
        return None
    from statistics import median  # with fractions and decimal, of which the first frame needs nothing

    settings = Settings.of(service)
    return batches * median(starts) + max(batches - 1, 0) * settings.delay_s + settings.last_watch_s
