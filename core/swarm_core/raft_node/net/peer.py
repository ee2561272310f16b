"""The way to one other member: a queue, a connection, and what became of the messages.

Rules (docs/design/raft-node.md 2.5)
1. Messages leave in order. To a manager of ours they go over a link: at once, and all that wait together. Now and then the other
   side confirms what it got, and no more than a bounded number of messages is unconfirmed.
2. To any other manager each message goes as a plain call, which costs half as much as a stream and which every manager knows.
   Messages that wait may be merged into one.
3. A snapshot goes as a stream, beside the queue, so that heartbeats do not wait for it.
4. The queue is bounded. What does not fit is lost, and the member is reported unreachable.
5. A member is active while the last call to it succeeded. When there is nothing to send, its health is asked now and then.
6. After a failure the connection is given up, because one that hangs after a partition would go on hanging. The next connection
   waits a little, unless a message of the member comes in.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from swarm_core.api.proto.health_pb2 import HealthCheckRequest, HealthCheckResponse
from swarm_core.raft.types import Message, MessageType
from swarm_core.raft_node.codec import message_to_raftpb
from swarm_core.raft_node.errors import REMOVED_TEXT
from swarm_core.raft_node.net.envelopes import merged, requests
from swarm_core.raft_node.net.transport import Reports
from swarm_core.rpc.grpcio import grpc
from swarm_core.rpc.link import LinkClient, LinkLost, LinkRefusal, NotSpoken
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group
from swarm_core.runtime.waiting import event_or_time

_log = logging.getLogger(__name__)
QUEUE_MAX = 4096
IDLE_CHECK_S = 5.0
DRAIN_S = 16.0
_CLOSE_S = 8.0
_PAUSE_FIRST_S, _PAUSE_MAX_S = 0.02, 0.5
# What a receiver may take for each request's worth of a snapshot, once it has all of it.
_TAKE_SNAPSHOT_S = 2.0
_RAFT = "/docker.swarmkit.v1.Raft/"
_HEALTH = "/docker.swarmkit.v1.Health/Check"
# So many messages may have gone over a link unconfirmed. The other side is asked after a while, or when half of them have gone.
_UNCONFIRMED_MAX = 256
_CONFIRM_S = 0.02

Dial: TypeAlias = "Callable[[str], grpc.aio.Channel]"
DialLink = Callable[[str], Awaitable[LinkClient]]


class Peer:
    """One member. `run` serves it until it is retired or cancelled."""

    def __init__(
        self,
        raft_id: int,
        address: str,
        dial: Dial,
        reports: Reports,
        clock: Clock,
        *,
        timeout_s: float,
        dial_link: DialLink | None = None,
    ) -> None:
        self.raft_id = raft_id
        self.address = address
        self.active_since: float | None = None
        self._dial = dial
        self._reports = reports
        self._clock = clock
        self._timeout_s = timeout_s
        self._queue: deque[Message] = deque()
        self._wake = asyncio.Event()
        self._retired_at: float | None = None
        self._is_sending = False
        self._channel: grpc.aio.Channel | None = None
        self._old_channels: list[grpc.aio.Channel] = []
        self._dial_link = dial_link
        self._link: LinkClient | None = None
        self._unconfirmed = 0
        self._has_many = asyncio.Event()
        # Our managers, and they alone, speak over links; None until this one was reached.
        self.is_ours: bool | None = None if dial_link is not None else False
        self._is_stale = False
        self._pause_s = 0.0
        self._not_before = 0.0

    # What others want

    def post(self, message: Message) -> None:
        """Send it when its turn comes."""
        waiting = len(self._queue)
        if waiting + self._unconfirmed >= QUEUE_MAX or self._clock.monotonic() < self._not_before:
            self._lost(message)
            return
        self._queue.append(message)
        self._wake.set()
        link = self._link
        if waiting == 0 and link is not None and link.is_open:
            try:
                self._write(link)
            except LinkLost as lost:
                self._failed(_reason(lost))
                self._reports.report_unreachable(self.raft_id)

    def move(self, address: str) -> None:
        """The member is elsewhere now."""
        self.address = address
        self.is_ours = None if self._dial_link is not None else False
        self.redial()
        self.heard()

    def redial(self) -> None:
        """Use a new connection from the next call on."""
        self._is_stale = True
        self._drop_link()

    def heard(self) -> None:
        """The member lives: no reason to wait before calling it."""
        self._pause_s = self._not_before = 0.0

    def retire(self) -> None:
        """End once the queue is empty, or after a while."""
        self._retired_at = self._clock.monotonic()
        self._wake.set()

    @property
    def is_idle(self) -> bool:
        return not self._queue and not self._is_sending and not self._unconfirmed

    async def answers(self) -> bool:
        """Whether the member is there and takes part."""
        try:
            data: bytes = await self._connection().unary_unary(_HEALTH, None, None)(
                HealthCheckRequest(service="Raft").SerializeToString(), timeout=self._timeout_s
            )
        except _endings() as error:
            self._failed(_reason(error))
            return False
        if HealthCheckResponse.FromString(data).status != HealthCheckResponse.SERVING:
            return False
        self._succeeded()
        return True

    async def ask(self, method: str, request: bytes) -> bytes | None:
        """The answer of another method of the Raft service, None when there is none."""
        try:
            answer: bytes = await self._connection().unary_unary(_RAFT + method, None, None)(
                request, timeout=self._timeout_s
            )
        except _endings() as error:
            _reason(error)
            return None
        return answer

    # Life

    async def run(self) -> None:
        try:
            async with Group() as group:
                while not self._has_ended():
                    if not self._queue and not self._unconfirmed:
                        await self._wait()
                        continue
                    if self._queue and self._queue[0].type is MessageType.SNAP:
                        snapshot = self._queue.popleft()
                        group.spawn(self._send_snapshot(snapshot), name=f"snapshot for {self.raft_id:x}")
                    else:
                        await self._send()
                    self._close_old(group)
        finally:
            self._queue.clear()
            await self._close()

    def _has_ended(self) -> bool:
        if self._retired_at is None:
            return False
        return not (self._queue or self._unconfirmed) or self._clock.monotonic() - self._retired_at > DRAIN_S

    async def _wait(self) -> None:
        """Until there is something to send; asks for the member's health when it takes long."""
        if self.active_since is None and self._clock.monotonic() >= self._not_before and not self._queue:
            await self._get_to_know()
        if not self._queue and not self._unconfirmed and self._retired_at is None:
            seconds = IDLE_CHECK_S if self.active_since is not None else max(self._pause_s, _PAUSE_FIRST_S)
            self._wake.clear()
            woken = await event_or_time(self._clock, self._wake, seconds)
            if not woken and self.active_since is not None:
                await self.answers()

    async def _get_to_know(self) -> None:
        """Whether the member is there, and whether it is ours."""
        if await self.answers() and self.is_ours is None:
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._find_link()
            except _endings() as error:
                self._failed(_reason(error))

    def _next(self) -> Message:
        message = self._queue.popleft()
        while self._queue and (both := merged(message, self._queue[0])) is not None:
            message = both
            self._queue.popleft()
        return message

    async def _send(self) -> None:
        """Send what waits, over a link all of it, and wait until it is taken."""
        self._is_sending = True
        first = self._queue[0] if self._queue else None
        link: LinkClient | None = None
        try:
            async with asyncio.timeout(self._timeout_s):
                link = await self._find_link()
                if link is not None:
                    self._write(link)
                    await self._confirm(link)
                elif self._queue:
                    call = self._connection().unary_unary(_RAFT + "ProcessRaftMessage", None, None)
                    await call(next(requests(self._next())))
        except _endings() as error:
            reason = _reason(error)
            if link is None or link is self._link:  # else it was given up on purpose
                self._failed(reason)
            self._reports.report_unreachable(self.raft_id)
            if self._queue and self._queue[0] is first:
                self._queue.popleft()  # there was no way to send it: it is lost too
        else:
            self._succeeded()
        finally:
            self._is_sending = False

    async def _find_link(self) -> LinkClient | None:
        """The link to a manager of ours; None when the member is none. Raises OSError."""
        if self.is_ours is False or self._dial_link is None:
            return None
        if self._link is None or not self._link.is_open:
            try:
                self._link = await self._dial_link(self.address)
            except NotSpoken:
                self.is_ours = False
                return None
            self.is_ours = True
        return self._link

    def _write(self, link: LinkClient) -> None:
        """Send the messages that can go now, in order. Raises LinkLost."""
        batch: list[bytes] = []
        room = _UNCONFIRMED_MAX - self._unconfirmed
        while self._queue and len(batch) < room and self._queue[0].type is not MessageType.SNAP:
            batch.append(message_to_raftpb(self._next()).SerializeToString())
        self._unconfirmed += len(batch)
        if self._unconfirmed >= _UNCONFIRMED_MAX // 2:
            self._has_many.set()
        link.send(batch, self._reports.said_tick_s)

    async def _confirm(self, link: LinkClient) -> None:
        """Wait until the other side has what was sent, more of which may be sent meanwhile."""
        await event_or_time(self._clock, self._has_many, _CONFIRM_S)
        self._has_many.clear()
        asked = self._unconfirmed
        await link.confirm()
        self._unconfirmed -= asked

    def _drop_link(self) -> None:
        if self._link is not None:
            self._link.abort()
            self._link = None
            self._unconfirmed = 0

    async def _send_snapshot(self, message: Message) -> None:
        try:
            open_stream: Any = self._connection().stream_unary(_RAFT + "StreamRaftMessage", None, None)
            call = open_stream()
            count = 0
            try:
                for request in requests(message):
                    async with asyncio.timeout(max(self._timeout_s, _TAKE_SNAPSHOT_S)):
                        await call.write(request)
                    count += 1
                await call.done_writing()
                async with asyncio.timeout(_TAKE_SNAPSHOT_S * (1 + count)):
                    await call
            finally:
                call.cancel()
        except _endings() as error:
            self._failed(_reason(error))
            self._reports.report_snapshot(self.raft_id, ok=False)
            self._reports.report_unreachable(self.raft_id)
        else:
            self._succeeded()
            self._reports.report_snapshot(self.raft_id, ok=True)

    # The connection

    def _connection(self) -> grpc.aio.Channel:
        if self._channel is not None and self._is_stale:
            self._old_channels.append(self._channel)
            self._channel = None
        if self._channel is None:
            self._channel = self._dial(self.address)
            self._is_stale = False
        return self._channel

    def _close_old(self, group: Group) -> None:
        """Connections given up end by themselves what they still carry."""
        while self._old_channels:
            group.spawn(self._old_channels.pop().close(_CLOSE_S), name="close a connection")

    async def _close(self) -> None:
        self._drop_link()
        for channel in (*self._old_channels, self._channel):
            if channel is not None:
                await channel.close(None)

    # What became of it

    def _succeeded(self) -> None:
        self.heard()
        if self.active_since is None:
            self.active_since = self._clock.monotonic()
            _log.debug("raft member %x at %s answers", self.raft_id, self.address)

    def _failed(self, reason: str) -> None:
        if reason == REMOVED_TEXT:
            self._reports.report_removed()
        if self.active_since is not None:
            _log.info("raft member %x at %s does not answer: %s", self.raft_id, self.address, reason)
        self.active_since = None
        self.redial()
        self._pause_s = min(max(2 * self._pause_s, _PAUSE_FIRST_S), _PAUSE_MAX_S)
        self._not_before = self._clock.monotonic() + self._pause_s

    def _lost(self, message: Message) -> None:
        self._reports.report_unreachable(self.raft_id)
        if message.type is MessageType.SNAP:
            self._reports.report_snapshot(self.raft_id, ok=False)


def _endings() -> tuple[type[BaseException], ...]:
    """How sending ends without an answer. Looked up when it does: grpcio is loaded by then, or not needed."""
    return (
        grpc.aio.AioRpcError,
        grpc.aio.BaseError,
        asyncio.CancelledError,
        LinkRefusal,
        OSError,
        TimeoutError,
    )


def _reason(error: BaseException) -> str:
    """Why a call failed. Raises the cancellation of the task that made it."""
    if isinstance(error, asyncio.CancelledError):
        # A call ends like this too when its connection is closed, which is not the task's cancellation.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise error
        return "the connection was closed"
    if isinstance(error, grpc.aio.AioRpcError):
        return error.details() or error.code().name
    if isinstance(error, LinkRefusal):
        return error.message
    return (
        "it takes too long" if isinstance(error, TimeoutError) else str(error) or "the connection is closed"
    )
