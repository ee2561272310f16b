"""Environment files, read as docker reads them: line by line and literally (docs/design/stacks.md 12.4).

Quotes, `export` and ` # …` are part of the text. `format: dotenv` asks for what other tools do with them.
"""

import re
from collections.abc import Mapping
from typing import Final

from swarm_core.compose.reading.errors import Unreadable

_DOTENV: Final = re.compile(
    r"""\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_.]*)\s*=\s*(?:'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)"|"""
    r"""(?P<bare>.*?))\s*(?:(?<=\s)\#.*)?"""
)
_ESCAPES: Final[Mapping[str, str]] = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$"}


def parse(data: bytes, path: str, variables: Mapping[str, str], *, is_dotenv: bool = False) -> dict[str, str]:
    """The variables of a file. A name without a value takes the one in `variables`, and is left out where there is none.
    Raises Unreadable."""
    found: dict[str, str] = {}
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            text = line.decode().removesuffix("\r").lstrip()
        except UnicodeDecodeError:
            raise _wrong(path, f"invalid utf8 bytes at line {number}: {line!r}") from None
        if not text or text.startswith("#"):
            continue
        name, separator, value = _dotenv(text, path, number) if is_dotenv else text.partition("=")
        if not name:
            raise _wrong(path, f"no variable name on line '{text}'")
        if any(letter.isspace() for letter in name):
            raise _wrong(path, f"variable '{name}' contains whitespaces")
        if separator:
            found[name] = value
        elif name in variables:
            found[name] = variables[name]
    return found


def _wrong(path: str, text: str) -> Unreadable:
    return Unreadable(f"invalid env file ({path}): {text}")


def _dotenv(text: str, path: str, number: int) -> tuple[str, str, str]:
    if "=" not in text:
        return text.removeprefix("export ").strip(), "", ""
    match = _DOTENV.fullmatch(text)
    if match is None:
        raise _wrong(path, f"line {number} is no NAME=value")
    if match["single"] is not None:
        return match["name"], "=", match["single"]
    if match["double"] is not None:
        unescaped = re.sub(
            r"\\(.)", lambda found: _ESCAPES.get(found[1], found[0]), match["double"], flags=re.DOTALL
        )
        return match["name"], "=", unescaped
    return match["name"], "=", re.sub(r"(?:^|\s)#.*", "", match["bare"]).rstrip()
