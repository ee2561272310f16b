"""The page about the structure shows the structure that is here."""

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
LINES_MAX = 450
_GENERATED = re.compile(r"_pb2\.pyi?$")


def _modules() -> list[Path]:
    """Every module of the product that people write."""
    listed = subprocess.run(
        ["git", "ls-files", "core/*.py", "agentd/*.py", "tui/*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in listed.stdout.split() if not _GENERATED.search(name)]


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
    paths = _modules()
    long = [path for path in paths if len(path.read_text().splitlines()) > LINES_MAX]
    unexplained = [
        str(path.relative_to(ROOT)) for path in long if "one thing" not in path.read_text().split('"""')[1]
    ]
    assert paths
    assert not unexplained


def test_a_connection_is_closed_by_the_one_function() -> None:
    """No module calls a transport's own `close`, but the one that says why (`swarm_core.runtime.transports`)."""
    closing = [
        str(path.relative_to(ROOT))
        for path in _modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("transport.close")
    ]
    assert closing == ["core/swarm_core/runtime/transports.py"]
