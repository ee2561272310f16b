"""Free memory goes back to the machine."""

from types import SimpleNamespace

from swarm_core.runtime.memory import give_back


def test_the_library_is_asked() -> None:
    """All that is free, at the top too; a library that has no such call is left alone."""
    asked: list[int] = []

    def malloc_trim(kept: int) -> int:
        asked.append(kept)
        return 1

    assert give_back(SimpleNamespace(malloc_trim=malloc_trim)) is True
    assert asked == [0]
    assert give_back(SimpleNamespace()) is False


def test_this_machine_s_library_can_be_asked() -> None:
    """Whatever it answers."""
    assert give_back() in (True, False)
