"""How long ticks are, by who leads and who is a member."""

from swarm_core.raft_node.ticks import TickLength
from swarm_testkit.manual_clock import ManualClock

LONG, SHORT = 1.0, 0.1


def make(clock: ManualClock | None = None) -> TickLength:
    return TickLength(LONG, SHORT, clock or ManualClock(), election_tick=10)


def test_a_leader_of_our_own_is_fast() -> None:
    """Short ticks where nobody is known to be of another make, and the leader says so."""
    length = make()
    assert length.lead([True, None]) == SHORT
    assert length.said_s == SHORT


async def test_a_member_of_another_make_slows_the_leader_down() -> None:
    """It says so at once, and slows down itself when its followers must have heard of it."""
    clock = ManualClock()
    length = make(clock)
    length.lead([True, None])
    assert length.lead([True, False]) == SHORT
    assert length.said_s == LONG
    await clock.advance(60)
    assert length.lead([True, False]) == LONG


def test_one_alone_has_nobody_to_miss() -> None:
    """A cluster of one keeps the long ticks."""
    assert make().lead([]) == LONG
    assert make().follow([], has_leader=False) == LONG


def test_followers_take_over_the_leader_s_ticks() -> None:
    """Short when it says so, long when it says nothing, never shorter or longer than their own two."""
    length = make()
    length.hear(SHORT)
    assert length.follow([True, True], has_leader=True) == SHORT
    length.hear(0)
    assert length.follow([True, True], has_leader=True) == LONG
    length.hear(1e-6)
    assert length.follow([True, True], has_leader=True) == SHORT
    length.hear(3600)
    assert length.follow([True, True], has_leader=True) == LONG


def test_without_a_leader_the_ticks_stay() -> None:
    """Who followed a fast leader looks for the next one with ticks as short, and says so from its first message on."""
    length = make()
    length.hear(SHORT)
    assert length.follow([None, None], has_leader=False) == SHORT
    assert length.said_s == SHORT


def test_a_start_is_slow_until_a_quorum_is_known() -> None:
    """Enough members of ours and none of another make; a leader that is there already says what to do."""
    length = make()
    assert length.follow([None, None, None, True], has_leader=False) == LONG
    assert length.follow([None, None, True, True], has_leader=False) == SHORT
    assert length.follow([None, False, True, True], has_leader=False) == LONG
    assert length.follow([True, True, True, True], has_leader=True) == LONG


def test_elections_that_fail_slow_everybody_down() -> None:
    """A fast candidate whose log is behind must let slower members begin an election; a leader makes up for it."""
    length = make()
    length.hear(SHORT)
    ticks = [length.follow([True, None], has_leader=False) for _ in range(1000)]
    assert ticks == [SHORT] * ticks.count(SHORT) + [LONG] * ticks.count(LONG)
    assert 20 <= ticks.count(SHORT) <= 200
    length.hear(SHORT)
    assert length.follow([True, None], has_leader=True) == SHORT
    assert length.follow([True, None], has_leader=False) == SHORT


def test_a_member_of_another_make_slows_elections_down() -> None:
    """Also where the lost leader was fast."""
    length = make()
    length.hear(SHORT)
    assert length.follow([True, False], has_leader=False) == LONG


def test_a_leader_that_loses_its_place_goes_on_as_it_was() -> None:
    """What it said last holds until another leader speaks."""
    length = make()
    length.lead([True, True])
    assert length.follow([None, None], has_leader=False) == SHORT
    length.hear(0)
    assert length.follow([None, None], has_leader=True) == LONG


def test_a_fixed_length_never_changes() -> None:
    """With one length for both nothing else is ever used or said."""
    length = TickLength(0.5, 0.5, ManualClock(), election_tick=10)
    assert length.lead([True]) == length.said_s == 0.5
    length.hear(0.1)
    assert length.follow([True], has_leader=True) == 0.5
