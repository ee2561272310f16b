"""How the managers stand: asked in one place, with a rhythm."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.proto.raft_status_pb2 import GetRaftStatusResponse
from swarm_core.client.control import Control
from swarm_core.client.errors import NO_LEADER, CallFailed
from swarm_core.client.managers import TOLD_S, UNTOLD_S, Managers, ManagerWatch, ask, with_statuses
from swarm_core.client.watch import Action, Change, Changed, Listed, Resumed, Update
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.factories import make_node
from swarm_testkit.manual_clock import ManualClock, settle

ASKED = "RaftStatus.GetRaftStatus"


def manager(number: int, *, leads: bool = False) -> objects_pb2.Node:
    node = make_node(f"n{number}", role="MANAGER")
    node.manager_status.raft_id = number
    node.manager_status.leader = leads
    return node


def two_managers(raft: GetRaftStatusResponse | None) -> FakeCluster:
    fake = FakeCluster([manager(1, leads=True), manager(2), make_node("n3")])
    fake.raft = raft
    return fake


@asynccontextmanager
async def asking(fake: FakeCluster) -> AsyncIterator[tuple[ManagerWatch, ManualClock, list[Managers]]]:
    clock, told = ManualClock(), list[Managers]()
    watch = ManagerWatch(Control(fake), clock=clock, tell=told.append)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(watch.run())
        await settle()
        yield watch, clock, told
        running.cancel()


async def test_an_answer_holds_every_manager_and_raft() -> None:
    """One question gives the status of each manager and how raft stands."""
    told = await ask(Control(two_managers(GetRaftStatusResponse(term=7))))
    assert told.statuses is not None and set(told.statuses) == {"n1", "n2"}
    assert told.statuses["n1"].leader
    assert told.raft is not None and told.raft.term == 7


async def test_asks_each_second_where_positions_are_told() -> None:
    """A leader that tells raft's positions is asked again after a second, one that does not after five."""
    fake = two_managers(GetRaftStatusResponse(term=7))
    async with asking(fake) as (_, clock, told):
        await clock.advance(3 * TOLD_S)
        assert len(told) == 4
        fake.raft = None
        await clock.advance(TOLD_S)
        assert told[-1].raft is None
        before = len(told)
        await clock.advance(UNTOLD_S - 0.1)
        assert len(told) == before
        await clock.advance(0.1)
        assert len(told) == before + 1


async def test_nobody_is_asked_while_nobody_looks() -> None:
    """Out of sight nothing is asked; the first question afterwards does not wait for a beat."""
    fake = two_managers(GetRaftStatusResponse(term=7))
    async with asking(fake) as (watch, clock, told):
        watch.set_looked_at(False)
        await clock.advance(60)
        assert len(told) == 1
        watch.set_looked_at(True)
        await settle()
        assert len(told) == 2


async def test_news_are_asked_for_at_once() -> None:
    """Something happened to a manager: the question does not wait for the beat, and the beat goes on from it."""
    async with asking(two_managers(None)) as (watch, clock, told):
        await clock.advance(UNTOLD_S / 2)
        watch.ask_now()
        await settle()
        assert len(told) == 2
        await clock.advance(UNTOLD_S - 0.1)
        assert len(told) == 2


async def test_without_an_answer_positions_are_gone_and_statuses_stay() -> None:
    """While nobody answers for the cluster no position is told, and it is asked again after a second."""
    fake = two_managers(GetRaftStatusResponse(term=7))
    async with asking(fake) as (_, clock, told):
        fake.unreachable = "connection refused"
        await clock.advance(TOLD_S)
        assert told[-1] == Managers(None, None)
        fake.unreachable = None
        await clock.advance(TOLD_S)
        assert told[-1].raft is not None


async def test_that_nobody_leads_is_told() -> None:
    """A manager that is left answers so; a lost connection is another thing."""
    fake = two_managers(GetRaftStatusResponse(term=7))
    async with asking(fake) as (_, clock, told):
        fake.fail_next("Control.ListNodes", CallFailed(NO_LEADER, "the cluster has no leader"))
        await clock.advance(TOLD_S)
        assert told[-1] == Managers(None, None, is_leaderless=True)
        await clock.advance(TOLD_S)
        assert told[-1].raft is not None and not told[-1].is_leaderless


async def test_a_leader_that_cannot_be_reached_tells_no_positions() -> None:
    """Statuses that a follower still lists are told without positions."""
    fake = two_managers(GetRaftStatusResponse(term=7))
    fake.fail_next(ASKED, CallFailed("UNAVAILABLE", "the leader cannot be reached"))
    told = await ask(Control(fake))
    assert told.raft is None and told.statuses


async def updates_of(*updates: Update) -> AsyncIterator[Update]:
    for update in updates:
        yield update


def event_of(node: objects_pb2.Node) -> Changed:
    """What a watch says of a node: everything but what is computed."""
    item = objects_pb2.Node()
    item.CopyFrom(node)
    item.ClearField("manager_status")
    return Changed((Change(Action.UPDATED, item),), 5)


async def printed(fake: FakeCluster, *updates: Update) -> list[Update]:
    async with aclosing(with_statuses(updates_of(*updates), Control(fake))) as found:
        return [update async for update in found]


async def test_status_survives_events() -> None:
    """A node's event holds no manager status; the one that was listed stays."""
    fake = two_managers(None)
    node = fake.get(objects_pb2.Node, "n1")
    _, changed = await printed(fake, Listed(tuple(fake.all(objects_pb2.Node)), 1), event_of(node))
    assert isinstance(changed, Changed)
    assert changed.changes[0].object.manager_status.leader


async def test_statuses_follow_a_change_of_a_manager() -> None:
    """After a change of a manager, or a gap, a status that became different is an update, which no event would be."""
    listed = Listed((manager(1, leads=True), manager(2)), 1)
    fake = FakeCluster([manager(1), manager(2, leads=True)])
    for update in (event_of(manager(1)), Resumed(1)):
        _, _, anew = await printed(fake, listed, update)
        assert isinstance(anew, Changed)
        found = {change.object.id: change.object.manager_status.leader for change in anew.changes}
        assert found == {"n1": False, "n2": True}


async def test_a_worker_s_change_asks_nobody() -> None:
    """What befalls workers says nothing of managers."""
    fake = two_managers(None)
    assert len(await printed(fake, Listed((), 1), event_of(make_node("n3")))) == 2
    assert not fake.calls


async def test_nobody_who_answers_ends_nothing() -> None:
    """When the managers cannot be asked, the updates go on as they come."""
    fake = two_managers(None)
    fake.fail_next("Control.ListNodes", CallFailed("UNAVAILABLE", "no leader"))
    found = await printed(fake, Listed((), 1), event_of(manager(1)), event_of(manager(1)))
    assert [type(update) for update in found] == [Listed, Changed, Changed, Changed]
    assert types_pb2.ManagerStatus(raft_id=2) in [c.object.manager_status for c in found[3].changes]  # type: ignore[union-attr]
