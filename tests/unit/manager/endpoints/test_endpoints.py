"""Where the tasks behind published ports are, as the leader tells it, in virtual time (docs/design/ports.md P.5)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from swarm_agentd.ports.table import RoutingTable
from swarm_core.api.proto.endpoints_pb2 import EndpointsMessage, FollowEndpointsRequest
from swarm_core.api.proto.objects_pb2 import Node, Service, Task
from swarm_core.api.proto.types_pb2 import Peer, PortConfig, WeightedPeer
from swarm_core.api.task_ports import GATE_PLUGIN
from swarm_core.manager.endpoints import api as api_module
from swarm_core.manager.endpoints.api import EndpointsApi
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import Aborted, NotFound
from swarm_core.runtime.tasks import Group
from swarm_core.store.memory import MemoryStore
from swarm_testkit.clock import VirtualClock, in_virtual_time, until
from swarm_testkit.factories import make_node, make_service, make_task, make_task_spec
from swarm_testkit.port_nodes import tcp

KEY = (PortConfig.TCP, 8080)


def service(id_: str = "s", published: int = 8080) -> Service:
    port = tcp(80, published)
    made = make_service(id_, task=make_task_spec(command=["serve"]), ports=[port])
    made.endpoint.ports.append(port)
    return made


def task(
    id_: str, node_id: str = "n1", state: str = "RUNNING", desired: str = "RUNNING", of: str = "s"
) -> Task:
    made = make_task(
        id_,
        service_id=of,
        node_id=node_id,
        state=state,
        desired=desired,
        spec=make_task_spec(command=["serve"]),
    )
    made.endpoint.ports.append(tcp(80, 8080))
    made.status.port_status.ports.append(tcp(80, 20000))
    return made


def node(id_: str, state: str = "READY", gate: int = 20001) -> Node:
    return make_node(id_, state=state, addr=f"192.0.2.{id_[1:]}", plugins=[(GATE_PLUGIN, str(gate))])


class Follower:
    """A node that follows: what it was told, as messages and as its table."""

    def __init__(self, rig: "Rig", node_id: str) -> None:
        self._rig, self._node_id = rig, node_id
        self.messages: list[EndpointsMessage] = []
        self.table = RoutingTable()
        self.failure: Exception | None = None

    async def run(self) -> None:
        caller = Caller(self._node_id, frozenset({"swarm-worker"}), "cluster", "192.0.2.1:1")
        try:
            async for encoded in self._rig.api.follow_endpoints(FollowEndpointsRequest(), caller):
                self.messages.append(EndpointsMessage.FromString(encoded))
                self.table.apply(self.messages[-1])
        except (Aborted, NotFound) as failure:
            self.failure = failure

    def backends(self) -> set[str]:
        tried: set[str] = set()
        while (found := self.table.next(KEY, tried, 0.0)) is not None:
            tried.add(found.task_id)
        return tried


class Rig:
    def __init__(self) -> None:
        self.store = MemoryStore(clock=VirtualClock())
        self.peers = [WeightedPeer(peer=Peer(node_id="n1", addr="198.51.100.1:4242"), weight=10)]
        self.api = EndpointsApi(self.store, lambda: self.peers)
        self.group = Group()

    async def put(self, *items: Service | Task | Node) -> None:
        def change(transaction: Any) -> None:
            for item in items:
                stored = transaction.get(type(item), item.id)
                if stored is None:
                    transaction.create(item)
                else:
                    item.meta.CopyFrom(stored.meta)
                    transaction.update(item)

        await self.store.update(change)

    async def drop(self, kind: type[Service] | type[Task] | type[Node], id_: str) -> None:
        await self.store.update(lambda transaction: transaction.delete(kind, id_))

    async def follow(self, node_id: str = "n2") -> Follower:
        follower = Follower(self, node_id)
        self.group.spawn(follower.run(), name="follower")
        await until(lambda: follower.messages or follower.failure)
        return follower


@contextlib.asynccontextmanager
async def serving(rig: Rig) -> AsyncIterator[None]:
    async with Group() as group:
        group.spawn(rig.api.run(), name="endpoints")
        await asyncio.sleep(0)
        try:
            yield
        finally:
            group.cancel_all()


def rigged(test: Callable[[Rig], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A rig that serves: manager n1, worker n2, service s with task t1 on n1, in virtual time."""

    async def run() -> None:
        rig = Rig()
        await rig.put(node("n1"), node("n2"), service(), task("t1"))
        async with rig.group:
            async with serving(rig):
                await test(rig)
            rig.group.cancel_all()

    def wrapper() -> None:
        in_virtual_time(run)()

    wrapper.__doc__ = test.__doc__
    return wrapper


@rigged
async def test_everything_first(rig: Rig) -> None:
    """Who follows is told all routes, tasks and places at once; a manager is where other managers reach it."""
    follower = await rig.follow()
    (first,) = follower.messages
    assert first.is_complete and [route.published_port for route in first.routes] == [8080]
    assert follower.backends() == {"t1"}
    place = follower.table.place("n1")
    assert place is not None and (place.host, place.gate_port) == ("198.51.100.1", 20001)
    assert follower.table.place("n2") is None  # nothing runs there


@rigged
async def test_tasks_come_and_go(rig: Rig) -> None:
    """A task takes connections while it runs and is to run; before, while it stops, and when it is gone it is not told."""
    follower = await rig.follow()
    await rig.put(task("t2", "n2", state="STARTING"), task("t3", "n2"))
    await until(lambda: follower.backends() == {"t1", "t3"})
    place = follower.table.place("n2")
    assert place is not None and place.host == "192.0.2.2"
    await rig.put(task("t2", "n2"), task("t1", desired="SHUTDOWN"))
    await until(lambda: follower.backends() == {"t2", "t3"})
    assert follower.table.place("n1") is None
    await rig.put(task("t3", "n2", state="FAILED"))
    await until(lambda: follower.backends() == {"t2"})
    await rig.drop(Task, "t2")
    await until(lambda: follower.backends() == set())
    assert all(not message.is_complete for message in follower.messages[1:])


@rigged
async def test_nodes_come_and_go(rig: Rig) -> None:
    """A node that is down lets nobody in; another number, or another address of a manager, replaces the old one."""
    follower = await rig.follow()
    await rig.put(node("n1", state="DOWN"))
    await until(lambda: follower.table.place("n1") is None)
    await rig.put(node("n1", gate=20002))
    await until(lambda: follower.table.place("n1") is not None)
    rig.peers = [WeightedPeer(peer=Peer(node_id="n1", addr="[2001:db8::1]:4242"), weight=10)]
    rig.api.managers_changed()
    await until(lambda: (place := follower.table.place("n1")) is not None and place.host == "2001:db8::1")
    place = follower.table.place("n1")
    assert place is not None and place.gate_port == 20002


@rigged
async def test_services_change_hands(rig: Rig) -> None:
    """A port that one service gives up and another one gets leads to the other one's tasks; a removed service publishes nothing."""
    follower = await rig.follow()
    await rig.put(service(published=8081), service("other"), task("o1", of="other"))
    await until(lambda: follower.backends() == {"o1"})
    await rig.drop(Service, "other")
    await until(lambda: set(follower.table.routes()) == {(PortConfig.TCP, 8081)})


@rigged
async def test_other_runtimes_are_not_told(rig: Rig) -> None:
    """Ports of containers are Docker's: neither their services nor their tasks appear, and nobody is woken for them."""
    follower = await rig.follow()
    container = make_service("c", ports=[tcp(80, 9000)])
    container.endpoint.ports.append(tcp(80, 9000))
    other = task("c1", of="c")
    other.spec.CopyFrom(make_task_spec())
    await rig.put(container, other, make_task("plain", state="RUNNING", node_id="n1"))
    await rig.put(task("t2"))
    await until(lambda: follower.backends() == {"t1", "t2"})
    assert set(follower.table.routes()) == {KEY} and len(follower.messages) == 2


@rigged
async def test_lagging_follower_is_told_everything(rig: Rig) -> None:
    """One that has missed more changes than are kept is told everything again, and knows the same as all others."""
    caller = Caller("n2", frozenset({"swarm-worker"}), "cluster", "192.0.2.1:1")
    slow = rig.api.follow_endpoints(FollowEndpointsRequest(), caller)
    table = RoutingTable()
    table.apply(EndpointsMessage.FromString(await anext(slow)))
    quick = await rig.follow()
    for number in range(api_module.CHANGES_MAX + 10):
        await rig.put(task("t2", state="RUNNING" if number % 2 else "STARTING"))
        for _ in range(3):  # those who watch the store see each change by itself
            await asyncio.sleep(0)
    await rig.put(task("t3"))
    await until(lambda: quick.backends() == {"t1", "t2", "t3"})
    message = EndpointsMessage.FromString(await anext(slow))
    assert message.is_complete and {one.task_id for one in message.backends} == {"t1", "t2", "t3"}
    await slow.aclose()  # type: ignore[attr-defined]


@rigged
async def test_changes_between_travel_together(rig: Rig) -> None:
    """What changed while a node was not reading comes as one message that is right at its end."""
    caller = Caller("n2", frozenset({"swarm-worker"}), "cluster", "192.0.2.1:1")
    slow = rig.api.follow_endpoints(FollowEndpointsRequest(), caller)
    await anext(slow)
    quick = await rig.follow()
    await rig.put(task("t2"))
    await rig.put(task("t3"))
    await rig.drop(Task, "t2")
    await until(lambda: quick.backends() == {"t1", "t3"})
    message = EndpointsMessage.FromString(await anext(slow))
    assert not message.is_complete
    assert [one.task_id for one in message.backends] == ["t3"] and list(message.removed_backends) == ["t2"]
    await slow.aclose()  # type: ignore[attr-defined]


@rigged
async def test_many_entries_are_several_messages(rig: Rig) -> None:
    """What is too much for one message comes in several, the first of which replaces what was known."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api_module, "ENTRIES_PER_MESSAGE", 4)
        await rig.put(*(task(f"t{number}") for number in range(2, 12)))
        follower = await rig.follow()
        await until(lambda: len(follower.backends()) == 11)
    assert [message.is_complete for message in follower.messages] == [True, False, False, False]


@rigged
async def test_who_may_follow(rig: Rig) -> None:
    """A node that does not exist is refused, one that is removed meanwhile is told no more."""
    stranger = await rig.follow("n9")
    assert isinstance(stranger.failure, NotFound)
    follower = await rig.follow("n2")
    await rig.drop(Node, "n2")
    await rig.put(task("t2"))
    await until(lambda: isinstance(follower.failure, NotFound))


def test_only_the_leader_tells() -> None:
    """Before and after leading, who asks is sent away, and so is who follows when leading ends; a new leader tells everything."""

    async def run() -> None:
        rig = Rig()
        await rig.put(node("n1"), node("n2"), service(), task("t1"))
        async with rig.group:
            assert isinstance((await rig.follow()).failure, Aborted)
            async with serving(rig):
                follower = await rig.follow()
            await until(lambda: isinstance(follower.failure, Aborted))
            await rig.put(task("t2"))
            async with serving(rig):
                again = await rig.follow()
                assert again.messages[0].is_complete and again.backends() == {"t1", "t2"}
            rig.group.cancel_all()

    in_virtual_time(run)()
