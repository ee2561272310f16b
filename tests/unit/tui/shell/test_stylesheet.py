"""Style sheets are parsed once for a theme."""

import pytest
from swarm_tui.shell.stylesheet import ThemedStylesheet
from textual.color import Color
from textual.css import stylesheet as toolkit
from textual.css.errors import UnresolvedVariableError


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was parsed, in order."""
    found: list[str] = []
    parse = toolkit.parse

    def noted(scope, css, *rest, **more):
        found.append(css)
        return parse(scope, css, *rest, **more)

    monkeypatch.setattr(toolkit, "parse", noted)
    return found


def test_the_same_theme_again_parses_nothing(parsed: list[str]) -> None:
    """At a start the toolkit hears of the theme that the sheets were parsed for."""
    sheet = ThemedStylesheet(variables={"wanted": "red"})
    sheet.add_source("Screen { color: $wanted; }", read_from=("one", ""))
    sheet.parse()
    sheet.set_variables({"wanted": "red"})
    sheet.reparse()
    assert len(parsed) == 1


def test_another_theme_is_another_colour(parsed: list[str]) -> None:
    """Other variables: everything is parsed anew, and what is wrong then leaves the sheets as they were."""
    sheet = ThemedStylesheet(variables={"wanted": "red"})
    sheet.add_source("Screen { color: $wanted; }", read_from=("one", ""))
    sheet.parse()
    sheet.set_variables({"wanted": "blue"})
    sheet.reparse()
    assert len(parsed) == 2
    assert [rule.styles.color for rule in sheet.rules] == [Color.parse("blue")]
    sheet.set_variables({})
    with pytest.raises(UnresolvedVariableError):
        sheet.reparse()
    assert [rule.styles.color for rule in sheet.rules] == [Color.parse("blue")]
