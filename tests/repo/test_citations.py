"""A rule that code or a test cites stands in the repository, and no citation leads out of it."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "design"
_CITED = re.compile(r"docs/design/([a-z0-9-]+)\.md((?:(?:,| and| to)? [RH]?\d+(?:\.\d+)?)*)")
_NUMBER = re.compile(r"\d+\.\d+")
_OUTSIDE = re.compile(
    r"\b(?:control-plane|orchestration|agent|engine-api|stacks) spec\b|\bspec \d|shared/spec"
)


def sources() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "*.py", "*.proto", "*.pyi"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.split() if name != str(Path(__file__).relative_to(ROOT))]


def sections(page: str) -> set[str]:
    """Numbers in a page's headings; one heading may hold two, as `3.6 and 3.7`."""
    headings = [line for line in page.splitlines() if line.startswith("## ")]
    return {number for heading in headings for number in _NUMBER.findall(heading)}


def test_cited_rules_are_there() -> None:
    """Every page that is cited exists, and has the sections that are named."""
    pages = {path.stem: sections(path.read_text()) for path in PAGES.glob("*.md")}
    missing, cited = [], 0
    for path in sources():
        for name, numbers in _CITED.findall(path.read_text().replace("\n", " ")):
            cited += 1
            known = pages.get(name)
            for number in _NUMBER.findall(numbers) if known is not None else [""]:
                if known is None or number not in known:
                    missing.append(f"{path.relative_to(ROOT)}: docs/design/{name}.md {number}")
    assert not missing
    assert cited > 80


def rules(page: str) -> set[str]:
    """The numbers of a page's rules, each with that of its section."""
    found, section = set(), ""
    for line in page.splitlines():
        if heading := re.match(r"## (\d+\.\d+) ", line):
            section = heading[1]
        elif section and (rule := re.match(r"(\d+)\. ", line)):
            found.add(f"{section}.{rule[1]}")
    return found


def cited(text: str) -> set[str]:
    """The rules that a test cites: `2.6.3`, and those within `2.6.3 to 2.6.5`."""
    found = set(re.findall(r"(?<![\d.])\d+\.\d+\.\d+(?![\d.]*\d)", text))
    for section, first, last in re.findall(r"(\d+\.\d+)\.(\d+) to (?:\1\.)?(\d+)", text):
        found |= {f"{section}.{number}" for number in range(int(first), int(last) + 1)}
    return found


def test_every_rule_of_orchestration_has_a_test() -> None:
    """A rule of tasks, orchestrators, scheduler, allocator, Control API and volumes that no test cites is shown by none."""
    tests = set().union(*(cited(one.read_text()) for one in sources() if "/tests/" in str(one)))
    pages = ("tasks", "orchestration", "scheduling", "allocator", "control-api", "volumes")
    without = {name: sorted(rules((PAGES / f"{name}.md").read_text()) - tests) for name in pages}
    assert without == {name: [] for name in pages}


def test_no_citation_leads_out_of_the_repository() -> None:
    """What a reader of the repository cannot open is not cited."""
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in sources()
        if (match := _OUTSIDE.search(path.read_text()))
    ]
    assert not found
