"""One member of the raft cluster: its parts, put together, and their common life.

`start` loads what is on disk and replays it into the machine. `run` then ticks, writes, sends and applies until it is
cancelled, and closes the files. A failing disk ends the node, and so does being removed from the cluster.

    leading.proposing   proposals                   incoming      messages of other members
    leading.members     who belongs to the cluster  outgoing      messages to them
    leading.leadership  who leads                   ready_loop    carries out what the core wants
    leading.handover    giving leadership away      ticking       its time
"""

import random
from collections.abc import Callable
from functools import partial

from swarm_core.raft.status import Status
from swarm_core.raft_node.applier import Applier
from swarm_core.raft_node.config import LogLimits, RaftNodeConfig, default_limits
from swarm_core.raft_node.core import Core
from swarm_core.raft_node.errors import StateUnusable
from swarm_core.raft_node.incoming import Incoming
from swarm_core.raft_node.leading.handover import Handover
from swarm_core.raft_node.leading.leadership import Leadership
from swarm_core.raft_node.leading.members import Members
from swarm_core.raft_node.leading.proposals import Proposals
from swarm_core.raft_node.leading.proposing import Proposer
from swarm_core.raft_node.log.cluster_snapshot import EncodedState, encode_cluster_snapshot
from swarm_core.raft_node.log.disk import Disk
from swarm_core.raft_node.log.keyring import Keyring
from swarm_core.raft_node.log.storage import erase, has_log, noted_raft_ids
from swarm_core.raft_node.machine import StateMachine
from swarm_core.raft_node.membership import Membership
from swarm_core.raft_node.net.transport import Transport
from swarm_core.raft_node.outgoing import Outgoing
from swarm_core.raft_node.persistence import Persistence
from swarm_core.raft_node.ready_loop import ReadyLoop
from swarm_core.raft_node.ticking import Ticking
from swarm_core.raft_node.ticks import TickLength
from swarm_core.raft_node.upkeep import Upkeep
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.garbage import garbage_kept
from swarm_core.runtime.tasks import Group


class RaftNode:
    """A component: `await start()` once, then `run()`. Others work with its parts `proposer`, `members`, `leadership`,
    `handover`, `incoming` and `ticks`, from before the start on."""

    def __init__(
        self,
        config: RaftNodeConfig,
        disk: Disk,
        transport: Transport,
        machine: StateMachine,
        clock: Clock,
        rng: random.Random,
        *,
        keyring: Keyring,
        limits: Callable[[], LogLimits] = default_limits,
    ) -> None:
        self._machine = machine
        self._rng = rng
        self._keyring = keyring
        self._limits = limits
        self._is_ours = transport.is_ours
        self._core = core = Core(config, disk, clock)
        self._proposals = proposals = Proposals(clock)
        membership = Membership()
        self.ticks = TickLength(
            config.tick_s, config.short_tick_s or config.tick_s, clock, election_tick=config.election_tick
        )
        self.incoming = Incoming(core, self.ticks)
        self.leadership = Leadership(core, proposals)
        self._applier = Applier(
            core,
            membership,
            machine,
            proposals,
            transport,
            leader_id=lambda: self.leadership.leader_id,
            members_changed=lambda: self.members.on_change(),
        )
        self.proposer = Proposer(core, self.leadership, proposals, lambda: self._applier.index)
        self.members = Members(core, membership, self.proposer, transport, rng)
        self.handover = Handover(
            core, self.members, self.leadership, self.proposer, proposals, ticks=self.ticks
        )
        self._outgoing = Outgoing(core, self._applier, transport)
        self._ticking = Ticking(
            core, self.ticks, self.leadership, membership, self._outgoing, is_ours=transport.is_ours
        )
        self._loop: ReadyLoop
        transport.report_to(self.incoming)

    def status(self) -> Status:
        """How raft stands, after the start."""
        return self._core.raw.status()

    @property
    def proposals_waiting(self) -> int:
        """How many proposals of this member are not applied yet."""
        return len(self._proposals)

    def members_are_ours(self) -> bool:
        """Whether every other member was reached and is of our make."""
        own_id = self._core.raft_id
        return all(
            self._is_ours(member.raft_id) is True for member in self.members.all() if member.raft_id != own_id
        )

    @property
    def applied_index(self) -> int:
        """Of the last entry that the machine has."""
        return self._applier.index

    async def encoded_state(self) -> EncodedState:
        """Members and machine as they are now, between two entries; encoded beside the loop. Raises what the disk's thread raises."""
        applier = self._applier
        index, term = applier.index, applier.term
        members, encode = applier.membership.to_snapshot(), self._machine.snapshot()
        data = await self._core.disk.run_aside(lambda: encode_cluster_snapshot(members, encode()))
        return EncodedState(index, term, data)

    async def rotate_key(self) -> None:
        """Have another data key; it takes effect with the next snapshots."""
        await self._core.disk.run_aside(self._keyring.request_rotation)
        self._core.wake.set()

    async def has_state(self) -> bool:
        """Whether this node was a member already. Raises DiskFailed."""
        core = self._core
        return await core.disk.run(partial(has_log, core.disk, core.config.directory))

    async def former_raft_ids(self) -> frozenset[int]:
        """The ids that this node had and whose log is gone: it must never be one of them again. Raises StateUnusable,
        DiskFailed."""
        core = self._core
        noted = await core.disk.run(partial(noted_raft_ids, core.disk, core.config.raft_ids))
        return noted - {core.raft_id} if core.standing.has_started else noted

    async def start(self, *, joined_as: int = 0) -> None:
        """Load, and replay what is committed into the machine. Without state on disk: begin as the member that the
        leader admitted as `joined_as`, or found a cluster. Raises StateUnusable, DiskFailed."""
        core = self._core
        assert not core.standing.has_started
        await core.load(self._keyring, self._rng, joined_as=joined_as)
        try:
            core.make_raw(self._rng)
            with garbage_kept():
                self._restore()
                self._loop = self._make_loop()
                self._loop.replay()
        except BaseException:
            core.storage.close()
            raise
        core.standing.has_started = True

    async def run(self) -> None:
        """Take part until cancelled. Raises what made the node fail, NotMember once it was removed."""
        standing = self._core.standing
        assert standing.has_started
        try:
            async with Group() as group:
                group.spawn(self._ticking.run(), name="raft-ticks")
                try:
                    await self._loop.run(group)
                except Exception as error:  # noqa: BLE001 - raised again below, after the tasks have ended
                    standing.fail(error)
                group.cancel_all()
        finally:
            await self.close()
        assert standing.failure is not None
        raise standing.failure

    async def close(self) -> None:
        """Close the files; what `run` ends with, and how a node ends that was started but never run."""
        core = self._core
        if core.standing.has_ended:
            return
        core.standing.has_ended = True
        self.leadership.end()
        await core.disk.run(partial(core.storage.write_end, core.storage.take_deferred()))

    async def erase(self) -> None:
        """Forget everything, keys included, after `run` has ended: this node is no member any more."""
        core = self._core
        await core.disk.run(partial(erase, core.disk, core.config.directory))
        await core.disk.run(self._keyring.forget)

    def _restore(self) -> None:
        snapshot = self._core.storage.memory.snapshot()
        if not snapshot.index:
            return
        try:
            self._applier.restore(snapshot)
        except ValueError as error:
            raise StateUnusable(f"the snapshot of index {snapshot.index} is malformed: {error}") from error

    def _make_loop(self) -> ReadyLoop:
        core, applier = self._core, self._applier
        return ReadyLoop(
            core=core,
            applier=applier,
            leadership=self.leadership,
            outgoing=self._outgoing,
            persistence=Persistence(core, applier, self.ticks, self._limits),
            handover=self.handover,
            upkeep=Upkeep(core, applier, self._machine, self._keyring, self._limits),
        )
