"""A raft group on a network that a seed decides: messages get lost, late, doubled and out of order, members crash.

Storage survives a crash, everything else does not; work that was handed out and not stored is lost with it. Checkers
watch every step:
- election safety: at most one leader in a term;
- state machine safety: nobody applies another entry at an index than anybody else;
- leader completeness: a new leader's log holds everything that was ever applied;
- log matching: where two logs hold an entry of the same index and term, they are equal up to there.
A member's state is a digest of all it applied, so that a snapshot is one too.
"""

import hashlib
import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from swarm_core.raft.conf_change import unmarshal
from swarm_core.raft.config import Config
from swarm_core.raft.errors import ProposalDropped, StepRefused
from swarm_core.raft.raw_node import RawNode
from swarm_core.raft.sizes import NO_LIMIT
from swarm_core.raft.storage import MemoryStorage
from swarm_core.raft.types import (
    EMPTY_HARD_STATE,
    ConfChangeV2,
    ConfState,
    Entry,
    EntryType,
    HardState,
    Message,
    MessageType,
    ReadState,
    Snapshot,
    StateRole,
)

_START = 1  # Index and term of the snapshot that every first member starts from.
_EMPTY_DIGEST = b""


def _digest(before: bytes, entry: Entry) -> bytes:
    text = before + f"{entry.term}/{entry.index}/{entry.type}/".encode() + entry.data
    return hashlib.sha256(text).digest()[:8]


class MemberStorage(MemoryStorage):
    """Durable state of one member, which sends snapshots as of all it has applied."""

    def __init__(self) -> None:
        super().__init__()
        self.applied = Snapshot()

    def snapshot(self) -> Snapshot:
        return self.applied

    def durable_snapshot(self) -> Snapshot:
        return super().snapshot()


@dataclass(slots=True)
class Member:
    """One member: what survives a crash is `storage`."""

    raw: RawNode
    storage: MemberStorage
    config: Config
    reads: list[ReadState] = field(default_factory=list)
    append_work: list[Message] = field(default_factory=list)
    apply_work: list[Message] = field(default_factory=list)

    @property
    def applied(self) -> int:
        return self.storage.applied.index

    @property
    def is_leader(self) -> bool:
        return self.raw.status().soft_state.role is StateRole.LEADER

    @property
    def term(self) -> int:
        return self.raw.status().hard_state.term


class RaftNetwork:
    """Members, the messages between them, and what was ever applied."""

    def __init__(self, voters: int, *, seed: int = 0, spare: int = 0, **settings: Any) -> None:
        self.rng = random.Random(seed)
        self.flights: list[Message] = []
        self.members: dict[int, Member] = {}
        self.cut_off: set[int] = set()
        self._settings = settings
        self._entries: dict[int, Entry] = {}
        self._digests = {_START: _EMPTY_DIGEST}
        self._leaders: dict[int, int] = {}
        state = ConfState(voters=tuple(range(1, voters + 1)))
        for id_ in range(1, voters + spare + 1):
            storage = MemberStorage()
            if id_ <= voters:
                storage.apply_snapshot(Snapshot(_START, _START, state, _EMPTY_DIGEST))
                storage.set_hard_state(HardState(_START, 0, _START))
            self._start(id_, storage)

    # Driving by hand

    def __getitem__(self, id_: int) -> Member:
        return self.members[id_]

    def leader(self) -> Member | None:
        """The leader of the highest term, if there is one."""
        leaders = [member for member in self.members.values() if member.is_leader]
        return max(leaders, key=lambda member: member.term, default=None)

    def elect(self, id_: int) -> Member:
        """Makes a member campaign and win."""
        self.members[id_].raw.campaign()
        self.settle()
        assert self.members[id_].is_leader, f"{id_} was not elected"
        return self.members[id_]

    def settle(self) -> None:
        """Delivers everything, and does all work, until nothing moves."""
        while sum(self.work(id_) for id_ in self.members) or self.flights:
            flights, self.flights = self.flights, []
            for message in flights:
                self.deliver(message)

    def tick(self, count: int = 1, ids: Iterable[int] | None = None) -> None:
        """Time passes for all, or for some; whatever follows is settled after each tick."""
        for _ in range(count):
            for id_ in list(self.members) if ids is None else ids:
                self.members[id_].raw.tick()
            self.settle()

    def deliver(self, message: Message) -> None:
        """Brings a message to its receiver, unless one of the two is cut off."""
        if {message.to, message.from_} & self.cut_off:
            self._lose(message)
            return
        self._step(message)
        if message.type is MessageType.SNAP:
            self.members[message.from_].raw.report_snapshot(message.to, ok=True)

    def crash(self, id_: int) -> None:
        """Stops a member and starts it from its storage."""
        self._start(id_, self.members[id_].storage)

    def work(self, id_: int, *, crash_before_storing: bool = False, requests_max: int | None = None) -> bool:
        """Carries out everything a member has ready; False when that was nothing.

        Of asynchronous storage requests no more than `requests_max` are done, each in its order.
        """
        member = self.members[id_]
        has_worked = False
        while (ready := member.raw.ready()) is not None:
            has_worked = True
            if crash_before_storing:
                self.crash(id_)
                return True
            member.reads += ready.read_states
            if member.config.async_storage_writes:
                self._dispatch(member, ready.messages)
                continue
            _store(member, ready.hard_state, ready.entries, ready.snapshot)
            self.flights += ready.messages
            self._apply(member, ready.committed_entries)
            member.raw.advance(ready)
        has_worked |= self._work_off(member, requests_max)
        self._check(member)
        return has_worked

    # Chaos

    def shake(self, steps: int) -> None:
        """So many random steps: time, work, messages, proposals, cuts and crashes."""
        actions = {
            self._shake_tick: 15,
            self._shake_work: 40,
            self._shake_deliver: 100,
            self._shake_lose: 6,
            self._shake_double: 3,
            self._shake_propose: 20,
            self._shake_read: 2,
            self._shake_cut: 1,
            self._shake_crash: 1,
            self._shake_compact: 2,
            self._shake_transfer: 1,
        }
        for action in self.rng.choices(list(actions), weights=list(actions.values()), k=steps):
            action()

    def heal(self, ticks: int = 400) -> None:
        """No more faults: within these ticks the group must commit, and bring everybody up to date."""
        self.cut_off.clear()
        for tick in range(ticks):
            self.tick()
            leader = self.leader()
            if leader is None:
                continue
            if tick % 20 == 0:
                if leader.raw.status().conf_state.voters_outgoing:
                    self.propose_conf_change(leader, ConfChangeV2())
                self.propose(leader, b"healed")
                self.settle()
            if tick > 20 and self._is_level(leader):
                return
        raise AssertionError(f"after {ticks} ticks without faults the members still differ")

    def propose(self, member: Member, data: bytes) -> bool:
        try:
            member.raw.propose(data)
        except ProposalDropped:
            return False
        return True

    def propose_conf_change(self, member: Member, change: ConfChangeV2) -> bool:
        try:
            member.raw.propose_conf_change(change)
        except ProposalDropped:
            return False
        return True

    def _is_level(self, leader: Member) -> bool:
        state = leader.raw.status().conf_state
        ids = (*state.voters, *state.learners)
        last = leader.raw.status().last_index
        return not state.voters_outgoing and all(self.members[id_].applied == last for id_ in ids)

    def _any(self) -> int:
        return self.rng.choice(list(self.members))

    def _shake_tick(self) -> None:
        self.members[self._any()].raw.tick()

    def _shake_work(self) -> None:
        self.work(self._any(), requests_max=self.rng.randrange(3))

    def _shake_deliver(self) -> None:
        if self.flights:
            # Mostly the oldest; sometimes any.
            is_jump = self.rng.random() < 0.2
            position = self.rng.randrange(len(self.flights)) if is_jump else 0
            self.deliver(self.flights.pop(position))

    def _shake_lose(self) -> None:
        if self.flights:
            self._lose(self.flights.pop(self.rng.randrange(len(self.flights))))

    def _lose(self, message: Message) -> None:
        raw = self.members[message.from_].raw
        if message.type is MessageType.SNAP:
            # Raft waits for this report; a transport must never leave it out.
            raw.report_snapshot(message.to, ok=False)
        if self.rng.random() < 0.5:
            raw.report_unreachable(message.to)

    def _shake_double(self) -> None:
        if self.flights:
            self.flights.append(self.rng.choice(self.flights))

    def _shake_propose(self) -> None:
        self.propose(self.members[self._any()], self.rng.randbytes(self.rng.randrange(64)))

    def _shake_read(self) -> None:
        self.members[self._any()].raw.read_index(self.rng.randbytes(4))

    def _shake_cut(self) -> None:
        self.cut_off = {self._any()} if not self.cut_off else set()

    def _shake_crash(self) -> None:
        id_ = self._any()
        if not self.work(id_, crash_before_storing=self.rng.random() < 0.5):
            self.crash(id_)

    def _shake_compact(self) -> None:
        storage = self.members[self._any()].storage
        applied = storage.applied
        hard_state, _ = storage.initial_state()
        # A snapshot beyond the durable commit index could not be started from.
        if storage.durable_snapshot().index < applied.index <= min(hard_state.commit, storage.last_index()):
            storage.create_snapshot(applied.index, applied.conf_state, applied.data)
            if applied.index >= storage.first_index() and self.rng.random() < 0.5:
                storage.compact(applied.index)

    def _shake_transfer(self) -> None:
        leader = self.leader()
        if leader is not None:
            leader.raw.transfer_leader(self._any())

    # Members

    def _start(self, id_: int, storage: MemberStorage) -> None:
        snapshot = storage.durable_snapshot()
        storage.applied = snapshot
        config = Config(
            id=id_,
            storage=storage,
            rng=random.Random(self.rng.random()),
            applied=snapshot.index,
            **self._settings,
        )
        self.members[id_] = Member(RawNode(config), storage, config)

    def _step(self, message: Message) -> None:
        member = self.members[message.to]
        try:
            member.raw.step(message)
        except (StepRefused, ProposalDropped):
            return
        finally:
            self._check(member)

    def _dispatch(self, member: Member, messages: tuple[Message, ...]) -> None:
        for message in messages:
            if message.type is MessageType.STORAGE_APPEND:
                member.append_work.append(message)
            elif message.type is MessageType.STORAGE_APPLY:
                member.apply_work.append(message)
            else:
                self.flights.append(message)

    def _work_off(self, member: Member, requests_max: int | None) -> bool:
        appends = member.append_work[:requests_max]
        applies = member.apply_work[:requests_max]
        del member.append_work[: len(appends)]
        del member.apply_work[: len(applies)]
        for request in appends:
            state = HardState(request.term, request.vote, request.commit)
            _store(member, None if state == EMPTY_HARD_STATE else state, request.entries, request.snapshot)
            self._respond(member, request)
        for request in applies:
            self._apply(member, request.entries)
            self._respond(member, request)
        return bool(appends or applies)

    def _respond(self, member: Member, request: Message) -> None:
        for response in request.responses:
            if response.to == member.config.id:
                self._step(response)
            else:
                self.flights.append(response)

    def _apply(self, member: Member, entries: tuple[Entry, ...]) -> None:
        for entry in entries:
            last = member.storage.applied
            assert entry.index == last.index + 1, f"{entry.index} was applied after {last.index}"
            state = last.conf_state
            if entry.type is not EntryType.NORMAL:
                state = member.raw.apply_conf_change(unmarshal(entry.type, entry.data))
            known = self._entries.setdefault(entry.index, entry)
            assert known == entry, f"{member.config.id} applied {entry}, somebody else {known}"
            digest = _digest(last.data, entry)
            self._digests.setdefault(entry.index, digest)
            member.storage.applied = Snapshot(entry.index, entry.term, state, digest)

    # Checkers

    def _check(self, member: Member) -> None:
        applied = member.storage.applied
        assert self._digests.get(applied.index, _EMPTY_DIGEST) == applied.data, "states differ"
        if not member.is_leader:
            return
        known = self._leaders.get(member.term)
        assert known in (None, member.config.id), f"two leaders in term {member.term}"
        if known is None:
            self._leaders[member.term] = member.config.id
            self._check_completeness(member)

    def _check_completeness(self, leader: Member) -> None:
        newest = max(self._entries, default=0)
        assert leader.raw.status().last_index >= newest, f"the new leader lacks entries up to {newest}"

    def check_logs(self) -> None:
        """Log matching, over all pairs of stored logs."""
        logs = [_stored(member.storage) for member in self.members.values()]
        for one in logs:
            for other in logs:
                shared = sorted(one.keys() & other.keys(), reverse=True)
                agreed = next((index for index in shared if one[index].term == other[index].term), 0)
                assert all(one[index] == other[index] for index in shared if index <= agreed)


def _stored(storage: MemoryStorage) -> dict[int, Entry]:
    low, high = storage.first_index(), storage.last_index() + 1
    return {entry.index: entry for entry in storage.entries(low, high, NO_LIMIT)} if low < high else {}


def _store(
    member: Member, state: HardState | None, entries: tuple[Entry, ...], snapshot: Snapshot | None
) -> None:
    storage = member.storage
    if snapshot is not None:
        storage.apply_snapshot(snapshot)
        storage.applied = snapshot
    storage.append(entries)
    if state is not None:
        storage.set_hard_state(replace(state, commit=min(state.commit, storage.last_index())))
