"""Whatever stands in the fields of objects, commands print it safely, and tables stay aligned."""

import json

import pytest
import yaml
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.command_line import CommandLine
from swarm_testkit.factories import make_cluster, make_config, make_node, make_secret, make_service, make_task
from swarm_testkit.hostile_text import HARM, LONG, fill, harmless
from swarm_tui.cli.plumbing.progress_lines import ProgressLines
from swarm_tui.resources.printable import cut, padded, printable, width_of

LISTS = (
    ("node", "ls"),
    ("service", "ls"),
    ("secret", "ls"),
    ("config", "ls"),
    ("service", "ps", "s1"),
    ("node", "ps", "n1"),
    ("task", "ls"),
)
INSPECTIONS = (("node", "n1"), ("service", "s1"), ("task", "t1"), ("secret", "x1"), ("config", "c1"))


@pytest.fixture(params=[HARM, LONG], ids=["harm", "long"])
def run(request, capsys) -> CommandLine:
    service = make_service("s1", name="web", replicas=2)
    tasks = [
        make_task("t1", service=service, slot=1, node_id="n1", state="FAILED"),
        make_task("t2", service=service, slot=2, node_id="n2", state="PENDING"),
    ]
    items = [
        make_cluster("cluster-1"),
        make_node("n1", hostname="w1"),
        make_node("n2", hostname="w2", state="DOWN"),
        service,
        *tasks,
        make_secret("x1", name="key"),
        make_config("c1", name="file"),
    ]
    for item in items:
        fill(item, request.param)
    items[1].description.hostname = "²" + request.param
    return CommandLine(FakeCluster(items), capsys)


@pytest.mark.parametrize(
    ("command", "more"),
    [
        *((command, ()) for command in LISTS),
        *((command, ("--quiet",)) for command in LISTS),
        *(
            (command, ("--no-trunc",))
            for command in LISTS
            if command[0] in ("service", "task") or "ps" in command
        ),
    ],
)
def test_a_table(run, command, more):
    """Nothing steers the terminal, and each column begins in one place."""
    done = run(*command, *more)
    assert done.code == 0, done.err
    assert harmless(done.out)
    if not more:
        heading, *rows = done.out.split("\n")[:-1]
        assert rows
        starts = [
            index
            for index in range(1, len(heading))
            if heading[index] != " " and heading[index - 2 : index] == "  "
        ]
        for row in rows:
            for start in starts:
                assert _at(row, start - 1) in (" ", ""), (start, row)


def _at(row: str, cell: int) -> str:
    """The character that stands in this cell."""
    used = 0
    for letter in row:
        if used == cell and width_of(letter):
            return letter
        used += width_of(letter)
    return ""


@pytest.mark.parametrize("command", LISTS, ids=" ".join)
@pytest.mark.parametrize("style", ["json", "yaml"])
def test_a_list_for_machines(run, command, style):
    """Safe to print, and every character is still in it."""
    done = run(*command, "--format", style)
    assert done.code == 0, done.err
    assert harmless(done.out)
    found = list(yaml.safe_load(done.out)) if style == "yaml" else [json.loads(line) for line in done.lines]
    assert found


@pytest.mark.parametrize(("noun", "id_"), INSPECTIONS)
@pytest.mark.parametrize("style", ["json", "yaml", "table"])
def test_a_whole_object(run, noun, id_, style):
    """Safe to print in every format; JSON and YAML give back what was there."""
    done = run(noun, "inspect", id_, "--format", style)
    assert done.code == 0, done.err
    assert harmless(done.out)
    if style != "table":
        (found,) = yaml.safe_load(done.out) if style == "yaml" else json.loads(done.out)
        assert found["id"] == id_
        assert "\x1b[31mred" in str(found.values()) or "\\x1b[31mred" in repr(found)


def test_the_cluster_in_a_few_lines(run):
    """`status` says what is wrong and nothing more."""
    for style in ("table", "json", "yaml"):
        done = run("status", "--format", style)
        assert done.code == 0, done.err
        assert harmless(done.out)


def test_an_error_that_names_something(run):
    """What was typed, or what an object is called, does no harm in an error either."""
    done = run("node", "inspect", "\x1b[2Jgone")
    assert done.code == 1
    assert harmless(done.err)


def test_progress_says_a_cause_safely(capsys):
    """The line that tells how far a service is shows the cause without its control characters."""
    ProgressLines(quiet=False).show(f"0 of 1 tasks running · {HARM}")
    said = capsys.readouterr().err
    assert harmless(said)
    assert "right to left" in said


@pytest.mark.parametrize("width", [1, 2, 5, 40, 200])
def test_cut_and_padded_have_the_width(width):
    """Cut text is at most so wide, padded text exactly, wide characters and combining ones counted as they are shown."""
    text = printable(LONG)
    assert width_of(cut(text, width)) <= width
    assert width_of(padded(cut(text, width), width)) == width
