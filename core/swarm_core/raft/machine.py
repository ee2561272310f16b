"""One member's state, and the transitions that all roles share.

The rules of the roles live in `follower`, `candidate` and `leader`; they read and write this state. Messages that
promise something durable (votes and acknowledged appends) collect in `messages_after_append`: they leave only once
what they promise is written.
"""

from collections.abc import Sequence
from dataclasses import replace

from swarm_core.raft import membership
from swarm_core.raft.config import Config
from swarm_core.raft.log import Log
from swarm_core.raft.progress import Progress
from swarm_core.raft.read_index import ReadRequests
from swarm_core.raft.sizes import payload_size
from swarm_core.raft.trace import Tracer
from swarm_core.raft.tracker import Membership, ProgressMap, ProgressTracker
from swarm_core.raft.types import (
    EMPTY_HARD_STATE,
    NO_ID,
    ConfState,
    Entry,
    HardState,
    Message,
    MessageType,
    ReadState,
    Snapshot,
    SoftState,
    StateRole,
)

_AFTER_APPEND = frozenset((MessageType.APP_RESP, MessageType.VOTE_RESP, MessageType.PRE_VOTE_RESP))
# Types that carry a term of their own choice, and types that carry none because they pass through others.
_OWN_TERM = frozenset(
    (MessageType.VOTE, MessageType.VOTE_RESP, MessageType.PRE_VOTE, MessageType.PRE_VOTE_RESP)
)
_NO_TERM = frozenset((MessageType.PROP, MessageType.READ_INDEX))


class Raft:
    """State of one member.

    lead                  whom this member takes for the leader of its term, 0 for none
    lead_transferee       to whom leadership is being handed, 0 for nobody; proposals are refused meanwhile
    pending_conf_index    no further membership change before this index is applied; may be too high, never too low
    uncommitted_size      payload of the leader's entries that were not yet applied, an estimate from its own term
    election_elapsed      ticks since the leader was heard of; on a leader since the last check of the quorum
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.id = config.id
        self.tracer = Tracer(config.trace)
        self.log = Log(config.storage, self.tracer, config.applying_limit)
        self.tracker = ProgressTracker(config.max_inflight_messages, config.inflight_bytes_limit)
        self.term = 0
        self.vote = 0
        self.role = StateRole.FOLLOWER
        self.lead = 0
        self.lead_transferee = 0
        self.pending_conf_index = 0
        self.uncommitted_size = 0
        self.election_elapsed = 0
        self.heartbeat_elapsed = 0
        self.randomized_election_timeout = 0
        self.reads = ReadRequests()
        self.reads_before_first_commit: list[Message] = []
        self.read_states: list[ReadState] = []
        self.messages: list[Message] = []
        self.messages_after_append: list[Message] = []
        self._start()

    def _start(self) -> None:
        hard_state, conf_state = self.config.storage.initial_state()
        last = self.log.last_id()
        self.restore_membership(conf_state, last.index)
        if hard_state != EMPTY_HARD_STATE:
            self._load(hard_state)
        if self.config.applied > 0:
            self.log.applied_to(self.config.applied, 0)
        self.become_follower(self.term, NO_ID)
        self.tracer.info(
            "newRaft %x [peers: [%s], term: %d, commit: %d, applied: %d, lastindex: %d, lastterm: %d]",
            self.id,
            ",".join(f"{voter:x}" for voter in self.tracker.voter_ids()),
            self.term,
            self.log.committed,
            self.log.applied,
            last.index,
            last.term,
        )

    def _load(self, hard_state: HardState) -> None:
        low, high = self.log.committed, self.log.last_index()
        assert low <= hard_state.commit <= high, (
            f"stored commit {hard_state.commit} is not within [{low}, {high}]"
        )
        self.log.committed = hard_state.commit
        self.term = hard_state.term
        self.vote = hard_state.vote

    # What others may know

    def hard_state(self) -> HardState:
        return HardState(self.term, self.vote, self.log.committed)

    def soft_state(self) -> SoftState:
        return SoftState(self.lead, self.role)

    @property
    def is_promotable(self) -> bool:
        """A voter whose log is whole may become leader."""
        own = self.tracker.progress.get(self.id)
        return own is not None and not own.is_learner and self.log.unstable.snapshot is None

    # Sending

    def send(
        self,
        type_: MessageType,
        to: int,
        *,
        term: int = 0,
        log_term: int = 0,
        index: int = 0,
        entries: tuple[Entry, ...] = (),
        commit: int = 0,
        snapshot: Snapshot | None = None,
        reject: bool = False,
        reject_hint: int = 0,
        context: bytes = b"",
    ) -> None:
        """Queues a message; `term` is given for votes and only for them."""
        assert (term != 0) == (type_ in _OWN_TERM), f"term {term} given for {type_!s}"
        message = Message(
            type_,
            to,
            self.id,
            term or self.term,
            log_term,
            index,
            entries,
            commit,
            0,
            snapshot,
            reject,
            reject_hint,
            context,
        )
        if type_ in _AFTER_APPEND:
            self.messages_after_append.append(message)
        else:
            assert to != self.id, f"{type_!s} to itself"
            self.messages.append(message)

    def forward_to_leader(self, message: Message) -> None:
        """Passes a message on; it keeps its origin."""
        assert self.lead not in (NO_ID, self.id), "there is no other leader to forward to"
        term = 0 if message.type in _NO_TERM else self.term
        self.messages.append(replace(message, to=self.lead, from_=message.from_ or self.id, term=term))

    # Roles

    def become_follower(self, term: int, lead: int) -> None:
        self._reset(term)
        self.lead = lead
        self.role = StateRole.FOLLOWER
        self.tracer.info("%x became follower at term %d", self.id, self.term)

    def become_candidate(self) -> None:
        assert self.role is not StateRole.LEADER, "a leader does not campaign"
        self._reset(self.term + 1)
        self.vote = self.id
        self.role = StateRole.CANDIDATE
        self.tracer.info("%x became candidate at term %d", self.id, self.term)

    def become_pre_candidate(self) -> None:
        """Asks for pre-votes: neither term nor vote change."""
        assert self.role is not StateRole.LEADER, "a leader does not campaign"
        self.tracker.votes = {}
        self.lead = NO_ID
        self.role = StateRole.PRE_CANDIDATE
        self.tracer.info("%x became pre-candidate at term %d", self.id, self.term)

    def become_leader(self) -> None:
        assert self.role is not StateRole.FOLLOWER, "a follower campaigns first"
        self._reset(self.term)
        self.lead = self.id
        self.role = StateRole.LEADER
        own = self.tracker.progress.get(self.id)
        if own is not None:
            own.become_replicate()
            own.is_recently_active = True
        # A change may hide anywhere in the log taken over: none may follow before all of it is applied.
        self.pending_conf_index = self.log.last_index()
        is_accepted = self.append_entries((Entry(term=0, index=0),))
        assert is_accepted, "an entry without payload is never refused"
        self.tracer.info("%x became leader at term %d", self.id, self.term)

    def _reset(self, term: int) -> None:
        if self.term != term:
            self.term = term
            self.vote = NO_ID
        self.lead = NO_ID
        self.election_elapsed = 0
        self.heartbeat_elapsed = 0
        ticks = self.config.election_tick
        self.randomized_election_timeout = ticks + self.config.rng.randrange(ticks)
        self.lead_transferee = NO_ID
        self.tracker.votes = {}
        self._reset_progress()
        self.pending_conf_index = 0
        self.uncommitted_size = 0
        self.reads = ReadRequests()

    def _reset_progress(self) -> None:
        last = self.log.last_index()
        progress = self.tracker.progress
        for id_, member in progress.items():
            progress[id_] = Progress(
                next=last + 1,
                inflights=self.tracker.new_inflights(),
                match=last if id_ == self.id else 0,
                is_learner=member.is_learner,
            )

    # Log

    def append_entries(self, proposed: Sequence[Entry]) -> bool:
        """Gives proposed entries their term and index and appends them; False when too much is uncommitted."""
        if not self._take_uncommitted(payload_size(proposed)):
            self.tracer.warn(
                "%x appending new entries to log would exceed uncommitted entry size limit; dropping proposal",
                self.id,
            )
            return False
        last = self.log.last_index()
        entries = [
            Entry(self.term, index, entry.type, entry.data) for index, entry in enumerate(proposed, last + 1)
        ]
        self.log.append(entries)
        # The leader acknowledges its own entries like anybody else: when they are durable.
        self.send(MessageType.APP_RESP, self.id, index=last + len(entries))
        return True

    def try_commit(self) -> bool:
        """Commits what a quorum holds; True when something new was committed."""
        return self.log.try_commit(self.term, self.tracker.committed())

    def has_committed_in_term(self) -> bool:
        return self.log.term_or_zero(self.log.committed) == self.term

    def _take_uncommitted(self, size: int) -> bool:
        # One proposal always passes, however large, and entries without payload are never refused.
        is_too_much = self.uncommitted_size + size > self.config.uncommitted_limit
        if self.uncommitted_size > 0 and size > 0 and is_too_much:
            return False
        self.uncommitted_size += size
        return True

    def give_back_uncommitted(self, size: int) -> None:
        # Entries of an earlier term were never taken: the estimate stops at 0.
        self.uncommitted_size = max(self.uncommitted_size - size, 0)

    # Membership

    def install(self, active: Membership, progress: ProgressMap) -> ConfState:
        """Makes a membership the active one."""
        self.tracker.install(active, progress)
        self.tracer.info("%x switched to configuration %s", self.id, active)
        return active.conf_state()

    def restore_membership(self, conf_state: ConfState, last_index: int) -> None:
        """Takes over the membership of a snapshot, forgetting all progress."""
        empty = ProgressTracker(self.config.max_inflight_messages, self.config.inflight_bytes_limit)
        restored = self.install(*membership.restore(empty, last_index, conf_state))
        assert _sorted(restored) == _sorted(conf_state), f"{conf_state} was restored as {restored}"


def _sorted(state: ConfState) -> tuple[list[int], list[int], list[int], list[int], bool]:
    return (
        sorted(state.voters),
        sorted(state.learners),
        sorted(state.voters_outgoing),
        sorted(state.learners_next),
        state.auto_leave,
    )
