"""The log level of this machine's node, asked for and taken."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from swarm_core.client import log_levels
from swarm_core.client.log_levels import Holder, NotChanged
from swarm_core.client.node_directory import ProcessId


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Holder]:
    """A daemon in this process, which takes what it is asked for; `taken` by its handler."""
    holder = Holder(tmp_path)
    holder.begin("info")

    def take(*_: object) -> None:
        if (level := holder.wanted()) is not None:
            holder.hold(level)

    before = signal.signal(log_levels.SIGNAL, take)
    yield holder
    signal.signal(log_levels.SIGNAL, before)


def ask(tmp_path: Path, level: str) -> None:
    log_levels.ask(tmp_path, ProcessId.of(os.getpid()), level, lambda _: None)


def test_it_is_taken(daemon: Holder, tmp_path: Path) -> None:
    """What holds can be seen, by its owner alone, until the daemon ends."""
    assert log_levels.present(tmp_path) == "info"
    ask(tmp_path, "debug")
    assert daemon.now == log_levels.present(tmp_path) == "debug"
    assert {one.name: one.stat().st_mode & 0o777 for one in tmp_path.iterdir()} == {"log-level": 0o600}
    daemon.end()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(NotChanged, match="does not say"):
        log_levels.present(tmp_path)


def test_a_wish_of_yesterday_counts_no_more(daemon: Holder, tmp_path: Path) -> None:
    """A daemon begins with its flag's level."""
    (tmp_path / "log-level.wanted").write_text("debug\n")
    daemon.begin("warn")
    assert daemon.wanted() is None and log_levels.present(tmp_path) == "warn"


def test_one_that_does_not_take_it(daemon: Holder, tmp_path: Path) -> None:
    """Nonsense is not taken, and whoever asked is told; the wish is gone."""
    with pytest.raises(NotChanged, match="did not take it within 5 s"):
        ask(tmp_path, "loud")
    assert daemon.now == "info" and not (tmp_path / "log-level.wanted").exists()


def test_an_older_daemon_is_left_alone(tmp_path: Path) -> None:
    """The signal would end one that has no handler for it."""
    signal.signal(log_levels.SIGNAL, signal.SIG_DFL)
    with pytest.raises(NotChanged, match="older than this command"):
        ask(tmp_path, "debug")
