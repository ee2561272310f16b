"""When the managers are asked, beside their rhythm: whenever something happened to one of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from swarm_core.api.proto import objects_pb2
from swarm_core.api.proto.raft_status_pb2 import GetRaftStatusResponse
from swarm_core.client.control import Control
from swarm_core.client.logs import LogReader
from swarm_core.client.managers import TOLD_S
from swarm_core.client.watch import Action, Change, Changed, Listed, Lost, Resumed, Update
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.factories import make_node
from swarm_testkit.manual_clock import ManualClock, settle
from swarm_tui.clusters.managers import ManagerNews
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.clusters.session import Session


def manager(version: int, **more: str) -> objects_pb2.Node:
    node = make_node("m1", role="MANAGER", **more)
    node.meta.version.index = version
    node.manager_status.raft_id = 1
    return node


@asynccontextmanager
async def running() -> AsyncIterator[tuple[Session, FakeCluster, ManualClock]]:
    fake, clock = FakeCluster([manager(1), make_node("w1")]), ManualClock()
    fake.raft = GetRaftStatusResponse(term=7)
    session = Session("one", Mirror(clock), Control(fake), LogReader(fake, clock=clock), clock)
    async with asyncio.TaskGroup() as group:
        news = group.create_task(ManagerNews(session).run())
        await settle()
        yield session, fake, clock
        news.cancel()


async def questions(session: Session, fake: FakeCluster, update: Update) -> int:
    """How often the managers are asked because of an update, while no time passes."""
    before = fake.raft_asked
    session.mirror.apply(update)
    session.mirror.flush()
    await settle()
    return fake.raft_asked - before


def changed(node: objects_pb2.Node, action: Action = Action.UPDATED) -> Changed:
    return Changed((Change(action, node),), node.meta.version.index)


async def test_what_happens_to_a_manager_is_asked_about_at_once() -> None:
    """A listing, a return of the stream, a change and the end of a manager each ask once; a worker's change never."""
    async with running() as (session, fake, _):
        assert await questions(session, fake, Listed((manager(1), make_node("w1")), 1)) == 1
        assert await questions(session, fake, Lost("gone")) == 0
        assert await questions(session, fake, Resumed(1)) == 1
        assert await questions(session, fake, changed(manager(2, availability="DRAIN"))) == 1
        assert await questions(session, fake, changed(make_node("w1", availability="DRAIN"))) == 0
        assert await questions(session, fake, changed(manager(2), Action.REMOVED)) == 1


async def test_an_answer_is_no_reason_to_ask() -> None:
    """Answers that differ each time are told, and do not lead to the next question."""
    async with running() as (session, fake, clock):
        await questions(session, fake, Listed((manager(1),), 1))
        before = fake.raft_asked
        for term in range(8, 11):
            fake.raft = GetRaftStatusResponse(term=term)
            await clock.advance(TOLD_S)
            assert session.mirror.raft == fake.raft
        assert fake.raft_asked == before + 3
