"""File systems of their own for daemons: small ones in a file, that can be filled and can stand still."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

_FILLER = "filler"
_LEFT_BLOCKS = 64


class OwnDisk:
    """A file system below `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self) -> None:
        """Leave no room."""
        filler = self.path / _FILLER
        with filler.open("wb") as out, contextlib.suppress(OSError):
            # Most of it without writing it; others may take some of the room meanwhile.
            room = os.statvfs(self.path)
            os.posix_fallocate(out.fileno(), 0, max(1, room.f_bavail - _LEFT_BLOCKS) * room.f_frsize)
        with filler.open("ab", buffering=0) as out:
            _fill(out)

    def empty(self) -> None:
        """Take `fill` back."""
        (self.path / _FILLER).unlink()

    def stall(self, seconds: float, *, still_s: float, free_s: float) -> None:
        """For so long, whoever writes waits `still_s` again and again, with `free_s` between."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            subprocess.run(("fsfreeze", "--freeze", str(self.path)), check=True)
            try:
                time.sleep(still_s)
            finally:
                subprocess.run(("fsfreeze", "--unfreeze", str(self.path)), check=True)
            time.sleep(free_s)


def fill(file: Path) -> None:
    """Write until there is no room left."""
    with file.open("wb", buffering=0) as out:
        _fill(out)


def _fill(out: FileIO) -> None:
    for piece in (bytes(1 << 16), b"x"):
        with contextlib.suppress(OSError):
            while out.write(piece):
                pass


@contextmanager
def own_disk(directory: Path, name: str, mebibytes: int) -> Iterator[OwnDisk]:
    """A file system in a file of the directory, mounted at `directory/name`. Raises CalledProcessError where this host does not let us."""
    image, path = directory / f"{name}.disk", directory / name
    with image.open("wb") as file:
        file.truncate(mebibytes << 20)
    path.mkdir()
    make = ("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,nodiscard", str(image))
    subprocess.run(make, check=True, capture_output=True)
    subprocess.run(("mount", "-o", "loop", str(image), str(path)), check=True, capture_output=True)
    try:
        yield OwnDisk(path)
    finally:
        subprocess.run(("umount", "-l", str(path)), check=True)
        image.unlink()
