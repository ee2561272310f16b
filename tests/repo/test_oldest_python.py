"""What the oldest Python that is taken does in another way than newer ones."""

import ast
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_nothing_is_raised_where_a_group_is_caught() -> None:
    """Before Python 3.11.4 what is raised in an `except*` comes out in a group once more; a bare `raise` does so in every version."""
    listed = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert listed
    assert [f"{name}:{line}" for name in listed for line in _raising(ROOT / name)] == []


def _raising(path: Path) -> list[int]:
    """The lines in which something new is raised within an `except*`."""
    text = path.read_text()
    if "except*" not in text:
        return []
    bodies = [one for one in ast.walk(ast.parse(text)) if isinstance(one, ast.TryStar)]
    within = [one for body in bodies for handler in body.handlers for one in ast.walk(handler)]
    return [one.lineno for one in within if _raises(one)]


def _raises(node: ast.AST) -> bool:
    if isinstance(node, ast.Raise):
        return node.exc is not None
    return isinstance(node, ast.Call) and ast.unparse(node.func) in ("sys.exit", "exit", "quit")
