"""The node of this machine as a process: what it said when it could not start."""

from pathlib import Path

import pytest
from swarm_tui.cli.plumbing.local_node import LOG, last_words

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
