"""The page of features says nothing that no test or picture shows, and what it says of telemetry is so."""

import ast
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "features.md"
STATES = {"yes", "partly", "not yet"}
_TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")
_PICTURE = re.compile(r"`([\w/.-]+\.(?:png|svg))`")


def rows() -> list[list[str]]:
    """The cells of each row of the page's tables, without headings."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0] not in ("feature", "#") and set(row[0]) != {"-"}]


def functions_of(path: Path) -> set[str]:
    """The functions of a file, those of classes too."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds)}


def test_what_is_named_exists() -> None:
    """Every test and picture that the page names is there."""
    text = PAGE.read_text()
    named = sorted(set(_TEST.findall(text)))
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not (path := ROOT / "tests" / file).is_file() or name not in functions_of(path)
    ]
    missing += [name for name in sorted(set(_PICTURE.findall(text))) if not (ROOT / name).is_file()]
    assert not missing
    assert len(named) > 60


def test_every_row_has_a_state_and_what_shows_it() -> None:
    """A row is there, partly there or not yet there; what is there at all has a test or a picture."""
    for row in rows():
        state, evidence = row[-3], row[-1]
        assert state in STATES, row
        assert bool(_TEST.findall(evidence) or _PICTURE.findall(evidence)) is (state != "not yet"), row


def test_no_cell_is_empty() -> None:
    """Each row says what there is, or what takes its place; only what is not there yet has nothing that shows it."""
    for row in rows():
        *told, evidence = row
        assert all(told), row
        assert evidence or told[-2] == "not yet", row


def test_the_needs_are_all_there() -> None:
    """The second table counts the 25 needs."""
    assert [row[0] for row in rows() if row[0].isdigit()] == [str(number) for number in range(1, 26)]


def test_nobody_is_told_anything() -> None:
    """No code of ours names a host of the world; one is the name that docker keeps its credentials under, which nobody calls."""
    listed = subprocess.run(
        ["git", "ls-files", "core/**.py", "agentd/**.py", "tui/**.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    files = [ROOT / name for name in listed.stdout.split() if not name.endswith("_pb2.py")]
    assert len(files) > 300
    hosts: set[str] = set()
    for path in files:
        hosts |= set(re.findall(r"https?://((?:[a-z0-9-]+\.)+[a-z]{2,})", path.read_text()))
    assert hosts == {"index.docker.io"}
