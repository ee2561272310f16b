"""Numbers of enums and of times as words, whoever wrote them."""

import pytest
from swarm_core.api.proto.types_pb2 import TaskState, UpdateStatus
from swarm_core.api.timestamps import calendar_time
from swarm_core.api.words import enum_word


@pytest.mark.parametrize(("number", "text"), [(512, "running"), (513, "state 513"), (-1, "state -1")])
def test_task_states(number: int, text: str) -> None:
    """A number without a name is told as it is."""
    assert enum_word(TaskState, number, "state") == text


def test_words_with_spaces() -> None:
    """Names of several words read as such; without a noun an unknown number stands alone."""
    state = UpdateStatus.UpdateState
    assert enum_word(state, UpdateStatus.ROLLBACK_STARTED) == "rollback started"
    assert enum_word(state, 99) == "99"


@pytest.mark.parametrize(
    "ns", [2**63 * 10**9, -(2**63) * 10**9, 719_162 * 86_400 * 10**9, -719_162 * 86_400 * 10**9]
)
def test_beyond_the_calendar(ns: int) -> None:
    """A time that no calendar holds is none."""
    assert calendar_time(ns) is None


def test_calendar() -> None:
    """Whole seconds in UTC, on both sides of 1970, as far as every time zone can tell them."""
    assert str(calendar_time(1_700_000_000_999_999_999)) == "2023-11-14 22:13:20+00:00"
    assert str(calendar_time(-1)) == "1969-12-31 23:59:59+00:00"
    first = calendar_time(-719_161 * 86_400 * 10**9 + 1)
    assert first is not None and first.astimezone().year == 1
