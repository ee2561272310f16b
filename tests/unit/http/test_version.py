"""Versions of the Engine's API."""

import pytest
from swarm_core.http.version import NEWEST, OLDEST, Version, parse


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1.41", (1, 41)),
        ("1.9", (1, 9)),
        ("1", (1, 0)),
        ("1.24.3", (1, 24)),
        ("001.041", (1, 41)),
        ("0.0", (0, 0)),
    ],
)
def test_parts_are_numbers_and_a_missing_one_is_zero(text: str, version: tuple[int, int]) -> None:
    """A version is read part by part as numbers (docs/design/engine-api.md E3.1)."""
    assert parse(text) == Version(*version)


@pytest.mark.parametrize(
    "text", ["", ".", "1.", ".1", "v1.41", "1.x", "-1.2", "1..2", " 1.41", "١.٤١", "9" * 5000]
)
def test_other_texts_are_refused(text: str) -> None:
    """What is not digits and dots is no version."""
    with pytest.raises(ValueError, match="is no API version"):
        parse(text)


def test_versions_are_ordered_as_numbers_and_written_with_a_dot() -> None:
    """1.9 comes before 1.10, and a version is shown as it was written."""
    assert parse("1.9") < parse("1.10") < OLDEST < NEWEST
    assert str(parse("1.41")) == "1.41"
