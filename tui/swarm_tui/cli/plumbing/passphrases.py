"""The passphrase of a backup: typed at the terminal without an echo, or read from a file or a descriptor. Never an argument, never a variable."""

import contextlib
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from swarm_core.api.typed_paths import path_of

from swarm_tui.cli.plumbing.session import USAGE, Failure

CHARACTERS_MIN: Final = 8
_BYTES_MAX: Final = 4096
_NONE: Final = (
    "A passphrase is needed: type it at a terminal, or give --passphrase-file or --passphrase-fd{}."
)
_OR_OPEN: Final = "; --no-passphrase leaves every key of the cluster readable"
FileOption = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file", help="Its first line is the passphrase; yours alone (0600).", metavar="FILE"
    ),
]
DescriptorOption = Annotated[
    int | None,
    typer.Option("--passphrase-fd", help="Read the passphrase from this open descriptor.", metavar="N"),
]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the passphrase comes from; neither: the terminal."""

    file: Path | None
    descriptor: int | None

    def __post_init__(self) -> None:
        if self.file is not None and self.descriptor is not None:
            raise Failure("--passphrase-file and --passphrase-fd exclude each other.", USAGE)

    def new(self) -> str:
        """One to seal with; typed twice at a terminal. Raises Failure."""
        found = self._told()
        if found is None:
            found = _typed(confirm=True, otherwise=_OR_OPEN)
        if len(found) < CHARACTERS_MIN:
            raise Failure(
                f"The passphrase is too short: it has {len(found)} characters and needs {CHARACTERS_MIN}.",
                USAGE,
            )
        return found

    def known(self) -> str:
        """One to open with. Raises Failure."""
        found = self._told()
        return _typed(confirm=False, otherwise="") if found is None else found

    def _told(self) -> str | None:
        if self.descriptor is not None:
            return _from_descriptor(self.descriptor)
        return None if self.file is None else _from_file(path_of(self.file))


def _from_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if stat.S_ISREG(found.st_mode) and found.st_mode & 0o077:
                mode = stat.S_IMODE(found.st_mode)
                raise Failure(f"{path} is open to other users (mode {mode:04o}); make it 0600.")
            return _first_line(file.read(_BYTES_MAX), str(path))
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}.") from None


def _from_descriptor(number: int) -> str:
    content = b""
    try:
        while b"\n" not in content and len(content) < _BYTES_MAX and (more := os.read(number, _BYTES_MAX)):
            content += more
    except OSError as error:
        raise Failure(f"Descriptor {number} cannot be read: {error.strerror}.", USAGE) from None
    with contextlib.suppress(OSError):
        os.close(number)
    return _first_line(content, f"descriptor {number}")


def _first_line(content: bytes, where: str) -> str:
    line = content.partition(b"\n")[0].removesuffix(b"\r")
    if not line:
        raise Failure(f"There is no passphrase in {where}.", USAGE)
    return line.decode("utf-8", "surrogateescape")


def _typed(*, confirm: bool, otherwise: str) -> str:
    if not sys.stdin.isatty():
        raise Failure(_NONE.format(otherwise), USAGE)
    typed: str = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True)
    return typed
