"""What raft refuses, as exceptions.

RaftError
├── ProposalDropped            nobody took the proposal; the caller may try again, elsewhere or later
├── StepRefused                a message that this member must not see; drop it
│   ├── LocalMessageRefused    a type that only the member itself may produce
│   ├── PeerUnknown            an answer from somebody who is no member
│   └── MalformedMessage       entries that are missing or do not follow each other
├── ConfChangeRefused          a membership change that would break the rules; never applied
├── MalformedConfChange        bytes that are no membership change
├── ConfigInvalid              settings that contradict each other
└── StorageError
    ├── Compacted              the index is below what the log still holds; a snapshot covers it
    ├── Unavailable            the index is above what the log holds
    ├── SnapshotOutOfDate      a newer snapshot is already there
    └── SnapshotTemporarilyUnavailable    ask again later

Broken invariants are no members of this tree: they are failed assertions, and the process should stop.
The texts are those that the reference's traces show.
"""


class RaftError(Exception):
    """Root of what raft refuses."""

    text = "raft refused"

    def __init__(self, text: str | None = None) -> None:
        super().__init__(self.text if text is None else text)


class ProposalDropped(RaftError):
    text = "raft proposal dropped"


class StepRefused(RaftError):
    text = "raft: message refused"


class LocalMessageRefused(StepRefused):
    text = "raft: cannot step raft local message"


class PeerUnknown(StepRefused):
    text = "raft: cannot step as peer not found"


class MalformedMessage(StepRefused):
    text = "raft: entries of a message do not follow each other"


class ConfChangeRefused(RaftError):
    text = "membership change refused"


class MalformedConfChange(RaftError):
    text = "bytes are no membership change"


class ConfigInvalid(RaftError):
    text = "raft config invalid"


class StorageError(RaftError):
    text = "raft storage failed"


class Compacted(StorageError):
    text = "requested index is unavailable due to compaction"


class Unavailable(StorageError):
    text = "requested entry at index is unavailable"


class SnapshotOutOfDate(StorageError):
    text = "requested index is older than the existing snapshot"


class SnapshotTemporarilyUnavailable(StorageError):
    text = "snapshot is temporarily unavailable"
