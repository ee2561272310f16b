"""The OpenAPI document of the Engine API: its routes as they are registered, what they ask of a request, and the answers that they may give."""

import re
from collections.abc import Iterable
from typing import Any, Final

from swarm_agentd.engine_api import filters
from swarm_core.http.routes import Route
from swarm_core.http.version import NEWEST

from swarm_testkit.api_fuzz import OPERATIONS, Operation
from swarm_testkit.openapi.bodies import BODIES, TEXT, Schema, likely, whole

ANY_METHOD: Final = "*"
"""A route of any method relays to an engine what is none of ours: nothing that a document could tell of it. /containers stands for them."""
ENDLESS: Final = ("/events", "/services/{id}/logs", "/tasks/{id}/logs")
"""Answers that may go on for ever, unless a request says otherwise."""
THIS_VERSION: Final = 1
"""As `version` it stands for the one that the object has when the request is sent."""

_PARAMETER: Final = re.compile(r"\{(\w+)(:\.\*)?\}")
_IDS: Final = ("web", "w1", "t1", "s1", "n1", "v1", "nobody")
_KEYS: Final = {
    "/services": filters.SERVICE_KEYS,
    "/nodes": filters.NODE_KEYS,
    "/tasks": filters.TASK_KEYS,
    "/secrets": filters.SECRET_KEYS,
    "/configs": filters.CONFIG_KEYS,
    "/networks": filters.NETWORK_KEYS,
    "/volumes": filters.VOLUME_KEYS,
    "/events": ("type", "scope", "event", "image", "label", "container", "node", "service"),
}
_FLAG: Final[Schema] = {"enum": ["1", "0", "true", "false", "True"]}
_SECONDS: Final[Schema] = {"type": "string", "pattern": r"^[0-9]{1,10}(\.[0-9]{1,9})?$"}
_QUERIES: Final[dict[str, Schema]] = {
    "version": {"anyOf": [{"const": THIS_VERSION}, whole(0, (1 << 64) - 1)]},
    "registryAuthFrom": {"enum": ["spec", "previous-spec"]},
    "rollback": {"enum": ["previous", "none"]},
    "scope": {"enum": ["swarm", "local", "global"]},
    "since": _SECONDS,
    "until": {"enum": ["1", "0"]},
    "tail": {"anyOf": [{"const": "all"}, whole(0, 1 << 40)]},
    "name": likely("a"),
    "reference": TEXT,
}
"""By name; every other one is a switch."""
_BESIDES: Final = {
    ("POST", "/swarm/leave"): ("force",),
    **{
        ("GET", path): ("stdout", "stderr", "timestamps", "details", "since", "tail", "follow")
        for path in ENDLESS
        if path.endswith("/logs")
    },
}
"""What is asked of those that byte-level requests leave alone."""
_WITH_CREDENTIALS: Final = (("POST", "/services/create"), ("POST", "/services/{id}/update"))
_REFUSALS: Final = ("400", "403", "404", "409")
_WRITES: Final = (
    ("POST", "/services/{id}/update"),
    ("POST", "/nodes/{id}/update"),
    ("POST", "/secrets/{id}/update"),
    ("POST", "/configs/{id}/update"),
    ("POST", "/swarm/update"),
    ("PUT", "/volumes/{name}"),
)
_MEANT: Final = {
    # The object has changed since it was read; plugins run only where it is experimental.
    "500": (*_WRITES, ("POST", "/services/create")),
    # Services of processes; secrets from an external driver.
    "501": (("POST", "/services/create"), ("POST", "/services/{id}/update"), ("POST", "/secrets/create")),
    # Not in this state.
    "503": tuple(("POST", f"/swarm/{verb}") for verb in ("init", "join", "leave", "unlock")),
}
"""Failures that are an answer: the API says no to what it knows."""
_OF_THE_ENGINE: Final = ("/containers", "/exec", "/session", "/grpc", "/volumes", "/networks")


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """OpenAPI 3.1, as JSON. Of several routes with one method and path the first is meant, as in the API."""
    known = {(each.method, _named(each.path)): each for each in OPERATIONS}
    paths: dict[str, Any] = {}
    for route in routes:
        path = _PARAMETER.sub(r"{\1}", route.pattern)
        if route.method != ANY_METHOD:
            told = known.pop((route.method, _named(path)), None)
            _add(paths, route.method, path, told)
    for (method, _), left in known.items():
        _add(paths, method, left.path, left)
    return {
        "openapi": "3.1.0",
        "info": {"title": "The Engine API of swarm-tui", "version": str(NEWEST)},
        "paths": paths,
    }


def _named(path: str) -> str:
    """A path in which every parameter is called alike."""
    return _PARAMETER.sub("{}", path)


def _add(paths: dict[str, Any], method: str, path: str, told: Operation | None) -> None:
    paths.setdefault(path, {}).setdefault(method.lower(), _operation(method, path, told))


def _operation(method: str, path: str, told: Operation | None) -> Schema:
    queries = _BESIDES.get((method, path), told.query if told is not None else ())
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": likely(*_IDS)}
        for name, _ in _PARAMETER.findall(path)
    ]
    parameters += [_query(path, name) for name in queries]
    if (method, path) in _WITH_CREDENTIALS:
        parameters.append({"name": "X-Registry-Auth", "in": "header", "schema": {"type": "string"}})
    found: Schema = {"parameters": parameters, "responses": _answers(method, path)}
    if (method, path) in BODIES:
        body: Schema = {"schema": BODIES[method, path]}
        if told is not None and told.body is not None:
            body["example"] = told.body
        found["requestBody"] = {"required": True, "content": {"application/json": body}}
    return found


def _query(path: str, name: str) -> Schema:
    if name == "filters":
        values = {
            "anyOf": [
                {"type": "array", "items": likely(*_IDS)},
                {"type": "object", "additionalProperties": {"type": "boolean"}},
            ]
        }
        keys = dict.fromkeys(sorted(_KEYS.get(path, ())), values)
        asked = {"type": "object", "properties": keys, "additionalProperties": not keys}
        return {"name": name, "in": "query", "content": {"application/json": {"schema": asked}}}
    return {
        "name": name,
        "in": "query",
        "required": name in ("until", "version"),
        "schema": _QUERIES.get(name, _FLAG),
    }


def _answers(method: str, path: str) -> Schema:
    refusal = {
        "description": "A sentence.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {"message": {"type": "string", "minLength": 1}},
                    "required": ["message"],
                    "additionalProperties": False,
                }
            }
        },
    }
    meant = [status for status, those in _MEANT.items() if (method, path) in those]
    if path.startswith(_OF_THE_ENGINE):
        meant.append("503")
    return {
        "2XX": {"description": "Done."},
        "301": {"description": "The clean form of the path."},
        **dict.fromkeys((*_REFUSALS, *meant), refusal),
    }
