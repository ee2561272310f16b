"""`printf`, `print` and `println` as Go's fmt has them, for the values of templates."""

import json
import re
from collections.abc import Mapping

from swarm_core.rules.templates.values import Struct, TemplateError, Value, show, type_name

WIDTH_MAX = 10_000
_VERB = re.compile(
    r"%(?P<flags>[-+# 0]*)(?P<width>\d+|\*)?(?:\.(?P<precision>\d+|\*)?)?(?P<verb>.)", re.DOTALL
)
_INTEGER_BASES = {"b": "b", "o": "o", "x": "x", "X": "X", "d": "d"}


def sprint(*items: Value) -> str:
    """All of them; with a blank between two of which neither is a string."""
    out = ""
    for number, item in enumerate(items):
        if number and not isinstance(item, str) and not isinstance(items[number - 1], str):
            out += " "
        out += show(item)
    return out


def sprintln(*items: Value) -> str:
    return " ".join(show(item) for item in items) + "\n"


def sprintf(template: Value, *items: Value) -> str:
    """Go's Sprintf: what does not fit a verb is shown in its place and is no error."""
    if not isinstance(template, str):
        raise TemplateError(f"printf wants a string first, not {type_name(template)}")
    rest = list(items)
    out: list[str] = []
    at = 0
    for found in _VERB.finditer(template):
        out.append(template[at : found.start()])
        at = found.end()
        out.append(_expand(found, rest))
    tail = template[at:]
    head, percent, left = tail.partition("%")
    out.append(head + ("%!(NOVERB)" if percent else "") + left)
    if rest:
        extra = ", ".join(_typed(item) for item in rest)
        out.append(f"%!(EXTRA {extra})")
    return "".join(out)


def _expand(found: re.Match[str], rest: list[Value]) -> str:
    flags, verb = found["flags"], found["verb"]
    width = _count(found["width"], rest, "WIDTH")
    dotted = "." in found.group(0)[len(flags) + 1 : -1]
    precision = _count(found["precision"], rest, "PREC") if dotted else None
    if dotted and precision is None:
        precision = 0
    if isinstance(width, str) or isinstance(precision, str):
        return f"{width if isinstance(width, str) else ''}{precision if isinstance(precision, str) else ''}"
    if verb == "%":
        return "%"
    if not rest:
        return f"%!{verb}(MISSING)"
    item = rest.pop(0)
    if width is not None and width < 0:
        flags, width = flags + "-", -width
    text = _verb(item, verb, flags, precision)
    if text is None:
        return f"%!{verb}({_typed(item)})"
    return _pad(text, item, verb, flags, width)


def _go_type(item: Value) -> str:
    return {"map": "map[string]string", "slice": "[]interface {}", "nil": "<nil>"}.get(
        type_name(item), type_name(item)
    )


def _typed(item: Value) -> str:
    return "<nil>" if item is None else f"{_go_type(item)}={show(item)}"


def _count(text: str | None, rest: list[Value], what: str) -> int | str | None:
    """A width or precision; a complaint when it is to be an argument and is none."""
    if text is None:
        return None
    if text != "*":
        number = int(text)
        if number > WIDTH_MAX:
            raise TemplateError(f"printf is asked for a width of {number}")
        return number
    if not rest:
        return f"%!(BAD{what})"
    item = rest.pop(0)
    if not isinstance(item, int) or isinstance(item, bool) or abs(item) > WIDTH_MAX:
        return f"%!(BAD{what})"
    return item


def _verb(item: Value, verb: str, flags: str, precision: int | None) -> str | None:
    """The item under this verb; None when they do not fit."""
    if verb == "v":
        if isinstance(item, int) and not isinstance(item, bool):
            return _integer(item, "d", flags, precision)
        if isinstance(item, float):
            return _float(item, "g", flags, precision)
        return show(item)
    if verb == "T":
        return _go_type(item)
    match item:
        case bool():
            return show(item) if verb == "t" else None
        case str():
            return _string(item, verb, flags, precision)
        case int():
            if verb == "c":
                return chr(item) if 0 <= item < 0x110000 else "\ufffd"
            if verb == "q":
                return f"'{chr(item)}'" if 0 <= item < 0x110000 else "'\ufffd'"
            if verb == "U":
                return f"U+{item:04X}"
            return _integer(item, verb, flags, precision) if verb in _INTEGER_BASES else None
        case float():
            return _float(item, verb, flags, precision) if verb in "eEfFgG" else None
        case None:
            return None
        case _:
            return _each(item, verb, flags, precision)


def _each(item: Mapping[str, Value] | list[Value], verb: str, flags: str, precision: int | None) -> str:
    """The verb on every entry; those that it does not fit complain in their place."""

    def one(value: Value) -> str:
        text = _verb(value, verb, flags, precision)
        return f"%!{verb}({_typed(value)})" if text is None else text

    if isinstance(item, list):
        return f"[{' '.join(one(value) for value in item)}]"
    if isinstance(item, Struct):
        return f"{{{' '.join(one(value) for value in item.values())}}}"
    return f"map[{' '.join(f'{one(key)}:{one(item[key])}' for key in sorted(item))}]"


def _string(text: str, verb: str, flags: str, precision: int | None) -> str | None:
    if precision is not None and verb in "sqxX":
        text = text[:precision]
    match verb:
        case "s":
            return text
        case "q":
            return f"`{text}`" if "#" in flags and "`" not in text else json.dumps(text, ensure_ascii=False)
        case "x" | "X":
            between = " " if " " in flags else ""
            shown = between.join(f"{byte:02x}" for byte in text.encode())
            return shown.upper() if verb == "X" else shown
    return None


def _integer(number: int, verb: str, flags: str, precision: int | None) -> str:
    digits = format(abs(number), _INTEGER_BASES[verb])
    if precision is not None:
        digits = digits.rjust(precision, "0")
    if "#" in flags:
        digits = {"b": "0b", "o": "0", "x": "0x", "X": "0X"}.get(verb, "") + digits
    return _sign(number < 0, flags) + digits


def _float(number: float, verb: str, flags: str, precision: int | None) -> str:
    if verb in "gG" and precision is None:
        text = show(abs(number))
    else:
        text = format(abs(number), f".{6 if precision is None else precision}{verb}")
    return _sign(number < 0, flags) + text


def _sign(is_negative: bool, flags: str) -> str:
    return "-" if is_negative else "+" if "+" in flags else " " if " " in flags else ""


def _pad(text: str, item: Value, verb: str, flags: str, width: int | None) -> str:
    if width is None or len(text) >= width:
        return text
    if "-" in flags:
        return text.ljust(width)
    is_number = isinstance(item, int | float) and not isinstance(item, bool) and verb not in "cqT"
    if "0" in flags and is_number:
        sign = text[:1] if text[:1] in "+- " else ""
        return sign + text[len(sign) :].rjust(width - len(sign), "0")
    return text.rjust(width)
