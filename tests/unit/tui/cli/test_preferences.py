"""`swarm-tui preferences` (docs/design/terminal.md 11.13)."""

import pytest
from swarm_tui.cli.main import run


@pytest.fixture
def config(tmp_path, monkeypatch):
    """The file that is read."""
    path = tmp_path / "config.toml"
    monkeypatch.setenv("SWARM_TUI_CONFIG", str(path))
    return path


def test_the_file_is_checked(config, capsys):
    """No file, a good one, and every mistake of a bad one with exit code 2."""
    assert run(["preferences", "check"]) == 0
    assert capsys.readouterr().out == f"{config} does not exist; everything is as it comes.\n"
    config.write_text('theme = "nord"')
    assert run(["preferences", "check"]) == 0
    assert capsys.readouterr().out == f"{config} is in order.\n"
    config.write_text('theme = "nrod"\nkeymap = "k9s"\n[keys]\n"list.scael" = "x"')
    assert run(["preferences", "check"]) == 2
    assert capsys.readouterr().err == (
        f"Error: {config}, line 4: there is no verb 'list.scael'; did you mean 'list.scale'?\n"
        f"Error: {config}, line 1: there is no theme 'nrod'; did you mean 'nord'?\n"
    )


def test_no_file_at_all(monkeypatch, capsys):
    """`off` reads none."""
    monkeypatch.setenv("SWARM_TUI_CONFIG", "off")
    assert run(["preferences", "check"]) == 0
    assert "No file is read" in capsys.readouterr().out


def test_keys_are_listed_as_they_hold(config, capsys):
    """Each verb by its id, with the keys of keymap and file."""
    config.write_text('keymap = "k9s"\n[keys]\n"list.scale" = ["A", "f6"]')
    assert run(["preferences", "keys"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert rows["list.scale"].split()[1:5] == ["A", "f6", "in", "lists"]
    assert rows["list.restart"].split()[1] == "r"
    assert rows["global.suspend"].split()[1] == "everywhere"
