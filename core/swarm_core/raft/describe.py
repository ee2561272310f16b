"""Raft's values as text, in the form of the reference's traces."""

from collections.abc import Iterable

from swarm_core.raft.conf_change import AnyConfChange, as_v2, unmarshal
from swarm_core.raft.errors import MalformedConfChange
from swarm_core.raft.types import (
    APPEND_THREAD,
    APPLY_THREAD,
    NO_ID,
    ConfChangeSingle,
    ConfChangeType,
    ConfState,
    Entry,
    EntryType,
    HardState,
    Message,
    ReadState,
    Ready,
    Snapshot,
    SoftState,
)

_LETTERS = {
    ConfChangeType.ADD_NODE: "v",
    ConfChangeType.ADD_LEARNER_NODE: "l",
    ConfChangeType.REMOVE_NODE: "r",
    ConfChangeType.UPDATE_NODE: "u",
}
_TARGETS = {int(NO_ID): "None", int(APPEND_THREAD): "AppendThread", int(APPLY_THREAD): "ApplyThread"}
_ESCAPES = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
_ESCAPES |= {'"': '\\"', "\\": "\\\\"}


def quote(data: bytes) -> str:
    """Bytes between double quotes, printable text as it is."""
    return '"' + "".join(map(_escape, data.decode(errors="surrogateescape"))) + '"'


def _escape(char: str) -> str:
    code = ord(char)
    if char in _ESCAPES:
        return _ESCAPES[char]
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if char.isprintable():
        return char
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def describe_changes(changes: Iterable[ConfChangeSingle]) -> str:
    """Changes in short: `v1 l2 r3`."""
    return " ".join(f"{_LETTERS[change.type]}{change.node_id}" for change in changes)


def describe_conf_change(change: AnyConfChange) -> str:
    v2 = as_v2(change)
    text = f"transition:{v2.transition!s}"
    for single in v2.changes:
        text += f" changes:{{type:{single.type!s} node_id:{single.node_id}}}"
    return f"{text} context:{quote(v2.context)}" if v2.context else text


def describe_hard_state(state: HardState) -> str:
    vote = f" Vote:{state.vote}" if state.vote else ""
    return f"Term:{state.term}{vote} Commit:{state.commit}"


def describe_soft_state(state: SoftState) -> str:
    return f"Lead:{state.lead} State:{state.role!s}"


def describe_conf_state(state: ConfState) -> str:
    auto_leave = "true" if state.auto_leave else "false"
    return (
        f"Voters:{_ids(state.voters)} VotersOutgoing:{_ids(state.voters_outgoing)} "
        f"Learners:{_ids(state.learners)} LearnersNext:{_ids(state.learners_next)} AutoLeave:{auto_leave}"
    )


def describe_snapshot(snapshot: Snapshot) -> str:
    return f"Index:{snapshot.index} Term:{snapshot.term} ConfState:{describe_conf_state(snapshot.conf_state)}"


def describe_entry(entry: Entry) -> str:
    """Term, index, type and payload; of a membership change the change."""
    if entry.type is EntryType.NORMAL:
        payload = quote(entry.data)
    else:
        try:
            payload = describe_changes(as_v2(unmarshal(entry.type, entry.data)).changes)
        except MalformedConfChange as error:
            payload = str(error)
    return f"{entry.term}/{entry.index} {entry.type!s}" + (f" {payload}" if payload else "")


def describe_entries(entries: Iterable[Entry]) -> str:
    """One line each."""
    return "".join(f"{describe_entry(entry)}\n" for entry in entries)


def describe_message(message: Message, indent: str = "") -> str:
    """One line; more for several entries, a snapshot or responses."""
    text = (
        f"{indent}{_target(message.from_)}->{_target(message.to)} {message.type!s} "
        f"Term:{message.term} Log:{message.log_term}/{message.index}"
    )
    if message.reject:
        text += f" Rejected (Hint: {message.reject_hint})"
    if message.commit:
        text += f" Commit:{message.commit}"
    if message.vote:
        text += f" Vote:{message.vote}"
    if len(message.entries) == 1:
        text += f" Entries:[{describe_entry(message.entries[0])}]"
    elif message.entries:
        lines = "".join(f"\n{indent}  {describe_entry(entry)}" for entry in message.entries)
        text += f" Entries:[{lines}\n{indent}]"
    if message.snapshot is not None and message.snapshot.index:
        text += f"\n{indent}  Snapshot: {describe_snapshot(message.snapshot)}"
    if message.responses:
        lines = "".join("\n" + describe_message(response, indent + "  ") for response in message.responses)
        text += f" Responses:[{lines}\n{indent}]"
    return text


def describe_ready(ready: Ready | None) -> str:
    """All effects, one below the other."""
    text = "" if ready is None else "".join(_ready_parts(ready))
    if ready is None or not text:
        return "<empty Ready>"
    return f"Ready MustSync={'true' if ready.must_sync else 'false'}:\n{text}"


def _ready_parts(ready: Ready) -> Iterable[str]:
    if ready.soft_state is not None:
        yield describe_soft_state(ready.soft_state) + "\n"
    if ready.hard_state is not None:
        yield f"HardState {describe_hard_state(ready.hard_state)}\n"
    if ready.read_states:
        yield f"ReadStates [{' '.join(map(_read_state, ready.read_states))}]\n"
    if ready.entries:
        yield "Entries:\n" + describe_entries(ready.entries)
    if ready.snapshot is not None:
        yield f"Snapshot {describe_snapshot(ready.snapshot)}\n"
    if ready.committed_entries:
        yield "CommittedEntries:\n" + describe_entries(ready.committed_entries)
    if ready.messages:
        yield "Messages:\n" + "".join(f"{describe_message(message)}\n" for message in ready.messages)


def _ids(ids: tuple[int, ...]) -> str:
    return f"[{' '.join(map(str, ids))}]"


def _read_state(state: ReadState) -> str:
    return f"{{{state.index} [{' '.join(map(str, state.request_context))}]}}"


def _target(id_: int) -> str:
    return _TARGETS.get(id_, f"{id_:x}")
