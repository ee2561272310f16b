"""Titles of borders: the toolkit reads markup in them, so that what stands there goes through one rule (docs/design/terminal.md 11.4)."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_titles_of_borders_are_made_by_the_one_rule() -> None:
    """A title that is no constant goes through `title`: markup and control characters of a name would be taken for ours."""
    wrong = []
    for path in sorted((ROOT / "tui").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Assign) or isinstance(node.value, ast.Constant):
                continue
            is_title = any(
                isinstance(one, ast.Attribute) and one.attr == "border_title" for one in node.targets
            )
            is_made = isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "title"
            if is_title and not is_made:
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}")
    assert wrong == []
