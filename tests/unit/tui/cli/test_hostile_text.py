"""Whatever stands in the fields of objects, commands print it safely, on lines of its own, and tables stay aligned."""

import re
from pathlib import Path

import pytest
import yaml
from swarm_testkit.command_line import CommandLine, Outcome, check_columns, read_json
from swarm_testkit.every_command import ELSEWHERE, ENGINES, WORDS, has, leaves
from swarm_testkit.hostile_text import HARM, LONG, broken_lines, harmless, hostile_cluster, hostile_objects
from swarm_tui.cli.plumbing.progress_lines import ProgressLines
from swarm_tui.resources import registry
from swarm_tui.resources.printable import cut, padded, printable, width_of

TABLE, JSON, YAML, TEMPLATE = "table", "json", "yaml", "{{json .}}"
COMMANDS = [pytest.param(name, command, id=name) for name, command in leaves() if name in WORDS]
INSPECTED = [(kind.noun, item.id) for kind in registry.stored() for item in hostile_objects("") if isinstance(item, kind.message)]  # fmt: skip
_LISTS = re.compile(r"ls$|ps$|services$|why$|history$|status$|^top$|^find$|^rebalance$")


@pytest.fixture(params=[HARM, LONG], ids=["harm", "long"])
def text(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def run(text: str, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(hostile_cluster(text), capsys)


def test_every_command_is_looked_at() -> None:
    """A new command is in one of the tables, and nothing is in them that is no command."""
    names = [name for name, _ in leaves()]
    assert sorted(names) == sorted([*WORDS, *ENGINES, *ELSEWHERE])


@pytest.mark.parametrize(("name", "command"), COMMANDS)
def test_every_command(run: CommandLine, text: str, name: str, command: object, tmp_path: Path) -> None:
    """Done or refused, foretold or carried out, in every format: nothing steers the terminal, and no text begins a line of its own."""
    file = tmp_path / "file"
    file.write_text("content")
    formats = (TABLE, JSON, YAML, TEMPLATE) if text is HARM else (TABLE, JSON)
    forms = [("--format", one) for one in formats] if has(command, "--format") else [()]
    if has(command, "--dry-run"):
        forms = [*(("--dry-run", *form) for form in forms), ()]
    for words in WORDS[name]:
        for form in forms:
            done = run(*name.split(), *form, *(str(file) if word == "FILE" else word for word in words))
            assert harmless(done.out) and harmless(done.err), (form, words)
            assert not broken_lines(done.out) and not broken_lines(done.err), (form, words)
            assert "Traceback" not in done.err and " (set SWARM_TUI_DEBUG" not in done.err, done.err
            if done.code == 0 and "--dry-run" not in form and not {"--pretty", "--quiet"} & {*words}:
                _check_form(
                    done, form, is_aligned=_LISTS.search(name) is not None and "managers" not in words
                )


def _check_form(done: Outcome, form: tuple[str, ...], *, is_aligned: bool) -> None:
    """What was asked for in a format is in it."""
    match form[-1:]:
        case ("json",) | ("{{json .}}",):
            read_json(done.out)
        case ("yaml",):
            yaml.safe_load(done.out)
        case ("table",) if is_aligned and done.lines and done.lines[0].isupper():
            check_columns(done)


@pytest.mark.parametrize(("noun", "id_"), INSPECTED)
def test_nothing_is_lost_for_programs(noun: str, id_: str, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON, YAML and a template's `json` give every kind of object back with every character that was in it."""
    run = CommandLine(hostile_cluster(HARM), capsys)
    name = (noun, "inspect") if noun == "cluster" else (noun, "inspect", id_)
    for style in (JSON, YAML, TEMPLATE):
        done = run(*name, "--format", style)
        assert (done.code, done.err) == (0, ""), style
        found = yaml.safe_load(done.out) if style is YAML else read_json(done.out)[0]
        texts = list(_texts(found))
        assert HARM in " ".join(texts), style
        assert not any("·" in one for one in texts), style


def _texts(value: object) -> list[str]:
    """Every text in plain values."""
    if isinstance(value, dict):
        return [text for one in (*value, *value.values()) for text in _texts(one)]
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return [value] if isinstance(value, str) else []


def test_a_template_of_a_table_keeps_its_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """A tab in a name is no column of the template's."""
    done = CommandLine(hostile_cluster(HARM), capsys)(
        "node", "ls", "--format", "table {{.Hostname}}\\t{{.ID}}"
    )
    assert done.code == 0
    check_columns(done)
    assert [line.split()[-1] for line in done.lines] == ["ID", "m1", "n1", "n2"]


def test_an_error_that_names_something(run: CommandLine) -> None:
    """What was typed, or what an object is called, does no harm in an error either."""
    done = run("node", "inspect", "\x1b[2Jgone\nend of it")
    assert done.code == 1
    assert harmless(done.err) and not broken_lines(done.err)


def test_progress_says_a_cause_safely(capsys: pytest.CaptureFixture[str]) -> None:
    """The line that tells how far a service is shows the cause without its control characters."""
    ProgressLines(quiet=False).show(f"0 of 1 tasks running · {HARM}")
    said = capsys.readouterr().err
    assert harmless(said)
    assert "right to left" in said


@pytest.mark.parametrize("width", [1, 2, 5, 40, 200])
def test_cut_and_padded_have_the_width(width: int) -> None:
    """Cut text is at most so wide, padded text exactly, wide characters and combining ones counted as they are shown."""
    shown = printable(LONG)
    assert width_of(cut(shown, width)) <= width
    assert width_of(padded(cut(shown, width), width)) == width
