"""Which form a state directory has (docs/design/node.md 6.1)."""

import json
from pathlib import Path

import pytest
from swarm_agentd.node.errors import NodeError
from swarm_agentd.node.state_dir import FORMAT, open_state
from swarm_core.api.version import VERSION


def test_it_is_noted_and_read_again(tmp_path: Path) -> None:
    """A new directory, and one of a version before there was such a file, get the number and the version of now; the file is private."""
    state = open_state(tmp_path / "s")
    state.note_format()
    path = tmp_path / "s" / "format"
    assert json.loads(path.read_text()) == {"format": FORMAT, "version": VERSION}
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text('{"format": 1, "version": "0.0.1"}')
    open_state(tmp_path / "s").note_format()
    assert json.loads(path.read_text())["version"] == VERSION


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (json.dumps({"format": FORMAT + 1, "version": "9.0"}), "of swarm-tui 9.0.*nothing was changed"),
        ("", "is damaged"),
        ("[]", "is damaged"),
        ('{"format": "x", "version": ""}', "is damaged"),
    ],
)
def test_one_that_cannot_be_used(tmp_path: Path, content: str, sentence: str) -> None:
    """A later form, or none: one sentence, and nothing in the directory is touched, not even its mode."""
    tmp_path.chmod(0o755)
    (tmp_path / "format").write_text(content)
    with pytest.raises(NodeError, match=sentence) as found:
        open_state(tmp_path)
    assert "\n" not in str(found.value)
    assert [path.name for path in tmp_path.iterdir()] == [
        "format"
    ] and tmp_path.stat().st_mode & 0o777 == 0o755
