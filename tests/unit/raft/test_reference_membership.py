"""Our membership changes lead where the reference's data say."""

from pathlib import Path

import pytest
from swarm_testkit.directives import parse
from swarm_testkit.host import shared_files, shared_text
from swarm_testkit.raft_tables import MembershipTable


@pytest.mark.parametrize("path", shared_files("etcd-raft/confchange/testdata"), ids=lambda path: path.stem)
def test_membership_equals_the_reference(path: Path) -> None:
    """Every change gives the membership and progress, or the refusal, of the reference."""
    table = MembershipTable()
    directives = parse(shared_text(path))
    assert directives
    for directive in directives:
        assert table.play(directive) == directive.expected, (
            f"{path.name}:{directive.line}: {directive.command}"
        )
