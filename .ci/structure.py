"""Print the rooms of this checkout and which room imports which: the tree and the table of docs/architecture.md.

    python .ci/structure.py          both, as Markdown
    python .ci/structure.py --write  put them into docs/architecture.md, between the two marks

A room is a folder of modules; generated ones are left out. A test compares the page with this. Lines are not counted: the page
would change with every edit.
"""

import ast
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- structure: begin -->\n", "<!-- structure: end -->\n"
PACKAGES = ("core/swarm_core", "agentd/swarm_agentd", "tui/swarm_tui")
DEPTH = 2
"""How far below its package a room has a line of its own in the table of imports."""


def modules() -> dict[str, Path]:
    """Dotted name to file, generated modules left out."""
    found = {}
    for package in PACKAGES:
        base = (ROOT / package).parent
        for path in sorted((ROOT / package).rglob("*.py")):
            if "proto" in path.parts:
                continue
            name = ".".join(path.relative_to(base).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


def tree(files: dict[str, Path]) -> list[str]:
    """A line a room: how many modules, and their names."""
    rooms: dict[Path, list[str]] = defaultdict(list)
    for path in files.values():
        rooms[path.parent].append(path.stem)
    out = []
    for folder in sorted(rooms):
        held = [stem for stem in rooms[folder] if stem != "__init__"]
        label = "  " * (len(folder.relative_to(ROOT).parts) - 2) + folder.name + "/"
        out.append(f"{label:<22}{len(held):>3}  {' '.join(held)}".rstrip())
    return out


def room_of(module: str, files: dict[str, Path]) -> str:
    """The room in which a module lies, at most DEPTH folders below its package; the package for a module at its top."""
    parts = module.split(".")
    is_package = module in files and files[module].name == "__init__.py"
    folders = parts if is_package else parts[:-1]
    return ".".join(folders[: 1 + DEPTH])


def imports(files: dict[str, Path]) -> dict[str, set[str]]:
    """Room to the rooms it imports, those inside functions included."""
    found: dict[str, set[str]] = defaultdict(set)
    for module, path in files.items():
        here = room_of(module, files)
        found.setdefault(here, set())
        for node in ast.walk(ast.parse(path.read_text())):
            names: list[str] = []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                if not name.startswith(tuple(one.rpartition("/")[2] + "." for one in PACKAGES)):
                    continue
                if ".proto" in name:
                    found[here].add("swarm_core.api")
                    continue
                target = name if name in files else name.rpartition(".")[0]
                there = room_of(target, files)
                if there != here:
                    found[here].add(there)
    return found


def table(found: dict[str, set[str]]) -> list[str]:
    """A row a room; a package that holds rooms stands for its own modules alone."""
    out = ["| room | imports |", "|---|---|"]
    for room in sorted(found):
        names = ", ".join(f"`{_short(other)}`" for other in sorted(found[room]))
        out.append(f"| `{_short(room)}` | {names or '–'} |")
    return out


def _short(room: str) -> str:
    return room.removeprefix("swarm_core.").removeprefix("swarm_")


def drawn() -> str:
    """Tree and table as they stand in the page."""
    files = modules()
    lines = ["```", *tree(files), "```", "", *table(imports(files))]
    return "\n".join(lines) + "\n"


def written(page: str, text: str) -> str:
    """The page with `text` between its marks."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    assert rest and tail is not None, f"{PAGE.name} has no marks"
    return f"{head}{BEGIN}{text}{END}{tail}"


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(written(PAGE.read_text(), drawn()))
    else:
        sys.stdout.write(drawn())
