"""The page about the structure shows the structure that is here."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
LINES_MAX = 450
_GENERATED = re.compile(r"_pb2\.pyi?$")


def test_the_page_is_drawn_anew() -> None:
    """Rooms, modules and imports in docs/architecture.md are those of this tree; `python .ci/structure.py --write` draws them."""
    drawn = subprocess.run(
        [sys.executable, ROOT / ".ci" / "structure.py"], capture_output=True, text=True, check=True
    ).stdout
    text = PAGE.read_text()
    held = text.partition("<!-- structure: begin -->\n")[2].partition("<!-- structure: end -->\n")[0]
    assert held == drawn


def test_no_module_is_long_without_a_reason() -> None:
    """A module above the limit says in its header why it is one thing."""
    listed = subprocess.run(
        ["git", "ls-files", "core/*.py", "agentd/*.py", "tui/*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = [ROOT / name for name in listed.stdout.split() if not _GENERATED.search(name)]
    long = [path for path in paths if len(path.read_text().splitlines()) > LINES_MAX]
    unexplained = [
        str(path.relative_to(ROOT)) for path in long if "one thing" not in path.read_text().split('"""')[1]
    ]
    assert paths
    assert not unexplained
