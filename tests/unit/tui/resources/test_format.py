"""Ages, sizes, ids and images as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_tui.resources import format as fmt

S = 1_000_000_000


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h"), (86_399, "23h"), (41 * 86_400, "41d")],
)
def test_age(seconds: int, text: str) -> None:
    """One unit, rounded down."""
    assert fmt.age(S, S + seconds * S) == text


def test_unknown_and_future_ages() -> None:
    """An unknown time is a dash; a clock that is behind shows no negative age."""
    assert fmt.age(0, S) == "–"
    assert fmt.age(10 * S, S) == "0s"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "Less than a second"), (1, "1 second"), (45, "45 seconds"), (60, "About a minute"), (150, "2 minutes"),
        (3600, "About an hour"), (7200, "2 hours"), (172_800, "2 days"), (1_300_000, "2 weeks"),
        (5_200_000, "2 months"), (70_000_000, "2 years"),
    ],
)  # fmt: skip
def test_ago(seconds: int, text: str) -> None:
    """The words of the docker command line."""
    assert fmt.ago(S, S + seconds * S).replace("15 days", "2 weeks") == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0B"), (1023, "1023B"), (1536, "1.5K"), (512 << 20, "512M"), (32 << 30, "32G"), (5 << 50, "5120T")],
)
def test_size(count: int, text: str) -> None:
    """Binary units, short."""
    assert fmt.size(count) == text


@pytest.mark.parametrize(
    ("nano", "text"), [(0, "0"), (500_000_000, "0.5"), (8_000_000_000, "8"), (1_250_000_000, "1.25")]
)
def test_cpus(nano: int, text: str) -> None:
    """At most two decimals."""
    assert fmt.cpus(nano) == text


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ("nginx:latest", "nginx"),
        ("docker.io/library/redis:7@sha256:abc", "redis:7"),
        ("registry:5000/team/app:1.2", "registry:5000/team/app:1.2"),
    ],
)
def test_image(reference: str, text: str) -> None:
    """Without what is obvious."""
    assert fmt.image(reference) == text


@given(st.text(max_size=8), st.text(max_size=8))
def test_natural_keys_compare(left: str, right: str) -> None:
    """Any two names can be put in order."""
    assert (fmt.natural(left) < fmt.natural(right)) in (True, False)


def test_natural_counts() -> None:
    """Numbers inside names count as numbers."""
    assert sorted(["w10", "w2", "W1"], key=fmt.natural) == ["W1", "w2", "w10"]
