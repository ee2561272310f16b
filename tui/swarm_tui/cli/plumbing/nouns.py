"""Commands that are put together when they are asked for: a noun has many, a command line uses one.

typer turns a function's signature into parsers, which takes milliseconds for a command with many options; so each
command is a typer app of its own, made on demand, and may live in a module that is imported on demand.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from swarm_tui.cli.plumbing.switches import SwitchCommand

HELP_NAMES = {"help_option_names": ["-h", "--help"]}
Function = Callable[..., None]


@dataclass(slots=True)
class _Entry:
    summary: str
    load: Callable[[], Any]


class LazyGroup(TyperGroup):
    """A group over `entries`, which subclasses give."""

    entries: dict[str, _Entry]

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.entries)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        entry = self.entries.get(cmd_name)
        if entry is None:
            return None
        command = entry.load()
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in self.entries.items()])


@dataclass(slots=True)
class Noun:
    """The commands of one noun; the noun alone shows its help."""

    help: str
    entries: dict[str, _Entry] = field(default_factory=dict)

    def command(
        self, *, summary: str | None = None, context_settings: dict[str, Any] | None = None
    ) -> Callable[[Function], Function]:
        """Register a function as the command of its name; its docstring's first line is its summary."""

        def register(function: Function) -> Function:
            text = summary or (function.__doc__ or "").partition("\n")[0]

            def load() -> Any:
                return one_command(function, text, context_settings)

            self.entries[function.__name__] = _Entry(text, load)
            return function

        return register

    def elsewhere(self, name: str, module: str, summary: str) -> None:
        """Register a command that `module.app` of the room `commands` holds."""
        self.entries[name] = _Entry(
            summary, lambda: to_command(import_module(f"swarm_tui.cli.commands.{module}"), name)
        )

    @property
    def app(self) -> typer.Typer:
        """The noun for typer."""
        group = type("NounGroup", (LazyGroup,), {"entries": self.entries})
        app = typer.Typer(
            cls=group,
            help=self.help,
            add_completion=False,
            rich_markup_mode=None,
            context_settings=HELP_NAMES,
        )

        @app.callback(invoke_without_command=True)
        def show_help(ctx: typer.Context) -> None:
            if ctx.invoked_subcommand is None:
                typer.echo(ctx.get_help())

        return app


def one_command(function: Function, help_text: str, context_settings: dict[str, Any] | None = None) -> Any:
    """The command that calls one function."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(
        cls=SwitchCommand, help=help_text, context_settings={**HELP_NAMES, **(context_settings or {})}
    )(function)
    return typer.main.get_command(app)


def to_command(module: Any, name: str) -> Any:
    """The command or group `name` of a module: its noun, or the one in its `COMMANDS`."""
    found = getattr(module, "noun", None)
    if isinstance(found, Noun):
        return typer.main.get_command(found.app)
    function: Function = module.COMMANDS[name]
    settings: dict[str, Any] | None = getattr(module, "CONTEXT_SETTINGS", {}).get(name)
    return one_command(function, (function.__doc__ or "").partition("\n")[0], settings)
