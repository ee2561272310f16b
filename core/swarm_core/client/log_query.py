"""What is asked of logs: whose lines, and which of them."""

from dataclasses import dataclass

from swarm_core.api.proto import logbroker_pb2
from swarm_core.api.timestamps import timestamp


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Whose lines, and which. `tail` counts per task; None means all of them."""

    service_ids: tuple[str, ...] = ()
    task_ids: tuple[str, ...] = ()
    node_ids: tuple[str, ...] = ()
    follow: bool = False
    tail: int | None = None
    since_ns: int | None = None

    def request(self) -> logbroker_pb2.SubscribeLogsRequest:
        """The query as the broker reads it: a tail of n is written -n-1."""
        request = logbroker_pb2.SubscribeLogsRequest()
        request.selector.service_ids.extend(self.service_ids)
        request.selector.task_ids.extend(self.task_ids)
        request.selector.node_ids.extend(self.node_ids)
        request.options.follow = self.follow
        if self.tail is not None:
            request.options.tail = -self.tail - 1
        if self.since_ns is not None:
            request.options.since.CopyFrom(timestamp(self.since_ns))
        return request
