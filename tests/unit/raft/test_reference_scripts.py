"""Our raft reproduces the reference's interaction traces, message by message."""

from pathlib import Path

import pytest
from swarm_testkit.directives import parse
from swarm_testkit.raft_script import RaftScript

_SCRIPTS = Path(__file__).parents[4] / "shared" / "etcd-raft" / "testdata"
_FILES = sorted(_SCRIPTS.glob("*.txt"))


@pytest.mark.skipif(not _FILES, reason=f"the reference's scripts are not in {_SCRIPTS}")
@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.stem)
def test_trace_equals_the_reference(path: Path) -> None:
    """Every directive of the script gives the output that the reference gives."""
    script = RaftScript()
    directives = parse(path.read_text())
    assert directives
    for directive in directives:
        output = script.run(directive)
        assert output == directive.expected, f"{path.name}:{directive.line}: {directive.command}"
