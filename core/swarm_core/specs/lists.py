"""Lists and maps within a spec: put into them, taken from them, in place."""

from collections.abc import Callable, Iterable, MutableMapping, MutableSequence
from typing import Any

from swarm_core.specs import notation


def put(held: MutableSequence[str], given: Iterable[str]) -> None:
    """Append what is not there yet."""
    for text in given:
        if text not in held:
            held.append(text)


def sort(held: Any, key: Callable[[Any], Any] | None = None) -> None:
    """Bring a repeated field into order, so that what is said in another order is no change."""
    ordered = sorted(held, key=key)
    if ordered != list(held):
        del held[:]
        held.extend(ordered)


def drop(held: MutableSequence[str], gone: Iterable[str]) -> None:
    """Take these out."""
    keep(held, lambda text: text not in gone)


def keep(held: Any, wanted: Callable[[Any], bool]) -> bool:
    """Take out of a repeated field what is not wanted; whether anything went."""
    kept = [item for item in held if wanted(item)]
    is_shorter = len(kept) < len(held)
    if is_shorter:
        del held[:]
        held.extend(kept)
    return is_shorter


def put_pairs(held: MutableMapping[str, str], given: Iterable[str]) -> None:
    """Add or replace key=value."""
    held.update(notation.pairs(given))


def drop_keys(held: MutableMapping[str, str], gone: Iterable[str]) -> None:
    """Take these keys out, where they are."""
    for key in gone:
        if key in held:
            del held[key]
