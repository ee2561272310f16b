"""How often the tasks of each service failed lately: counted as it happens, because the cluster keeps only a few ended tasks.

A place in a service that failed again and again is a crash loop, also in the moments in which its newest task runs.
"""

from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from functools import partial
from typing import Final

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.timestamps import timestamp_ns

from swarm_tui.resources.model import FailureSums
from swarm_tui.resources.states import cause

WINDOW_NS: Final = 300 * 1_000_000_000
KEPT_MAX: Final = 500
_CAUSE_MAX: Final = 500
_LOOP_FROM: Final = 2


@dataclass(frozen=True, slots=True)
class _Failure:
    task_id: str
    at_ns: int
    version: int
    place: str
    cause: str


class Failures:
    """Failures by service, the newest `KEPT_MAX` of each."""

    def __init__(self) -> None:
        self._services: defaultdict[str, deque[_Failure]] = defaultdict(partial(deque, maxlen=KEPT_MAX))

    def note(self, task: objects_pb2.Task) -> bool:
        """Count the task, if it failed or was rejected and was not counted before; whether it was."""
        if task.status.state not in (types_pb2.FAILED, types_pb2.REJECTED):
            return False
        kept = self._services[task.service_id]
        if any(one.task_id == task.id for one in kept):
            return False
        place = str(task.slot) if task.slot else task.node_id
        at_ns = timestamp_ns(task.status.timestamp)
        kept.append(_Failure(task.id, at_ns, task.spec_version.index, place, cause(task)[:_CAUSE_MAX]))
        return True

    def forget(self, service_id: str) -> None:
        """The service is gone."""
        self._services.pop(service_id, None)

    def sums(self, service: objects_pb2.Service, now_ns: int) -> FailureSums:
        """What failed of the present spec within the window: an older spec's failures were mended by the newer one."""
        kept = self._services.get(service.id, ())
        version = service.spec_version.index
        lately = [one for one in kept if one.version == version and now_ns - one.at_ns < WINDOW_NS]
        if not lately:
            return FailureSums()
        places = Counter(one.place for one in lately)
        newest = max(lately, key=lambda one: one.at_ns)
        return FailureSums(len(lately), max(places.values()) >= _LOOP_FROM, newest.cause)
