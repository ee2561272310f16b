"""What a mirror tells its listeners, and the state of its stream."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Phase(Enum):
    CONNECTING = "connecting"
    """Nothing has been seen yet."""
    LIVE = "live"
    STALE = "stale"
    """The stream broke; what is shown is as old as `since_ns`."""
    RESYNCING = "resyncing"
    """The stream cannot be resumed; everything is being listed anew."""


@dataclass(frozen=True, slots=True)
class Stream:
    """The mirror's stream, since `since_ns` in this phase; `reason` says why it is not live."""

    phase: Phase
    since_ns: int
    reason: str = ""
    missed: int = 0
    """Changes that happened while the stream was away, counted since it came back."""

    @property
    def waiting_text(self) -> str:
        """What stands where nothing is known yet, with the reason."""
        return f"connecting … {self.reason}" if self.reason else "connecting …"

    def lost(self, reason: str, now_ns: int, *, is_refusal: bool) -> "Stream":
        """The stream after it broke, or could not be had again; the same one where that tells nothing new. Whoever never was there is still
        connecting; after a refusal all is listed anew. Its age counts from the first break."""
        if self.phase is Phase.CONNECTING:
            phase = Phase.CONNECTING
        else:
            phase = Phase.RESYNCING if is_refusal else Phase.STALE
        if (phase, reason) == (self.phase, self.reason):
            return self
        return Stream(phase, now_ns if self.phase is Phase.LIVE else self.since_ns, reason)


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since the last flush. `ids` holds objects whose rows may look different, whether changed, removed or
    only touched by a change of another object."""

    ids: Mapping[type[Any], frozenset[str]] = field(default_factory=dict)
    is_reset: bool = False
    """Everything was listed anew; `ids` says nothing."""
    is_stream: bool = False
    """The stream's phase changed."""
    is_before_tick: bool = False
    """Views are told right after this that time passed: what is made anew for that too can wait for it."""

    def of(self, kind: type[Any]) -> frozenset[str]:
        """Touched ids of one kind."""
        return self.ids.get(kind, frozenset())
