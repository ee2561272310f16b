"""What may be wrong with a fake engine: set by tests while it runs, obeyed by its server."""

import asyncio
from dataclasses import dataclass, field
from typing import Literal

Garbage = Literal["", "bytes", "html", "json", "half"]


@dataclass(slots=True)
class Faults:
    """Each for all requests from now on.

        `hangs`: connections are taken, nothing is answered, and streams fall silent. `latency_s`: before each answer. `error`: the
        status of every answer; 0 for none. `garbage`: bytes that are no HTTP; a page of HTML; JSON of another shape; half of the true
        answer. `skew_s`: how far the engine's clock is ahead. `fails`: the status and message of every request for a path. `holds`: what was done
    for a path is answered when its event is set.
    """

    hangs: bool = False
    latency_s: float = 0.0
    error: int = 0
    garbage: Garbage = ""
    skew_s: float = 0.0
    fails: dict[str, tuple[int, str]] = field(default_factory=dict)
    holds: dict[str, asyncio.Event] = field(default_factory=dict)
