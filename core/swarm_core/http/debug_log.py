"""A request in the log of a daemon that is debugged, without what is secret (docs/design/engine-api.md E18.2)."""

import json
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from swarm_core.api.json_text import json_of
from swarm_core.http.exchange import JSON_TYPE, Exchange

BODY_BYTES_MAX: Final = 4096
_MASK: Final = "*****"
_SECRET: Final = frozenset(
    ("data", "jointoken", "password", "secret", "signingcakey", "unlockkey")  # those that docker masks
) | frozenset(("auth", "buildargs", "identitytoken", "registrytoken"))


async def told(exchange: Exchange) -> str:
    """Method, target and the body, where it is JSON and short; it is still to be read. Raises BadRequest."""
    request = exchange.request
    path, _, query = request.raw_path.partition("?")
    text = f"Calling {request.method} {path}{_without_secrets(query)}"
    length = request.content_length or 0
    if request.content_type == JSON_TYPE and 0 < length <= BODY_BYTES_MAX:
        text += f" with {_shown(await exchange.peek_body(BODY_BYTES_MAX))}"
    return text


def _without_secrets(query: str) -> str:
    if not query:
        return ""
    pairs = parse_qsl(query, keep_blank_values=True, errors="replace")
    return "?" + urlencode([(name, _MASK if name.lower() in _SECRET else value) for name, value in pairs])


def _shown(body: bytes) -> str:
    """The body on one line; what is no JSON may be anything, and is not shown."""
    try:
        return json.dumps(_masked(json_of(body)), separators=(",", ":"))
    except ValueError:
        return f"{len(body)} bytes that are no JSON"


def _masked(value: Any) -> Any:
    match value:
        case dict():
            return {name: _MASK if name.lower() in _SECRET else _masked(each) for name, each in value.items()}
        case list():
            return [_masked(each) for each in value]
        case _:
            return value
