"""The records of one query, over as many calls as it takes: a lost connection or leader makes no gap and gives nothing twice.

Rules
1. After a loss it is asked which tasks there are, and each is read on from where it stands; tasks that stand near each other together.
   Following goes on after that, from OVERLAP_S before the asking on; what was taken is dropped (`log_positions`).
2. Nodes come back to a new leader one by one. For NODES_S what is incomplete is read again; what is missing then is missing.
3. Following waits for a manager without end. Logs that are not followed fail after OUTAGE_S.
4. A line that was not whole when the connection broke comes whole with the next.

Limits: clocks of nodes may differ by less than OVERLAP_S. A tail is taken once: of a task that had given nothing yet when the connection
broke, what it wrote since reading began is read.
"""

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from swarm_core.api.proto import logbroker_pb2, objects_pb2
from swarm_core.api.timestamps import NS_PER_S
from swarm_core.client.calls import Calls, opened
from swarm_core.client.control import Control
from swarm_core.client.errors import (
    NO_LEADER,
    CallFailed,
    ClientError,
    IncompleteLogs,
    Unreachable,
    UntrustedManager,
)
from swarm_core.client.log_pieces import PieceJoiner
from swarm_core.client.log_query import LogQuery
from swarm_core.rules.log_positions import LogPositions
from swarm_core.runtime.clock import Clock

OVERLAP_S: Final = 60
NODES_S: Final = 10.0
NODE_PAUSE_S: Final = 1.0
OUTAGE_S: Final = 30.0
_PAUSES_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
_INCOMPLETE: Final = "warning: incomplete log stream"
_OUTAGES: Final = ("UNAVAILABLE", "ABORTED")
_REFUSALS: Final = ("INVALID_ARGUMENT", "PERMISSION_DENIED", "UNAUTHENTICATED", "UNIMPLEMENTED")
Records = list[logbroker_pb2.LogMessage]


class LogRecords:
    """One reading. `heard` is told why whenever the connection is lost, and None once a manager answers again."""

    def __init__(
        self, calls: Calls, clock: Clock, query: LogQuery, heard: Callable[[str | None], None]
    ) -> None:
        self._calls = calls
        self._control = Control(calls)
        self._clock = clock
        self._query = query
        self._heard = heard
        self._positions = LogPositions()
        self._pieces = PieceJoiner()
        self._began_ns = clock.wall_ns()
        self._failures = 0
        self._lost_since = 0.0

    async def batches(self) -> AsyncGenerator[Records]:
        """Whole records in the order in which they come. Raises IncompleteLogs, CallFailed, Unreachable."""
        reading = self._read(self._query)
        while True:
            try:
                async with aclosing(reading):
                    async for records in reading:
                        self._failures = 0
                        yield records
                if not self._query.follow:
                    return
                reason = "the manager ended the stream"
            except ClientError as error:
                if not self._is_outage(error) or self._is_too_long():
                    if rest := self._pieces.rest():
                        yield rest
                    raise
                reason = str(error)
            self._heard(reason)
            if not self._failures:
                self._lost_since = self._clock.monotonic()
            await self._clock.sleep(_PAUSES_S[min(self._failures, len(_PAUSES_S) - 1)])
            self._failures += 1
            reading = self._again()

    def _is_outage(self, error: ClientError) -> bool:
        """Whether trying again may help. Once it has worked, it may unless the call itself is wrong."""
        if isinstance(error, CallFailed):
            has_worked = self._positions.has_begun or self._failures > 0
            is_waited_for = self._query.follow and error.code == NO_LEADER
            return error.code in _OUTAGES or is_waited_for or (has_worked and error.code not in _REFUSALS)
        return isinstance(error, Unreachable) and not isinstance(error, UntrustedManager)

    def _is_too_long(self) -> bool:
        lasts_s = self._clock.monotonic() - self._lost_since
        return not self._query.follow and self._failures > 0 and lasts_s >= OUTAGE_S

    async def _again(self) -> AsyncGenerator[Records]:
        """Go on where the last reading broke."""
        asked_ns = self._clock.wall_ns()
        task_ids = await self._task_ids()
        self._heard(None)
        missing: IncompleteLogs | None = None
        if self._positions.has_begun:
            async with aclosing(self._catch_up(task_ids)) as reading:
                async for step in reading:
                    if isinstance(step, IncompleteLogs):
                        missing = step
                    else:
                        yield step
            if not self._query.follow:
                if missing is not None:
                    raise missing
                return
            query = self._following(asked_ns, task_ids if missing is not None else ())
        else:
            # Nothing was given: it may be asked for once more, but what is written from the beginning on is no past.
            query = (
                self._query
                if self._query.tail != 0
                else replace(self._query, tail=None, since_ns=self._began_ns)
            )
        async with aclosing(self._read(query)) as reading:
            async for records in reading:
                yield records

    def _following(self, asked_ns: int, unreached: Sequence[str]) -> LogQuery:
        """The query for what comes after the tasks were caught up with; earlier, where some of them could not be reached."""
        floors = [asked_ns - OVERLAP_S * NS_PER_S, self._query.since_ns or 0]
        if self._query.tail is not None:
            floors.append(self._began_ns)
        since_ns = min([max(floors), *(query.since_ns or 0 for query in self._missed(unreached))])
        return replace(self._query, tail=None, since_ns=since_ns)

    async def _catch_up(self, task_ids: Sequence[str]) -> AsyncGenerator[Records | IncompleteLogs]:
        """What there is of these tasks that was not given; at the end, what is missing still."""
        until = self._clock.monotonic() + NODES_S
        while True:
            missing: IncompleteLogs | None = None
            for query in self._missed(task_ids):
                try:
                    async with aclosing(self._read(query)) as reading:
                        async for records in reading:
                            yield records
                except IncompleteLogs as error:
                    missing = error
            if missing is None:
                return
            if self._clock.monotonic() >= until:
                yield missing
                return
            await self._clock.sleep(NODE_PAUSE_S)

    def _missed(self, task_ids: Sequence[str]) -> Iterator[LogQuery]:
        """What may not have been given yet, of tasks that there are."""
        for group in self._positions.groups(task_ids):
            since_ns = group.since_ns
            if since_ns is None:
                since_ns = self._query.since_ns if self._query.tail is None else self._began_ns
            yield LogQuery(task_ids=group.task_ids, since_ns=since_ns)

    async def _task_ids(self) -> list[str]:
        """The tasks that are somewhere. Raises Unreachable when nobody can say."""
        query = self._query
        found = []
        try:
            for filters in (
                {"id_prefixes": query.task_ids},
                {"service_ids": query.service_ids},
                {"node_ids": query.node_ids},
            ):
                if any(filters.values()):
                    found += await self._control.find(objects_pb2.Task, **filters)
        except CallFailed as error:
            raise Unreachable(str(error)) from None
        return list(dict.fromkeys(task.id for task in found if task.node_id))

    async def _read(self, query: LogQuery) -> AsyncGenerator[Records]:
        """One call. Raises IncompleteLogs in place of the broker's text for it."""
        self._pieces = PieceJoiner()
        self._positions.begin_anew()
        try:
            async with opened(self._calls.stream("Logs.SubscribeLogs", query.request())) as stream:
                async for message in stream:
                    whole = [one for record in message.messages if (one := self._taken(record)) is not None]
                    if whole:
                        yield whole
            if not self._query.follow and (rest := self._pieces.rest()):
                yield rest
        except CallFailed as error:
            if _INCOMPLETE in str(error):
                raise IncompleteLogs(str(error)) from None
            raise

    def _taken(self, record: logbroker_pb2.LogMessage) -> logbroker_pb2.LogMessage | None:
        """The whole record that this one completes; None for one that is known, or goes on."""
        before = self._positions.of(record)
        if not self._positions.is_new(record):
            return None
        whole = self._pieces.add(record)
        if whole is None:
            self._positions.hold(record, before)
        else:
            self._positions.release(record)
        return whole
