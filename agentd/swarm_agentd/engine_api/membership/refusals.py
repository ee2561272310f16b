"""Why this machine is not begun, joined, unlocked or left, in docker's words (docs/design/engine-api.md E12)."""

from swarm_core.ca.errors import InvalidToken
from swarm_core.ca.tokens import parse
from swarm_core.client.errors import CallFailed, Unreachable, WrongRoot
from swarm_core.http.errors import Failed, HttpError, RefusedCall, Unavailable

from swarm_agentd.node.errors import CannotJoin, CertificateOver, ManagerGaveUp, NodeLocked, NoJoinToken

IN_A_SWARM = (
    'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and join another one.'
)
NOT_IN_A_SWARM = "This node is not part of a swarm"
NO_MANAGER = "This node is not a swarm manager. "
NO_SWARM = (
    NO_MANAGER + 'Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.'
)
PREPARED = NO_MANAGER + "Manager is being prepared or has trouble connecting to the cluster."
WORKER = (
    NO_MANAGER + "Worker nodes can't be used to view or modify cluster state. "
    "Please run this command on a manager node or promote the current node to a manager."
)
LOCKED = (
    "Swarm is encrypted and needs to be unlocked before it can be used. "
    'Please use "docker swarm unlock" to unlock it.'
)
LOCKED_LEAVES = (
    "Swarm is encrypted and locked. Please unlock it first or use `--force` to ignore this message."
)
EXPIRED = "Swarm certificates have expired. To replace them, leave the swarm and join again."
TOO_LATE = (
    "Timeout was reached before node joined. The attempt to join the swarm will continue in the background. "
    'Use the "docker info" command to see the current swarm status of your node.'
)
_LEAVES = "You are attempting to leave the swarm on a node that is participating as a manager. "
_LAST = (
    "Removing the last manager erases all current state of the swarm. Use `--force` to ignore this message."
)
_RESTORE = (
    "The only way to restore a swarm that has lost consensus is to reinitialize it with `--force-new-cluster`. "
    "Use `--force` to suppress this message."
)


def of_failure(error: Exception, token: str = "") -> HttpError:
    """Why the node that was asked for could not be; `token` is the one that it joined with."""
    match error:
        case NodeLocked():
            return Unavailable(LOCKED)
        case CertificateOver():
            return Unavailable(EXPIRED)
        case NoJoinToken():
            return Failed("invalid join token")
        case ManagerGaveUp():
            return Failed(f"manager stopped: {error.said or error}")
        case CannotJoin():
            return _of_joining(error, token)
    return Failed(str(error))


def was_unreachable(error: Exception | None) -> bool:
    """Whether another manager might do better."""
    cause = None if error is None else error.__cause__
    return (
        isinstance(error, CannotJoin) and isinstance(cause, Unreachable) and not isinstance(cause, WrongRoot)
    )


def manager_leaves(reachable: int, unreachable: int) -> str:
    """What a manager is told that leaves without force, where the cluster tells of its managers."""
    if reachable == 1 and unreachable == 0:
        return _LEAVES + _LAST
    text = _LEAVES
    if reachable - 2 <= unreachable:
        text += (
            f"Removing this node leaves {reachable - 1} managers out of {reachable + unreachable}. "
            "Without a Raft quorum your swarm will be inaccessible. "
        )
    return text + _RESTORE


MANAGER_LEAVES_BLINDLY = _LEAVES + "Doing so may lose the consensus of your cluster. " + _RESTORE
"""The same, where nobody tells."""


def _of_joining(error: CannotJoin, token: str) -> HttpError:
    match error.__cause__:
        case CallFailed(code=code, message=message):
            return RefusedCall(code, message)
        case WrongRoot():
            try:
                return Failed(f"remote CA does not match fingerprint. Expected: {parse(token).digest.hex()}")
            except InvalidToken:
                return Failed("invalid join token")
        case Unreachable():
            return RefusedCall("UNAVAILABLE", str(error))
    return Failed(str(error))
