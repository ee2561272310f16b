"""Words for numbers: of enums, and of what is counted or measured."""

from typing import Any, Protocol


class Enum(Protocol):
    """An enum of a generated module."""

    def Name(self, number: Any) -> str:
        """Raises ValueError."""


def enum_word(enum: Enum, number: int, noun: str = "") -> str:
    """The name of a value in lower case, with spaces; `noun` and the number where only a newer member has a name for it."""
    try:
        return enum.Name(number).lower().replace("_", " ")
    except ValueError:
        return f"{noun} {number}".lstrip()


def size_words(count: int) -> str:
    """Bytes with the largest binary unit that leaves a number of at least 1, two decimals at most: 512 MiB, 1.5 GiB."""
    value, unit = float(abs(count)), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    sign = "-" if count < 0 else ""
    return f"{sign}{f'{value:.2f}'.rstrip('0').rstrip('.')} {unit}"


def cpu_words(nano_cpus: int) -> str:
    """Processors with three decimals at most: 0.5, 8."""
    return f"{nano_cpus / 1e9:.3f}".rstrip("0").rstrip(".")


def nodes_words(count: int) -> str:
    """1 node, 2 nodes."""
    return "1 node" if count == 1 else f"{count} nodes"
