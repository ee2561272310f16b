"""What may be wrong with a fake engine: set by tests while it runs, obeyed by its server."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final, Literal

_KEPT: Final = frozenset(
    ("Id", "ID", "ImageID", "NetworkID", "Name", "Names", "ApiVersion", "MinAPIVersion", "Created", "CreatedAt", "State", "StartedAt",
     "FinishedAt", "Scope", "Type", "IP", "SystemTime", "Os", "OSType")
)  # fmt: skip
"""What others name something by, or what is no text."""
Garbage = Literal["", "bytes", "html", "json", "half"]


@dataclass(slots=True)
class Faults:
    """Each for all requests from now on.

        `hangs`: connections are taken, nothing is answered, and streams fall silent. `latency_s`: before each answer. `error`: the
        status of every answer; 0 for none. `garbage`: bytes that are no HTTP; a page of HTML; JSON of another shape; half of the true
        answer. `skew_s`: how far the engine's clock is ahead. `fails`: the status and message of every request for a path. `holds`: what was done
    for a path is answered when its event is set. `says`: stands in every text of every answer that names nothing and has no other meaning.
    """

    hangs: bool = False
    latency_s: float = 0.0
    error: int = 0
    garbage: Garbage = ""
    skew_s: float = 0.0
    fails: dict[str, tuple[int, str]] = field(default_factory=dict)
    holds: dict[str, asyncio.Event] = field(default_factory=dict)
    says: str = ""


def saying(value: Any, text: str, key: str = "") -> Any:
    """An answer with `text` in each of its texts, one more in each list of them, and a label of it."""
    if isinstance(value, dict):
        found = {name: saying(one, text, name) for name, one in value.items()}
        return {**found, text: text} if key == "Labels" else found
    if isinstance(value, list):
        found_all = [saying(one, text, key) for one in value]
        return [*value, text] if value and isinstance(value[0], str) and key not in _KEPT else found_all
    return text if isinstance(value, str) and key not in _KEPT else value
