"""The vocabulary of consensus: what raft stores, sends and hands out, as plain values.

Names and numbers are those of raftpb (etcd-io/raft), because the other members may be etcd-io/raft.
Nothing here knows protobuf: `swarm_core.raft_node.codec` turns these values into bytes and back.
Indexes and terms count from 1; 0 means none. A raft id is never 0.
The text of an enumeration's member is the name that raftpb gives it (`MsgApp`, `EntryNormal`, …).
"""

from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache
from typing import NewType

from swarm_core.raft.value import value

RaftId = NewType("RaftId", int)
Term = NewType("Term", int)
LogIndex = NewType("LogIndex", int)

NO_ID = RaftId(0)

# Not members: where the shell finds its storage work when it asked for asynchronous storage writes.
APPEND_THREAD = RaftId((1 << 64) - 1)
APPLY_THREAD = RaftId((1 << 64) - 2)
LOCAL_TARGETS = frozenset((APPEND_THREAD, APPLY_THREAD))


@cache
def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


class EntryType(IntEnum):
    NORMAL = 0
    CONF_CHANGE = 1
    CONF_CHANGE_V2 = 2

    def __str__(self) -> str:
        return "Entry" + _camel(self.name)


class MessageType(IntEnum):
    HUP = 0
    BEAT = 1
    PROP = 2
    APP = 3
    APP_RESP = 4
    VOTE = 5
    VOTE_RESP = 6
    SNAP = 7
    HEARTBEAT = 8
    HEARTBEAT_RESP = 9
    UNREACHABLE = 10
    SNAP_STATUS = 11
    CHECK_QUORUM = 12
    TRANSFER_LEADER = 13
    TIMEOUT_NOW = 14
    READ_INDEX = 15
    READ_INDEX_RESP = 16
    PRE_VOTE = 17
    PRE_VOTE_RESP = 18
    STORAGE_APPEND = 19
    STORAGE_APPEND_RESP = 20
    STORAGE_APPLY = 21
    STORAGE_APPLY_RESP = 22
    FORGET_LEADER = 23

    def __str__(self) -> str:
        return _message_text(self)


@cache
def _message_text(kind: MessageType) -> str:
    return "Msg" + _camel(kind.name)


class ConfChangeType(IntEnum):
    ADD_NODE = 0
    REMOVE_NODE = 1
    UPDATE_NODE = 2
    ADD_LEARNER_NODE = 3

    def __str__(self) -> str:
        return "ConfChange" + _camel(self.name)


class ConfChangeTransition(IntEnum):
    AUTO = 0
    JOINT_IMPLICIT = 1
    JOINT_EXPLICIT = 2

    def __str__(self) -> str:
        return "ConfChangeTransition" + _camel(self.name)


@value(frozen=True, slots=True)
class Entry:
    """One record of the log. `data` of a conf change is the marshalled raftpb message."""

    term: int
    index: int
    type: EntryType = EntryType.NORMAL
    data: bytes = b""


@value(frozen=True, slots=True)
class HardState:
    """What must survive a crash before anything that depends on it leaves."""

    term: int = 0
    vote: int = 0
    commit: int = 0


EMPTY_HARD_STATE = HardState()


@dataclass(frozen=True, slots=True)
class ConfState:
    """Membership as of one index. `voters_outgoing` is not empty only in a joint configuration."""

    voters: tuple[int, ...] = ()
    learners: tuple[int, ...] = ()
    voters_outgoing: tuple[int, ...] = ()
    learners_next: tuple[int, ...] = ()
    auto_leave: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state machine as of `index`; index 0 is the empty snapshot."""

    index: int = 0
    term: int = 0
    conf_state: ConfState = field(default_factory=ConfState)
    data: bytes = b""


@value(frozen=True, slots=True)
class Message:
    """One message between two members (or from a member to itself, for the local types).

    `responses` is used by the two storage requests alone: what to deliver once the work is durable or applied.
    """

    type: MessageType
    to: int = 0
    from_: int = 0
    term: int = 0
    log_term: int = 0
    index: int = 0
    entries: tuple[Entry, ...] = ()
    commit: int = 0
    vote: int = 0
    snapshot: Snapshot | None = None
    reject: bool = False
    reject_hint: int = 0
    context: bytes = b""
    responses: tuple["Message", ...] = ()


@dataclass(frozen=True, slots=True)
class ConfChangeSingle:
    type: ConfChangeType
    node_id: int


@dataclass(frozen=True, slots=True)
class ConfChange:
    """One change at a time (V1), the form SwarmKit proposes."""

    type: ConfChangeType
    node_id: int
    context: bytes = b""
    id: int = 0


@dataclass(frozen=True, slots=True)
class ConfChangeV2:
    """Any number of changes at once, through a joint configuration where needed."""

    changes: tuple[ConfChangeSingle, ...] = ()
    transition: ConfChangeTransition = ConfChangeTransition.AUTO
    context: bytes = b""


class StateRole(IntEnum):
    FOLLOWER = 0
    CANDIDATE = 1
    LEADER = 2
    PRE_CANDIDATE = 3

    def __str__(self) -> str:
        return "State" + _camel(self.name)


@value(frozen=True, slots=True)
class SoftState:
    """What need not be stored: who leads, and this member's role."""

    lead: int = 0
    role: StateRole = StateRole.FOLLOWER


@value(frozen=True, slots=True)
class ReadState:
    """A read index request that may be served once `index` is applied."""

    index: int
    request_context: bytes


@value(frozen=True, slots=True)
class Ready:
    """All effects that are due, in the order they must happen: store `snapshot`, `entries` and
    `hard_state` (durably when `must_sync`), then send `messages`, then apply `committed_entries`,
    then call `RawNode.advance`."""

    soft_state: SoftState | None = None
    hard_state: HardState | None = None
    read_states: tuple[ReadState, ...] = ()
    entries: tuple[Entry, ...] = ()
    snapshot: Snapshot | None = None
    committed_entries: tuple[Entry, ...] = ()
    messages: tuple[Message, ...] = ()
    must_sync: bool = False
