"""Switches that are given a value, as docker's commands take them: `--init=false`, `--detach=true`, `-t=0`.

A switch that is set to false is its opposite where it has one (`--no-init`), else as if it had not been given.
"""

from collections.abc import Iterator
from typing import Any, Final

import typer
from typer.core import TyperCommand

_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})


class SwitchCommand(TyperCommand):
    """A command whose switches may have values."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the values away, then read the words as ever."""
        return super().parse_args(ctx, list(self._rewritten(ctx, args)))

    def _rewritten(self, ctx: Any, args: list[str]) -> Iterator[str]:
        options: dict[str, Any] = {
            word: parameter
            for parameter in self.get_params(ctx)
            for word in (*parameter.opts, *parameter.secondary_opts)
            if word.startswith("-")
        }
        words = iter(args)
        for word in words:
            if word == "--" or (not word.startswith("-") and not ctx.allow_interspersed_args):
                yield word
                break
            name, separator, value = word.partition("=")
            option = options.get(name)
            if option is not None and option.is_flag and separator:
                yield from _said(name, value, option)
                continue
            yield word
            if _wants_next(word, options):
                yield from _next(words)
        yield from words


def _said(name: str, value: str, option: Any) -> Iterator[str]:
    if value not in _TRUE | _FALSE:
        raise typer.BadParameter(f"{value!r} is neither true nor false", param_hint=f"'{name}'")
    is_opposite = name in option.secondary_opts
    wanted = (value in _TRUE) is not is_opposite
    if wanted:
        yield option.opts[0]
    elif option.secondary_opts:
        yield option.secondary_opts[0]


def _wants_next(word: str, options: dict[str, Any]) -> bool:
    """Whether the next word is the value of this one."""
    if word.startswith("--"):
        return word in options and not options[word].is_flag
    for at, letter in enumerate(word[1:], 1):
        option = options.get(f"-{letter}")
        if option is None:
            return False
        if not option.is_flag:
            return at == len(word) - 1
    return False


def _next(words: Iterator[str]) -> Iterator[str]:
    value = next(words, None)
    if value is not None:
        yield value
