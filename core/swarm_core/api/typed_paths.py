"""Paths as people write them."""

from pathlib import Path


def path_of(text: str | Path) -> Path:
    """The path that was written: `~` is one's home, `~ana` hers. Where nobody is called so it is a name like any other, as for a shell; while a
    path is typed that is so most of the time."""
    path = Path(text)
    try:
        return path.expanduser()
    except RuntimeError:
        return path
