"""Docker's Go templates for `--format`: `{{.Name}}`, `{{json .}}`, `table {{.ID}}\\t{{.Name}}`.

The engine is `rules.templates`; here are the functions that docker's command line adds, the table, and the sentence of a failure.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from swarm_core.engine_json.form import Form
from swarm_core.rules.templates.execute import expand
from swarm_core.rules.templates.functions import BUILTINS
from swarm_core.rules.templates.parse import parse
from swarm_core.rules.templates.values import TemplateError

from swarm_tui.cli.plumbing.session import USAGE, Failure
from swarm_tui.resources.documents import as_json
from swarm_tui.resources.printable import printable, width_of

TABLE: Final = "table"
_CELL_MIN: Final = 10
_GAP: Final = 3
Function = Callable[..., Any]


def rendered(template: str, value: Any) -> str:
    """The template for one object, its line end left to who prints it. Raises Failure."""
    return _expanded(unescaped(template), value, _FUNCTIONS)


def complaint(template: str) -> str:
    """What is wrong with the template by itself; empty when nothing is. It is told also where there is nothing to show."""
    try:
        parse(unescaped(template))
    except TemplateError as error:
        return str(error).partition(": ")[2]
    return ""


def table(template: str, titles: Mapping[str, str], records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines of a table: the titles of what the template names, then a row for each record. Raises Failure."""
    text = unescaped(template.removeprefix(TABLE).strip(" "))
    rows = [_expanded(text, titles, {**_FUNCTIONS, **_OF_TITLES})]
    rows += [_expanded(text, _on_one_line(record), _FUNCTIONS) for record in records]
    return aligned([[printable(cell) for cell in row.split("\t")] for row in rows])


def _on_one_line(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same, without the tabs and line ends that would be taken for the template's own."""
    shown = {key: printable(value) if isinstance(value, str) else value for key, value in record.items()}
    return Form(shown, record.left_out) if isinstance(record, Form) else shown


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Cells that end with a tab are as wide as the widest of their column, and a gap; at least so wide as docker's."""
    widths: dict[int, int] = {}
    for row in rows:
        for index, cell in enumerate(row[:-1]):
            widths[index] = max(widths.get(index, _CELL_MIN), width_of(cell) + _GAP)
    return [
        "".join(
            cell + " " * (widths[index] - width_of(cell)) if index < len(row) - 1 else cell
            for index, cell in enumerate(row)
        )
        for row in rows
    ]


def unescaped(template: str) -> str:
    """Tabs and line ends may be written as the shell leaves them."""
    return template.replace("\\t", "\t").replace("\\n", "\n")


def _expanded(template: str, value: Any, functions: Mapping[str, Function]) -> str:
    try:
        return expand(template, value, functions)
    except TemplateError as error:
        raise Failure(f"--format: {str(error).partition(': ')[2]}.", USAGE) from None


def as_go_json(value: Any) -> str:
    """JSON as Go writes it without escaping HTML: keys of maps in order, nothing between. Nothing in it is lost on a terminal."""
    return as_json(_told(value), is_dense=True)


def _told(value: Any) -> Any:
    if isinstance(value, Form):
        value = value.told
    if isinstance(value, dict):
        return {key: _told(one) for key, one in value.items()}
    return [_told(one) for one in value] if isinstance(value, list) else value


def _title(text: str) -> str:
    return "".join(
        letter.upper() if index == 0 or not text[index - 1].isalpha() else letter
        for index, letter in enumerate(text)
    )


def _truncate(text: str, most: int) -> str:
    return text[:most]


def _padded(text: str, before: int, after: int) -> str:
    return f"{' ' * before}{text}{' ' * after}" if text else ""


_FUNCTIONS: Final[Mapping[str, Function]] = {
    **BUILTINS,
    "json": as_go_json,
    "split": lambda text, separator: text.split(separator) if separator else list(text),
    "join": lambda items, separator: separator.join(items),
    "title": _title,
    "lower": lambda text: text.lower(),
    "upper": lambda text: text.upper(),
    "pad": _padded,
    "truncate": _truncate,
}
_OF_TITLES: Final[Mapping[str, Function]] = {
    name: lambda text, *more: text
    for name in ("json", "split", "join", "title", "lower", "upper", "pad", "truncate")
}
"""A column's title is shown as it is, whatever is done with what stands in the column."""
