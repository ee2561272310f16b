"""Our raft reproduces the reference's interaction traces, message by message."""

from pathlib import Path

import pytest
from swarm_testkit.directives import parse
from swarm_testkit.host import shared_files, shared_text
from swarm_testkit.raft_script import RaftScript


@pytest.mark.parametrize("path", shared_files("etcd-raft/testdata"), ids=lambda path: path.stem)
def test_trace_equals_the_reference(path: Path) -> None:
    """Every directive of the script gives the output that the reference gives."""
    script = RaftScript()
    directives = parse(shared_text(path))
    assert directives
    for directive in directives:
        output = script.run(directive)
        assert output == directive.expected, f"{path.name}:{directive.line}: {directive.command}"
