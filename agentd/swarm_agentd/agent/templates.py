"""Templates in the syntax of Go's text/template, as far as task specs and payloads use it.

    {{.Service.Name}}   {{index .Service.Labels "a.b"}}   {{join "," .Task.ID .Node.ID}}   {{env "HOME" | print}}

Actions are pipelines of fields, strings, numbers, parentheses and the functions given; `{{-` and `-}}` trim blanks, comments
are `{{/* … */}}`. A missing key is an error, as is any control structure (if, range, …): nothing is ignored.
"""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from swarm_agentd.exec.errors import InvalidTask

Value: TypeAlias = str | int | bool | Mapping[str, "Value"] | list["Value"]
Function: TypeAlias = Callable[..., Value]

_STRING = r'"(?:[^"\\\n]|\\.)*"|`[^`]*`'
_OPEN = re.compile(r"\{\{(-(?=\s))?")
_TOKEN = re.compile(
    rf"\s*(?:(?P<string>{_STRING})|(?P<field>(?:\.[A-Za-z_]\w*)+|\.)|(?P<number>[+-]?\d+)"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<mark>[()|]))"
)
_COMMENT = re.compile(r"\s*/\*.*?\*/\s*", re.DOTALL)
_STRING_OR_END = re.compile(rf"{_STRING}|\}}\}}")
_CONTROL = frozenset(
    ("if", "else", "end", "range", "with", "define", "template", "block", "break", "continue")
)


class TemplateError(InvalidTask):
    """The template is wrong, or names something that is not there."""

    def __init__(self, text: str) -> None:
        super().__init__(f"expanding template: {text}")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def _print(*items: Value) -> Value:
    return "".join(_show(item) for item in items)


def _join(separator: str, *items: Value) -> Value:
    return separator.join(_show(item) for item in items)


def _index(container: Value, *keys: Value) -> Value:
    for key in keys:
        try:
            container = container[key]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            raise TemplateError(f"there is no entry {key!r}") from None
    return container


BUILTINS: Mapping[str, Function] = {"join": _join, "index": _index, "print": _print}


def expand(template: str, fields: Mapping[str, Value], functions: Mapping[str, Function] = BUILTINS) -> str:
    """`template` with its actions replaced. Raises TemplateError."""
    if "{{" not in template:
        return template
    out: list[str] = []
    for is_action, text in _split(template):
        out.append(_show(_Parser(text, fields, functions).value()) if is_action else text)
    return "".join(out)


def _split(template: str) -> Iterator[tuple[bool, str]]:
    """The text and the bodies of the actions, in order; trimming is done."""
    at, trim = 0, False
    while (opening := _OPEN.search(template, at)) is not None:
        text = template[at : opening.start()]
        text = text.lstrip(" \t\r\n") if trim else text
        yield False, text.rstrip(" \t\r\n") if opening.group(1) else text
        body, at, trim = _body(template, opening.end())
        if not body.lstrip().startswith("/*"):
            yield True, body
    text = template[at:]
    yield False, text.lstrip(" \t\r\n") if trim else text


def _body(template: str, start: int) -> tuple[str, int, bool]:
    """The action that begins at `start`: its text, the place after it, and whether it trims what follows."""
    comment = _COMMENT.match(template, start)
    at = comment.end() if comment else start
    while (found := _STRING_OR_END.search(template, at)) is not None:
        if found.group() == "}}":
            body = template[start : found.start()]
            trims = body.endswith("-") and body[-2:-1].isspace()
            return body[:-1] if trims else body, found.end(), trims
        at = found.end()
    raise TemplateError("an action is not closed")


class _Parser:
    """Evaluates one action while reading it."""

    def __init__(self, text: str, fields: Mapping[str, Value], functions: Mapping[str, Function]) -> None:
        self._fields = fields
        self._functions = functions
        self._tokens = _tokens(text)

    def value(self) -> Value:
        """The value of the whole action."""
        value = self._pipeline()
        if self._tokens:
            raise TemplateError(f"unexpected {self._tokens[0].text!r}")
        return value

    def _pipeline(self) -> Value:
        value = self._command([])
        while self._tokens and self._tokens[0].text == "|":
            self._tokens.pop(0)
            value = self._command([value])
        return value

    def _command(self, last: list[Value]) -> Value:
        if not self._tokens:
            raise TemplateError("an action is empty")
        if self._tokens[0].kind == "name" and self._tokens[0].text not in ("true", "false"):
            return self._call(self._tokens.pop(0).text, last)
        value = self._operand()
        if last or self._at_operand():
            raise TemplateError("only a function takes arguments")
        return value

    def _call(self, name: str, last: list[Value]) -> Value:
        if name in _CONTROL:
            raise TemplateError(f"the action {name!r} is not supported")
        function = self._functions.get(name)
        if function is None:
            raise TemplateError(f"function {name!r} is not defined")
        arguments = []
        while self._at_operand():
            arguments.append(self._operand())
        try:
            return function(*arguments, *last)
        except TypeError as error:
            raise TemplateError(f"wrong arguments for {name!r}: {error}") from None

    def _at_operand(self) -> bool:
        return bool(self._tokens) and self._tokens[0].text not in ("|", ")")

    def _operand(self) -> Value:
        token = self._tokens.pop(0)
        if token.kind == "string":
            return _unquote(token.text)
        if token.kind == "number":
            return int(token.text)
        if token.kind == "field":
            return self._look_up(token.text)
        if token.text in ("true", "false"):
            return token.text == "true"
        if token.text == "(":
            value = self._pipeline()
            if not self._tokens or self._tokens.pop(0).text != ")":
                raise TemplateError("a parenthesis is not closed")
            return value
        if token.kind == "name":
            return self._call(token.text, [])
        raise TemplateError(f"unexpected {token.text!r}")

    def _look_up(self, path: str) -> Value:
        value: Value = self._fields
        for name in path.split(".")[1:]:
            if not name:
                continue
            if not isinstance(value, Mapping) or name not in value:
                raise TemplateError(f"there is no field {path}")
            value = value[name]
        return value


def _tokens(text: str) -> list[_Token]:
    tokens, at, text = [], 0, text.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise TemplateError(f"unexpected {text[at:].strip()[:20]!r}")
        assert found.lastgroup is not None
        tokens.append(_Token(found.lastgroup, found.group(found.lastgroup)))
        at = found.end()
    return tokens


def _unquote(text: str) -> str:
    if text[0] == "`":
        return text[1:-1]
    try:
        return str(ast.literal_eval(text))
    except (SyntaxError, ValueError):
        raise TemplateError(f"the string {text} is wrong") from None


def _show(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return f"map[{' '.join(f'{key}:{_show(value[key])}' for key in sorted(value))}]"
    if isinstance(value, list):
        return f"[{' '.join(_show(item) for item in value)}]"
    return str(value)
