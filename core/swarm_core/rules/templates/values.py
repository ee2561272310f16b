"""Values in templates: how they print, whether they count as true, and what goes wrong with them."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

OUTPUT_CHARS_MAX = 1 << 20
STEPS_MAX = 100_000
NO_VALUE = "<no value>"
"""What nil prints as when it is what an action gives."""

Value: TypeAlias = str | int | float | bool | Mapping[str, "Value"] | list["Value"] | None
Function: TypeAlias = Callable[..., Any]


class TemplateError(ValueError):
    """The template is wrong, or names something that is not there."""

    def __init__(self, text: str) -> None:
        super().__init__(f"expanding template: {text}")


class Struct(dict[str, Value]):
    """A value with fixed fields. Unlike a map it has no length and no entries to go through."""


class Budget:
    """What one expansion may cost. Spending more is an error."""

    def __init__(self) -> None:
        self._steps = self._chars = 0

    def step(self) -> None:
        self._steps += 1
        if self._steps > STEPS_MAX:
            raise TemplateError(f"it takes more than {STEPS_MAX} steps")

    def output(self, text: str) -> str:
        self._chars += len(text)
        if self._chars > OUTPUT_CHARS_MAX:
            raise TemplateError(f"it makes more than {OUTPUT_CHARS_MAX} characters")
        return text


def type_name(value: Value) -> str:
    """The name that Go has for this type of value."""
    match value:
        case None:
            return "nil"
        case bool():
            return "bool"
        case str():
            return "string"
        case int():
            return "int"
        case float():
            return "float64"
        case Struct():
            return "struct"
        case list():
            return "slice"
        case _:
            return "map"


def is_true(value: Value) -> bool:
    """Whether `if` takes it for true: what is empty or zero is not, a struct is."""
    return isinstance(value, Struct) or bool(value)


def show(value: Value) -> str:
    """As Go's %v prints it."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case float():
            return show_float(value)
        case Struct():
            return f"{{{' '.join(show(item) for item in value.values())}}}"
        case list():
            return f"[{' '.join(show(item) for item in value)}]"
        case Mapping():
            return f"map[{' '.join(f'{key}:{show(value[key])}' for key in sorted(value))}]"
        case _:
            return str(value)


def show_float(value: float) -> str:
    """The shortest digits that mean this number; with an exponent where it is below 1e-4, or a million and more."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    shortest = next(text for precision in range(18) if float(text := f"{value:.{precision}e}") == value)
    mantissa, _, exponent = shortest.partition("e")
    if -4 <= int(exponent) < 6:
        decimals = len(mantissa.partition(".")[2]) - int(exponent)
        return f"{value:.{max(decimals, 0)}f}"
    return f"{mantissa}e{exponent}"
