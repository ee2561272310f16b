"""The node of this machine as a process: what it said when it could not start."""

import socket
from contextlib import suppress
from pathlib import Path

import pytest
from swarm_tui.cli.plumbing import local_node
from swarm_tui.cli.plumbing.local_node import LOG, last_words
from swarm_tui.cli.plumbing.session import Failure
from swarm_tui.cli.plumbing.start_options import Kept, Launch

EARLIER = "swarm-agentd: a reason of last week\n"


@pytest.mark.parametrize(
    ("log", "sentence"),
    [
        ("2026-01-01 00:00:00,1 INFO x\nswarm-managerd: the port is taken\n2026-01-01 INFO later\n", "the port is taken"),
        ("swarm-agentd: a: b.\n", "a: b"),
        ("Traceback (most recent call last):\n  swarm-agentd: no\n", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_last_words(tmp_path: Path, log: str, sentence: str) -> None:
    """The last sentence of this start is found among log lines; those of earlier starts do not count."""
    (tmp_path / LOG).write_text(EARLIER + log)
    assert last_words(tmp_path, len(EARLIER)) == sentence


def test_no_log_no_words(tmp_path: Path) -> None:
    """Without a log nothing was said."""
    assert last_words(tmp_path, 0) == ""


def test_a_port_that_is_taken_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where we chose the port, and somebody took it before the node could, the node starts at another one."""
    tried, others = [], []

    def start(_state: Path, _how: Launch, kept: Kept, *, is_first: bool) -> str:
        tried.append(kept.listen_remote_api)
        if len(tried) == 1:
            host, _, port = kept.listen_remote_api.rpartition(":")
            with suppress(OSError):  # then somebody has really taken it
                others.append(socket.create_server((host, int(port))))
            raise Failure("cannot listen")
        return "runs"

    monkeypatch.setattr(local_node, "_start", start)
    try:
        assert local_node.launch(tmp_path, Launch()) == "runs"
        assert len(set(tried)) == 2
    finally:
        for other in others:
            other.close()


def test_another_reason_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that cannot start at a port that is free is not started at others."""
    tried = []

    def start(_state: Path, _how: Launch, kept: Kept, *, is_first: bool) -> str:
        tried.append(kept.listen_remote_api)
        raise Failure("the disk is full")

    monkeypatch.setattr(local_node, "_start", start)
    with pytest.raises(Failure, match="the disk is full"):
        local_node.launch(tmp_path, Launch())
    assert len(tried) == 1
