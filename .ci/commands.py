"""Every command as a page of docs/commands, drawn from the program's own parsers: a page for each word after `swarm-tui`.

`.ci/manual.py` writes the pages and says which differ; a test compares them.
"""

import html
from collections.abc import Iterator, Mapping
from typing import Any

_PROGRAM = "swarm-tui"
_HEAD = "<!-- Drawn by .ci/manual.py from the program's own parsers. -->"
_HELP = ("-h", "--help")
_BAR = "&#124;"
"""`|` in a cell."""


def pages() -> Mapping[str, str]:
    """Every page by its name in docs/commands."""
    import typer
    from swarm_tui.cli import main

    group: Any = typer.main.get_command(main.app)
    context = group.make_context(_PROGRAM, [], resilient_parsing=True)
    found = {"README.md": _overview(group, context)}
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        found[f"{name}.md"] = "\n".join([f"# {_PROGRAM} {name}", "", _HEAD, *_told(command, context, name)])
    return found


def _overview(group: Any, context: Any) -> str:
    rows = [f"| [{name}]({name}.md) | {_cell(entry.summary)} |" for name, entry in group.entries.items()]
    return "\n".join([
        "# Commands",
        "",
        _HEAD,
        "",
        "Each command tells its options with `--help`, too. Exit codes: 0 it was done; 1 it could not be done, and standard error says why in a",
        "sentence; 2 it was asked wrongly, or `--dry-run` found changes; 130 it was interrupted.",
        "",
        *_usage(group, context),
        "",
        "| command | what it does |",
        "|---|---|",
        *rows,
        "",
        "Options before the command:",
        "",
        *_options(group, context),
        "",
    ])  # fmt: skip


def _told(command: Any, parent: Any, name: str) -> Iterator[str]:
    """What stands below a command's heading, the commands below it included."""
    with command.make_context(name, [], parent=parent, resilient_parsing=True) as context:
        yield from ("", command.help or "", "", *_usage(command, context), "")
        if options := list(_options(command, context)):
            yield from (*options, "")
        for below in command.list_commands(context) if hasattr(command, "list_commands") else ():
            path = f"{context.command_path} {below}"
            yield f"## {path}"
            yield from _told(command.get_command(context, below), context, below)


def _usage(command: Any, context: Any) -> tuple[str, ...]:
    words = " ".join((context.command_path, *command.collect_usage_pieces(context)))
    return ("```text", words, "```")


def _options(command: Any, context: Any) -> Iterator[str]:
    """A table of what has a text; arguments without one stand in the usage."""
    records = [
        record
        for one in command.get_params(context)
        if not set(_HELP) & set(one.opts) and (record := one.get_help_record(context)) and record[1]
    ]
    if records:
        yield from ("| | |", "|---|---|")
        yield from (f"| {_code(words)} | {_cell(text)} |" for words, text in records)


def _code(words: str) -> str:
    """Words of the command line in a cell; readers of Markdown differ about an escaped bar between backticks."""
    if "|" not in words:
        return f"`{_line(words)}`"
    return f"<code>{html.escape(_line(words), quote=False).replace('|', _BAR)}</code>"


def _cell(text: str) -> str:
    """One line of a table. What stands in angle brackets is no HTML."""
    return _line(text).replace("<", "&lt;").replace("|", _BAR)


def _line(text: str) -> str:
    return " ".join(text.split())
