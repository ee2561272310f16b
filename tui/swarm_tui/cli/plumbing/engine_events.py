"""Events of many engines: in the order of their times where they are over, else as they come."""

import sys
from collections.abc import Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from swarm_core.api.json_text import json_of

from swarm_tui.cli.plumbing.engines import Chosen
from swarm_tui.cli.plumbing.output import Format, print_records, print_templated
from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.streams import ending_with_the_reader
from swarm_tui.resources.format import instant

if TYPE_CHECKING:
    from swarm_core.engines.api import EngineApi, Query
    from swarm_core.engines.records import EngineKey, Event


async def print_events(chosen: Chosen, query: "Query", style: Format) -> None:
    """Print those that the query asks for. Where it says until when, they are sorted by time, and that is the end."""
    if query.get("until") is not None:
        await _print_past(chosen, query, style)
        return
    from swarm_core.engines.event_stream import events_of_all

    opened = chosen.opened
    stream = events_of_all(opened.cluster, opened.clock, query, chosen.keys)
    with ending_with_the_reader():
        chosen.tell_missing_softly()
        async with aclosing(stream):
            async for key, event in stream:
                _print(chosen.name_of(key), event, style)


async def _print_past(chosen: Chosen, query: "Query", style: Format) -> None:
    found: list[tuple[str, dict[str, Any]]] = []

    async def read(key: "EngineKey", api: "EngineApi") -> None:
        async with aclosing(api.lines("GET", "/events", query)) as lines:
            async for line in lines:
                found.append((chosen.name_of(key), json_of(line)))

    with ending_with_the_reader():
        chosen.tell_missing()
        await chosen.each(read)
    for name, event in sorted(found, key=lambda one: _time_ns(one[1])):
        _print(name, event, style)


def own_sentence(event: "Event", names: "Mapping[EngineKey, str]") -> str:
    """What happened to an engine, or to a container because of its engine, as a sentence. `names` are those of the engines that are named now."""
    name = names.get(event.engine, event.attributes.get("name", event.engine))
    error = event.attributes.get("error", "")
    container, to = event.attributes.get("name", ""), event.attributes.get("to", "")
    match event.action:
        case "engine_connect":
            text = f"engine {name} answers"
        case "engine_reconnect":
            text = f"engine {name} is back"
        case "engine_disconnect" if event.engine not in names:
            text = f"engine {name} is named no more"
        case "engine_disconnect":
            text = f"engine {name} is not reached any more" + (f": {error.rstrip('.')}" if error else "")
        case "container_moved":
            text = f"container {container} of engine {name} is made anew on {to}"
        case "container_removed":
            text = f"container {container} of engine {name} is removed, as it runs elsewhere"
        case _:
            text = f"engine {name}: {event.action}"
    return f"{instant(event.at_ns)} {text}."


def _time_ns(event: dict[str, Any]) -> int:
    return int(event.get("timeNano") or int(event.get("time") or 0) * 10**9)


def _print(name: str, event: dict[str, Any], style: Format) -> None:
    if style is Format.TABLE:
        say(_line(name, event))
    elif style.is_template:
        print_templated({}, [{"Engine": name, **event}], style)
    else:
        print_records([{"Engine": name, **event}], style)
    sys.stdout.flush()


def _line(name: str, event: dict[str, Any]) -> str:
    """As docker prints an event, with the engine in front."""
    actor = event.get("Actor") or {}
    attributes = ", ".join(f"{key}={value}" for key, value in sorted((actor.get("Attributes") or {}).items()))
    what = f"{event.get('Type', '')} {event.get('Action', '')} {actor.get('ID', '')}"
    return f"{name} {instant(_time_ns(event))} {what}" + (f" ({attributes})" if attributes else "")
