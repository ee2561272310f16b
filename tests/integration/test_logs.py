"""Logs that are followed over the loss of managers, with real daemons and processes."""

import asyncio
from collections.abc import Callable, Sequence

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_core.client.connection import Connection
from swarm_core.client.control import Control
from swarm_core.client.log_query import LogQuery
from swarm_core.client.logs import LogLine, LogReader
from swarm_core.runtime.clock import SystemClock
from swarm_core.specs import service, task
from swarm_core.specs.draft import Draft
from swarm_testkit.managers import cluster, through

pytestmark = pytest.mark.timeout(180)
COUNTER = "i=0; while :; do i=$((i+1)); echo $i; echo $i >&2; sleep 0.02; done"
REPLICAS = 3


class Counted:
    """Numbers by the stream that wrote them; each stream counts from one on."""

    def __init__(self) -> None:
        self.numbers: dict[tuple[str, bool], list[int]] = {}
        self._came = asyncio.Event()

    def take(self, lines: Sequence[LogLine]) -> None:
        for line in lines:
            self.numbers.setdefault((line.task_id, line.is_stderr), []).append(int(line.text))
        self._came.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._came.clear()
            await self._came.wait()

    async def go_on(self, count: int = 50) -> None:
        """Every stream has written so many more."""
        before = {key: len(numbers) for key, numbers in self.numbers.items()}
        await self.until(
            lambda: (
                len(self.numbers) == 2 * REPLICAS
                and all(len(numbers) >= before.get(key, 0) + count for key, numbers in self.numbers.items())
            )
        )


async def test_leaders_are_lost_while_logs_are_followed() -> None:
    """Through a follower whose leader is killed, and then through the manager that is killed itself: every line once."""
    async with cluster(3) as found:
        reached = found.others(await found.leader())[0]
        draft = Draft.new("process")
        service.set_name(draft, "count")
        service.set_replicas(draft, str(REPLICAS))
        task.set_program(draft, ["sh", "-c", COUNTER])
        async with through(reached) as control:
            made = await control.create(objects_pb2.Service, draft.finish())
        counted = Counted()
        heard: list[str | None] = []
        async with await Connection.open(reached.socket) as connection:
            reader = LogReader(connection, clock=SystemClock())
            query = LogQuery(service_ids=(made.id,), follow=True)
            reading = asyncio.ensure_future(reader.run(query, counted.take, heard.append))
            await counted.go_on()
            leader = await found.leader(asked=reached)
            for node in (leader, reached):
                del heard[:]
                node.kill_manager()
                # Lines that were under way come first, and may be many.
                await counted.until(lambda: heard[-1:] == [None])
                await counted.go_on()
            assert not reading.done()
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            await Control(connection).remove(objects_pb2.Service, made.id)
        for numbers in counted.numbers.values():
            # Streams of a task may be written a little out of order to each other, each alone is in order.
            assert numbers == list(range(1, len(numbers) + 1))
