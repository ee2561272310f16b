"""Our membership changes lead where the reference's data say."""

from pathlib import Path

import pytest
from swarm_core.raft.errors import ConfChangeRefused
from swarm_core.raft.membership import Changed, Draft, enter_joint, leave_joint, simple
from swarm_core.raft.tracker import ProgressTracker
from swarm_testkit.directives import Directive, parse
from swarm_testkit.raft_script import parse_changes

_DATA = Path(__file__).parents[4] / "shared" / "etcd-raft" / "confchange" / "testdata"
_FILES = sorted(_DATA.glob("*.txt"))


@pytest.mark.skipif(not _FILES, reason=f"the reference's data are not in {_DATA}")
@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.stem)
def test_membership_equals_the_reference(path: Path) -> None:
    """Every change gives the membership and progress, or the refusal, of the reference."""
    tracker = ProgressTracker(max_inflight_messages=10, max_inflight_bytes=1)
    directives = parse(path.read_text())
    assert directives
    for last_index, directive in enumerate(directives):
        output = _run(tracker, last_index, directive)
        assert output == directive.expected, f"{path.name}:{directive.line}: {directive.command}"


def _run(tracker: ProgressTracker, last_index: int, directive: Directive) -> str:
    try:
        tracker.install(*_change(tracker, last_index, directive))
    except ConfChangeRefused as refused:
        return f"{refused}\n"
    lines = [str(tracker.membership), *(f"{id_}: {member}" for id_, member in tracker.progress.items())]
    return "".join(f"{line}\n" for line in lines)


def _change(tracker: ProgressTracker, last_index: int, directive: Directive) -> Changed:
    draft = Draft.of(tracker, last_index)
    changes = parse_changes(directive.input)
    if directive.command == "simple":
        return simple(draft, changes)
    if directive.command == "enter-joint":
        return enter_joint(draft, changes, auto_leave=directive.values("autoleave") == ("true",))
    assert directive.command == "leave-joint"
    assert not changes
    return leave_joint(draft)
