"""A template's text as texts and the tokens of its actions, and what literals mean.

An action stands between `{{` and `}}`; `{{-` and `-}}` trim blanks of the text beside them; `{{/* … */}}` is a comment.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from swarm_core.rules.templates.values import TemplateError

_STRING = r'"(?:[^"\\\n]|\\.)*"|`[^`]*`'
_OPEN = re.compile(r"\{\{(-(?=\s))?")
_TOKEN = re.compile(
    rf"(?P<space>\s*)(?:(?P<string>{_STRING})|(?P<char>'(?:[^'\\\n]|\\.[^']*)')"
    r"|(?P<number>[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO]?[0-7_]+(?![\d.eE])|(?:\d[\d_]*)?\.?\d[\d_]*\.?(?:[eE][+-]?\d+)?))"
    r"|(?P<field>(?:\.[^\W\d]\w*)+|\.)|(?P<variable>\$\w*)|(?P<name>[^\W\d]\w*)|(?P<mark>:=|[()|,=]))"
)
_COMMENT = re.compile(r"\s*/\*.*?\*/\s*", re.DOTALL)
_QUOTED_OR_END = re.compile(rf"{_STRING}|'(?:[^'\\\n]|\\.)+'|\}}\}}|[\"`']")
BLANKS = " \t\r\n"
_ESCAPE = re.compile(rb"\\([abfnrtv\\'\"]|[0-3][0-7]{2}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})")
_SIMPLE = {
    b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v", b"\\": b"\\",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    text: str
    is_spaced: bool = False


def split(template: str) -> Iterator[str | list[Token]]:
    """Texts and the tokens of actions, in order; trimming is done and comments are gone."""
    at, trim = 0, False
    while (opening := _OPEN.search(template, at)) is not None:
        text = template[at : opening.start()]
        text = text.lstrip(BLANKS) if trim else text
        yield text.rstrip(BLANKS) if opening.group(1) else text
        body, at, trim = _body(template, opening.end())
        if not body.lstrip().startswith("/*"):
            yield _tokens(body)
    text = template[at:]
    yield text.lstrip(BLANKS) if trim else text


def _body(template: str, start: int) -> tuple[str, int, bool]:
    """The action that begins at `start`: its text, the place after it, and whether it trims what follows."""
    comment = _COMMENT.match(template, start)
    at = comment.end() if comment else start
    while (found := _QUOTED_OR_END.search(template, at)) is not None:
        if len(found.group()) == 1:
            # Looked for no further: behind each quote without an end the rest would be read once more.
            raise TemplateError(f"unexpected {template[found.start() :][:20]!r}")
        if found.group() == "}}":
            body = template[start : found.start()]
            trims = body.endswith("-") and body[-2:-1].isspace()
            if comment is not None and template[comment.end() : found.start()] != ("-" if trims else ""):
                raise TemplateError("a comment must stand alone in its action")
            return body[:-1] if trims else body, found.end(), trims
        at = found.end()
    raise TemplateError("an action is not closed")


def _tokens(text: str) -> list[Token]:
    tokens, at, text = [], 0, text.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise TemplateError(f"unexpected {text[at:].strip()[:20]!r}")
        assert found.lastgroup is not None
        tokens.append(Token(found.lastgroup, found.group(found.lastgroup), bool(found["space"])))
        at = found.end()
    return tokens


def unquote(text: str) -> str:
    """The text of a string between its quotes."""
    if text[0] == "`":
        return text[1:-1].replace("\r", "")
    return _unescape(text[1:-1], quote='"')


def _unescape(text: str, *, quote: str) -> str:
    """Escapes are Go's; those of bytes make UTF-8 with what stands around them."""

    def one(found: re.Match[bytes]) -> bytes:
        code = found.group(1)
        if code in _SIMPLE or code == quote.encode():
            return _SIMPLE.get(code, code)
        if code[:1] in b"uU":
            return chr(int(code[1:], 16)).encode()
        return bytes((int(code[1:], 16) if code[:1] == b"x" else int(code, 8),))

    data = text.encode()
    try:
        if b"\\" in _ESCAPE.sub(b"", data):
            raise ValueError
        for found in _ESCAPE.finditer(data):
            if found.group(1) in (b"'", b'"') and found.group(1) != quote.encode():
                raise ValueError
        return _ESCAPE.sub(one, data).decode()
    except ValueError:
        raise TemplateError(f"the string {quote}{text}{quote} is wrong") from None


def character_of(text: str) -> int:
    character = _unescape(text[1:-1], quote="'")
    if len(character) != 1:
        raise TemplateError(f"the character {text} is wrong")
    return ord(character)


def number_of(text: str) -> int | float:
    digits = text.lstrip("+-")
    try:
        number: int | float
        if any(mark in digits.lower() for mark in ".e") and digits[:2].lower() != "0x":
            number = float(digits)
        elif len(digits) > 1 and digits[0] == "0" and digits[1].isdecimal():
            number = int(digits, 8)
        else:
            number = int(digits, 0)
    except ValueError:
        raise TemplateError(f"the number {text} is wrong") from None
    if text.startswith("-"):
        number = -number
    if number in (float("inf"), float("-inf")) or (
        isinstance(number, int) and not -(1 << 63) <= number < 1 << 63
    ):
        raise TemplateError(f"the number {text} is too large")
    return number
