"""The search for an order that explains what clients saw."""

from swarm_testkit.simulation.history import Operation, explain

A0, A1, B0 = (1, 0), (1, 2), (3, 0)


def create(start: float, end: float, new: tuple[int, int], ok: bool | None = True) -> Operation:
    return Operation("create", start, end, ok, new=new)


def change(
    start: float, end: float, old: tuple[int, int], new: tuple[int, int], ok: bool | None = True
) -> Operation:
    return Operation("change", start, end, ok, expected=old, new=new)


def read(start: float, end: float, seen: tuple[int, int] | None) -> Operation:
    return Operation("read", start, end, True, seen=seen)


def test_one_after_the_other() -> None:
    """A plain history has an order."""
    assert explain([create(0, 1, A0), read(2, 3, A0), change(4, 5, A0, A1), read(6, 7, A1)])


def test_lost_write() -> None:
    """A read that no longer sees an acknowledged write has no order."""
    assert not explain([create(0, 1, A0), change(2, 3, A0, A1), read(4, 5, A0)])
    assert not explain([create(0, 1, A0), read(2, 3, None)])


def test_overlapping_reads() -> None:
    """A read beside a write may see either; two reads one after the other may not go back."""
    assert explain([create(0, 1, A0), change(2, 9, A0, A1), read(3, 4, A0), read(5, 6, A1)])
    assert not explain([create(0, 1, A0), change(2, 9, A0, A1), read(3, 4, A1), read(5, 6, A0)])


def test_unknown_ends() -> None:
    """A write without an answer may take effect at once, late, or never."""
    unknown = change(2, 3, A0, A1, None)
    assert explain([create(0, 1, A0), unknown, read(4, 5, A1)])
    assert explain([create(0, 1, A0), unknown, read(4, 5, A0), read(6, 7, A1)])
    assert explain([create(0, 1, A0), unknown, read(4, 5, A0), read(6, 7, A0)])
    assert not explain([create(0, 1, A0), unknown, read(4, 5, A1), read(6, 7, A0)])


def test_two_writers_of_one_version() -> None:
    """Two changes of the same state cannot both have succeeded."""
    assert not explain([create(0, 1, A0), change(2, 5, A0, A1), change(2, 5, A0, (1, 4))])


def test_refusals_are_reads() -> None:
    """A refused create needs something there; a refused change needs another state."""
    assert not explain([create(0, 1, A0, False)])
    assert explain([create(0, 1, A0), create(2, 3, B0, False)])
    assert not explain([create(0, 1, A0), change(2, 3, A0, A1, False)])
    remove = Operation("remove", 4, 5, True, expected=A0)
    assert explain([create(0, 1, A0), remove, create(6, 7, B0), change(8, 9, A0, A1, False)])
