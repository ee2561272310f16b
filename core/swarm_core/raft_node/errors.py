"""What can go wrong around raft, apart from our own bugs.

    RaftNodeError
    ├── ProposalRefused          the entry is not (known to be) committed
    │   ├── LostLeadership       ask the new leader; the entry may still be committed there
    │   │   └── NotLeader        … but not this one: it was never proposed
    │   ├── NotMember            this node is not, or no longer, in the cluster
    │   ├── Stopped              the node is ending or has failed
    │   ├── RequestTooLarge      never retry: cut the request in smaller ones
    │   ├── Overloaded           too many wait already: retry later
    │   └── MembershipRefused    the change does not fit the present members
    │       └── QuorumAtRisk     too few reachable members would remain
    ├── MemberRemoved            the sender of a message is no member any more
    ├── TransferFailed           leadership stays, or goes, where it was not meant to
    ├── JoinFailed               no manager admitted this node
    │   └── JoinRefused          a manager was asked once, and did not
    ├── CompactedLog             these entries are gone: start from a snapshot
    ├── StateUnusable            what is on disk cannot be used; a person must look
    │   ├── WalCorrupt
    │   ├── SnapshotMissing
    │   ├── ForeignState         it belongs to another node
    │   ├── StateLocked          another process uses it
    │   ├── AccessDenied         wrong owner or permissions
    │   └── CannotDecrypt        the keys do not fit
    └── DiskFailed               the disk refused; the node stops
        └── DiskFull

Every message is one sentence for a person. A class with `not_done` says that nothing happened: whoever asked may
ask again, here or at the leader.
"""

from pathlib import Path


class RaftNodeError(Exception):
    """Any refusal of this room."""


class ProposalRefused(RaftNodeError):
    """The proposal was not applied here, and its callback will not run."""


class LostLeadership(ProposalRefused):
    def __init__(
        self,
        detail: str = "this manager lost the leadership of the cluster; whether the change took effect is not known",
    ) -> None:
        super().__init__(detail)


class NotLeader(LostLeadership):
    """Refused before anything was proposed."""

    not_done = True

    def __init__(self, detail: str = "this manager is not the leader of the cluster") -> None:
        super().__init__(detail)


class NotMember(ProposalRefused):
    def __init__(self) -> None:
        super().__init__("this manager is not a member of the raft cluster")


class Stopped(ProposalRefused):
    def __init__(self, reason: str = "") -> None:
        super().__init__(f"raft has stopped: {reason}" if reason else "raft has stopped")


class RequestTooLarge(ProposalRefused):
    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"raft request of {size} bytes is too large, the limit is {limit} bytes")


class Overloaded(ProposalRefused):
    not_done = True

    def __init__(self) -> None:
        super().__init__("too many raft requests are waiting")


class MembershipRefused(ProposalRefused):
    """The membership change contradicts the present members."""


class QuorumAtRisk(MembershipRefused):
    def __init__(self) -> None:
        super().__init__("this member cannot be removed: that may result in loss of quorum")


# Other managers compare this text. A manager that receives it takes itself for removed, and stops.
REMOVED_TEXT = "raft: member was removed from the cluster"


class MemberRemoved(RaftNodeError):
    def __init__(self) -> None:
        super().__init__(REMOVED_TEXT)


class TransferFailed(RaftNodeError):
    """Leadership was not handed over."""


class JoinFailed(RaftNodeError):
    """Asking to become a member came to nothing."""


class JoinRefused(JoinFailed):
    """`is_final`: asking again changes nothing about it."""

    def __init__(self, reason: str, *, is_final: bool) -> None:
        super().__init__(reason)
        self.is_final = is_final


class CompactedLog(RaftNodeError, LookupError):
    def __init__(self, low: int) -> None:
        super().__init__(f"log entries from index {low + 1} on are no longer kept")


class StateUnusable(RaftNodeError):
    """The state directory cannot be used as it is."""


class WalCorrupt(StateUnusable):
    def __init__(self, path: Path, offset: int, reason: str) -> None:
        super().__init__(f"write-ahead log {path} is corrupt at byte {offset}: {reason}")
        self.path = path
        self.offset = offset


class SnapshotMissing(StateUnusable):
    """The log starts after the newest readable snapshot."""


class ForeignState(StateUnusable):
    def __init__(self, directory: Path, found: str, expected: str) -> None:
        super().__init__(f"state directory {directory} belongs to node {found}, not to this node {expected}")


class StateLocked(StateUnusable):
    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is in use by another process")


class AccessDenied(StateUnusable):
    """Wrong owner or permissions."""


class CannotDecrypt(StateUnusable):
    """A record cannot be decrypted with the keys at hand."""


class DiskFailed(RaftNodeError):
    """The disk refused a read, a write or a sync."""


class DiskFull(DiskFailed):
    def __init__(self, path: Path) -> None:
        super().__init__(f"no space left on the device of {path}")
