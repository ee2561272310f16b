"""Names of the cluster's objects for shell completion. Silence is the answer to every trouble: a prompt is no place for it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import typer
from google.protobuf.message import Message

from swarm_tui.cli.plumbing.session import globals_of

_PATIENCE_S = 1.0


def names_of(noun: str) -> Callable[[typer.Context, str], list[str]]:
    """A completer of names of one kind; the kinds are loaded when it is asked."""

    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        from swarm_tui.resources.registry import by_noun

        with suppress(Exception):
            return asyncio.run(_names(ctx, by_noun(noun).message, incomplete))
        return []

    return complete


async def _names(ctx: Any, kind: type[Message], incomplete: str) -> list[str]:
    from swarm_core.client.control import name_of

    async with asyncio.timeout(_PATIENCE_S):
        cluster = await globals_of(ctx).open()
        try:
            items = await cluster.control.find(kind)
        finally:
            await cluster.close()
    return sorted({name for item in items if (name := name_of(item)).startswith(incomplete)})


nodes, services, tasks = names_of("node"), names_of("service"), names_of("task")
