"""The only way into raft: inputs in, one batch of effects out.

The shell feeds ticks, messages and proposals at any time. It takes a `Ready`, carries it out in the order that
`Ready` states, and calls `advance`; between the two further inputs may come, but no second `ready()`.
With `Config.async_storage_writes` the storage work leaves as messages whose `responses` are stepped once it is done,
and `advance` is never called.
"""

from collections.abc import Iterable

from swarm_core.raft.conf_change import AnyConfChange, marshal
from swarm_core.raft.config import Config
from swarm_core.raft.errors import LocalMessageRefused, PeerUnknown
from swarm_core.raft.machine import Raft
from swarm_core.raft.sizes import entries_size
from swarm_core.raft.status import Status
from swarm_core.raft.step import apply_conf_change, step, tick
from swarm_core.raft.storage_work import append_responses, apply_responses, storage_requests
from swarm_core.raft.types import (
    EMPTY_HARD_STATE,
    LOCAL_TARGETS,
    NO_ID,
    ConfChange,
    ConfChangeType,
    ConfState,
    Entry,
    HardState,
    Message,
    MessageType,
    Ready,
    SoftState,
)

_LOCAL = frozenset(
    (
        MessageType.HUP,
        MessageType.BEAT,
        MessageType.UNREACHABLE,
        MessageType.SNAP_STATUS,
        MessageType.CHECK_QUORUM,
        MessageType.STORAGE_APPEND,
        MessageType.STORAGE_APPEND_RESP,
        MessageType.STORAGE_APPLY,
        MessageType.STORAGE_APPLY_RESP,
    )
)
_RESPONSES = frozenset(
    (
        MessageType.APP_RESP,
        MessageType.VOTE_RESP,
        MessageType.HEARTBEAT_RESP,
        MessageType.UNREACHABLE,
        MessageType.READ_INDEX_RESP,
        MessageType.PRE_VOTE_RESP,
    )
)


class RawNode:
    """One member of a raft group. No method waits, reads a clock or touches anything outside."""

    def __init__(self, config: Config) -> None:
        self._raft = Raft(config)
        self._is_async = config.async_storage_writes
        self._sent_soft_state = self._raft.soft_state()
        self._sent_hard_state = self._raft.hard_state()
        self._steps_on_advance: list[Message] = []
        self._is_ready_out = False

    # Inputs

    def bootstrap(self, peers: Iterable[tuple[int, bytes]]) -> None:
        """Starts a new group on empty storage: one committed addition for each (id, context).

        They come out as committed entries like any other, and are then applied a second time.
        """
        raft = self._raft
        assert raft.log.last_index() == 0, "only an empty storage can be bootstrapped"
        changes = [ConfChange(ConfChangeType.ADD_NODE, id_, context) for id_, context in peers]
        assert changes, "a group has at least one member"
        self._sent_hard_state = EMPTY_HARD_STATE
        raft.become_follower(1, NO_ID)
        raft.log.append([Entry(1, index, *marshal(change)) for index, change in enumerate(changes, 1)])
        raft.log.committed = len(changes)
        for change in changes:
            apply_conf_change(raft, change)

    def tick(self) -> None:
        """Time passes by one unit."""
        tick(self._raft)

    def campaign(self) -> None:
        """Tries to become leader now."""
        step(self._raft, Message(MessageType.HUP))

    def propose(self, data: bytes) -> None:
        """Offers data for the log. Raises ProposalDropped."""
        step(self._raft, Message(MessageType.PROP, from_=self._raft.id, entries=(Entry(0, 0, data=data),)))

    def propose_conf_change(self, change: AnyConfChange | None) -> None:
        """Offers a membership change; None leaves a joint configuration. Raises ProposalDropped.

        A change that is not allowed now becomes an empty entry.
        """
        step(self._raft, Message(MessageType.PROP, entries=(Entry(0, 0, *marshal(change)),)))

    def apply_conf_change(self, change: AnyConfChange) -> ConfState:
        """Takes over a committed change; every one must be given, in order. Raises ConfChangeRefused."""
        return apply_conf_change(self._raft, change)

    def step(self, message: Message) -> None:
        """Takes a message of a peer. Raises StepRefused, ProposalDropped, MalformedConfChange."""
        if message.from_ not in LOCAL_TARGETS:
            if message.type in _LOCAL:
                raise LocalMessageRefused
            if message.type in _RESPONSES and message.from_ not in self._raft.tracker.progress:
                raise PeerUnknown
        step(self._raft, message)

    def report_unreachable(self, id: int) -> None:  # noqa: A002
        """The last message to a member did not arrive."""
        step(self._raft, Message(MessageType.UNREACHABLE, from_=id))

    def report_snapshot(self, id: int, ok: bool) -> None:  # noqa: A002
        """The snapshot for a member was delivered and stored there, or failed; one of both must be told."""
        step(self._raft, Message(MessageType.SNAP_STATUS, from_=id, reject=not ok))

    def transfer_leader(self, to: int) -> None:
        """Tries to hand leadership to a member."""
        step(self._raft, Message(MessageType.TRANSFER_LEADER, from_=to))

    def forget_leader(self) -> None:
        """Follows nobody for now, so that pre-votes and votes are granted at once."""
        step(self._raft, Message(MessageType.FORGET_LEADER))

    def read_index(self, context: bytes) -> None:
        """Asks for an index at which a read is up to date; it comes as a ReadState with this context.

        Nothing comes when there is no leader or messages get lost: ask again after a while.
        """
        step(self._raft, Message(MessageType.READ_INDEX, entries=(Entry(0, 0, data=context),)))

    # Effects

    @property
    def term(self) -> int:
        return self._raft.term

    def status(self) -> Status:
        return Status.of(self._raft)

    def has_ready(self) -> bool:
        """Whether `ready` has something to give."""
        raft = self._raft
        unstable = raft.log.unstable
        return bool(
            raft.messages
            or raft.messages_after_append
            or raft.read_states
            or unstable.has_next_entries()
            or unstable.next_snapshot() is not None
            or raft.log.has_next_committed(allow_unstable=not self._is_async)
            or self._new_soft_state() is not None
            or self._new_hard_state() is not None
        )

    def ready(self) -> Ready | None:
        """The effects that are due, or None; whoever takes them carries all of them out."""
        if not self.has_ready():
            return None
        assert not self._is_ready_out, "the last Ready was not advanced"
        ready = self._collect()
        self._accept(ready)
        return ready

    def advance(self, ready: Ready) -> None:
        """The effects of `ready`, the last one taken, are carried out and applied."""
        assert not self._is_async, "with asynchronous storage the responses say what is done"
        assert self._is_ready_out, "there is no Ready to advance"
        self._is_ready_out = False
        steps, self._steps_on_advance = self._steps_on_advance, []
        for message in steps:
            step(self._raft, message)

    def _new_soft_state(self) -> SoftState | None:
        raft, sent = self._raft, self._sent_soft_state
        return None if raft.lead == sent.lead and raft.role is sent.role else raft.soft_state()

    def _new_hard_state(self) -> HardState | None:
        raft, sent = self._raft, self._sent_hard_state
        is_same = raft.log.committed == sent.commit and raft.term == sent.term and raft.vote == sent.vote
        return None if is_same else raft.hard_state()

    def _collect(self) -> Ready:
        raft = self._raft
        hard_state = self._new_hard_state()
        entries = raft.log.unstable.next_entries()
        snapshot = raft.log.unstable.next_snapshot()
        committed = raft.log.next_committed(allow_unstable=not self._is_async)
        sent = self._sent_hard_state
        must_sync = bool(entries) or raft.term != sent.term or raft.vote != sent.vote
        messages = raft.messages
        if self._is_async:
            messages = messages + storage_requests(raft, hard_state, entries, snapshot, committed)
        elif raft.messages_after_append:
            messages = messages + [one for one in raft.messages_after_append if one.to != raft.id]
        return Ready(
            soft_state=self._new_soft_state(),
            hard_state=hard_state,
            read_states=tuple(raft.read_states),
            entries=entries,
            snapshot=snapshot,
            committed_entries=committed,
            messages=tuple(messages),
            must_sync=must_sync,
        )

    def _accept(self, ready: Ready) -> None:
        raft = self._raft
        if ready.soft_state is not None:
            self._sent_soft_state = ready.soft_state
        if ready.hard_state is not None:
            self._sent_hard_state = ready.hard_state
        if not self._is_async:
            self._is_ready_out = True
            self._steps_on_advance = [one for one in raft.messages_after_append if one.to == raft.id]
            self._steps_on_advance += append_responses(raft, ready.snapshot)
            self._steps_on_advance += apply_responses(raft, ready.committed_entries)
        raft.read_states = []
        raft.messages = []
        raft.messages_after_append = []
        raft.log.unstable.accept_in_progress()
        if ready.committed_entries:
            raft.log.accept_applying(
                ready.committed_entries[-1].index,
                entries_size(ready.committed_entries),
                allow_unstable=not self._is_async,
            )
