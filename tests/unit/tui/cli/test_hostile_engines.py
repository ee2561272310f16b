"""Whatever Docker Engines answer, commands over many of them print it safely, on lines of its own, and tables stay aligned."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from swarm_testkit.command_line import Outcome, check_columns, read_json
from swarm_testkit.engine_command_line import Run, command_line_over
from swarm_testkit.every_command import ENGINES, has, leaves
from swarm_testkit.fake_engines.beside import Beside, engines_beside
from swarm_testkit.hostile_text import HARM, LONG, broken_lines, harmless

COMMANDS = [pytest.param(name, command, id=name) for name, command in leaves() if name in ENGINES]


@pytest.fixture(scope="module", params=[HARM, LONG], ids=["harm", "long"])
def engines(request: pytest.FixtureRequest) -> Iterator[Beside]:
    """Two engines with two containers each, and a third that refuses everything; all say what does harm."""
    with (
        TemporaryDirectory(prefix="fe-") as directory,
        engines_beside(Path(directory), 3, containers=2) as beside,
    ):

        def spoil(some: object) -> None:
            for engine in some:  # type: ignore[attr-defined]
                engine.faults.says = request.param
            some[2].faults.error = 500  # type: ignore[index]

        beside.do(spoil)
        yield beside


@pytest.fixture
def run(
    engines: Beside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Run:
    """The command line of a person whose list has these engines."""
    return command_line_over(engines.urls, tmp_path, monkeypatch, capfd)


@pytest.mark.parametrize(("name", "command"), COMMANDS)
def test_every_command(run: Run, name: str, command: object) -> None:
    """Done or refused, foretold or carried out, in every format: nothing steers the terminal, and no text begins a line of its own."""
    formats = ("table", "json", "yaml", "{{json .}}")
    forms = [("--format", one) for one in formats] if has(command, "--format") else [()]
    if has(command, "--dry-run"):
        forms = [*(("--dry-run", *form) for form in forms), ()]
    for words in ENGINES[name]:
        for form in forms:
            done = run(*name.split(), *form, *words)
            assert harmless(done.out) and harmless(done.err), (form, words)
            assert not broken_lines(done.out) and not broken_lines(done.err), (form, words)
            assert "Traceback" not in done.err and " (set SWARM_TUI_DEBUG" not in done.err, done.err
            if done.code == 0 and "--quiet" not in words:
                _check_form(done, form)


def _check_form(done: Outcome, form: tuple[str, ...]) -> None:
    match form[-1:]:
        case ("json",) | ("{{json .}}",):
            read_json(done.out)
        case ("yaml",):
            yaml.safe_load(done.out)
        case ("table",) if done.lines and done.lines[0].isupper():
            check_columns(done)


def test_nothing_is_lost_for_programs(run: Run, engines: Beside) -> None:
    """What an engine tells of a container, and what is listed, has every character in JSON and in YAML."""
    text = engines.do(lambda some: some[0].faults.says)
    for words in (
        ("container", "inspect", "h0/web-0"),
        ("engine", "inspect", "h0"),
        ("container", "ls", "--all"),
    ):
        as_json = run(*words, "--format", "json")
        as_yaml = run(*words, "--format", "yaml")
        assert text in repr_of(read_json(as_json.out)) and text in repr_of(yaml.safe_load(as_yaml.out)), words


def repr_of(value: object) -> str:
    """Every text in plain values, one behind the other."""
    if isinstance(value, dict):
        return "".join(repr_of(one) for one in (*value, *value.values()))
    return "".join(map(repr_of, value)) if isinstance(value, list) else str(value)
