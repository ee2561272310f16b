"""The command line of a person whose list has fake engines: arguments in, exit code and both outputs out."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from swarm_tui.cli import main

from swarm_testkit.command_line import Outcome

Run = Callable[..., Outcome]


def command_line_over(
    urls: Sequence[str], home: Path, monkeypatch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
) -> Run:
    """The list has the engines at these addresses as h0, h1 and so on; `home` is empty, and holds all that is kept."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    monkeypatch.setenv("DOCKER_CONFIG", str(home))
    monkeypatch.delenv("SWARM_TUI_ENGINES", raising=False)
    lines = [f'h{number} = "{url}"' for number, url in enumerate(urls)]
    (home / "swarm-tui").mkdir()
    (home / "swarm-tui" / "engines.toml").write_text("\n".join(["[engines]", *lines, ""]))

    def run(*arguments: str) -> Outcome:
        capture.readouterr()
        code = main.run(arguments)
        captured = capture.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run
