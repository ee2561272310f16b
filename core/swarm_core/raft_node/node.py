"""One member of the raft cluster: the loop around the core.

`start` loads what is on disk and replays it into the machine; `run` then ticks, writes, sends and applies until
it is cancelled, and closes the files. Rules:
1. Nothing that depends on a write leaves before the write is durable; what a leader sends does not, and leaves
   while its own disk works. One write and one sync serve all that became ready while the last sync ran.
2. Committed entries that are durable here are applied before the next write begins: a proposal waits for one sync.
3. Leadership is announced once the leader's own term is applied and nothing older is left to apply; its loss
   is announced before the waiting proposals fail.
4. A candidate repeats its requests for votes at every tick. A member ignores them while it could still hear from the leader,
   and the core asks once: a whole election would be lost to a tick's difference.
5. A failing disk ends the node. What was not synced was never acknowledged. Being removed from the cluster ends it too.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from swarm_core.api.limits import ENTRY_BYTES_MAX
from swarm_core.api.wire import varint
from swarm_core.raft.errors import Compacted, ProposalDropped, StepRefused
from swarm_core.raft.raw_node import RawNode
from swarm_core.raft.sizes import NO_LIMIT
from swarm_core.raft.status import Status
from swarm_core.raft.types import (
    ConfChange,
    ConfChangeType,
    EntryType,
    Message,
    MessageType,
    Ready,
    Snapshot,
    SoftState,
    StateRole,
)
from swarm_core.raft_node.applier import Applier
from swarm_core.raft_node.config import (
    LogLimits,
    RaftNodeConfig,
    default_limits,
    raft_config,
)
from swarm_core.raft_node.errors import (
    CompactedLog,
    LostLeadership,
    NotLeader,
    NotMember,
    ProposalRefused,
    RequestTooLarge,
    StateUnusable,
    Stopped,
    TransferFailed,
)
from swarm_core.raft_node.log.disk import Disk
from swarm_core.raft_node.log.key_rotation import KeyRotation
from swarm_core.raft_node.log.keyring import Keyring
from swarm_core.raft_node.log.snapshotter import Snapshotter
from swarm_core.raft_node.log.storage import (
    RaftStorage,
    erase,
    has_log,
    note_raft_id,
    noted_raft_ids,
    open_storage,
)
from swarm_core.raft_node.machine import StateMachine
from swarm_core.raft_node.membership import Member
from swarm_core.raft_node.net.transport import Transport
from swarm_core.raft_node.proposals import OnCommit, Proposals, RequestIds
from swarm_core.raft_node.reconfiguration import Reconfiguration
from swarm_core.raft_node.stuck import StuckCheck, log_tasks
from swarm_core.raft_node.ticks import TickLength
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group
from swarm_core.runtime.waiting import event_or_time

log = logging.getLogger(__name__)


# What a leader sends holds whether or not its own disk has it yet: its acknowledgement of itself comes later.
_EARLY = frozenset((MessageType.APP, MessageType.HEARTBEAT, MessageType.SNAP, MessageType.TIMEOUT_NOW))


# They come from the leader of their term alone, and not for its snapshots' sake, which go another way.
_OF_LEADER = frozenset((MessageType.APP, MessageType.HEARTBEAT))


def _nobody_listens(is_leader: bool) -> None:
    """The default of `on_leadership`."""


def _nobody_cares() -> None:
    """The default of `on_members`."""


class RaftNode:
    """A component: `await start()` once, then `run()`. Implements the store's Proposer."""

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
        self._config = config
        self._disk = disk
        self._transport = transport
        self._machine = machine
        self._clock = clock
        self._rng = rng
        self._keyring = keyring
        self._limits = limits
        self._ticks = TickLength(
            config.tick_s, config.short_tick_s or config.tick_s, clock, election_tick=config.election_tick
        )
        self._proposals = Proposals(clock)
        self._request_ids = RequestIds(clock)
        self._wake = asyncio.Event()
        self._soft_state = SoftState()
        self._leader_changed = asyncio.Event()
        self._leaderless_since = clock.monotonic()
        self._is_handing_over = False
        self._vote_requests: list[Message] = []
        self._stuck = StuckCheck()
        self._commit_index = 0
        self._is_announced = False
        self._stopped: Stopped | None = None
        self._failure: Exception | None = None
        self.on_leadership: Callable[[bool], None] = _nobody_listens
        self.on_members: Callable[[], None] = _nobody_cares
        self._storage: RaftStorage
        self._raw: RawNode
        self._applier: Applier
        self._reconfiguration: Reconfiguration
        self._snapshotter: Snapshotter
        self._rotation: KeyRotation
        self._is_started = False
        transport.report_to(self)

    # What others ask

    @property
    def raft_id(self) -> int:
        return self._storage.member.raft_id

    @property
    def leader_id(self) -> int:
        """Raft id of the leader, 0 while none is known."""
        return self._soft_state.lead

    @property
    def is_leader(self) -> bool:
        """True between the announcements of leadership and of its loss."""
        return self._is_announced

    @property
    def is_handing_over(self) -> bool:
        """Whether leadership is on its way to another member; proposals are refused meanwhile."""
        return self._is_handing_over

    @property
    def leaderless_s(self) -> float:
        """For how long no leader is known."""
        return self._clock.monotonic() - self._leaderless_since if self._soft_state.lead == 0 else 0.0

    @property
    def said_tick_s(self) -> float:
        """The length of a tick now, as it is told to others; they heed it while this node leads."""
        return self._ticks.said_s

    @property
    def election_s(self) -> float:
        """The shortest time without a leader before an election now."""
        return self._config.election_tick * self._ticks.said_s

    @property
    def is_member(self) -> bool:
        """Whether this node takes part; others' messages are for it only then."""
        return self._is_started and self._stopped is None and not self._applier.is_removed

    @property
    def leader_changed(self) -> asyncio.Event:
        """Set when leader or leadership are not any more what they are now; the next change has its own event."""
        return self._leader_changed

    def members(self) -> list[Member]:
        """All members; none before the start."""
        if not self._is_started:
            return []
        return sorted(self._applier.membership.members.values(), key=lambda member: member.raft_id)

    def removed_members(self) -> frozenset[int]:
        """Raft ids that never come back."""
        return frozenset(self._applier.membership.removed) if self._is_started else frozenset()

    def can_remove(self, raft_id: int) -> bool:
        """Whether enough reachable members would remain without this one."""
        return self._reconfiguration.can_remove(raft_id)

    def status(self) -> Status:
        return self._raw.status()

    def commit_index(self) -> int | None:
        """Newest committed index, or None while this node is not a member."""
        return self._commit_index if self._is_started and not self._applier.is_removed else None

    def changes_between(self, low: int, high: int) -> list[tuple[int, bytes]]:
        """(index, encoded InternalRaftRequest) of the applied normal entries in (low, high]. Raises CompactedLog."""
        end = min(high, self._applier.index) + 1
        if low + 1 >= end:
            return []
        try:
            entries = self._storage.memory.entries(low + 1, end, NO_LIMIT)
        except Compacted as error:
            raise CompactedLog(low) from error
        return [(one.index, one.data) for one in entries if one.type is EntryType.NORMAL and one.data]

    # What others want

    async def propose(self, actions: bytes, on_commit: OnCommit) -> None:
        """Replicate the body of an InternalRaftRequest. Raises ProposalRefused; `on_commit` has not run then."""
        if len(actions) > ENTRY_BYTES_MAX:
            raise RequestTooLarge(len(actions), ENTRY_BYTES_MAX)
        self._check_may_propose()
        request_id = self._request_ids.next()
        self._offer(partial(self._raw.propose, b"\x08" + varint(request_id) + actions))
        await self._proposals.begin(request_id, on_commit)

    async def change_membership(self, kind: ConfChangeType, member: Member) -> None:
        """Add, update or remove a member as it stands, one at a time. Raises ProposalRefused."""
        self._check_may_propose()
        await self._reconfiguration.change(kind, member)

    async def admit(self, node_id: str, address: str) -> Member:
        """Make a node a member, or note the new address of one. Raises ProposalRefused."""
        self._check_may_propose()
        return await self._reconfiguration.admit(node_id, address)

    async def remove(self, raft_id: int) -> None:
        """Take a member out. Raises ProposalRefused, QuorumAtRisk when too few reachable ones would remain."""
        self._check_may_propose()
        await self._reconfiguration.remove(raft_id)

    async def transfer_leadership(self) -> None:
        """Hand leadership to the member that answers longest; returns once another one leads.

        Raises NotLeader, TransferFailed.
        """
        self._check_may_propose()
        heirs = [
            (since, member.raft_id)
            for member in self.members()
            if member.raft_id != self.raft_id
            and (since := self._transport.active_since(member.raft_id)) is not None
        ]
        if not heirs:
            raise TransferFailed("no other manager can be reached to take over the leadership")
        self._raw.transfer_leader(min(heirs)[1])
        self._wake.set()
        self._is_handing_over = True
        try:
            await self._wait_for_heir()
        finally:
            self._is_handing_over = False

    async def _wait_for_heir(self) -> None:
        # Raft gives up after one election timeout; the new leader needs a moment to be heard.
        deadline = self._clock.monotonic() + 2 * self.election_s
        while self._soft_state.lead in (0, self.raft_id):
            left = deadline - self._clock.monotonic()
            if self._stopped is not None or not await event_or_time(self._clock, self._leader_changed, left):
                raise TransferFailed("no other manager took over the leadership in time")

    def step(self, message: Message, *, tick_s: float = 0.0) -> None:
        """A message of a peer; the core drops what it must not see. `tick_s`: the length of its sender's ticks, 0 when it
        does not say."""
        if self._stopped is not None:
            return
        try:
            self._raw.step(message)
        except (StepRefused, ProposalDropped) as refusal:
            log.debug("raft message of %x dropped: %s", message.from_, refusal)
        if message.type in _OF_LEADER and message.term == self._raw.term:
            self._ticks.hear(tick_s)
        self._wake.set()

    def report_unreachable(self, raft_id: int) -> None:
        """A message to this member was lost."""
        if self.is_member:
            self._raw.report_unreachable(raft_id)

    def report_snapshot(self, raft_id: int, ok: bool) -> None:
        """A snapshot reached this member, or did not."""
        if self.is_member:
            self._raw.report_snapshot(raft_id, ok)
            self._wake.set()

    def report_removed(self) -> None:
        """Another member says that this one was removed."""
        if self.is_member:
            self._fail(NotMember())
            self._wake.set()

    async def rotate_key(self) -> None:
        """Have another data key; it takes effect with the next snapshots."""
        await self._disk.run_aside(self._keyring.request_rotation)
        self._wake.set()

    # Life

    async def has_state(self) -> bool:
        """Whether this node was a member already. Raises DiskFailed."""
        return await self._disk.run(partial(has_log, self._disk, self._config.directory))

    async def former_raft_ids(self) -> frozenset[int]:
        """The ids that this node had and whose log is gone: it must never be one of them again. Raises StateUnusable,
        DiskFailed."""
        noted = await self._disk.run(partial(noted_raft_ids, self._disk, self._config.raft_ids))
        return noted - {self.raft_id} if self._is_started else noted

    async def start(self, *, joined_as: int = 0) -> None:
        """Load, and replay what is committed into the machine. Without state on disk: begin as the member that the
        leader admitted as `joined_as`, or found a cluster. Raises StateUnusable, DiskFailed."""
        assert not self._is_started
        new_raft_id = self._rng.getrandbits(63) + 1
        self._storage = await self._disk.run(partial(self._load, new_raft_id, joined_as))
        try:
            self._build()
            self._replay()
        except BaseException:
            self._storage.close()
            raise
        self._is_started = True

    async def run(self) -> None:
        """Take part until cancelled. Raises what made the node fail, NotMember once it was removed."""
        assert self._is_started
        try:
            async with Group() as group:
                group.spawn(self._tick_for_ever(), name="raft-ticks")
                try:
                    await self._loop(group)
                except Exception as error:  # noqa: BLE001 - raised again below, after the tasks have ended
                    self._fail(error)
                group.cancel_all()
        finally:
            await self._end()
        assert self._failure is not None
        raise self._failure

    async def close(self) -> None:
        """Close the files of a node that was started but never run."""
        await self._end()

    async def erase(self) -> None:
        """Forget everything, keys included, after `run` has ended: this node is no member any more."""
        await self._disk.run(partial(erase, self._disk, self._config.directory))
        await self._disk.run(self._keyring.forget)

    def _load(self, new_raft_id: int, joined_as: int) -> RaftStorage:
        self._keyring.load()
        cipher = self._keyring.cipher()
        storage = open_storage(self._disk, self._config, cipher, new_raft_id, joined_as=joined_as)
        try:
            # After the log: with it a member goes on, whatever is noted; noted without it, a joiner could never begin.
            note_raft_id(self._disk, self._config.raft_ids, storage.member.raft_id)
        except BaseException:
            storage.close()
            raise
        if self._keyring.keys.pending is not None and not cipher.needed_older_key:
            self._keyring.finish_rotation()
            storage.cipher = self._keyring.cipher()
        return storage

    def _build(self) -> None:
        storage = self._storage
        snapshot = storage.memory.snapshot()
        self._raw = RawNode(
            raft_config(
                self._config,
                raft_id=self.raft_id,
                storage=storage.memory,
                rng=self._rng,
                applied=snapshot.index,
            )
        )
        self._applier = Applier(
            self.raft_id,
            self._raw,
            self._machine,
            self._proposals,
            self._transport,
            leader_id=lambda: self._soft_state.lead,
            members_changed=lambda: self.on_members(),
        )
        self._reconfiguration = Reconfiguration(
            self.raft_id,
            self._applier,
            self._proposals,
            self._transport,
            self._rng,
            request_ids=self._request_ids,
            propose=self._offer_change,
        )
        self._snapshotter = Snapshotter(self._disk, storage, self._limits)
        self._rotation = KeyRotation(self._disk, self._keyring, storage)
        if snapshot.index:
            try:
                self._applier.restore(snapshot)
            except ValueError as error:
                raise StateUnusable(
                    f"the snapshot of index {snapshot.index} is malformed: {error}"
                ) from error

    def _replay(self) -> None:
        self._commit_index = self._storage.memory.initial_state()[0].commit
        while (ready := self._raw.ready()) is not None:
            assert not ready.entries
            assert not ready.messages
            self._applier.apply(ready.committed_entries)
            self._raw.advance(ready)
        assert self._applier.index == self._commit_index

    async def _tick_for_ever(self) -> None:
        due = self._clock.monotonic()
        while True:
            # By the clock, so that a busy member's time does not run slower; what was missed is not made up for.
            due = max(due + self._tick_s(), self._clock.monotonic())
            await self._clock.sleep(due - self._clock.monotonic())
            self._raw.tick()
            self._repeat_vote_requests()
            self._wake.set()

    def _tick_s(self) -> float:
        others = [
            self._transport.is_ours(raft_id)
            for raft_id in self._applier.membership.members
            if raft_id != self.raft_id
        ]
        before_s = self._ticks.said_s
        if self._soft_state.role is StateRole.LEADER:
            tick_s = self._ticks.lead(others)
        else:
            tick_s = self._ticks.follow(others, has_leader=self._soft_state.lead != 0)
        if self._ticks.said_s != before_s:
            log.info("ticks of %g s", self._ticks.said_s)
        return tick_s

    def _repeat_vote_requests(self) -> None:
        if self._soft_state.role is not StateRole.CANDIDATE:
            self._vote_requests = []
            return
        self._vote_requests = [one for one in self._vote_requests if one.term == self._raw.term]
        self._send(self._vote_requests)

    async def _loop(self, group: Group) -> None:
        if list(self._applier.membership.members) == [self.raft_id]:
            self._raw.campaign()
        while True:
            self._wake.clear()
            ready = self._raw.ready()
            if ready is not None:
                await self._carry_out(ready)
            if self._applier.is_removed:
                raise NotMember
            if self._failure is not None:
                raise self._failure
            self._give_way_if_stuck()
            await self._rotation.advance(snapshot_is_running=self._snapshotter.is_running)
            self._start_snapshot_if_due(group)
            if ready is None:
                await self._wake.wait()

    async def _carry_out(self, ready: Ready) -> None:
        if ready.soft_state is not None:
            self._follow(ready.soft_state)
        if ready.hard_state is not None:
            self._commit_index = ready.hard_state.commit
        durable = self._storage.memory.last_index() if ready.snapshot is None else 0
        split = sum(entry.index <= durable for entry in ready.committed_entries)
        self._applier.apply(ready.committed_entries[:split])
        messages = ready.messages
        if self._soft_state.role is StateRole.LEADER:
            self._send([one for one in messages if one.type in _EARLY])
            messages = tuple(one for one in messages if one.type not in _EARLY)
        start = self._clock.monotonic()
        await self._persist(ready)
        if (took := self._clock.monotonic() - start) > self.election_s / 2:
            log.warning("the disk took %.1f s for a write; elections wait for it too", took)
        self._send(messages)
        self._vote_requests += [one for one in messages if one.type is MessageType.VOTE]
        self._applier.apply(ready.committed_entries[split:])
        self._raw.advance(ready)
        self._announce_if_due()

    def _send(self, messages: Sequence[Message]) -> None:
        if messages:
            self._transport.send([self._current(one) for one in messages])

    def _current(self, message: Message) -> Message:
        """A snapshot tells the members of now: one that it is sent to may have joined since it was taken."""
        if message.snapshot is None:
            return message
        return replace(message, snapshot=replace(message.snapshot, conf_state=self._applier.conf_state))

    async def _persist(self, ready: Ready) -> None:
        storage = self._storage
        if ready.snapshot is not None:
            deferred = storage.take_deferred()
            await self._disk.run(partial(storage.write_snapshot_mark, ready.snapshot, deferred))
            await self._disk.run(partial(storage.write_snapshot_file, ready.snapshot))
            storage.memory.apply_snapshot(ready.snapshot)
            self._applier.restore(ready.snapshot)
            await self._disk.run(partial(storage.write_release, self._limits().keep_old_snapshots))
        if ready.must_sync:
            # What was deferred is older: it must not be written after this.
            deferred = storage.take_deferred()
            hard_state = deferred if ready.hard_state is None else ready.hard_state
            await self._disk.run(partial(storage.write, hard_state, ready.entries))
            storage.remember(ready.hard_state, ready.entries)
        elif ready.hard_state is not None:
            storage.defer(ready.hard_state)

    def _follow(self, state: SoftState) -> None:
        if state.lead == 0 and self._soft_state.lead != 0:
            self._leaderless_since = self._clock.monotonic()
        self._soft_state = state
        term = self._raw.status().hard_state.term
        log.info("term %d: %s %x, leader %x", term, state.role.name.lower(), self.raft_id, state.lead)
        self._tell_leader_changed()
        if state.role is not StateRole.LEADER:
            self._lose_leadership(LostLeadership)

    def _tell_leader_changed(self) -> None:
        changed, self._leader_changed = self._leader_changed, asyncio.Event()
        changed.set()

    def _lose_leadership(self, make_error: Callable[[], ProposalRefused]) -> None:
        if self._is_announced:
            self._is_announced = False
            self.on_leadership(False)
        self._proposals.fail_all(make_error)

    def _announce_if_due(self) -> None:
        if self._is_announced or self._soft_state.role is not StateRole.LEADER:
            return
        memory, applier = self._storage.memory, self._applier
        if applier.index >= memory.last_index():
            # A leader's role and its first entry come in one Ready, so the last entry is of its own term.
            assert applier.term == memory.initial_state()[0].term
            self._is_announced = True
            self.on_leadership(True)
            self._tell_leader_changed()

    def _check_may_propose(self) -> None:
        if self._stopped is not None:
            raise Stopped(str(self._failure or ""))
        if not self._is_started or self._applier.is_removed:
            raise NotMember
        if not self._is_announced:
            raise NotLeader
        self._proposals.check_room()

    def _offer(self, propose: Callable[[], None]) -> None:
        try:
            propose()
        except ProposalDropped as dropped:
            raise NotLeader("raft takes no proposals now: leadership is being handed over") from dropped
        self._wake.set()

    def _offer_change(self, change: ConfChange) -> None:
        self._check_may_propose()
        self._offer(partial(self._raw.propose_conf_change, change))

    def _give_way_if_stuck(self) -> None:
        """Hand leadership on when proposals are stuck here."""
        if not self._is_announced or not self._stuck.is_due(
            self._clock.monotonic(), self._proposals.oldest_since
        ):
            return
        log_tasks()
        heirs = [
            one.raft_id for one in self.members() if self._transport.active_since(one.raft_id) is not None
        ]
        if heirs:
            self._raw.transfer_leader(heirs[0])

    def _start_snapshot_if_due(self, group: Group) -> None:
        applied = self._applier.index
        if self._snapshotter.is_running or applied <= self._snapshotter.index:
            return
        if self._snapshotter.is_due(applied) or self._rotation.wants_snapshot(applied):
            self._snapshotter.is_running = True
            group.spawn(self._take_snapshot(), name=f"raft-snapshot-{applied}")

    async def _take_snapshot(self) -> None:
        applier = self._applier
        at = Snapshot(applier.index, applier.term, applier.conf_state)
        try:
            await self._snapshotter.take(at, applier.membership.to_snapshot(), self._machine.snapshot())
        except Exception as error:  # noqa: BLE001 - the loop raises it
            self._fail(error)
        self._wake.set()

    def _fail(self, error: Exception) -> None:
        # What fails later fails because of the first.
        if self._failure is None:
            self._failure = error

    async def _end(self) -> None:
        if self._stopped is not None:
            return
        self._stopped = Stopped(str(self._failure or ""))
        self._lose_leadership(lambda: Stopped(str(self._failure or "")))
        self._tell_leader_changed()
        await self._disk.run(partial(self._storage.write_end, self._storage.take_deferred()))
