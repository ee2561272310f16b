"""What was made through us and how (docs/design/engines.md N9.7)."""

import logging
import stat
from pathlib import Path

import pytest
from swarm_core.engines.deployed import DeployedFiles, Deployment

ID, OTHER = "a" * 64, "b" * 64


def test_one_file_for_each(tmp_path: Path) -> None:
    """Saved, replaced, read by another process, forgotten; nothing else may read it."""
    directory = tmp_path / "deep" / "state"
    files = DeployedFiles(directory)
    assert (list(files), files.get(ID), files.forget(ID)) == ([], None, False)
    files.save(Deployment(ID, "one", {"Image": "i"}))
    files.save(Deployment(ID, "one", {"Image": "j", "Env": ["SECRET=x"]}))
    files.save(Deployment(OTHER, "two", {}))
    assert [(one.name, one.body.get("Image")) for one in DeployedFiles(directory)] == [
        ("one", "j"),
        ("two", None),
    ]
    assert sorted(path.name for path in directory.iterdir()) == [f"{ID}.json", f"{OTHER}.json"]
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}
    assert files.forget(ID)
    assert [one.id for one in files] == [OTHER]


@pytest.mark.parametrize("id_", ["", "../../etc/passwd", "A" * 64, "a" * 65, "abc"])
def test_an_id_that_is_none(tmp_path: Path, id_: str) -> None:
    """An engine that lies about an id has no file written, read or removed."""
    files = DeployedFiles(tmp_path / "state")
    with pytest.raises(ValueError, match="is no container's id"):
        files.save(Deployment(id_, "x", {}))
    assert (files.get(id_), files.forget(id_)) == (None, False)
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"ID": "a", "Name": "n", "Config": 3}', "{half"])
def test_a_file_that_cannot_be_read(tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is told, and is as if it were not there; the others are read."""
    files = DeployedFiles(tmp_path)
    files.save(Deployment(OTHER, "two", {}))
    (tmp_path / f"{ID}.json").write_text(text)
    with caplog.at_level(logging.WARNING):
        assert files.get(ID) is None
        assert [one.name for one in files] == ["two"]
    assert "cannot be read" in caplog.text
