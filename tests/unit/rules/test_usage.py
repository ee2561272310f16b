"""Samples of what is used, in a bounded row (docs/design/usage.md 14.1)."""

import itertools
import math

from hypothesis import given
from hypothesis import strategies as st
from swarm_core.api.proto.usage_pb2 import UsageSeries
from swarm_core.rules.usage import APART_S, SAMPLES_MAX, Sample, UsageHistory


def test_the_newest_is_there_and_earlier_ones_stand_apart() -> None:
    """14.1.2: of samples every three seconds ten minutes are kept, and the last one."""
    history = UsageHistory()
    for number in range(1000):
        history.add(number * 3.0, Sample(number / 100, number))
    kept = list(history.samples())
    assert len(kept) == SAMPLES_MAX + 1
    assert kept[-1] == (2997.0, Sample(9.99, 999))
    gaps = [after - before for (before, _), (after, _) in itertools.pairwise(kept[:-1])]
    assert set(gaps) == {APART_S}


def test_one_sample_is_told_once() -> None:
    """A row of one sample is that sample."""
    history = UsageHistory()
    history.add(5.0, Sample(1.5, 7))
    assert list(history.samples()) == [(5.0, Sample(1.5, 7))]
    assert list(history.series(6.0, with_history=True).ago_ms) == [1000]


@given(st.lists(st.tuples(st.floats(0.01, 100), st.floats(0, 8), st.integers(0, 1 << 40)), max_size=60))
def test_what_is_told_is_what_is_heard(steps: list[tuple[float, float, int]]) -> None:
    """The past survives the way to somebody with another clock, to a thousandth of a second."""
    history, at_s = UsageHistory(), 1000.0
    for step, cpus, memory in steps:
        at_s += step
        history.add(at_s, Sample(cpus, memory))
    heard = UsageHistory.of(history.series(at_s, with_history=True), 50_000.0)
    ours, theirs = list(history.samples()), list(heard.samples())
    assert [sample.memory_bytes for _, sample in ours][-1:] == [one.memory_bytes for _, one in theirs][-1:]
    for (one_s, one), (other_s, other) in zip(reversed(ours), reversed(theirs), strict=False):
        assert math.isclose(one_s - at_s, other_s - 50_000.0, abs_tol=0.002)
        assert math.isclose(one.cpus, other.cpus, rel_tol=1e-6, abs_tol=1e-6)


def test_lists_of_other_lengths_are_not_believed() -> None:
    """What does not fit together adds nothing."""
    assert UsageHistory.of(UsageSeries(ago_ms=[1, 2], cpus=[1.0], memory_bytes=[1, 2]), 10.0).last is None
