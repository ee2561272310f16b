"""Port: one task on this node.

Rules for who implements it:
1. The task's id is the key of the work. Whatever was made for that id by an earlier daemon on the same state is found
   again by the same calls: prepare raises AlreadyPrepared, start raises AlreadyStarted, wait joins the running work or
   tells the result of work that ended while no daemon looked. Nothing is ever started twice for one id.
2. Calls come one at a time, except container_status, port_status, usage, run_command, connect and logs, which may come beside any other.
3. Every call may be cancelled at any await, and made again. Cancelling wait leaves the work running.
4. close ends nothing but this object: the work goes on. Only shutdown, terminate and remove stop work.
"""

import socket
from collections.abc import AsyncIterator
from typing import Protocol

from swarm_core.api.proto.exec_pb2 import ExecSpec
from swarm_core.api.proto.logbroker_pb2 import LogMessage, LogSubscriptionOptions
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.types_pb2 import ContainerStatus, PortStatus

from swarm_agentd.exec.commands import Typed, Write
from swarm_agentd.exec.usage import Reading


class Controller(Protocol):
    async def update(self, task: Task) -> None:
        """Adopt a newer definition of the same task (its desired state, endpoint, labels). May raise Fatal."""

    async def prepare(self) -> None:
        """Make everything that lets start be quick. Raises AlreadyPrepared when it is there."""

    async def start(self) -> None:
        """Return when the work runs and, where the task has a health check, is healthy.

        Raises AlreadyStarted if it was ever started, ExitFailure when it ended before it was healthy.
        """

    async def wait(self) -> None:
        """Return when the work has ended with code 0. Raises ExitFailure for any other end, Missing if it vanished."""

    async def shutdown(self) -> None:
        """Stop politely (stop signal, grace period, kill), return when stopped. Nothing there is success."""

    async def terminate(self) -> None:
        """Stop at once. Nothing there is success."""

    async def remove(self) -> None:
        """Stop if needed and free everything made for the task. Nothing there is success."""

    async def close(self) -> None:
        """Release what this object holds; every later call raises Closed. Closing twice is fine."""

    async def container_status(self) -> ContainerStatus | None:
        """Id, pid and exit code of the work as it is now; None before there is any."""

    async def port_status(self) -> PortStatus | None:
        """Ports of this host that the work answers on; None when there are none."""

    async def usage(self) -> Reading | None:
        """What the work has used since it began; None while it does not run, and where the runtime does not tell. Cheap: it is asked for
        every few seconds while somebody watches. Raises Temporary."""

    async def run_command(self, spec: ExecSpec, typed: Typed, write: Write) -> int:
        """Run what is asked for inside the running work, to its end or until `typed` ends; its exit code. Cancelling ends it.

        Raises Fatal for what cannot be run, Temporary, or OSError."""

    async def connect(self, port: int) -> socket.socket:
        """A connection to this TCP port of the running work, as the work itself would reach it at its loopback address; it does not block, and
        is the caller's to close. Raises Fatal, Temporary, or OSError where nobody takes it."""

    def logs(self, options: LogSubscriptionOptions) -> AsyncIterator[LogMessage]:
        """An async generator of records in order, each with timestamp, stream and data (the agent fills in the context).

        Not following: what was written up to now, then the end. Following: until the work has ended and all is told.
        `tail`: 0 is all, -n is the last n-1 lines; the agent passes no positive one. `since` is inclusive; no streams
        means both.
        """
