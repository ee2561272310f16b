"""Which reads a quorum's answers confirm."""

from swarm_core.raft.quorum import JointVoters
from swarm_core.raft.read_index import ReadRequests
from swarm_core.raft.types import Message, MessageType

_VOTERS = JointVoters(frozenset((1, 2, 3)))


def _requests(count: int) -> tuple[ReadRequests, list[bytes]]:
    """Requests with commit indexes 0, 1, …, and the heartbeat's context behind each."""
    requests = ReadRequests()
    contexts = []
    for commit in range(count):
        requests.add(Message(MessageType.READ_INDEX), commit)
        contexts.append(requests.heartbeat_context())
    return requests, contexts


def _confirmed(requests: ReadRequests) -> list[int]:
    return [commit for _, commit in requests.take_confirmed(_VOTERS)]


def test_answer_confirms_all_up_to_its_heartbeat() -> None:
    """Two of three confirm what both have answered, in order, once."""
    requests, contexts = _requests(3)
    requests.acknowledge(1, contexts[2])
    assert _confirmed(requests) == []
    requests.acknowledge(2, contexts[1])
    assert _confirmed(requests) == [0, 1]
    assert _confirmed(requests) == []
    requests.acknowledge(3, contexts[2])
    assert _confirmed(requests) == [2]
    assert requests.heartbeat_context() == b""


def test_late_answer_takes_nothing_back() -> None:
    """Answers that arrive out of order count with the newest one."""
    requests, contexts = _requests(2)
    requests.acknowledge(1, contexts[1])
    requests.acknowledge(2, contexts[1])
    requests.acknowledge(2, contexts[0])
    assert _confirmed(requests) == [0, 1]


def test_foreign_contexts_confirm_nothing() -> None:
    """A context of another form, or of a heartbeat that was never sent, is ignored."""
    requests, contexts = _requests(1)
    requests.acknowledge(1, contexts[0])
    requests.acknowledge(2, b"text")
    requests.acknowledge(3, (99).to_bytes(8, "little"))
    assert _confirmed(requests) == []
