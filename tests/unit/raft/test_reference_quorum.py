"""Our quorums decide as the reference's data say."""

from pathlib import Path

import pytest
from swarm_testkit.directives import parse
from swarm_testkit.host import shared_files, shared_text
from swarm_testkit.raft_tables import play_quorum


@pytest.mark.parametrize("path", shared_files("etcd-raft/quorum/testdata"), ids=lambda path: path.stem)
def test_quorum_equals_the_reference(path: Path) -> None:
    """Every committed index and vote result of the file is ours too."""
    directives = parse(shared_text(path))
    assert directives
    for directive in directives:
        assert play_quorum(directive) == directive.expected, f"{path.name}:{directive.line}"
