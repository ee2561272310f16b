"""A text that was pasted, as the spec of a new service: a docker line, a compose file, or one service of it. What has no counterpart is named."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Final

from swarm_core.api.proto import specs_pb2
from swarm_core.compose import alone
from swarm_core.compose.alone import WrongText
from swarm_core.compose.reading.notes import Level
from swarm_core.specs.errors import SpecError

from swarm_tui.operations.forms import docker_lines, sheet, twin
from swarm_tui.resources.model import ClusterView

_NAMELESS: Final = "pasted"
_SERVICES: Final = re.compile(r"^services\s*:", re.MULTILINE)
_OF_SERVICE: Final = re.compile(
    r"^[ \t]*(?:- )?(?:image|x-process|command|environment|deploy)\s*:", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Pasted:
    """`what` it was; `lost` are the parts that the form cannot have, in a few words each."""

    spec: specs_pb2.ServiceSpec
    what: str
    lost: tuple[str, ...]

    @property
    def told(self) -> str:
        """A sentence for the person."""
        return (
            f"Filled from {self.what}. No counterpart: {'; '.join(self.lost)}."
            if self.lost
            else f"Filled from {self.what}."
        )


class CannotPaste(ValueError):
    """It is nothing that a service can be made of; the text is a sentence."""


def is_service(text: str) -> bool:
    """Whether it looks like something that fills the form."""
    return docker_lines.is_line(text) or ("\n" in text.strip() and bool(_OF_SERVICE.search(text)))


def read(text: str, view: ClusterView) -> Pasted:
    """The service that the text describes. Raises CannotPaste."""
    if docker_lines.is_line(text):
        return _line(text)
    return _compose(text, view)


def _line(text: str) -> Pasted:
    try:
        found = docker_lines.read(text)
        # The names of networks and secrets stay names: the form says what is not there.
        spec = sheet.finished(found.draft)
    except SpecError as error:
        raise CannotPaste(f"{str(error).rstrip('.')}.") from None
    return Pasted(spec, found.what, found.lost)


def _compose(text: str, view: ClusterView) -> Pasted:
    first: WrongText | None = None
    for whole in _wholes(text):
        try:
            found = alone.read(
                whole,
                twin.held(view),
                variables=os.environ,
                folder=str(Path.cwd()),
                read_file=lambda path: Path(path).read_bytes(),
                is_bound=False,
            )
        except WrongText as error:
            first = first or error
            continue
        if found.spec.annotations.name == _NAMELESS and _NAMELESS not in text:
            found.spec.annotations.name = ""
        return Pasted(found.spec, "a compose file", tuple(_lost(found)))
    raise CannotPaste(f"{first}.")


def _wholes(text: str) -> list[str]:
    """The text as a whole file: as it is, or a service with its name, or what stands below the name."""
    if _SERVICES.search(text):
        return [text]
    return [f"services:\n{indent(text, '  ')}\n", f"services:\n  {_NAMELESS}:\n{indent(text, '    ')}\n"]


def _lost(found: alone.Alone) -> list[str]:
    lost = [f"service {name}" for name in found.others]
    lost += [f"{one} is not made here" for one in found.made_here]
    return lost + [note.text for note in found.notes if note.level in (Level.WARNING, Level.IGNORED)]
