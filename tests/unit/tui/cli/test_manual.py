"""Man pages and completions, which the wheel installs."""

import importlib.util
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
from swarm_testkit.host import lacking
from swarm_tui.cli import main

ROOT = Path(__file__).parents[4]
PAGES = ("man/man1/swarm-tui.1", "man/man8/swarm-agentd.8", "man/man8/swarm-managerd.8")


def _program(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def manual() -> ModuleType:
    return _program("manual")


def test_they_are_drawn_anew(manual: ModuleType) -> None:
    """What is kept is what the programs say of themselves now: python .ci/manual.py --write."""
    assert {place: (ROOT / "share" / place).read_text() for place in manual.files()} == manual.files()


def test_the_pages_of_commands_are_drawn_anew() -> None:
    """docs/commands has a page for each command and no other, as the program tells it now: python .ci/manual.py --write."""
    drawn = _program("commands").pages()
    kept = {path.name: path.read_text() for path in (ROOT / "docs" / "commands").glob("*.md")}
    assert kept == drawn
    assert {f"{name}.md" for name in main.Commands.entries} < drawn.keys()
    assert (
        "\n## swarm-tui service create\n" in drawn["service.md"] and "`-d, --detach`" in drawn["service.md"]
    )


@pytest.mark.parametrize("page", PAGES)
def test_man_shows_them_without_a_word(page: str) -> None:
    """No mark of roff is wrong."""
    if shutil.which("groff") is None:
        lacking("groff is not installed")
    shown = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8", "-P-c", str(ROOT / "share" / page)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stderr == "" and "swarm-" in shown.stdout


def test_what_stands_in_them() -> None:
    """Every command of the program, and every flag of the daemons."""
    from swarm_agentd.node import flags

    commands = (ROOT / "share" / PAGES[0]).read_text().replace("\\", "")
    assert all(f".B swarm-tui {name}\n" in commands for name in main.Commands.entries)
    daemon = (ROOT / "share" / PAGES[1]).read_text().replace("\\", "")
    assert all(word in daemon for action in flags._parser()._actions for word in action.option_strings)
