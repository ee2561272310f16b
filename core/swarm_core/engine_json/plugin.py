"""The payload of a service that runs an engine's plugin (docs/design/engine-api-json.md 14.4.2)."""

from typing import Any, Final

from swarm_core.api.wire import VARINT, delimited, fields, tag, varint
from swarm_core.engine_json.given import Given

KIND: Final = "plugin"
TYPE_URL: Final = "types.docker.com/RuntimePlugin"
_NAME, _REMOTE, _PRIVILEGES, _DISABLED, _ENV = 1, 2, 3, 4, 5
_PRIVILEGE_NAME, _DESCRIPTION, _PRIVILEGE_VALUES = 1, 2, 3


def shown_plugin(payload: bytes) -> dict[str, Any]:
    """A plugin's spec as JSON. Raises ValueError for bytes that hold none."""
    found = _found(payload)
    out = {
        "name": _last(found, _NAME),
        "remote": _last(found, _REMOTE),
        "privileges": [
            _shown_privilege(each) for each in found.get(_PRIVILEGES, ()) if isinstance(each, bytes)
        ],
        "disabled": any(found.get(_DISABLED, ())[-1:]),
        "env": _texts(found, _ENV),
    }
    return {name: value for name, value in out.items() if value}


def _shown_privilege(payload: bytes) -> dict[str, Any]:
    found = _found(payload)
    out = {
        "name": _last(found, _PRIVILEGE_NAME),
        "description": _last(found, _DESCRIPTION),
        "value": _texts(found, _PRIVILEGE_VALUES),
    }
    return {name: value for name, value in out.items() if value}


def _found(payload: bytes) -> dict[int, list[int | bytes]]:
    found: dict[int, list[int | bytes]] = {}
    for number, _, value in fields(payload):
        found.setdefault(number, []).append(value)
    return found


def _texts(found: dict[int, list[int | bytes]], number: int) -> list[str]:
    return [each.decode(errors="replace") for each in found.get(number, ()) if isinstance(each, bytes)]


def _last(found: dict[int, list[int | bytes]], number: int) -> str:
    return (_texts(found, number) or [""])[-1]


def read_plugin(given: Given) -> bytes:
    """The payload for what was given."""
    out = [_text(_NAME, given.text("name")), _text(_REMOTE, given.text("remote"))]
    for part in given.parts("privileges"):
        values = b"".join(delimited(_PRIVILEGE_VALUES, text.encode()) for text in part.texts("value"))
        named = _text(_PRIVILEGE_NAME, part.text("name")) + _text(_DESCRIPTION, part.text("description"))
        out.append(delimited(_PRIVILEGES, named + values))
    if given.flag("disabled"):
        out.append(tag(_DISABLED, VARINT) + varint(1))
    out += [delimited(_ENV, text.encode()) for text in given.texts("env")]
    return b"".join(out)


def _text(number: int, text: str) -> bytes:
    return delimited(number, text.encode()) if text else b""
