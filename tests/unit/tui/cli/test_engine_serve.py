"""What `engine serve` refuses before it listens (docs/design/engine-commands.md 16.4)."""

from pathlib import Path

import pytest
from swarm_tui.cli import main

ENGINES = "unix:///nowhere/docker.sock"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--tlscert", "c"), 2, "--tlscert and --tlskey must be given together"),
        (("--tlscacert", "c"), 2, "--tlscacert needs --tlscert and --tlskey too"),
        (("--strategy", "best"), 2, "strategy not supported: best"),
        (("--overcommit", "-2"), 2, "overcommit must be more than -1"),
        (("-H", "http://x"), 2, "unsupported proto 'http'"),
        (("-H", "tcp://0.0.0.0:1"), 1, "Verify clients with --tlscacert, or say --insecure to allow it."),
        (("-H", "unix:///nowhere/x.sock", "--tlscert", "c", "--tlskey", "k"), 1, "invalid TLS configuration"),
    ],
)
def test_what_cannot_be_served_is_refused(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    words: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    """With the reason, and nothing is opened."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert main.run(["engine", "serve", "--engines", ENGINES, *words]) == code
    assert said in capfd.readouterr().err


def test_serving_needs_the_highest_level(capfd: pytest.CaptureFixture[str]) -> None:
    """16.2.7: who reaches the socket may do everything."""
    assert main.run(["--level", "2", "engine", "serve", "--engines", ENGINES]) == 1
    assert "it needs level 3" in capfd.readouterr().err
