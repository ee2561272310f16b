"""The agent's tie to a manager: one session after the other, each with all its streams.

Rules (docs/design/agent.md 6.2)
1. A session is the Session stream, heartbeats, assignments, status reports and log subscriptions on one connection. The end
   of any of them ends the session. Another manager is tried soon, each once; when all have failed in a row the next try comes after
   a random wait that grows with each such round.
2. The last session id is offered again; the manager decides whether it still stands.
3. After a gap in the chain of assignments the stream is opened anew, and begins with the full set.
4. A manager that knows no assignments is asked for tasks alone: each message is the full set of them.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any, Protocol

from swarm_core.api.proto.dispatcher_pb2 import AssignmentsMessage, SessionMessage, TasksMessage
from swarm_core.api.proto.types_pb2 import NodeDescription, WeightedPeer
from swarm_core.client.calls import opened
from swarm_core.client.dispatch import AgentConnection, Dispatch
from swarm_core.client.errors import CallFailed, ClientError
from swarm_core.runtime.backoff import Backoff
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group

from swarm_agentd.agent.commands import CommandServer
from swarm_agentd.agent.logs import LogPublisher
from swarm_agentd.agent.progress import ProgressReporter
from swarm_agentd.agent.reporter import Reporter
from swarm_agentd.agent.task_ports import TaskPorts
from swarm_agentd.agent.usage import UsageReporter
from swarm_agentd.config import AgentConfig

_log = logging.getLogger(__name__)


class Managers(Protocol):
    """Port: which managers there are and how to reach one."""

    async def connect(self) -> AgentConnection:
        """A new connection to the manager chosen this time; may wait until there is one to choose.

        Gives up a manager that does not answer within seconds. Raises Unreachable; anything else ends the agent.
        """

    def observe(self, connection: AgentConnection, *, is_good: bool) -> None:
        """How a connection of `connect` did: registered, or failed. Failed ones make their manager less likely."""

    def has_untried(self) -> bool:
        """Whether `connect` would choose a manager that has not failed since the last one that did well."""

    def learn(self, managers: Sequence[WeightedPeer]) -> None:
        """The managers as a manager lists them; others are no more."""


class SessionHandler(Protocol):
    """What the agent does with what sessions bring."""

    def description(self) -> NodeDescription | None:
        """The node as it is to be registered."""

    async def adopt(self, message: SessionMessage) -> None:
        """The node object, managers, keys or root CA may have changed."""

    async def assign(self, message: AssignmentsMessage) -> None:
        """Carry out assignments."""

    def registered(self) -> None:
        """A session has begun: everything is to be reported again."""


class SessionEnded(Exception):
    """The manager ended the session."""


class _Renewal(Exception):
    """The node's description changed: register again with the new one."""


# What ends a session and is cured by the next one.
_FAILURES = (ClientError, SessionEnded)


class SessionLoop:
    """Keeps a session up."""

    def __init__(
        self,
        *,
        managers: Managers,
        handler: SessionHandler,
        reporter: Reporter,
        logs: LogPublisher,
        progress: ProgressReporter,
        clock: Clock,
        rng: random.Random,
        config: AgentConfig,
        ports: TaskPorts,
        usage: UsageReporter | None = None,
        commands: CommandServer | None = None,
    ) -> None:
        self._ports = ports
        self._managers = managers
        self._handler = handler
        self._reporter = reporter
        self._logs = logs
        self._progress = progress
        self._usage = usage
        self._commands = commands
        self._clock = clock
        self._config = config
        self._rng = rng
        self._backoff = Backoff(rng, base_s=config.backoff_base_s, ceiling_s=config.backoff_ceiling_s)
        self._session_id = ""
        self._renewal = asyncio.Event()
        self.begun = 0
        """How many sessions have begun."""
        self.is_up = False
        """Whether one stands now."""
        self._beat_at: float | None = None

    @property
    def beat_age_s(self) -> float | None:
        """How long ago a manager last answered a heartbeat; None before the first answer."""
        return None if self._beat_at is None else self._clock.monotonic() - self._beat_at

    def renew(self) -> None:
        """Register again with the node's newest description and the same session id."""
        self._renewal.set()

    async def run(self) -> None:
        """Until cancelled. Raises only what `Managers.connect` raises besides Unreachable, and bugs."""
        while True:
            try:
                await self._session()
            except _Renewal:
                continue
            except _FAILURES as failure:
                _log.warning("session ended: %s", failure)
            await self._clock.sleep(self._pause_s())

    def _pause_s(self) -> float:
        """How long to wait after a failure. Many agents lose their manager at the same moment: each waits another time."""
        if self._managers.has_untried():
            return self._rng.random() * self._config.switch_s
        return self._backoff.failed()

    async def _session(self) -> None:
        connection = await self._managers.connect()
        try:
            dispatch = Dispatch(connection, call_s=self._config.call_s)
            self._renewal.clear()
            async with opened(dispatch.session(self._handler.description(), self._session_id)) as messages:
                first = await self._first(messages)
                self._session_id = first.session_id
                await self._handler.adopt(first)
                self._backoff.succeeded()
                self._managers.observe(connection, is_good=True)
                self.begun, self.is_up = self.begun + 1, True
                await self._run_streams(dispatch, messages)
        except _FAILURES:
            self._managers.observe(connection, is_good=False)
            raise
        finally:
            self.is_up = False
            await connection.close()

    async def _first(self, messages: AsyncIterator[SessionMessage]) -> SessionMessage:
        limit_s = self._config.first_message_s
        try:
            async with asyncio.timeout(limit_s):
                async for message in messages:
                    return message
        except TimeoutError:
            raise SessionEnded(f"the manager did not answer the registration within {limit_s:g} s") from None
        raise SessionEnded("the manager ended the session before it began")

    async def _run_streams(self, dispatch: Dispatch, messages: AsyncIterator[SessionMessage]) -> None:
        """Run everything that makes up a session. Raises the failure that came first; it ends the others."""
        failures: list[Exception] = []
        async with Group() as group:

            async def guarded(work: Coroutine[Any, Any, None]) -> None:
                try:
                    await work
                except (*_FAILURES, _Renewal) as failure:
                    if not failures:
                        failures.append(failure)
                    group.cancel_all()

            group.spawn(guarded(self._beat(dispatch)), name="session heartbeat")
            group.spawn(guarded(self._listen(messages)), name="session messages")
            group.spawn(guarded(self._follow_assignments(dispatch)), name="session assignments")
            group.spawn(guarded(self._reporter.run(dispatch, self._session_id)), name="session reports")
            group.spawn(guarded(self._publish_logs(dispatch)), name="session logs")
            group.spawn(guarded(self._progress.run(dispatch)), name="session progress")
            if self._usage is not None:
                group.spawn(guarded(self._report_usage(dispatch, self._usage)), name="session usage")
            if self._commands is not None:
                group.spawn(guarded(self._run_commands(dispatch, self._commands)), name="session commands")
            group.spawn(guarded(self._await_renewal()), name="session renewal")
            if self._ports.is_served:
                group.spawn(guarded(self._follow_endpoints(dispatch)), name="session endpoints")
            self._handler.registered()
        raise failures.pop()

    async def _beat(self, dispatch: Dispatch) -> None:
        while True:
            period_s = await dispatch.heartbeat(self._session_id)
            self._beat_at = self._clock.monotonic()
            await self._clock.sleep(period_s)

    async def _listen(self, messages: AsyncIterator[SessionMessage]) -> None:
        async for message in messages:
            await self._handler.adopt(message)
        raise SessionEnded("the manager ended the session")

    async def _follow_assignments(self, dispatch: Dispatch) -> None:
        try:
            await self._follow_chain(dispatch)
        except CallFailed as failure:
            if failure.code != "UNIMPLEMENTED":
                raise
        async with opened(dispatch.tasks(self._session_id)) as messages:
            async for message in messages:
                await self._handler.assign(_full_set(message))
        raise SessionEnded("the manager ended the tasks")

    async def _follow_chain(self, dispatch: Dispatch) -> None:
        while True:
            async with opened(dispatch.assignments(self._session_id)) as messages:
                last = ""
                async for message in messages:
                    await self._handler.assign(message)
                    if last and message.applies_to != last:
                        _log.warning("a message of assignments is missing; asking for the full set")
                        break
                    last = message.results_in
                else:
                    raise SessionEnded("the manager ended the assignments")

    async def _follow_endpoints(self, dispatch: Dispatch) -> None:
        try:
            async with opened(dispatch.endpoints()) as messages:
                async for message in messages:
                    self._ports.apply(message)
        except CallFailed as failure:
            if failure.code != "UNIMPLEMENTED":
                raise
            await asyncio.Event().wait()  # the leader is a Docker Engine
        raise SessionEnded("the manager ended the endpoints")

    async def _publish_logs(self, dispatch: Dispatch) -> None:
        await self._logs.run(dispatch)
        raise SessionEnded("the manager ended the log subscriptions")

    async def _report_usage(self, dispatch: Dispatch, usage: UsageReporter) -> None:
        await usage.run(dispatch)
        raise SessionEnded("the manager ended the wishes for usage")

    async def _run_commands(self, dispatch: Dispatch, commands: CommandServer) -> None:
        await commands.run(dispatch)
        raise SessionEnded("the manager ended the orders of commands")

    async def _await_renewal(self) -> None:
        await self._renewal.wait()
        raise _Renewal


def _full_set(message: TasksMessage) -> AssignmentsMessage:
    """What an older manager says, as assignments."""
    made = AssignmentsMessage(type=AssignmentsMessage.COMPLETE)
    for task in message.tasks:
        made.changes.add().assignment.task.CopyFrom(task)
    return made
