"""Pages for operators say nothing that is not there: the tests that they name exist, and the program takes every command on them."""

import contextlib
import re
import shlex
from pathlib import Path

import pytest
import typer
from swarm_tui.cli import main

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = (
    DOCS / "handbook.md", DOCS / "security.md", DOCS / "first-steps.md", DOCS / "concepts.md",
    *(DOCS / "recipes" / f"{name}.md" for name in ("install", "image", "back-up", "upgrade", "autoscale")),
)  # fmt: skip
_TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")
_INLINE = re.compile(r"`(swarm-tui [^`]+)`")
_BLOCK = re.compile(r"^ *```sh\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)#]+)\)")


def commands(text: str) -> list[tuple[list[str], bool]]:
    """Every command of ours on a page, as words, and whether it is whole: a sentence may name one without its arguments."""
    typed = [line.strip() for block in _BLOCK.findall(text) for line in block.splitlines()]
    named = _INLINE.findall(_BLOCK.sub("", text))
    found = [(line, True) for line in typed if line.startswith("swarm-tui ")] + [
        (line, False) for line in named
    ]
    return [(shlex.split(line, comments=True)[1:], is_whole) for line, is_whole in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_program_takes_each_command(page: Path) -> None:
    """Nouns, verbs and flags are there; placeholders stand for values."""
    found = commands(page.read_text())
    for words, is_whole in found:
        command = typer.main.get_command(main.app)
        context = command.make_context("swarm-tui", [], resilient_parsing=True)
        # Options before the command; with these alone it is the dashboard.
        _, rest, _ = command.make_parser(context).parse_args(list(words))
        is_dashboard = not rest
        while (
            rest and (below := getattr(command, "get_command", lambda *_: None)(context, rest[0])) is not None
        ):
            command, rest = below, rest[1:]
        if is_dashboard or (not rest and not is_whole):
            continue
        assert not hasattr(command, "entries"), f"no such command: {words}"
        # Raises for a flag that is not there, or an argument too many or too few.
        with contextlib.suppress(*(() if is_whole else (typer.BadParameter,))):
            command.make_context(" ".join(words), rest, parent=context)
    assert found or page.stem == "security"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_named_exists(page: Path) -> None:
    """Each test that a page names is a function of its file, and each page that it links to is there."""
    text = page.read_text()
    for file, name in _TEST.findall(text):
        path = ROOT / "tests" / file
        assert path.is_file(), file
        assert re.search(rf"def {name}\(", path.read_text()), f"{file}::{name}"
    for link in _LINK.findall(text):
        assert (page.parent / link).exists(), link


def test_each_threat_is_answered() -> None:
    """Every row of the page of threats names a test."""
    text = (DOCS / "security.md").read_text().partition("## Threats")[2].partition("\n## ")[0]
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 20
    assert all(_TEST.search(row) for row in rows)


def test_each_situation_is_tried() -> None:
    """Every part of the handbook but the first has what one sees, what to type, and a test that goes through it."""
    _, first, *parts = (DOCS / "handbook.md").read_text().split("\n## ")
    assert len(parts) >= 16 and first
    assert not [part.splitlines()[0] for part in parts if not _TEST.search(part)]
    assert not [part.splitlines()[0] for part in parts if "*Looks like:* " not in part]
    assert not [part.splitlines()[0] for part in parts if not commands(part)]
