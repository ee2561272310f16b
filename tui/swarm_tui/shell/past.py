"""A moment of the past that moves: steps, incidents, playing. It reads in a thread and shows on the loop; of several wishes
that come while one is carried out each is carried out, in order.
"""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from swarm_core.specs.errors import InvalidValue

from swarm_tui.clusters.mirror import Mirror
from swarm_tui.clusters.session import Clock
from swarm_tui.journal.around import Difference, around, since
from swarm_tui.journal.file import Mark
from swarm_tui.journal.moments import moment_of
from swarm_tui.journal.replay import PastClock, Replay
from swarm_tui.journal.tape import Tape
from swarm_tui.journal.told import Told
from swarm_tui.resources.format import moment, short_duration
from swarm_tui.resources.refs import ClusterId
from swarm_tui.widgets.scrubber import Moment, Tick

T = TypeVar("T")
PLAY_EVERY_S: Final = 0.25
PLAY_SPEED: Final = 8
IDLE_NS: Final = 10 * 1_000_000_000
"""Playing leaps over a time in which nothing happened for longer than this."""
_NS_PER_S: Final = 1_000_000_000


class Past:
    """See the module's text. `changed` is called when another moment is shown; `now_ns` is the time of now. In a file there is
    no now (`has_now`): `live` is the cluster as it was at the end of it."""

    def __init__(
        self,
        tape: Tape,
        replay: Replay,
        live: Mirror,
        now_ns: Callable[[], int],
        *,
        has_now: bool = True,
    ) -> None:
        self.tape = tape
        self.replay = replay
        self._live = live
        self.has_now = has_now
        self._now_ns = now_ns
        self._marks: list[Mark] = []
        self._shown_ns: int | None = None
        self._turn = asyncio.Lock()
        self.around: list[Told] = []
        self.is_playing = False
        self.changed: Callable[[], None] = lambda: None

    @property
    def at_ns(self) -> int:
        """The moment shown."""
        return self.replay.clock.at_ns

    @property
    def moment(self) -> Moment:
        """What the line of time shows."""
        ago_s = (self._now_ns() - self.at_ns) / _NS_PER_S
        ticks = tuple(Tick(mark.at_ns, mark.is_incident, f"{mark.name} {mark.text}") for mark in self._marks)
        return Moment(
            self.at_ns,
            self.tape.start_ns,
            max(self.tape.end_ns, self.at_ns),
            ticks,
            short_duration(ago_s) if ago_s >= 1 else "",
            self.is_playing,
            self.replay.is_blind,
            self.has_now,
        )

    def differences(self) -> list[Difference]:
        """What is different now, or at the end of the file."""
        return since(self.replay.mirror, self._live)

    async def seek(self, at_ns: int) -> None:
        """Show the moment, or the one nearest to it of which something is known."""
        async with self._turn:
            await self._show(at_ns)

    async def go(self, text: str) -> str:
        """Show the moment that was typed; why that cannot be, or nothing."""
        self.is_playing = False
        async with self._turn:
            end_ns = self._now_ns() if self.has_now else self.tape.end_ns
            try:
                at_ns = moment_of(text, self._marks, shown_ns=self.at_ns, now_ns=end_ns)
            except InvalidValue as error:
                return f"{str(error)[:1].upper()}{str(error)[1:]}."
            if at_ns < self.tape.start_ns:
                return f"What is known begins at {moment(self.tape.start_ns)}."
            await self._show(min(at_ns, end_ns))
            return ""

    def then_and_now(self, kind: type[T], id_: str) -> tuple[T | None, T | None]:
        """An object at the moment shown, and now."""
        return self.replay.mirror.get(kind, id_), self._live.get(kind, id_)

    async def step(self, count: int) -> bool:
        """Go to the next thing that came in, or the one before; False at the end."""
        self.is_playing = False
        async with self._turn:
            found = self.tape.next_ns if count > 0 else self.tape.previous_ns
            at_ns = await asyncio.to_thread(found, self.at_ns)
            if at_ns is not None:
                await self._show(at_ns)
            return at_ns is not None

    async def incident(self, count: int) -> bool:
        """Go to the next incident, or the one before; False when there is none."""
        self.is_playing = False
        async with self._turn:
            times = [mark.at_ns for mark in self._marks if mark.is_incident]
            later = [at_ns for at_ns in times if (at_ns > self.at_ns if count > 0 else at_ns < self.at_ns)]
            if later:
                await self._show(later[0] if count > 0 else later[-1])
            return bool(later)

    def toggle_play(self) -> None:
        """Let time go on, or stop it."""
        self.is_playing = not self.is_playing
        self.changed()

    async def play(self) -> None:
        """A beat of playing passed."""
        if not self.is_playing or self._turn.locked():
            return
        async with self._turn:
            following = await asyncio.to_thread(self.tape.next_ns, self.at_ns)
            if following is None:
                self.is_playing = False
                self.changed()
                return
            to_ns = self.at_ns + int(PLAY_EVERY_S * PLAY_SPEED * _NS_PER_S)
            await self._show(following if following > self.at_ns + IDLE_NS else to_ns)

    async def _show(self, at_ns: int) -> None:
        await asyncio.to_thread(self.tape.look_again)
        at_ns = max(at_ns, self.tape.start_ns)
        reel = await asyncio.to_thread(lambda: self.tape.reel(at_ns, from_ns=self._shown_ns))
        self.replay.show(reel, at_ns)
        self._shown_ns = at_ns
        self._marks = await asyncio.to_thread(self.tape.marks)
        self.around = await asyncio.to_thread(around, self.tape, at_ns)
        self.changed()


def file_past(tape: Tape, clock: Clock, cluster: ClusterId) -> Past:
    """The past in a file, which ends where the file does."""
    end = Replay(PastClock(clock, tape.end_ns), cluster)
    end.show(tape.reel(tape.end_ns), tape.end_ns)
    shown = Replay(PastClock(clock, tape.end_ns), cluster)
    return Past(tape, shown, end.mirror, clock.wall_ns, has_now=False)
