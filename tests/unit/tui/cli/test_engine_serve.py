"""What `engine serve` refuses before it listens (docs/design/engine-commands.md 16.4)."""

from pathlib import Path

import pytest
from swarm_core.engines.records import EngineKey, Event
from swarm_tui.cli import main
from swarm_tui.cli.plumbing.engine_events import own_sentence

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


@pytest.mark.parametrize(
    ("action", "attributes", "key", "said"),
    [
        ("engine_connect", {"name": "h1"}, "h1", "engine h1 answers."),
        ("engine_reconnect", {"name": "h1"}, "h1", "engine h1 is back."),
        (
            "engine_disconnect",
            {"name": "h1", "error": "it is away."},
            "h1",
            "engine h1 is not reached any more: it is away.",
        ),
        ("engine_disconnect", {"name": "h9"}, "h9", "engine h9 is named no more."),
        (
            "container_moved",
            {"name": "web", "from": "h1", "to": "h2"},
            "h1",
            "container web of engine h1 is made anew on h2.",
        ),
        (
            "container_removed",
            {"name": "web"},
            "h1",
            "container web of engine h1 is removed, as it runs elsewhere.",
        ),
    ],
)
def test_what_happens_to_engines_is_a_sentence(
    action: str, attributes: dict[str, str], key: str, said: str
) -> None:
    """16.4.7: with its time in front."""
    event = Event(EngineKey(key), "swarm", action, "id", attributes, 1_700_000_000_000_000_000)
    assert own_sentence(event, {EngineKey("h1"): "h1"}) == f"2023-11-14T22:13:20.000000000Z {said}"
