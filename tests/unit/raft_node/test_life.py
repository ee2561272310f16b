"""How members begin and end: as founder, as the member that they were, or by asking."""

import pytest
from swarm_core.api.proto.raft_pb2 import JoinResponse
from swarm_core.raft_node.config import LogLimits
from swarm_core.raft_node.errors import JoinFailed, NotMember
from swarm_core.raft_node.life import MemberLife
from swarm_core.runtime.tasks import Group
from swarm_testkit.raft_hosts import Host, Network, hosts


def life_of(host: Host) -> MemberLife:
    return MemberLife(host.node, host.transport)


def again(host: Host) -> Host:
    """The same machine, in its next process."""
    return Host(host.network, host.number, LogLimits(), disk=host.disk, keys=host.keys)


class Leader:
    """Answers with these raft ids, one after the other; notes which ids it was told not to offer."""

    def __init__(self, *raft_ids: int) -> None:
        self.raft_ids = list(raft_ids)
        self.former: list[frozenset[int]] = []

    async def __call__(self, former: frozenset[int]) -> JoinResponse:
        self.former.append(former)
        if not self.raft_ids:
            raise JoinFailed("nobody leads")
        answer = JoinResponse(raft_id=self.raft_ids.pop(0))
        answer.members.add(raft_id=5, node_id="node-5", addr="10.0.0.5:1")
        answer.members.add(raft_id=answer.raft_id, node_id="node-1", addr="10.0.0.1:1")
        return answer


async def test_who_knows_no_other_manager_founds_a_cluster() -> None:
    """And goes on with it the next time, whoever could be asked then."""
    host = Host(Network(), 1, LogLimits())
    assert not await life_of(host).begin(None)
    raft_id = host.node.members.raft_id
    assert [member.raft_id for member in host.node.members.all()] == [raft_id]
    await host.node.close()
    host = again(host)
    leader = Leader()
    assert not await life_of(host).begin(leader)
    assert host.node.members.raft_id == raft_id
    assert leader.former == []
    await host.node.close()


async def test_a_joiner_begins_as_whom_it_was_admitted() -> None:
    """With nothing in its log, and knowing where the others are, itself left out."""
    host = Host(Network(), 1, LogLimits())
    assert await life_of(host).begin(Leader(7))
    assert host.node.members.raft_id == 7
    assert host.node.members.all() == []
    assert host.transport.peers == {5: "10.0.0.5:1"}
    await host.node.close()


async def test_a_joiner_that_heard_from_nobody_asks_again() -> None:
    """Under the same id it goes on. Under another one its log is that of a removed member, which must go."""
    host = Host(Network(), 1, LogLimits())
    await life_of(host).begin(Leader(7))
    await host.node.close()
    host = again(host)
    assert await life_of(host).begin(Leader(7))
    assert host.node.members.raft_id == 7
    await host.node.close()
    host = again(host)
    with pytest.raises(ExceptionGroup) as ended:
        async with life_of(host).forgotten_if_removed():
            await life_of(host).begin(Leader(8))
    assert ended.group_contains(NotMember)
    assert not await host.node.has_state()
    assert host.keys.values == {}


async def test_an_id_of_before_is_told_to_whoever_is_asked() -> None:
    """A node that was removed and joins again must not be given it."""
    host = Host(Network(), 1, LogLimits())
    await life_of(host).begin(Leader(7))
    await host.node.close()
    await host.node.erase()
    host = again(host)
    leader = Leader(9)
    await life_of(host).begin(leader)
    assert leader.former == [frozenset({7})]
    await host.node.close()


async def test_who_is_not_admitted_lets_go_of_its_files() -> None:
    """So that the next process can begin with them."""
    host = Host(Network(), 1, LogLimits())
    await life_of(host).begin(Leader(7))
    await host.node.close()
    for _ in range(2):
        host = again(host)
        with pytest.raises(JoinFailed):
            await life_of(host).begin(Leader())
    assert await host.node.has_state()


async def test_a_removed_member_sends_what_is_left_and_forgets() -> None:
    """Its log and its keys are gone when its end is told."""
    async with hosts(2) as (first, second):
        await second.end()
        host = again(second)
        host.network.hosts[second.node.members.raft_id] = host
        life = life_of(host)
        with pytest.raises(ExceptionGroup) as ended:
            async with life.forgotten_if_removed(), Group() as group:
                await life.begin(Leader())
                group.spawn(life.run(), name="raft")
                await first.node.members.remove(host.node.members.raft_id)
        assert ended.group_contains(NotMember)
        assert host.transport.drained == 1
        assert not await host.node.has_state()
