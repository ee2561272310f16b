"""Our flags beside docker's: every difference has a reason, and the page says what is so."""

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest
import typer
from swarm_testkit.host import lacking
from swarm_tui.cli.main import app

OURS_ALONE = {"task", "engine", "context", "runbook", "preferences"}
"""Nouns that docker lacks; its contexts are of engines, and ours of clusters."""
SCRIPT = Path(__file__).parents[2] / ".ci" / "flags.py"


@pytest.fixture(scope="module")
def flags() -> ModuleType:
    spec = importlib.util.spec_from_file_location("flags_of_docker", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_difference_has_a_reason(flags: ModuleType) -> None:
    """No flag of docker's is lacking, and none of ours is there, without a word why."""
    assert flags.differences()[1] == []


def test_no_reason_is_left_over(flags: ModuleType) -> None:
    """A reason for a flag that both have, or that nobody has, is gone."""
    rows = "\n".join(flags.differences()[0])
    for table in (flags.MISSING, flags.OURS):
        for key in table:
            assert f"--{key.rpartition(' ')[2]}`" in "\n".join(
                row for row in rows.splitlines() if row.startswith("| | |")
            ), key


def test_no_command_that_we_have_is_said_to_be_lacking(flags: ModuleType) -> None:
    """Nor is one that docker does not have; every noun that both have is compared."""
    lacked = {
        line.split("`")[1].removeprefix("docker ") for line in flags.differences()[0] if "| none |" in line
    }
    assert set(flags.COMMANDS) <= lacked
    root = typer.main.get_command(app)
    ours = {
        word
        for word in root.list_commands(typer.Context(root))
        if hasattr(root.get_command(typer.Context(root), word), "list_commands")
    }
    assert ours - set(flags.NOUNS.values()) == OURS_ALONE


def test_the_page_is_as_the_script_draws_it(flags: ModuleType) -> None:
    """docs/flags.md is of these flags; `python .ci/flags.py --write` draws it."""
    assert flags.PAGE.read_text() == flags.page()


def test_what_is_written_of_docker_is_so(flags: ModuleType) -> None:
    """The flags of a docker command that is installed are those that were read from one of its version."""
    program = shutil.which("docker")
    if program is None:
        lacking("there is no docker command to ask")
    version, found = flags.docker_flags(program)
    if version not in flags.known():
        lacking(f"the docker command here is {version}; read were {', '.join(flags.known())}")
    assert found == flags.known()[version]
