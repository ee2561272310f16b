"""What an event says of the records: which one changes at once, and what is to be asked of the engine. Pure.

Rules
1. An event of a known container changes its record at once, as far as the event tells.
2. What it does not tell (ports, networks, whether a restart follows) is asked for, with others, in one list: soon for what is not in
   the table yet, later for the details of what is.
3. Events that say nothing of what we keep ask for nothing.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

from swarm_core.engines.reading import health_of
from swarm_core.engines.records import Container, Event, Kind


class Need(IntEnum):
    """How soon the engine is asked."""

    NOTHING = 0
    LATER = 1
    SOON = 2


@dataclass(frozen=True, slots=True)
class Effects:
    """`container` is the id of the container that is meant, with what is to be asked of it; `lists` are kinds of which the whole list is."""

    container: str = ""
    need: Need = Need.NOTHING
    is_gone: bool = False
    reserves_anew: bool = False
    """What the container reserves may be another amount now."""
    lists: tuple[Kind, ...] = ()
    asks_specs: bool = False


_NONE = Effects()
_LOOKED_AT = frozenset(
    [
        "top",
        "resize",
        "export",
        "exec_create",
        "exec_start",
        "exec_detach",
        "exec_die",
        "attach",
        "detach",
        "extract-to-dir",
        "copy",
        "archive-path",
    ]
)
_TOLD_WHOLE = frozenset(["pause", "health_status", "commit", "kill", "oom", "stop", "restart"])
"""Of a known container these tell all, or are followed by others that do."""


def effects_of(event: Event, known: Container | None) -> tuple[Effects, Container | None]:
    """What is to be asked, and the record in place of `known` (the container of the event, if it is known)."""
    match event.type:
        case "container":
            return _of_container(event, known)
        case "image":
            return Effects(lists=(Kind.IMAGE,)), known
        case "volume":
            # Mounting changes nothing that is kept.
            return (Effects(lists=(Kind.VOLUME,)) if event.action in ("create", "destroy") else _NONE), known
        case "network":
            if event.action in ("connect", "disconnect"):
                return Effects(event.attributes.get("container", ""), Need.LATER), known
            return Effects(lists=(Kind.NETWORK,)), known
        case "daemon":
            return Effects(asks_specs=event.action == "reload"), known
        case _:
            return _NONE, known


def _of_container(event: Event, known: Container | None) -> tuple[Effects, Container | None]:
    # Some actions carry words: `exec_create: sh`, `health_status: healthy`.
    action, _, words = event.action.partition(": ")
    if action in _LOOKED_AT:
        return _NONE, known
    if action == "destroy":
        return Effects(event.id, is_gone=True), None
    if known is None:
        return Effects(event.id, Need.SOON), None
    lists = (Kind.IMAGE,) if action == "commit" else ()
    after = _after(known, event, action, words)
    need = Need.NOTHING if action in _TOLD_WHOLE else Need.LATER
    return Effects(event.id, need, reserves_anew=action == "update", lists=lists), after


def _after(known: Container, event: Event, action: str, words: str) -> Container:
    match action:
        case "start":
            return replace(known, state="running", status="Up Less than a second", exit_code=None, health="")
        case "die":
            digits = event.attributes.get("exitCode", "0")
            code = int(digits) if digits.lstrip("-").isdecimal() else 0
            status = f"Exited ({code}) Less than a second ago"
            return replace(known, state="exited", status=status, exit_code=code, ports=(), health="")
        case "pause":
            return replace(known, state="paused", status=f"{_bare(known.status)} (Paused)")
        case "unpause":
            return replace(known, state="running", status=_bare(known.status))
        case "rename":
            name = event.attributes.get("name", "").removeprefix("/")
            return replace(known, name=name or known.name)
        case "health_status":
            status = f"{_bare(known.status)} ({'health: starting' if words == 'starting' else words})"
            return replace(known, status=status, health=health_of(status))
        case _:
            return known


def _bare(status: str) -> str:
    """The words of a status without what stands in parentheses at its end."""
    return status.rpartition(" (")[0] if status.endswith(")") and status.startswith("Up ") else status
