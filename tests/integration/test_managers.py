"""Several managers as processes: they hold one truth while some are killed, paused, stopped, removed or away."""

import asyncio
import os
import random
import signal
import time

import pytest
from swarm_core.api.proto import control_pb2, objects_pb2, raft_pb2, raft_status_pb2, types_pb2
from swarm_core.client.control import Control
from swarm_core.client.errors import CallFailed, ClientError
from swarm_testkit.daemons import Daemon, wait_until
from swarm_testkit.free_ports import free_port
from swarm_testkit.managers import (
    Cluster,
    cluster,
    config_spec,
    directly,
    eventually,
    manager_token,
    managers_seen,
    own_configs,
    paused,
    quickenings,
    through,
    write,
)

# More than the test run has time for: SWARM_ROUNDS=100.
ROUNDS = int(os.environ.get("SWARM_ROUNDS", "6"))
WRITERS = 6
SEED = 20
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 + 30 * ROUNDS)]


class Writers:
    """A stream of creates through all managers; remembers what was acknowledged, and when."""

    def __init__(self, nodes: list[Daemon]) -> None:
        self.nodes = nodes
        self.there: dict[str, bytes] = {}
        self.unsure: set[str] = set()
        self.refused: list[str] = []
        self.last = time.monotonic()
        self.count = 0
        self.stopping = asyncio.Event()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for writer in range(WRITERS):
                group.create_task(self.write(writer))

    async def write(self, writer: int) -> None:
        rng = random.Random(writer)
        while not self.stopping.is_set():
            try:
                async with through(self.nodes[writer % len(self.nodes)]) as control:
                    while not self.stopping.is_set():
                        self.count += 1
                        name, data = f"w{writer}-{self.count}", rng.randbytes(32)
                        self.unsure.add(name)
                        async with asyncio.timeout(20):
                            await control.create(objects_pb2.Config, config_spec(name, data))
                        self.there[name] = data
                        self.unsure.discard(name)
                        self.last = time.monotonic()
            except CallFailed as error:
                self.refused.append(f"{error.code}: {error}")
                await asyncio.sleep(0.02)
            except (ClientError, TimeoutError):
                await asyncio.sleep(0.02)

    async def go_on(self, seconds: float) -> float:
        """Wait for a write that began after now; how long that took."""
        start, count = time.monotonic(), self.count
        async with asyncio.timeout(seconds):
            while not any(int(name.partition("-")[2]) > count for name in list(self.there)[-WRITERS:]):
                await asyncio.sleep(0.01)
        return time.monotonic() - start

    def lost(self, stored: dict[str, bytes]) -> list[str]:
        return [name for name, data in self.there.items() if stored.get(name) != data]


async def same_everywhere(found: Cluster, nodes: list[Daemon]) -> dict[str, bytes]:
    """The configs, once all these managers hold the same."""

    async def equal() -> list[dict[str, bytes]]:
        stores = [await own_configs(node) for node in nodes]
        return stores if all(store == stores[0] for store in stores) and stores[0] else []

    try:
        return (await eventually(equal, what="equal stores"))[0]
    except AssertionError as error:
        raise AssertionError(f"{error}\n{found.tails()}") from None


async def test_three_managers_hold_one_truth() -> None:
    """What is written through any manager is in the store of each; all see one leader and everybody reachable."""
    async with cluster(3) as found:
        for number, node in enumerate(found.nodes):
            await write(node, f"c{number}", bytes([number]))
        stored = await same_everywhere(found, found.nodes)
        assert stored == {f"c{number}": bytes([number]) for number in range(3)}
        for node in found.nodes:

            async def is_whole(node: Daemon = node) -> bool:
                seen = await managers_seen(node)
                assert set(seen) == {one.address for one in found.nodes}
                assert sum(status.leader for status in seen.values()) == 1
                # The leader hears from the last that joined a moment after that one serves.
                return all(status.reachability == 2 for status in seen.values())

            await eventually(is_whole, what="all reachable")
        with pytest.raises(CallFailed, match="not the leader"):
            follower = found.others(await found.leader())[0]
            async with directly(follower) as connection:
                await connection.call(
                    "Control.CreateConfig", control_pb2.CreateConfigRequest(spec=config_spec("direct"))
                )


async def test_leaders_fail_under_a_stream_of_writes() -> None:
    """kill -9, SIGSTOP and restarts of leaders: every acknowledged write stands on every manager, and writes go on."""
    rng = random.Random(SEED)
    async with cluster(3) as found:
        writers = Writers(found.nodes)
        writing = asyncio.get_running_loop().create_task(writers.run())
        try:
            for round_ in range(ROUNDS):
                await asyncio.sleep(rng.uniform(0.2, 0.6))
                for node in found.nodes:
                    await found.serves(node)
                leader = await found.leader(asked=rng.choice(found.nodes))
                what = ("manager killed", "paused", "daemon killed")[round_ % 3]
                if what == "paused":
                    with paused(leader.manager_pid()):
                        await writers.go_on(60)
                elif what == "manager killed":
                    leader.kill_manager()
                    await writers.go_on(60)
                else:
                    leader.kill()
                    await writers.go_on(60)
                    leader.start()
                assert not writing.done(), writing.exception()
        except BaseException as error:
            error.add_note(found.tails())
            raise
        finally:
            writers.stopping.set()
            await writing
        for node in found.nodes:
            await found.serves(node)
        stored = await same_everywhere(found, found.nodes)
        assert writers.lost(stored) == []
        assert stored.keys() <= writers.there.keys() | writers.unsure
        assert len(writers.there) > 10 * ROUNDS


async def test_managers_of_ours_alone_have_short_ticks() -> None:
    """Nobody tells them to, and they come to it anew when all were started again and nobody leads."""
    async with cluster(3) as found:
        for node in found.nodes:
            wait_until(lambda node=node: quickenings(node) > 0, what="short ticks")
        before = {node: quickenings(node) for node in found.nodes}
        await write(found.nodes[0], "first")
        for node in found.nodes:
            node.kill()
        for node in found.nodes:
            node.start()
        for node in found.nodes:
            await found.serves(node)
            wait_until(lambda node=node: quickenings(node) > before[node], what="short ticks again")
        assert "first" in await own_configs(found.nodes[0])


async def test_positions_are_told_through_any_manager() -> None:
    """Term and log positions of all members, the same everywhere, and what each knows of itself; a new leader means a new term."""
    async with cluster(3) as found:
        await write(found.nodes[0], "one")

        async def even(node: Daemon) -> raft_status_pb2.GetRaftStatusResponse | None:
            async with through(node) as control:
                status = await control.raft_status()
            assert status is not None
            positions = [member.match_index for member in status.members]
            return status if positions == [status.last_index] * 3 else None

        told = [await eventually(lambda node=node: even(node), what="even positions") for node in found.nodes]
        assert len({one.term for one in told}) == len({one.leader_raft_id for one in told}) == 1
        for node in found.nodes:
            async with through(node) as control:
                figures = await control.manager_figures()
            assert figures is not None
            assert [(one.trouble, one.figures.term) for one in figures.managers] == [("", told[0].term)] * 3
            assert sum(one.figures.is_leader for one in figures.managers) == 1
            assert all(one.figures.memory_bytes > 1 << 20 for one in figures.managers)
        leader = await found.leader()
        leader.kill_manager()
        other = found.others(leader)[0]

        async def grown() -> bool:
            async with through(other) as control:
                status = await control.raft_status()
            return status is not None and status.term > told[0].term

        await eventually(grown, what="a new term")


async def test_a_leader_that_stops_politely_hands_over() -> None:
    """Ending a leader with SIGTERM moves leadership at once; a write right behind it succeeds."""
    # Who hands over waits for two election timeouts at most: longer ones, for a busy machine.
    async with cluster(3, "--tick", "0.5") as found:
        leader = await found.leader()
        other = found.others(leader)[0]
        stopping = asyncio.get_running_loop().run_in_executor(None, leader.stop)
        await write(other, "after")
        assert await stopping == 0
        assert "leadership was not handed over" not in leader.tail()
        assert (await found.leader(asked=other)) is not leader
        leader.start()
        await found.serves(leader)
        assert "after" in await same_everywhere(found, found.nodes)


async def test_a_member_that_was_away_catches_up_from_a_snapshot() -> None:
    """What it missed is no longer in the log and too large for one message: it gets the snapshot, in chunks, and the rest."""
    async with cluster(3) as found:
        leader = await found.leader()
        away, other = found.others(leader)
        async with through(leader) as control:
            (settings,) = await control.find(objects_pb2.Cluster)
            settings.spec.raft.snapshot_interval = 10
            settings.spec.raft.log_entries_for_slow_followers = 2
            await control.update(objects_pb2.Cluster, settings, settings.spec)
        await write(other, "before")
        assert away.stop() == 0
        rng = random.Random(1)
        blobs = {f"blob{number}": rng.randbytes(450_000) for number in range(24)}
        for name, data in blobs.items():
            await write(other, name, data)
        away.start()
        await found.serves(away)
        await write(away, "later")
        stored = await same_everywhere(found, found.nodes)
        assert stored == blobs | {"before": b"x", "later": b"x"}
        snapshots = away.state / "raft" / "snap-v3-encrypted"
        assert wait_until(lambda: list(snapshots.glob("*.snap")), what="a stored snapshot")


async def test_a_removed_manager_stops_and_keeps_nothing() -> None:
    """Leave takes a member out: the others go on, its manager ends with its log erased, quorum guards the rest."""
    async with cluster(4) as found:
        leader = await found.leader()
        gone, stays, other = found.others(leader)
        members = await managers_seen(leader)
        log = gone.state / "raft" / "wal-v3-encrypted"
        assert log.exists()
        async with directly(stays) as connection:
            request = raft_pb2.LeaveRequest(node=raft_pb2.RaftMember(raft_id=members[gone.address].raft_id))
            await connection.call("RaftMembership.Leave", request)
        wait_until(lambda: not log.exists(), what="the removed manager's log to go")
        await write(stays, "after")
        assert set(await managers_seen(leader)) == {leader.address, stays.address, other.address}
        with paused(stays.manager_pid()):

            async def unreachable() -> bool:
                async with directly(leader) as direct:
                    nodes = await Control(direct).find(objects_pb2.Node)
                return any(
                    node.manager_status.addr == stays.address and node.manager_status.reachability == 1
                    for node in nodes
                )

            await eventually(unreachable, what="the paused manager to be unreachable")


async def test_a_manager_promoted_again_is_another_member() -> None:
    """Demoted, it keeps nothing of the consensus but the raft id that it must never have again."""
    async with cluster(3) as found:
        leader = await found.leader()
        node = found.others(leader)[0]
        was = (await managers_seen(leader))[node.address].raft_id
        async with through(leader) as control:
            nodes = await control.find(objects_pb2.Node)
            node_id = next(one.id for one in nodes if one.manager_status.addr == node.address)

            async def be(role: int) -> None:
                await control.change(
                    objects_pb2.Node, node_id, lambda spec: setattr(spec, "desired_role", role)
                )

            await be(types_pb2.WORKER)
            wait_until(lambda: not (node.state / "raft").exists(), what="the manager's data to go")
            await be(types_pb2.MANAGER)

            async def is_back() -> int:
                status = (await managers_seen(leader)).get(node.address)
                return status.raft_id if status is not None and status.reachability == 2 else 0

            now = await eventually(is_back, what="the manager to be one again")
            assert now != was
            # The others may reach it a moment before it begins as whom they admitted.
            ids = {f"{was:x}", f"{now:x}"}
            file = node.state / "raft-ids"
            wait_until(lambda: set(file.read_text().split()[:-2]) == ids, what="both ids to be noted")


async def test_a_hung_manager_is_ended_and_started_again() -> None:
    """A manager process that answers no more, and does not end, is noticed by its daemon; the node is whole again."""
    async with cluster(1) as found:
        node = await found.leader()
        await write(node, "before")
        hung = node.manager_pid()
        assert hung is not None
        os.kill(hung, signal.SIGSTOP)
        wait_until(
            lambda: node.manager_pid() not in (None, hung), what="another manager process", seconds=120
        )
        await eventually(lambda: write(node, "after"), what="a write through the new manager")


async def test_five_managers_outlive_two_and_not_three() -> None:
    """With two of five gone writes go on; with three gone people are told that the quorum is lost, until one is back."""
    async with cluster(5) as found:
        leader = await found.leader()
        first, second, third, last = found.others(leader)
        leader.kill()
        first.kill()
        await eventually(lambda: write(last, "two-gone"), what="a write with two gone")
        third.kill()
        refusal: list[ClientError] = []

        async def refused() -> bool:
            try:
                async with asyncio.timeout(20):
                    await write(last, f"three-gone-{len(refusal)}")
            except ClientError as error:
                refusal.append(error)
            return bool(refusal) and "too few managers" in str(refusal[-1])

        await eventually(refused, what="the word that the quorum is lost")
        third.start()
        await eventually(lambda: write(second, "one-back"), what="a write with one back")
        stored = await same_everywhere(found, [second, third, last])
        assert {"two-gone", "one-back"} <= stored.keys()


async def test_one_manager_goes_on_alone() -> None:
    """--force-new-cluster: a survivor of a lost quorum keeps everything, leads alone, and others join it anew."""
    async with cluster(3) as found:
        await write(found.nodes[1], "kept")
        await same_everywhere(found, found.nodes)
        leader = await found.leader()
        survivor = found.others(leader)[0]
        for node in found.nodes:
            node.kill_all()
        survivor.flags = (*survivor.flags, "--force-new-cluster")
        survivor.start()
        await found.serves(survivor)
        assert set(await managers_seen(survivor)) == {survivor.address}
        await write(survivor, "alone")
        found.nodes = [survivor]
        joined = await found.add()
        assert set(await managers_seen(joined)) == {survivor.address, joined.address}
        assert {"kept", "alone"} <= (await same_everywhere(found, [survivor, joined])).keys()


async def test_a_manager_that_moves_tells_the_others() -> None:
    """Started again at another address it is a member there, and everybody reaches it."""
    async with cluster(3) as found:
        leader = await found.leader()
        mover, other = found.others(leader)
        assert mover.stop() == 0
        old = mover.address
        mover.port = free_port()
        mover.start()

        async def moved() -> bool:
            seen = await managers_seen(other)
            return old not in seen and mover.address in seen and seen[mover.address].reachability == 2

        await eventually(moved, what="the new address to be known")
        await found.serves(mover)
        await write(mover, "from-there")
        assert "from-there" in await same_everywhere(found, found.nodes)


async def test_a_manager_killed_while_joining_joins_in_the_end() -> None:
    """At whatever moment: with or without a log of its own, it is one member, not two. (The second manager of a cluster has one
    moment in which there is no majority without it: docs/critiques.md.)"""
    async with cluster(2) as found:
        rng = random.Random(SEED)
        token = await manager_token(found.nodes[0])
        join = ("--join-addr", found.nodes[0].address, "--join-token", token)
        joiner = Daemon(found.directory / "joiner", *found.flags, *join)
        found.nodes.append(joiner)
        for _ in range(4):
            joiner.start()
            certificate = joiner.state / "certificates" / "swarm-node.crt"
            wait_until(certificate.exists, what="a certificate")
            await asyncio.sleep(rng.uniform(0.8, 2.2))
            joiner.kill()
        joiner.start()
        await found.serves(joiner)
        assert set(await managers_seen(joiner)) == {node.address for node in found.nodes}
        await write(joiner, "joined")
        assert "joined" in await same_everywhere(found, found.nodes)
