"""What goes wrong with engines.

EngineError
├── EngineAway       nobody answers, or the answer broke off: try again later
│   ├── EngineSilent     somebody took the connection and said nothing in time
│   │   └── EngineUnanswered   that was a change: whether it was done is not known
│   ├── EngineGarbage    what came is not what an engine says
│   └── EngineDistrusted TLS failed: trying again helps only after somebody changed a certificate
├── EngineRefused    the engine answered with an error; `status` is HTTP's
├── EngineUnfit      it cannot be one of ours: too old, too new, no engine at all
├── NotFound         nothing here has that name
├── Ambiguous        several have it
└── FellBehind       a reader of events was too slow and lost some
"""

from collections.abc import Sequence


class EngineError(Exception):
    """The text is a sentence for people, without a full stop."""


class EngineAway(EngineError):
    """Nobody answers at the engine's address, or the answer broke off."""


class EngineSilent(EngineAway):
    """The engine took the connection, and did not answer in time."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class EngineUnanswered(EngineSilent):
    """The engine was asked for a change, and did not answer in time: whether it was done is not known. `name` is what people call it."""

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(
            f"{name} did not answer within {seconds:g} s; whether it was done is not known", seconds
        )


class EngineGarbage(EngineAway):
    """What was answered is not what an engine answers."""


class EngineDistrusted(EngineAway):
    """TLS failed: one side does not believe the other, or one of them speaks no TLS."""


class EngineRefused(EngineError):
    """The engine answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message or f"it answered with status {status} and no words")
        self.status, self.message = status, message


class EngineUnfit(EngineError):
    """What answers cannot be one of our engines."""


class NotFound(EngineError):
    """Nothing here has that name."""


class Ambiguous(EngineError):
    """Several have that name; `candidates` are their full names."""

    def __init__(self, message: str, candidates: Sequence[str]) -> None:
        super().__init__(message)
        self.candidates = tuple(candidates)


class FellBehind(EngineError):
    """A reader of events was too slow: some are lost, and the reading ended."""
