"""Our quorums decide as the reference's data say."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from swarm_core.raft.quorum import INFINITE_INDEX, JointVoters, majority_committed, majority_vote
from swarm_testkit.directives import Directive, parse

_DATA = Path(__file__).parents[4] / "shared" / "etcd-raft" / "quorum" / "testdata"
_FILES = sorted(_DATA.glob("*.txt"))


@pytest.mark.skipif(not _FILES, reason=f"the reference's data are not in {_DATA}")
@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.stem)
def test_quorum_equals_the_reference(path: Path) -> None:
    """Every committed index and vote result of the file is ours too."""
    directives = parse(path.read_text())
    assert directives
    for directive in directives:
        assert _run(directive) == directive.expected, f"{path.name}:{directive.line}"


def _run(directive: Directive) -> str:
    incoming = [int(value) for value in directive.values("cfg")]
    joint_values = directive.values("cfgj")
    outgoing = [int(value) for value in joint_values if value != "zero"]
    voters = JointVoters(frozenset(incoming), frozenset(outgoing))
    inputs = directive.values("votes" if directive.command == "vote" else "idx")
    if len(voters.ids) != len(inputs):
        ids = " ".join(f"{id_}:{{}}" for id_ in sorted(voters.ids))
        values = " ".join("0" if value == "_" else value for value in inputs)
        return f"error: mismatched input (explicit or _) for voters map[{ids}]: [{values}]\n"
    given = dict(zip(dict.fromkeys(incoming + outgoing), inputs, strict=True))
    if directive.command == "vote":
        return _vote(voters, {id_: value == "y" for id_, value in given.items() if value != "_"})
    acked = {id_: int(value) for id_, value in given.items() if value != "_"}
    return _committed(voters, acked)


def _vote(voters: JointVoters, votes: Mapping[int, bool]) -> str:
    result = voters.vote(votes)
    assert JointVoters(voters.outgoing, voters.incoming).vote(votes) == result, "the halves are symmetrical"
    if not voters.outgoing:
        assert majority_vote(voters.incoming, votes) == result
    return f"{result!s}\n"


def _committed(voters: JointVoters, acked: Mapping[int, int]) -> str:
    index = voters.committed(acked)
    assert JointVoters(voters.outgoing, voters.incoming).committed(acked) == index
    if not voters.outgoing:
        assert majority_committed(voters.incoming, acked) == index
        assert JointVoters(voters.incoming, voters.incoming).committed(acked) == index
    return _picture(voters, acked) + ("∞" if index == INFINITE_INDEX else str(index)) + "\n"


def _picture(voters: JointVoters, acked: Mapping[int, int]) -> str:
    """One bar for each voter, as long as there are voters with lower indexes."""
    if not voters.ids:
        return "<empty majority quorum>"
    size = len(voters.ids)
    lines = [" " * size + "    idx"]
    for id_ in sorted(voters.ids):
        index = acked.get(id_, 0)
        bar = sum(1 for other in voters.ids if acked.get(other, 0) < index)
        drawn = "x" * bar + ">" + " " * (size - bar) if id_ in acked else "?" + " " * size
        lines.append(f"{drawn} {index:5d}    (id={id_:x})")
    return "".join(f"{line}\n" for line in lines)
