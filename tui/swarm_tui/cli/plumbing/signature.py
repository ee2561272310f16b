"""Commands whose options come from a table of flags."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from swarm_tui.operations.service_flags import Flag


def with_flags(flags: tuple[Flag, ...]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command that ends with `**given` one option per flag; what was not typed comes as None."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True)
        parameters = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for parameter in own.parameters.values()
            if parameter.kind is not inspect.Parameter.VAR_KEYWORD
        ]
        parameters += [_parameter(flag) for flag in flags]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        # typer reads a command's parameters from its signature.
        command.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        return command

    return decorate


def _parameter(flag: Flag) -> inspect.Parameter:
    option: Any = typer.Option(*flag.declarations, help=flag.help, metavar=flag.metavar, show_default=False)
    return inspect.Parameter(
        flag.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[flag.type | None, option],
    )
