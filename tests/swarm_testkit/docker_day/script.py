"""The commands of the day: files of `tests/data/docker_day`, a chapter each, one command of docker's on a line.

- `# …` is a remark.
- `… < "text"` gives the text on the command's input.
- `? COMMAND = TEXT` is asked on each side until it goes well and prints the text, or nothing; it is not compared. With `&&` there are several
  commands, of which the last ones print.
- `{image}`, `{data}` and `{node}` stand for the image of tests, the directory of the files, and the node's id; `{detach}` for `--detach=true` where stacks of
  that docker command know it, and else for no word.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).parents[2] / "data" / "docker_day"
_INPUT = re.compile(r'(.*?) < "(.*)"')
_READS = re.compile(
    r"(\w+ )?(ls|ps|inspect|logs|services|df)\b|info\b|version\b|events\b|images\b|top\b|stack config\b|swarm (ca|unlock-key)$"
)


@dataclass(frozen=True, slots=True)
class Step:
    """`line` is the command as it stands in the script. With `until` it is a wait for that text."""

    line: str
    commands: tuple[tuple[str, ...], ...]
    stdin: bytes = b""
    until: str | None = None

    @property
    def is_read(self) -> bool:
        """Whether asking again does no harm: what is read may need time to be the same."""
        return _READS.match(self.line) is not None


def chapters() -> dict[str, list[Step]]:
    """All of them, by their names."""
    return {
        path.stem: read(path.read_text()) for path in sorted(DATA.glob("*.txt")) if path.stem[0].isdigit()
    }


def read(text: str) -> list[Step]:
    """The steps of one chapter."""
    lines = (line.strip() for line in text.splitlines())
    return [_step(line) for line in lines if line and not line.startswith("#")]


def _step(line: str) -> Step:
    if line.startswith("? "):
        asked, _, wanted = f"{line[2:]} ".rpartition(" = ")
        return Step(asked, _commands(asked), until=wanted.strip())
    if (found := _INPUT.fullmatch(line)) is not None:
        return Step(line, _commands(found[1]), found[2].encode())
    return Step(line, _commands(line))


def _commands(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(shlex.split(each)) for each in text.split(" && "))
