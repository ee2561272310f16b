"""What a node is started with again: kept, private, and without what is meant for one start alone."""

from dataclasses import replace
from pathlib import Path

import pytest
from swarm_tui.cli.plumbing import start_options
from swarm_tui.cli.plumbing.session import Failure
from swarm_tui.cli.plumbing.start_options import Kept, Launch

BEFORE = Kept("127.0.0.1:1", "127.0.0.1:9", "process")


@pytest.mark.parametrize(
    ("how", "after"),
    [
        (Launch(), BEFORE),
        (Launch(executors="docker"), Kept("127.0.0.1:1", "127.0.0.1:9", "docker")),
        (Launch("127.0.0.1:1"), BEFORE),
        (
            Launch(docker_hosts=("unix://", ":1")),
            Kept("127.0.0.1:1", "127.0.0.1:9", "process", "unix://\n:1"),
        ),
        (
            Launch(docker_hosts=(":1",), docker_terms=("--tls=true", "--group=wheel")),
            replace(BEFORE, docker_hosts=":1", docker_terms="--tls=true\n--group=wheel"),
        ),
        (Launch(metrics_address=":9323"), replace(BEFORE, metrics_address=":9323")),
        (Launch(metrics_address="off"), BEFORE),
        (Launch(log_format="json"), replace(BEFORE, log_format="json")),
        (Launch("127.0.0.1:2"), Kept("127.0.0.1:2", "", "process")),
        (Launch("127.0.0.1:2", advertise_remote_api="x:3"), Kept("127.0.0.1:2", "x:3", "process")),
        (Launch(join="a:1", token="secret", unlock_key="key", flags=("--force-new-cluster",)), BEFORE),
    ],
)
def test_what_holds_afterwards(how: Launch, after: Kept) -> None:
    """What was given replaces what was kept; an address that others were told goes with the one that it stood for."""
    assert how.on(BEFORE) == after


def test_terms_go_with_their_hosts() -> None:
    """Other hosts are not opened on the terms of the former ones; other terms alone are for the same hosts (docs/design/engine-api.md E9.5)."""
    kept = replace(BEFORE, docker_hosts=":1", docker_terms="--tlsverify=true")
    assert Launch(docker_hosts=(":2",)).on(kept) == replace(BEFORE, docker_hosts=":2")
    assert Launch(docker_terms=("--tls=false",)).on(kept) == replace(kept, docker_terms="--tls=false")


def test_it_is_kept_and_private(tmp_path: Path) -> None:
    """Written and read again, for the owner's eyes; a record of an earlier form tells what it can."""
    assert start_options.read(tmp_path) is None
    start_options.write(tmp_path, BEFORE)
    path = tmp_path / start_options.RECORD
    assert start_options.read(tmp_path) == BEFORE
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text('{"pid": 1, "born": 2.0, "listen_remote_api": "h:1", "advertise_remote_api": ""}')
    assert start_options.read(tmp_path) == Kept("h:1")


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_a_damaged_record_is_one_sentence(tmp_path: Path, text: str) -> None:
    """It is not taken for nothing: the node would come back as another one."""
    (tmp_path / start_options.RECORD).write_text(text)
    with pytest.raises(Failure, match="cannot be read"):
        start_options.read(tmp_path)
