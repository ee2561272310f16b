"""The page of rules and the cases agree: a rule without a case, or a case without a rule, is a finding."""

import re
from pathlib import Path

_HERE = Path(__file__).parent
_PAGE = Path(__file__).parents[4] / "docs" / "design" / "http2.md"
_RULE = re.compile(r"\bH\d+\b")
_RANGE = re.compile(r"H(\d+) to H(\d+)")


def test_every_rule_has_cases() -> None:
    """Each rule of docs/design/http2.md is named by a case or a test, and each that is named stands there once."""
    rows = [line.split("|")[1].strip() for line in _PAGE.read_text().splitlines() if line.startswith("| H")]
    assert len(rows) == len(set(rows))
    named: set[str] = set()
    for path in _HERE.glob("test_*.py"):
        if path != Path(__file__):
            named |= set(_RULE.findall(_RANGE.sub("", path.read_text())))
    assert named == set(rows)
