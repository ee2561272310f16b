"""The feed of assignments: how the changes of many nodes become messages, in virtual time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from swarm_core.api.proto.dispatcher_pb2 import AssignmentsMessage
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.manager.dispatcher.config import DispatcherConfig
from swarm_core.manager.dispatcher.feed import AssignmentFeed
from swarm_core.runtime.tasks import Group
from swarm_core.runtime.waiting import turn
from swarm_core.store.memory import MemoryStore
from swarm_testkit.clock import VirtualClock, in_virtual_time, until
from swarm_testkit.factories import make_task

CONFIG = DispatcherConfig(nodes_without_rest=4, rest_per_node_s=0.1)
NODES = [f"n{number}" for number in range(12)]
REST_S = (len(NODES) - 4) * 0.1


class Rig:
    """A feed with a reader for each node; `told` is what each message changed, by node, without the first full set."""

    def __init__(self, nodes: list[str] = NODES) -> None:
        self.clock = VirtualClock()
        self.feed = AssignmentFeed(MemoryStore(clock=self.clock), self.clock, CONFIG, lambda: None)
        self.told: dict[str, list[list[str]]] = {node_id: [] for node_id in nodes}
        self.times: list[float] = []

    def put(self, task_id: str, nodes: list[str]) -> None:
        """One commit with a task for each of `nodes`."""
        for node_id in nodes:
            task = make_task(f"{task_id}-{node_id}", node_id=node_id, state="ASSIGNED")
            self.feed.put(task, task.SerializeToString())

    def remove(self, task_id: str, node_id: str) -> None:
        self.feed.remove(Task(id=f"{task_id}-{node_id}", node_id=node_id))

    def messages(self) -> int:
        return sum(map(len, self.told.values()))

    async def read(self, node_id: str) -> None:
        is_first = True
        async for encoded in self.feed.follow(node_id, lambda: None):
            message = AssignmentsMessage.FromString(encoded)
            if not is_first:
                tasks = [change.assignment.task.id.partition("-")[0] for change in message.changes]
                self.told[node_id].append(tasks)
                self.times.append(round(self.clock.monotonic(), 6))
            is_first = False


@contextlib.asynccontextmanager
async def reading(nodes: list[str] = NODES) -> AsyncIterator[Rig]:
    rig = Rig(nodes)
    async with Group() as group:
        group.spawn(rig.feed.run(), name="feed")
        for node_id in nodes:
            group.spawn(rig.read(node_id), name=node_id)
        await asyncio.sleep(1)
        yield rig
        group.cancel_all()


@in_virtual_time
async def test_changes_for_many_nodes_gather() -> None:
    """What is committed while the feed rests goes out as one message for each node, when the rest is over."""
    async with reading() as rig:
        begun = rig.clock.monotonic()
        rig.put("a", NODES)
        await until(lambda: rig.messages() == len(NODES))
        assert set(rig.times) == {begun}
        for task_id in "bcd":
            rig.put(task_id, NODES)
            await asyncio.sleep(REST_S / 8)
        rig.remove("b", NODES[0])
        await until(lambda: rig.messages() > len(NODES))
        await until(lambda: rig.messages() == 2 * len(NODES))
        assert set(rig.times) == {begun, round(begun + REST_S, 6)}
        assert all(told == [["a"], ["b", "c", "d"]] for told in rig.told.values())


@in_virtual_time
async def test_changes_for_few_nodes_do_not_wait() -> None:
    """Commits for few nodes are told as they come, however many they are."""
    async with reading() as rig:
        for number in range(20):
            put_at = round(rig.clock.monotonic(), 6)
            rig.put(f"t{number}", NODES[:4])
            await asyncio.sleep(REST_S / 100)
            assert rig.messages() == 4 * (number + 1)
            assert set(rig.times[-4:]) == {put_at}


@in_virtual_time
async def test_others_have_their_turn() -> None:
    """While a thousand nodes are told, the loop goes on with other work."""
    nodes = [f"n{number}" for number in range(1000)]
    async with reading(nodes) as rig:
        rig.put("a", nodes)
        seen = set()
        while rig.messages() < len(nodes):
            await turn()
            seen.add(rig.messages())
        assert len(seen) > 20


@in_virtual_time
async def test_closed_stream_is_forgotten() -> None:
    """A stream that ends while its change waits is not kept."""
    rig = Rig()
    stream = rig.feed.follow("n0", lambda: None)
    await anext(stream)
    rig.put("a", ["n0"])
    await stream.aclose()  # type: ignore[attr-defined]
    assert not rig.feed._changed and not rig.feed._streams
