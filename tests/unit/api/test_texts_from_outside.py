"""JSON and TOML from outside (docs/design/fuzzing.md)."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from swarm_agentd.engine_api.membership import record
from swarm_agentd.node.errors import NodeError
from swarm_agentd.node.state_dir import open_state
from swarm_core.api.json_text import json_of
from swarm_core.api.toml_text import toml_of
from swarm_core.client import node_directory
from swarm_core.client.contexts import read_contexts
from swarm_core.engines.addresses import read_list

_DEEP = 20_000


@pytest.mark.parametrize(
    "text", ["[" * _DEEP + "]" * _DEEP, '{"a":' * _DEEP + "1" + "}" * _DEEP, "[" * _DEEP]
)
def test_deep_json_is_no_json(text: str) -> None:
    """What no parser can follow is a text like any other that is none."""
    with pytest.raises(ValueError, match="nested too deep"):
        json_of(text)
    assert json_of(b'{"a": [1]}') == {"a": [1]}


def test_deep_toml_is_no_toml(tmp_path: Path) -> None:
    """The same of what people write; a file's reader says which file."""
    deep = "a = " + "[" * _DEEP + "]" * _DEEP
    with pytest.raises(tomllib.TOMLDecodeError, match="nested too deep"):
        toml_of(deep)
    (tmp_path / "contexts.toml").write_text(deep)
    with pytest.raises(ValueError, match=r"contexts.toml is no valid TOML: it is nested too deep"):
        read_contexts(tmp_path / "contexts.toml")


@pytest.mark.parametrize(
    ("name", "content", "read", "told"),
    [
        ("contexts.toml", b'current = ["a"]', read_contexts, "is current, and has no such context"),
        ("engines", b"10.0.0.1\n# \xff", read_list, "engines is no UTF-8 text"),
    ],
)
def test_wrong_files_of_people(
    tmp_path: Path, name: str, content: bytes, read: Callable[[Path], object], told: str
) -> None:
    """A sentence that names the file."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=told):
        read(tmp_path / name)


def test_numbers_that_are_none(tmp_path: Path) -> None:
    """JSON as Python reads it has infinities, where whole numbers belong."""
    tmp_path.chmod(0o700)
    (tmp_path / node_directory.FORMAT_FILE).write_text('{"format": 1e999, "version": "1"}')
    with pytest.raises(NodeError, match="is damaged"):
        open_state(tmp_path)
    (tmp_path / node_directory.RECORD_FILE).write_text('{"SubnetSize": Infinity}')
    with pytest.raises(NodeError, match="does not say where this node is"):
        record.read(tmp_path)
    (tmp_path / node_directory.MANAGER_PID_FILE).write_text('{"pid": 1e999, "ticks": 1, "boot_id": "a"}')
    assert node_directory.left_over_manager(tmp_path) is None
