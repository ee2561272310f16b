"""`docker-state.json` (docs/design/engine-api.md E12.8)."""

from pathlib import Path

import pytest
from swarm_agentd.engine_api.membership import record
from swarm_agentd.engine_api.membership.record import Record
from swarm_agentd.node.errors import NodeError

DOCKERS = (
    '{"LocalAddr":"10.0.0.5","RemoteAddr":"10.0.0.1:2377","ListenAddr":"0.0.0.0:2377","AdvertiseAddr":"10.0.0.5:2377",'
    '"DataPathAddr":"","DefaultAddressPool":null,"SubnetSize":0,"DataPathPort":0,"JoinInProgress":false}'
)


def test_what_an_engine_wrote_is_read(tmp_path: Path) -> None:
    """Its form is docker's (docs/design/engine-api.md E12.8)."""
    (tmp_path / "docker-state.json").write_text(DOCKERS)
    assert record.read(tmp_path) == Record("0.0.0.0:2377", "10.0.0.5:2377", "10.0.0.1:2377", "10.0.0.5")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Every field (docs/design/engine-api.md E12.8)."""
    full = Record("a:1", "b:2", "c:3", "d", "e", ("10.0.0.0/8",), 26, 5000, is_joining=True)
    assert record.read(tmp_path) is None
    record.write(tmp_path, full)
    assert record.read(tmp_path) == full


@pytest.mark.parametrize("text", ["", "[]", "1", '{"ListenAddr": 5}', '{"SubnetSize": "x"}', "\x00"])
def test_what_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    """In one sentence that names the file; nothing is overwritten (docs/design/node.md 6.3.2)."""
    (tmp_path / "docker-state.json").write_text(text)
    with pytest.raises(NodeError, match=r"docker-state\.json does not say where this node is"):
        record.read(tmp_path)
