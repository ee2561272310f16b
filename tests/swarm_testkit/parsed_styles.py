"""The dashboard's style sheets, parsed once in a process instead of once in each program.

Each program of the toolkit parses its own sheet and those of all its widgets, in every test the same ones. What comes of it follows from the
text, where it stands and the variables of the theme, and nobody changes it afterwards: the toolkit itself keeps it as long as one program lives.
"""

import pytest
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.css.types import CSSLocation

_parse = Stylesheet._parse_rules
_parsed: dict[object, list[RuleSet]] = {}


def _parse_once(
    sheet: Stylesheet,
    css: str,
    read_from: CSSLocation,
    is_default_rules: bool = False,
    tie_breaker: int = 0,
    scope: str = "",
) -> list[RuleSet]:
    variables = frozenset(sheet._variables.items())
    key = (css, read_from, is_default_rules, tie_breaker, scope, variables)
    if key not in _parsed:
        _parsed[key] = _parse(sheet, css, read_from, is_default_rules, tie_breaker, scope)
    return _parsed[key]


def parse_styles_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every program use what an earlier one has parsed."""
    monkeypatch.setattr(Stylesheet, "_parse_rules", _parse_once)
