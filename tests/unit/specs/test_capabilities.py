"""Capabilities that are added and dropped: one way to write them, and none in both lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_core.specs import capabilities
from swarm_core.specs.draft import Draft

NAMES = st.lists(st.sampled_from(["chown", "CAP_CHOWN", "NET_ADMIN", "ALL", "RESET", " mknod "]), max_size=4)


def lists(draft: Draft) -> tuple[list[str], list[str]]:
    return list(draft.container.capability_add), list(draft.container.capability_drop)


def test_a_new_spec() -> None:
    """Names are spelled out and sorted, ALL leaves none beside it, and what is added is not dropped."""
    draft = Draft.new("container")
    capabilities.put(draft, ["net_admin", "CAP_CHOWN", "chown"], ["chown", "mknod", "RESET"])
    assert lists(draft) == (["CAP_CHOWN", "CAP_NET_ADMIN"], ["CAP_MKNOD"])
    draft = Draft.new("container")
    capabilities.put(draft, ["all", "chown"], ["chown"])
    assert lists(draft) == (["ALL"], ["CAP_CHOWN"])


@pytest.mark.parametrize(
    ("before", "adding", "dropping", "after"),
    [
        ((["CAP_A"], ["CAP_B"]), ["b"], ["a"], ([], [])),
        ((["CAP_A"], []), ["b"], ["b"], (["CAP_A", "CAP_B"], [])),
        ((["CAP_A"], ["CAP_B"]), ["RESET", "c"], [], (["CAP_C"], ["CAP_B"])),
        ((["CAP_A"], ["ALL"]), [], ["RESET"], (["CAP_A"], [])),
        ((["CAP_A"], []), ["ALL"], [], (["ALL"], [])),
    ],
)
def test_an_update(
    before: tuple[list[str], list[str]],
    adding: list[str],
    dropping: list[str],
    after: tuple[list[str], list[str]],
) -> None:
    """What was dropped and is added now is in neither list; adding wins; RESET empties a list first."""
    draft = Draft.new("container")
    draft.container.capability_add[:], draft.container.capability_drop[:] = before
    capabilities.edit(draft, adding, dropping)
    assert lists(draft) == after


@given(NAMES, NAMES, NAMES, NAMES)
def test_no_capability_is_added_and_dropped(a: list[str], b: list[str], c: list[str], d: list[str]) -> None:
    """Whatever is said, the two lists have nothing in common but ALL, and saying nothing changes nothing."""
    draft = Draft.new("container")
    capabilities.put(draft, a, b)
    capabilities.edit(draft, c, d)
    before = lists(draft)
    assert not set(before[0]) & set(before[1]) - {"ALL"}
    capabilities.edit(draft, [], [])
    assert lists(draft) == before
