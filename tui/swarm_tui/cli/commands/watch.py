"""`swarm-tui watch`: every change as one line of JSON, until interrupted."""

from contextlib import aclosing
from typing import Annotated, Any

import typer
from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2
from swarm_core.client.cluster import Cluster
from swarm_core.client.managers import with_statuses
from swarm_core.client.watch import KINDS, Changed, Listed, Lost, Resumed, Update

from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import USAGE, Failure, run
from swarm_tui.cli.plumbing.streams import ending_with_the_reader
from swarm_tui.resources import registry
from swarm_tui.resources.documents import as_dict, as_json


def watch(
    ctx: typer.Context,
    kinds: Annotated[
        list[str] | None, typer.Argument(metavar="[KIND…]", help="node, service, task, …")
    ] = None,
    existing: Annotated[bool, typer.Option("--existing", help="Begin with what is there.")] = False,
) -> None:
    """Print every change as a line of JSON."""
    chosen = tuple(_kind(word) for word in kinds or []) or KINDS

    async def work(cluster: Cluster) -> None:
        is_first = True
        async with aclosing(cluster.watch(chosen).updates()) as watched:
            updates = with_statuses(watched, cluster.control) if objects_pb2.Node in chosen else watched
            with ending_with_the_reader():
                async for update in updates:
                    for record in records(update, with_objects=existing or not is_first):
                        say(as_json(record))
                    is_first = is_first and not isinstance(update, Listed)

    run(ctx, work)


def records(update: Update, *, with_objects: bool) -> list[dict[str, Any]]:
    """The lines of one update. A stream that broke and one that came back are lines too: readers must know of gaps."""
    match update:
        case Listed(objects=objects, version=version):
            lines = [_record("existing", item, version) for item in objects] if with_objects else []
            return [*lines, {"event": "listed", "version": version, "objects": len(objects)}]
        case Changed(changes=changes, version=version):
            return [_record(change.action.value, change.object, version) for change in changes]
        case Lost(reason=reason):
            return [{"event": "lost", "reason": reason}]
        case Resumed(version=version):
            return [{"event": "resumed", "version": version}]


def _record(event: str, item: Message, version: int) -> dict[str, Any]:
    kind = item.DESCRIPTOR.name.lower()
    return {"event": event, "kind": kind, "version": version, "object": as_dict(item)}


def _kind(word: str) -> type[Message]:
    found = registry.by_word(word)
    if found is None or found.is_derived:
        known = ", ".join(kind.noun for kind in registry.stored())
        raise Failure(f"{word!r} is no kind of object ({known}).", USAGE)
    return found.message


COMMANDS = {"watch": watch}
