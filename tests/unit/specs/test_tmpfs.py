"""The options of a tmpfs mount (docs/design/docker-executor.md 7.3)."""

import pytest
from swarm_core.specs.tmpfs import has_tmpfs_options, tmpfs_options, tmpfs_text


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("", []),
        (" null ", []),
        ("[]", []),
        ('[["noexec"],["uid","1"]]', [["noexec"], ["uid", "1"]]),
        ('[["uid", 1]]', [["uid", "1"]]),
        ("noexec,uid=1,a=b=c,", [["noexec"], ["uid", "1"], ["a", "b=c"]]),
    ],
)
def test_both_notations(text: str, options: list[list[str]]) -> None:
    """JSON and a command line's notation are read; what is written is read again."""
    assert tmpfs_options(text) == options
    assert tmpfs_options(tmpfs_text(options)) == options
    assert has_tmpfs_options(text) == bool(options)


@pytest.mark.parametrize("text", ["[", "[1]", "[[[]]]", '["noexec"]', "nullify"])
def test_what_is_neither(text: str) -> None:
    """It is refused, and counts as options."""
    with pytest.raises(ValueError):
        tmpfs_options(text)
    assert has_tmpfs_options(text)
