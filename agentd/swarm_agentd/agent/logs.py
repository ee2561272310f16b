"""Logs of this node's tasks, published to whoever asked the manager for them (docs/design/agent.md 6.12; docs/design/logs.md 8.2).

One reader per task feeds a bounded queue; what is in the queue travels as one message. A reader waits while the queue is
full, and while the subscription is over its rate. A failing reader or publication ends itself and nothing else.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from typing import Protocol

from swarm_core.api.proto.logbroker_pb2 import (
    LogMessage,
    LogSelector,
    PublishLogsMessage,
    SubscriptionMessage,
)
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.client.calls import opened
from swarm_core.client.dispatch import Dispatch
from swarm_core.client.errors import CallFailed, ClientError
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group

from swarm_agentd.agent.task_manager import TaskManager
from swarm_agentd.config import AgentConfig

_log = logging.getLogger(__name__)
_QUEUE_ITEMS_MAX = 1024


class LogSource(Protocol):
    """What the worker offers."""

    def managers(self) -> list[TaskManager]:
        """The managers of all tasks."""

    def observe(self, started: Callable[[TaskManager], None]) -> Callable[[], None]:
        """Be told of new ones; the result ends that."""


class LogPublisher:
    """Serves the subscriptions of one session after the other."""

    def __init__(self, node_id: str, source: LogSource, clock: Clock, config: AgentConfig) -> None:
        self._node_id = node_id
        self._source = source
        self._clock = clock
        self._config = config

    async def run(self, dispatch: Dispatch) -> None:
        """Serve until the manager ends the stream, or for ever when it has no log broker. Raises ClientError."""
        failure: ClientError | None = None
        async with Group() as group:
            try:
                await self._serve(dispatch, group)
            except ClientError as error:
                failure = error
            group.cancel_all()
        if failure is not None:
            raise failure

    async def _serve(self, dispatch: Dispatch, group: Group) -> None:
        active: dict[str, asyncio.Task[None]] = {}
        try:
            async with opened(dispatch.subscriptions()) as subscriptions:
                async for message in subscriptions:
                    for ended in [key for key, running in active.items() if running.done()]:
                        del active[ended]
                    if message.close:
                        if (running := active.pop(message.id, None)) is not None:
                            running.cancel()
                    elif message.id not in active:
                        work = self._publish(dispatch, message)
                        active[message.id] = group.spawn(work, name=f"logs {message.id}")
        except CallFailed as error:
            if error.code != "UNIMPLEMENTED":
                raise
            await asyncio.Event().wait()

    async def _publish(self, dispatch: Dispatch, subscription: SubscriptionMessage) -> None:
        outlet = _Outlet(subscription, self._node_id, self._clock, self._config)
        async with Group() as group:
            group.spawn(self._read(subscription, outlet), name=f"readers {subscription.id}")
            try:
                await dispatch.publish_logs(outlet.messages())
            except ClientError as error:
                _log.info("logs of subscription %s are no longer wanted: %s", subscription.id, error)
            group.cancel_all()

    async def _read(self, subscription: SubscriptionMessage, outlet: "_Outlet") -> None:
        if subscription.options.tail > 0:
            _log.warning("log subscription %s has a tail that is not supported", subscription.id)
            await outlet.end()
            return
        async with Group() as group:

            def start(manager: TaskManager) -> None:
                if matches(subscription.selector, manager.task):
                    work = outlet.copy(manager)
                    group.spawn(work, name=f"logs of {manager.task.id}")

            for manager in self._source.managers():
                start(manager)
            if subscription.options.follow:
                unobserve = self._source.observe(start)
                try:
                    await asyncio.Event().wait()
                finally:
                    unobserve()
        await outlet.end()


def matches(selector: LogSelector, task: Task) -> bool:
    """Whether any part of `selector` names the task."""
    return (
        task.id in selector.task_ids
        or task.service_id in selector.service_ids
        or task.node_id in selector.node_ids
    )


class _Outlet:
    """The queue of one subscription."""

    def __init__(
        self, subscription: SubscriptionMessage, node_id: str, clock: Clock, config: AgentConfig
    ) -> None:
        self._subscription = subscription
        self._node_id = node_id
        self._clock = clock
        self._config = config
        self._queue: asyncio.Queue[LogMessage | None] = asyncio.Queue(_QUEUE_ITEMS_MAX)
        self._allowance = float(config.log_bytes_per_s)
        self._refilled_at = clock.monotonic()

    async def copy(self, manager: TaskManager) -> None:
        """Put one task's records into the queue."""
        task = manager.task
        try:
            async with opened(manager.controller.logs(self._subscription.options)) as records:
                async for record in records:
                    record.context.service_id = task.service_id
                    record.context.node_id = self._node_id
                    record.context.task_id = task.id
                    await self._throttle(len(record.data))
                    await self._queue.put(record)
        except Exception as error:  # noqa: BLE001 - one task's logs may fail, the others go on
            _log.warning("logs of task %s end early: %s", task.id, error)

    async def end(self) -> None:
        """Nothing more comes."""
        await self._queue.put(None)

    async def messages(self) -> AsyncGenerator[PublishLogsMessage, None]:
        """What to send: records in groups, then the mark of the end."""
        subscription_id = self._subscription.id
        while (record := await self._queue.get()) is not None:
            message = PublishLogsMessage(subscription_id=subscription_id, messages=[record])
            size = len(record.data)
            is_last = False
            while size < self._config.log_batch_bytes_max and not self._queue.empty():
                following = self._queue.get_nowait()
                if following is None:
                    is_last = True
                    break
                message.messages.append(following)
                size += len(following.data)
            yield message
            if is_last:
                break
        yield PublishLogsMessage(subscription_id=subscription_id, close=True)

    async def _throttle(self, size: int) -> None:
        now, rate = self._clock.monotonic(), self._config.log_bytes_per_s
        self._allowance = min(self._allowance + (now - self._refilled_at) * rate, float(rate)) - size
        self._refilled_at = now
        if self._allowance < 0:
            await self._clock.sleep(-self._allowance / rate)
