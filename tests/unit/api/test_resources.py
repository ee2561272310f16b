"""Generic resources (docs/design/scheduling.md 3.11)."""

import pytest
from swarm_core.api.resources import (
    GenericPool,
    InvalidGenericResource,
    discrete,
    named,
    parse_generic,
    wanted_of,
)
from swarm_testkit.factories import make_resources


def make_pool(**kinds: int | list[str]) -> GenericPool:
    pool = GenericPool()
    pool.describe(make_resources(generic=kinds).generic)
    return pool


def test_parse() -> None:
    """3.11.1: one number is a count, names are a set."""
    assert parse_generic("gpu=a, gpu=b,ssd=3") == [named("gpu", "a"), named("gpu", "b"), discrete("ssd", 3)]
    assert parse_generic("") == []
    assert parse_generic("none=0") == [discrete("none", 0)]


@pytest.mark.parametrize("text", ["gpu", "gpu=", "=a", "ssd=1,ssd=2", "gpu=a,gpu=1", "ssd=-1"])
def test_parse_refuses(text: str) -> None:
    """3.11.1: several numbers, a mix of numbers and names, negative counts and other shapes are errors."""
    with pytest.raises(InvalidGenericResource):
        parse_generic(text)


def test_wanted() -> None:
    """3.11.1: reservations are counts; zero claims nothing."""
    assert wanted_of(make_resources(generic={"gpu": 2, "ssd": 0})) == (("gpu", 2),)


def test_choose_takes_the_first_free_ones() -> None:
    """3.11.1: of a named set the first in the order of the description that nobody holds; of a count a number."""
    pool = make_pool(gpu=["c", "a", "b"], ssd=4)
    pool.hold([named("gpu", "c")])
    assert pool.choose((("gpu", 2), ("ssd", 3))) == (named("gpu", "a"), named("gpu", "b"), discrete("ssd", 3))


def test_hold_and_give_back() -> None:
    """3.11: what is given back is free again."""
    pool = make_pool(gpu=["a", "b"], ssd=4)
    items = pool.choose((("gpu", 2), ("ssd", 3)))
    pool.hold(items)
    assert (pool.free("gpu"), pool.free("ssd"), pool.has((("ssd", 1),)), pool.has((("gpu", 1),))) == (
        0,
        1,
        True,
        False,
    )
    pool.give_back(items)
    assert (pool.free("gpu"), pool.free("ssd")) == (2, 4)


def test_new_description_keeps_what_is_held() -> None:
    """3.11: held items survive a new description; what it no longer lists is not covered, and not free later."""
    pool = make_pool(gpu=["a", "b"], ssd=4)
    pool.hold([named("gpu", "a"), discrete("ssd", 3)])
    assert pool.is_covered()
    pool.describe(make_resources(generic={"gpu": ["b", "c"], "ssd": 2}).generic)
    assert not pool.is_covered()
    assert (pool.free("gpu"), pool.free("ssd")) == (2, 0)
    pool.give_back([named("gpu", "a"), discrete("ssd", 3)])
    assert (pool.free("gpu"), pool.free("ssd"), pool.is_covered()) == (2, 2, True)


def test_equal_names_are_separate_items() -> None:
    """3.11: a name that is listed twice can be held twice."""
    pool = make_pool(gpu=["a", "a"])
    pool.hold([named("gpu", "a")])
    assert pool.free("gpu") == 1
    pool.hold([named("gpu", "a")])
    assert (pool.free("gpu"), pool.is_covered()) == (0, True)
