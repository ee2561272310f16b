"""Variables in one text: `$NAME`, `${NAME}` and the forms with a default, a requirement or an alternative.

Rules (docs/design/stacks.md 12.3)
1. `$$` is a dollar sign. A name is a letter or `_`, then letters, digits and `_`.
2. `${X:-d}` d where X is unset or empty, `${X-d}` where it is unset; `:?` and `?` fail with that message instead; `:+` and `+` put
   their text where X is set (and not empty).
3. What follows the operator may hold substitutions itself, and is substituted only where it is used. A value that was put in is
   never looked at again.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

_NAME: Final = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_OPERATOR: Final = re.compile(r":?[-?+]")
_DEPTH_MAX: Final = 20


class Malformed(ValueError):
    """The text holds a dollar sign that begins no substitution."""


class Missing(ValueError):
    """A required variable has no value; the text says which, and what its author says about it."""


@dataclass(frozen=True, slots=True)
class Used:
    """One substitution as it was found, for who wants to tell about it."""

    name: str
    operator: str
    argument: str


def substitute(
    text: str,
    variables: Mapping[str, str],
    *,
    seen: Callable[[Used], object] = lambda used: None,
    depth: int = 0,
) -> str:
    """The text with its variables put in. Raises Malformed or Missing."""
    if depth > _DEPTH_MAX:
        raise Malformed
    out, at = [], 0
    while (dollar := text.find("$", at)) >= 0:
        out.append(text[at:dollar])
        following = text[dollar + 1 : dollar + 2]
        if following == "$":
            out.append("$")
            at = dollar + 2
        elif following == "{":
            used, at = _braced(text, dollar + 2)
            seen(used)
            out.append(_value(used, variables, seen, depth))
        elif found := _NAME.match(text, dollar + 1):
            seen(Used(found[0], "", ""))
            out.append(variables.get(found[0], ""))
            at = found.end()
        else:
            raise Malformed
    return "".join([*out, text[at:]])


def _braced(text: str, start: int) -> tuple[Used, int]:
    """The substitution whose braces open before `start`, and where it ends."""
    name = _NAME.match(text, start)
    if name is None:
        raise Malformed
    at = name.end()
    if text[at : at + 1] == "}":
        return Used(name[0], "", ""), at + 1
    operator = _OPERATOR.match(text, at)
    if operator is None:
        raise Malformed
    end = _closing(text, operator.end())
    return Used(name[0], operator[0], text[operator.end() : end]), end + 1


def _closing(text: str, at: int) -> int:
    """Where the brace that is open at `at` closes; braces of substitutions within it are paired."""
    depth = 0
    while at < len(text):
        if text.startswith("$$", at):
            at += 1
        elif text.startswith("${", at):
            depth += 1
            at += 1
        elif text[at] == "}":
            if not depth:
                return at
            depth -= 1
        at += 1
    raise Malformed


def _value(used: Used, variables: Mapping[str, str], seen: Callable[[Used], object], depth: int) -> str:
    value = variables.get(used.name)
    is_there = bool(value) if used.operator.startswith(":") else value is not None
    match used.operator.removeprefix(":"):
        case "":
            return value or ""
        case "+":
            return substitute(used.argument, variables, seen=seen, depth=depth + 1) if is_there else ""
        case "-":
            if is_there:
                return value or ""
            return substitute(used.argument, variables, seen=seen, depth=depth + 1)
        case _:
            if is_there:
                return value or ""
            why = substitute(used.argument, variables, seen=seen, depth=depth + 1)
            raise Missing(f"required variable {used.name} is missing a value" + (f": {why}" if why else ""))
