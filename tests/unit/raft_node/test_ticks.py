"""How long ticks are, by who leads and who is a member."""

from swarm_core.raft_node.ticks import TickLength
from swarm_testkit.manual_clock import ManualClock

LONG, SHORT = 1.0, 0.1


def make(clock: ManualClock | None = None) -> TickLength:
    return TickLength(LONG, SHORT, clock or ManualClock(), election_tick=10)


def test_a_leader_of_our_own_is_fast() -> None:
    """Short ticks where nobody is known to be of another make, and the leader says so."""
    pace = make()
    assert pace.lead([True, None]) == SHORT
    assert pace.said_s == SHORT


async def test_a_member_of_another_make_slows_the_leader_down() -> None:
    """It says so at once, and slows down itself when its followers must have heard of it."""
    clock = ManualClock()
    pace = make(clock)
    pace.lead([True, None])
    assert pace.lead([True, False]) == SHORT
    assert pace.said_s == LONG
    await clock.advance(60)
    assert pace.lead([True, False]) == LONG


def test_one_alone_has_nobody_to_miss() -> None:
    """A cluster of one keeps the long ticks."""
    assert make().lead([]) == LONG
    assert make().follow([], has_leader=False) == LONG


def test_followers_take_over_the_leader_s_ticks() -> None:
    """Short when it says so, long when it says nothing, never shorter or longer than their own two."""
    pace = make()
    pace.hear(SHORT)
    assert pace.follow([True, True], has_leader=True) == SHORT
    pace.hear(0)
    assert pace.follow([True, True], has_leader=True) == LONG
    pace.hear(1e-6)
    assert pace.follow([True, True], has_leader=True) == SHORT
    pace.hear(3600)
    assert pace.follow([True, True], has_leader=True) == LONG


def test_without_a_leader_the_ticks_stay() -> None:
    """Who followed a fast leader looks for the next one at that pace, and says so from its first message on."""
    pace = make()
    pace.hear(SHORT)
    assert pace.follow([None, None], has_leader=False) == SHORT
    assert pace.said_s == SHORT


def test_a_start_is_slow_until_a_quorum_is_known() -> None:
    """Enough members of ours and none of another make; a leader that is there already says what to do."""
    pace = make()
    assert pace.follow([None, None, None, True], has_leader=False) == LONG
    assert pace.follow([None, None, True, True], has_leader=False) == SHORT
    assert pace.follow([None, False, True, True], has_leader=False) == LONG
    assert pace.follow([True, True, True, True], has_leader=True) == LONG


def test_elections_that_fail_slow_everybody_down() -> None:
    """A fast candidate whose log is behind must let slower members begin an election; a leader makes up for it."""
    pace = make()
    pace.hear(SHORT)
    ticks = [pace.follow([True, None], has_leader=False) for _ in range(1000)]
    assert ticks == [SHORT] * ticks.count(SHORT) + [LONG] * ticks.count(LONG)
    assert 20 <= ticks.count(SHORT) <= 200
    pace.hear(SHORT)
    assert pace.follow([True, None], has_leader=True) == SHORT
    assert pace.follow([True, None], has_leader=False) == SHORT


def test_a_member_of_another_make_slows_elections_down() -> None:
    """Also where the lost leader was fast."""
    pace = make()
    pace.hear(SHORT)
    assert pace.follow([True, False], has_leader=False) == LONG


def test_a_leader_that_loses_its_place_goes_on_as_it_was() -> None:
    """What it said last holds until another leader speaks."""
    pace = make()
    pace.lead([True, True])
    assert pace.follow([None, None], has_leader=False) == SHORT
    pace.hear(0)
    assert pace.follow([None, None], has_leader=True) == LONG


def test_a_fixed_length_never_changes() -> None:
    """With one length for both nothing else is ever used or said."""
    pace = TickLength(0.5, 0.5, ManualClock(), election_tick=10)
    assert pace.lead([True]) == pace.said_s == 0.5
    pace.hear(0.1)
    assert pace.follow([True], has_leader=True) == 0.5
