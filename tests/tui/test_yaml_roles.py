"""The roles of what stands in a line of YAML."""

from swarm_tui.widgets.yaml_roles import stretches


def test_a_key_behind_dashes() -> None:
    """It is found behind the dashes of nested lists."""
    assert list(stretches("  - - name: x")) == [(6, 11, "accent")]


def test_dashes_of_any_number() -> None:
    """They are passed over once: with a look from each of them to the end a megabyte would take hours."""
    assert list(stretches("- " * 500_000 + "x")) == []
