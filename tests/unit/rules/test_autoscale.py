"""How many tasks a service is to have (docs/design/plans.md 13.10)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_core.rules import autoscale
from swarm_core.rules.autoscale import Load, Policy, decide

LONG = 3600.0
POLICIES = st.builds(
    lambda least, more, cpu: Policy(least, least + more, {"cpu": cpu / 100}),
    st.integers(1, 50),
    st.integers(0, 200),
    st.integers(1, 200),
)
LOADS = st.floats(0, 500, allow_nan=False)
COUNTS = st.integers(1, 300)


def _steady(load: float) -> dict[str, Load]:
    return {"cpu": Load(load, load)}


@given(POLICIES, COUNTS, LOADS, LOADS, st.floats(0, 1000))
def test_never_outside_its_bounds(
    policy: Policy, count: int, now: float, high: float, since_s: float
) -> None:
    """Rule 1: whatever is used, and however soon after a change: the number asked for is within the bounds, or there is none asked for."""
    made = decide(policy, count, {"cpu": Load(now, max(now, high))}, since_s)
    assert policy.least <= made.count <= policy.most
    assert made.why


@given(POLICIES, COUNTS, LOADS, st.floats(-autoscale.SLACK, autoscale.SLACK))
def test_no_flapping(policy: Policy, count: int, load: float, noise: float) -> None:
    """Rule 2: after a decision no load within a tenth of that one is answered the other way, and the same load not at all."""
    inside = min(max(count, policy.least), policy.most)
    first = decide(policy, inside, _steady(load), LONG).count
    assert decide(policy, first, _steady(load), LONG).count == first
    second = decide(policy, first, _steady(load * (1 + noise)), LONG).count
    if first > inside:
        assert second >= first
    elif first < inside:
        assert second <= first


@given(POLICIES, COUNTS, LOADS)
def test_it_is_enough(policy: Policy, count: int, load: float) -> None:
    """The number that more is answered with brings the target, unless it is the most there may be."""
    inside = min(max(count, policy.least), policy.most)
    made = decide(policy, inside, _steady(load), LONG).count
    if made > inside:
        assert made == policy.most or load / made <= policy.targets["cpu"] + 1e-6


@pytest.mark.parametrize(
    ("count", "now", "high", "since_s", "new", "why"),
    [
        (3, 2.79, 2.79, 90, 4, "cpu 93% of 70%"),
        (3, 2.79, 2.79, 20, 3, "cpu 93% of 70%, 4 tasks in 40s if it stays so"),
        (3, 2.2, 2.2, 90, 3, "cpu 73% of 70%"),
        (4, 0.4, 0.4, 400, 2, "cpu at most 10% of 70% in 5m, min"),
        (4, 0.4, 2.7, 400, 4, "cpu 10% of 70%"),
        (4, 0.4, 0.4, 100, 4, "cpu at most 10% of 70% in 5m, 2 tasks in 200s if it stays so"),
        (2, 0.1, 0.1, 400, 2, "cpu at most 5% of 70% in 5m, min is 2"),
        (10, 20.0, 20.0, 400, 10, "cpu 200% of 70%, max is 10"),
        (1, 0.1, 0.1, 0, 2, "min is 2"),
        (12, 20.0, 20.0, 0, 10, "max is 10"),
    ],
)  # fmt: skip
def test_decisions(count: int, now: float, high: float, since_s: float, new: int, why: str) -> None:
    """Each with its numbers: more at once, fewer only by the most of five minutes, and neither soon after a change."""
    made = decide(Policy(2, 10, {"cpu": 0.7}), count, {"cpu": Load(now, high)}, since_s)
    assert (made.count, made.why) == (new, why.removesuffix(", min"))


def test_the_one_that_needs_more_decides() -> None:
    """Rule 3: with two targets more is answered when either asks for it, less only when both do."""
    policy = Policy(1, 10, {"cpu": 0.5, "memory": 0.5})
    idle, busy = Load(0.1, 0.1), Load(3.0, 3.0)
    assert decide(policy, 4, {"cpu": idle, "memory": busy}, LONG).count == 6
    assert decide(policy, 6, {"cpu": idle, "memory": Load(2.6, 2.6)}, LONG).count == 6
    assert decide(policy, 4, {"cpu": idle, "memory": idle}, LONG).count == 1


@given(POLICIES)
def test_a_label_is_read_as_it_was_written(policy: Policy) -> None:
    assert autoscale.parse(str(policy)) == policy


@pytest.mark.parametrize(
    "text", ["", "cpu=70%", "cpu=70% min=2", "cpu=x min=1 max=2", "min=1 max=2", "cpu=70% min=3 max=2",
             "cpu=70% min=0 max=2", "disk=70% min=1 max=2", "cpu=0% min=1 max=2"],
)  # fmt: skip
def test_a_label_that_cannot_be_read(text: str) -> None:
    """It is no policy: nothing is scaled by a guess."""
    assert autoscale.parse(text) is None
