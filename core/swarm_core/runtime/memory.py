"""Memory that is free in this process goes back to the machine.

The C library keeps what was freed for the next time, unless it is told otherwise; after a large service was removed that is most of
what the process holds. Where the library has no such call there is nothing to do.
"""

from typing import Any


def give_back(library: Any = None) -> bool:
    """Hand free pages back; whether there were any. Takes milliseconds: for a thread beside the loop."""
    if library is None:
        import ctypes  # few processes ever get here

        library = ctypes.CDLL(None)
    trim = getattr(library, "malloc_trim", None)
    return trim is not None and bool(trim(0))
