"""Names of the cluster's objects for shell completion. Silence is the answer to every trouble: a prompt is no place for it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import typer
from google.protobuf.message import Message

from swarm_tui.cli.plumbing.session import globals_of

_PATIENCE_S = 1.0


def names_of(read_kind: Callable[[], type[Message]]) -> Callable[[typer.Context, str], list[str]]:
    """A completer of names of one kind; the kind's module is loaded when it is asked."""

    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        with suppress(Exception):
            return asyncio.run(_names(ctx, read_kind(), incomplete))
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


def _objects() -> Any:
    from swarm_core.api.proto import objects_pb2

    return objects_pb2


nodes = names_of(lambda: _objects().Node)
services = names_of(lambda: _objects().Service)
tasks = names_of(lambda: _objects().Task)
secrets = names_of(lambda: _objects().Secret)
configs = names_of(lambda: _objects().Config)
