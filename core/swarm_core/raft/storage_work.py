"""Storage work as messages: what to write and apply, and what to tell raft once that is done.

With asynchronous storage the requests go to the shell and their responses come back through it. Without, the responses
alone are kept and stepped by `RawNode.advance`.
"""

from swarm_core.raft.machine import Raft
from swarm_core.raft.types import (
    APPEND_THREAD,
    APPLY_THREAD,
    EMPTY_HARD_STATE,
    Entry,
    HardState,
    Message,
    MessageType,
    Snapshot,
)


def storage_requests(
    raft: Raft,
    hard_state: HardState | None,
    entries: tuple[Entry, ...],
    snapshot: Snapshot | None,
    committed: tuple[Entry, ...],
) -> list[Message]:
    """The requests for one batch of effects; what promises durability rides as a response."""
    requests = []
    if entries or hard_state is not None or snapshot is not None or raft.messages_after_append:
        state = hard_state or EMPTY_HARD_STATE
        append = Message(
            MessageType.STORAGE_APPEND,
            to=APPEND_THREAD,
            from_=raft.id,
            term=state.term,
            vote=state.vote,
            commit=state.commit,
            entries=entries,
            snapshot=snapshot,
            responses=(*raft.messages_after_append, *append_responses(raft, snapshot)),
        )
        requests.append(append)
    if committed:
        apply = Message(
            MessageType.STORAGE_APPLY,
            to=APPLY_THREAD,
            from_=raft.id,
            entries=committed,
            responses=tuple(apply_responses(raft, committed)),
        )
        requests.append(apply)
    return requests


def append_responses(raft: Raft, snapshot: Snapshot | None) -> list[Message]:
    """What says that everything unstable, as of now, is written.

    Given whenever anything is unstable, not only with new entries: an earlier response may have been ignored because
    the term had changed meanwhile, though the entries stayed.
    """
    has_entries = bool(raft.log.unstable.entries)
    if not has_entries and snapshot is None:
        return []
    last = raft.log.last_id() if has_entries else None
    return [
        Message(
            MessageType.STORAGE_APPEND_RESP,
            to=raft.id,
            from_=APPEND_THREAD,
            term=raft.term,
            log_term=last.term if last else 0,
            index=last.index if last else 0,
            snapshot=snapshot,
        )
    ]


def apply_responses(raft: Raft, committed: tuple[Entry, ...]) -> list[Message]:
    """What says that these entries are applied."""
    if not committed:
        return []
    return [Message(MessageType.STORAGE_APPLY_RESP, to=raft.id, from_=APPLY_THREAD, entries=committed)]
