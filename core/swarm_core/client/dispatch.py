"""What agents call on a manager: the Dispatcher and LogBroker services, typed.

`AgentConnection` is the port; `client.connection.Connection` is the real one. Failures are those of `client.errors`.
"""

from collections.abc import AsyncIterator, Iterable
from typing import Any, Protocol

from google.protobuf.message import Message

from swarm_core.api.proto.dispatcher_pb2 import (
    AssignmentsMessage,
    AssignmentsRequest,
    HeartbeatRequest,
    HeartbeatResponse,
    SessionMessage,
    SessionRequest,
    TasksMessage,
    TasksRequest,
    UpdateTaskStatusRequest,
    UpdateVolumeStatusRequest,
)
from swarm_core.api.proto.endpoints_pb2 import EndpointsMessage, FollowEndpointsRequest
from swarm_core.api.proto.exec_pb2 import (
    ExecInput,
    ExecOrder,
    ExecOutput,
    ListenExecRequest,
    ServeExecRequest,
)
from swarm_core.api.proto.logbroker_pb2 import (
    ListenSubscriptionsRequest,
    PublishLogsMessage,
    SubscriptionMessage,
)
from swarm_core.api.proto.progress_pb2 import ReportProgressRequest, TaskProgress
from swarm_core.api.proto.types_pb2 import NodeDescription, TaskStatus
from swarm_core.api.proto.usage_pb2 import ListenUsageRequest, NodeUsage, ReportUsageRequest, UsageWanted
from swarm_core.api.timestamps import duration_s
from swarm_core.client.calls import Calls, opened

_Update = UpdateTaskStatusRequest.TaskStatusUpdate
_VolumeUpdate = UpdateVolumeStatusRequest.VolumeStatusUpdate


class AgentConnection(Calls, Protocol):
    """A connection to one manager, with client streams."""

    async def upload(self, method: str, requests: AsyncIterator[Message]) -> Any:
        """Send a client stream and give its answer. Raises CallFailed or Unreachable, and then closes `requests`."""

    async def close(self) -> None:
        """End every call and the connection."""


class Dispatch:
    """The calls of one agent over one connection."""

    def __init__(self, connection: AgentConnection, *, call_s: float) -> None:
        """`call_s` limits every unary call."""
        self._connection = connection
        self._call_s = call_s

    def session(self, description: NodeDescription | None, session_id: str) -> AsyncIterator[SessionMessage]:
        """Register this node; an empty session id asks for a new one."""
        request = SessionRequest(description=description, session_id=session_id)
        return self._connection.stream("Dispatcher.Session", request)

    async def heartbeat(self, session_id: str) -> float:
        """Show that the node lives; the seconds until the next heartbeat is due."""
        request = HeartbeatRequest(session_id=session_id)
        answer: HeartbeatResponse = await self._connection.call(
            "Dispatcher.Heartbeat", request, timeout=self._call_s
        )
        return duration_s(answer.period)

    async def update_task_status(self, session_id: str, statuses: Iterable[tuple[str, TaskStatus]]) -> None:
        """Report the states of tasks, each by its id."""
        updates = [_Update(task_id=task_id, status=status) for task_id, status in statuses]
        request = UpdateTaskStatusRequest(session_id=session_id, updates=updates)
        await self._connection.call("Dispatcher.UpdateTaskStatus", request, timeout=self._call_s)

    async def update_volume_status(self, session_id: str, unpublished: Iterable[str]) -> None:
        """Report volumes that this node does not use any more, by their ids."""
        updates = [_VolumeUpdate(id=volume_id, unpublished=True) for volume_id in unpublished]
        request = UpdateVolumeStatusRequest(session_id=session_id, updates=updates)
        await self._connection.call("Dispatcher.UpdateVolumeStatus", request, timeout=self._call_s)

    def assignments(self, session_id: str) -> AsyncIterator[AssignmentsMessage]:
        """The node's tasks, secrets, configs and volumes: the full set, then changes."""
        return self._connection.stream("Dispatcher.Assignments", AssignmentsRequest(session_id=session_id))

    def tasks(self, session_id: str) -> AsyncIterator[TasksMessage]:
        """The node's tasks, all of them in each message: for managers that do not know assignments."""
        return self._connection.stream("Dispatcher.Tasks", TasksRequest(session_id=session_id))

    async def report_progress(self, tasks: Iterable[TaskProgress]) -> None:
        """Tell everything that the node's tasks are busy with. Managers of another make answer UNIMPLEMENTED."""
        request = ReportProgressRequest(tasks=tasks)
        await self._connection.call("Progress.ReportProgress", request, timeout=self._call_s)

    def usage_wanted(self) -> AsyncIterator[UsageWanted]:
        """Whether and how often somebody wants to know what this node uses. Managers of another make answer UNIMPLEMENTED."""
        return self._connection.stream("Usage.ListenUsage", ListenUsageRequest())

    async def report_usage(self, usage: NodeUsage) -> None:
        """Tell what this node and its tasks use."""
        request = ReportUsageRequest(usage=usage)
        await self._connection.call("Usage.ReportUsage", request, timeout=self._call_s)

    def exec_orders(self) -> AsyncIterator[ExecOrder]:
        """Commands that are to be run in this node's tasks, and connections to their ports. Managers of another make answer UNIMPLEMENTED."""
        return self._connection.stream("Exec.ListenExec", ListenExecRequest(takes_ports=True))

    def serve_exec(self, order_id: str, outputs: AsyncIterator[ExecOutput]) -> AsyncIterator[ExecInput]:
        """Send what the command of an order writes; what is typed comes back."""

        async def requests() -> AsyncIterator[ServeExecRequest]:
            yield ServeExecRequest(order_id=order_id)
            async with opened(outputs) as written:
                async for output in written:
                    yield ServeExecRequest(output=output)

        return self._connection.both_ways("Exec.ServeExec", requests())

    def endpoints(self) -> AsyncIterator[EndpointsMessage]:
        """Where the tasks behind published ports are: everything, then changes."""
        return self._connection.stream("Endpoints.FollowEndpoints", FollowEndpointsRequest())

    def subscriptions(self) -> AsyncIterator[SubscriptionMessage]:
        """Whose logs are wanted."""
        return self._connection.stream("LogBroker.ListenSubscriptions", ListenSubscriptionsRequest())

    async def publish_logs(self, messages: AsyncIterator[PublishLogsMessage]) -> None:
        """Send the log messages of one subscription; the last one says close."""
        await self._connection.upload("LogBroker.PublishLogs", messages)
