"""How long a tick is: short where every manager is ours, SwarmKit's second where one is not.

Raft counts in ticks. Their length decides how soon a lost leader is missed, never whether an election is safe. A Docker
Engine ticks once a second and cannot be told otherwise. A follower that expects heartbeats more often than its leader sends
them would begin elections without need. So the leader decides how long ticks are, and says it with each message.

Rules
1. A leader's ticks are short unless a member is known to be of another make. A sole member has long ones: it misses nobody.
2. A follower takes over its leader's ticks. A leader that does not say them has long ones.
3. Without a leader, ticks are short when those of the last leader were, or when enough members for a quorum are known to be
   ours. They are long when a member is known to be of another make.
4. Without a leader, ticks stay short for a few elections only. A candidate whose log is behind cannot win; with short ticks it
   would begin one election after the other, before members with long ticks, which could win, begin one.
5. A leader whose ticks become long keeps the short ones until its followers must have heard of it.
"""

from swarm_core.runtime.clock import Clock

_GRACE_TICKS = 20
_ELECTIONS_MAX = 6


class TickLength:
    """Tick lengths in seconds. With equal lengths nothing ever changes."""

    def __init__(self, long_s: float, short_s: float, clock: Clock, *, election_tick: int) -> None:
        assert 0 < short_s <= long_s
        self._long_s = long_s
        self._short_s = short_s
        self._clock = clock
        self._election_tick = election_tick
        self._told_s: float | None = None
        self._short_until = 0.0
        self._leaderless_ticks = 0
        self._leaderless_ticks_max = _ELECTIONS_MAX * 2 * election_tick
        self.said_s = long_s
        """What this member says of its ticks if it leads: a new leader, those that it followed."""

    @property
    def election_s(self) -> float:
        """The shortest time without a leader before an election now."""
        return self._election_tick * self.said_s

    def hear(self, tick_s: float) -> None:
        """The leader's ticks, 0 when it does not say them."""
        self._leaderless_ticks = 0
        self._told_s = min(max(tick_s, self._short_s), self._long_s) if tick_s else self._long_s

    def lead(self, others_are_ours: list[bool | None]) -> float:
        """The length of a leader's next tick. `others_are_ours`: of each other member, None where it is not known."""
        is_short = bool(others_are_ours) and False not in others_are_ours
        self.said_s = self._short_s if is_short else self._long_s
        self._told_s = self.said_s
        self._leaderless_ticks = 0
        now = self._clock.monotonic()
        if is_short:
            self._short_until = now + _GRACE_TICKS * self._short_s
        return self._short_s if now < self._short_until else self.said_s

    def follow(self, others_are_ours: list[bool | None], *, has_leader: bool) -> float:
        """The length of the next tick of a member that does not lead."""
        told_s = self._long_s if self._told_s is None else self._told_s
        if has_leader:
            self.said_s = told_s
            return told_s
        quorum = (len(others_are_ours) + 1) // 2 + 1
        knows_quorum = bool(others_are_ours) and 1 + others_are_ours.count(True) >= quorum
        is_short = (
            (told_s < self._long_s or knows_quorum)
            and False not in others_are_ours
            and self._leaderless_ticks < self._leaderless_ticks_max
        )
        self._leaderless_ticks += is_short
        self.said_s = self._short_s if is_short else self._long_s
        return self.said_s
