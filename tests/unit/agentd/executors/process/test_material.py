"""Secrets and configs as files of one task."""

import os
import stat
from pathlib import Path

import pytest
from swarm_agentd.exec.errors import InvalidTask
from swarm_agentd.exec.private_files import PrivateFiles, memory_root
from swarm_agentd.executors.process.material import CONFIGS, SECRETS, collect
from swarm_core.api.proto.process_pb2 import ProcessSpec
from swarm_testkit.conformance.executor import (
    CONFIG_DATA,
    CONFIG_ID,
    SECRET_DATA,
    SECRET_ID,
    FixedDependencies,
)


def spec(name: str = "", mode: int = 0) -> ProcessSpec:
    made = ProcessSpec()
    secret = made.secrets.add(secret_id=SECRET_ID, secret_name="a-secret")
    secret.file.name, secret.file.mode = name, mode
    made.configs.add(config_id=CONFIG_ID, config_name="a-config")
    return made


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_are_private_and_go_away(tmp_path: Path) -> None:
    """Files hold the payloads, are closed to others, default to the object's name, and are deleted without a trace."""
    store = PrivateFiles(tmp_path / "swarm" / "key")
    store.write("t", collect(spec(), FixedDependencies()), directories=(SECRETS, CONFIGS))
    secret, config = (
        store.directory("t") / "secrets" / "a-secret",
        store.directory("t") / "configs" / "a-config",
    )
    assert (secret.read_bytes(), config.read_bytes()) == (SECRET_DATA, CONFIG_DATA)
    assert (mode(secret), mode(config)) == (0o400, 0o444)
    assert mode(store.directory("t")) == 0o700
    assert list(store.known_ids()) == ["t"]
    store.delete("t")
    assert not store.directory("t").exists()


def test_the_reference_decides_name_and_mode(tmp_path: Path) -> None:
    """A target with directories and a mode of its own is made so; writing again replaces it."""
    store = PrivateFiles(tmp_path / "swarm" / "key")
    for _ in range(2):
        store.write("t", collect(spec("db/password", 0o440), FixedDependencies()))
    assert mode(store.directory("t") / "secrets" / "db" / "password") == 0o440


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x"])
def test_targets_stay_inside(name: str) -> None:
    """A target that leads out of the task's directory is refused."""
    with pytest.raises(InvalidTask, match="must stay below"):
        collect(spec(name), FixedDependencies())


def test_a_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """In a place that all users share, a planted link is not followed."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "swarm").mkdir()
    (tmp_path / "swarm" / "key").symlink_to(tmp_path / "elsewhere")
    store = PrivateFiles(tmp_path / "swarm" / "key")
    with pytest.raises(InvalidTask, match="belongs to somebody else"):
        store.write("t", collect(spec(), FixedDependencies()))


def test_memory_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's runtime directory comes first, and without any place in memory the state directory serves."""
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert memory_root("key", tmp_path / "state") == tmp_path / "swarm-agentd-4711" / "key"
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert memory_root("key", tmp_path / "state") == tmp_path / "state" / "swarm-agentd-4711" / "key"
