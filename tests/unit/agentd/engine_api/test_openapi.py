"""The OpenAPI document of the Engine API says what the code reads, and the promises about answers are seen when they are broken."""

import json
import logging
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from swarm_agentd.engine_api import routers
from swarm_agentd.engine_api.membership import bodies as membership
from swarm_agentd.engine_api.server import make_routes
from swarm_core.api.proto.objects_pb2 import Cluster, Config, Node, Secret, Task
from swarm_core.engine_json import config, network, node, secret, service, swarm, volume
from swarm_core.engine_json.given import Given
from swarm_core.http.errors import BadRequest
from swarm_core.http.routes import Routes
from swarm_core.http.version import Version
from swarm_testkit.api_fuzz import OPERATIONS, hunted_cluster
from swarm_testkit.engine_clients import INTERFACES, api_at
from swarm_testkit.factories import make_secret
from swarm_testkit.log_mistakes import Mistakes, mistakes
from swarm_testkit.openapi.bodies import BODIES
from swarm_testkit.openapi.document import ANY_METHOD, document
from swarm_testkit.openapi.promises import Promises, Seen, held, meant

_ALL_FIELDS = Version(1, 99)
_PLACE = re.compile(r"\[\d+\]")
_ASKED = re.compile(r'(?:query\.get|query\[|loose_flag|strict_flag|is_on|_nanoseconds)\(?"(\w+)"')
_READERS: dict[tuple[str, str], Callable[[Any], object]] = {
    ("POST", "/services/create"): lambda body: service.from_json(body, _ALL_FIELDS),
    ("POST", "/nodes/{id}/update"): lambda body: node.from_json(body, _ALL_FIELDS),
    ("POST", "/secrets/create"): lambda body: secret.from_json(body, _ALL_FIELDS),
    ("POST", "/configs/create"): lambda body: config.from_json(body, _ALL_FIELDS),
    ("POST", "/networks/create"): lambda body: network.from_json(body, _ALL_FIELDS),
    ("POST", "/volumes/create"): lambda body: volume.from_json(body, _ALL_FIELDS),
    ("PUT", "/volumes/{name}"): lambda body: volume.availability_from_json(body, _ALL_FIELDS, 0),
    ("POST", "/swarm/update"): lambda body: swarm.from_json(body, _ALL_FIELDS),
    ("POST", "/swarm/init"): lambda body: membership.beginning(Given(body, _ALL_FIELDS), INTERFACES),
    ("POST", "/swarm/join"): lambda body: membership.joining_of(Given(body, _ALL_FIELDS), INTERFACES),
}
_READ_BY_THEIR_ROUTES = {
    ("POST", "/networks/create"): {"scope"},
    ("POST", "/swarm/init"): {"spec"},
}


@pytest.fixture
async def routes(tmp_path: Path) -> Routes:
    async with api_at(tmp_path / "s", hunted_cluster()) as api:
        return make_routes(api.context)


def _operations(told: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_every_route_is_in_the_document(routes: Routes) -> None:
    """But those of any method, which relay what is the engine's; and the API answers whatever the document has."""
    told = {(method, re.sub(r"\{\w+\}", "x", path)) for method, path, _ in _operations(document(routes))}
    ours = {
        (route.method, re.sub(r"\{[^}]+\}", "x", route.pattern))
        for route in routes
        if route.method != ANY_METHOD
    }
    assert ours <= told
    assert all(routes.find(method, path) is not None for method, path in told)
    relayed = {path for method, path in told - ours}
    assert relayed == {"/containers/create"}


def test_the_document_is_openapi(routes: Routes) -> None:
    """It is JSON, its parameters are those of the path or the query, and each once; every answer and body says what it is."""
    told = document(routes)
    assert json.loads(json.dumps(told)) == told
    assert told["openapi"].startswith("3.1") and {"title", "version"} <= told["info"].keys()
    for _, path, operation in _operations(told):
        named = [(each["in"], each["name"]) for each in operation["parameters"]]
        assert len(named) == len(set(named))
        assert [name for where, name in named if where == "path"] == re.findall(r"\{(\w+)\}", path)
        assert all(("schema" in each) != ("content" in each) for each in operation["parameters"])
        assert all("description" in each for each in operation["responses"].values())
        if "requestBody" in operation:
            assert operation["requestBody"]["content"]["application/json"]["schema"]


def test_what_routes_ask_of_a_query_is_in_the_document(routes: Routes) -> None:
    """Every name that the modules of the routes look up."""
    room = Path(routers.__file__).parent
    sources = [
        *room.glob("*.py"),
        *(room.parent / name for name in ("log_stream.py", "requests.py", "events.py")),
    ]
    asked = {name for source in sources for name in _ASKED.findall(source.read_text())}
    told = {
        each["name"]
        for _, _, operation in _operations(document(routes))
        for each in operation["parameters"]
        if each["in"] == "query"
    }
    assert {"filters", "version", "force", "tail", "rollback"} <= asked
    assert asked <= told


@pytest.mark.parametrize("key", _READERS, ids=" ".join)
def test_a_body_has_the_names_that_are_read(key: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Those, and no others: what is read by no table is held to the code that reads it."""
    asked: set[str] = set()
    plain = Given.get

    def noted(self: Given, name: str) -> Any:
        asked.add(_PLACE.sub("", self.where(name)).lower())
        return plain(self, name)

    monkeypatch.setattr(Given, "get", noted)
    told: set[str] = set()
    for seed in range(60):
        body = _whole(BODIES[key], random.Random(seed))
        told |= set(_names(body))
        try:
            _READERS[key](body)
        except BadRequest as error:
            # Some of what stands beside each other is refused together; then all has been read before.
            assert "invalid JSON" not in str(error)
    besides = _READ_BY_THEIR_ROUTES.get(key, set())
    assert asked - told == set()
    assert {name for name in told - asked if name.split(".")[0] not in besides} == set()


def _whole(schema: dict[str, Any], rng: random.Random) -> Any:
    """A value that has every name; of alternatives any, but for words that mean something."""
    match schema:
        case {"anyOf": [{"enum": [word, *_]}, *_]}:
            return word
        case {"anyOf": ways}:
            return _whole(rng.choice(ways), rng)
        case {"const": value} | {"enum": [value, *_]}:
            return value
        case {"type": "object", "properties": properties}:
            return {name: _whole(each, rng) for name, each in properties.items()}
        case {"type": "array", "items": items}:
            return [_whole(items, rng)]
        case {"type": "boolean"}:
            return True
        case {"type": "integer" | "number"}:
            return 0
        case {"type": "object"}:
            return {}
        case {"format": "byte"}:
            return ""
    return "a"


def _names(value: Any, place: str = "") -> Iterator[str]:
    """The places of all names, in lower case."""
    match value:
        case dict():
            for name, each in value.items():
                here = f"{place}.{name}".strip(".").lower()
                yield here
                yield from _names(each, here)
        case list():
            for each in value:
                yield from _names(each, place)


def _is_fit(schema: dict[str, Any], value: Any) -> bool:
    """Whether a value is as the schema says, as far as types, names and words go."""
    match schema:
        case {"anyOf": ways}:
            return any(_is_fit(each, value) for each in ways)
        case {"const": only}:
            return bool(value == only)
        case {"enum": words}:
            return value in words
        case {"type": "object"}:
            return isinstance(value, dict) and _has_names(schema, value)
        case {"type": "array"}:
            return isinstance(value, list) and all(_is_fit(schema["items"], each) for each in value)
    kinds = {"string": str, "boolean": bool, "integer": int, "number": int | float}
    return isinstance(value, kinds[schema["type"]])


def _has_names(schema: dict[str, Any], value: dict[str, Any]) -> bool:
    known, rest = schema.get("properties", {}), schema.get("additionalProperties", True)
    if not set(schema.get("required", ())) <= value.keys():
        return False
    wanted = {name: known.get(name, rest) for name in value}
    return all(
        each if isinstance(each, bool) else _is_fit(each, value[name]) for name, each in wanted.items()
    )


def test_the_examples_are_good_requests() -> None:
    """The bodies from which byte-level requests are made are as the document has them."""
    with_body = [one for one in OPERATIONS if one.body is not None]
    assert len(with_body) >= 10
    for one in with_body:
        key = one.method, one.path.replace("/volumes/{id}", "/volumes/{name}")
        assert _is_fit(BODIES[key], one.body), one.path
    assert not _is_fit(BODIES["POST", "/nodes/{id}/update"], {"Rolle": "worker"})


def _seen(method: str = "GET", path: str = "/nodes", status: int = 200, body: bytes = b"[]") -> Seen:
    return Seen(method, path, status, "application/json", body)


def test_an_answer_without_a_sentence_is_seen() -> None:
    """Mistakes of ours, failures that nobody means, refusals that say nothing, and tracebacks in the log."""
    promises = Promises(hunted_cluster(), Mistakes())
    assert not promises.broken(_seen())
    assert not promises.broken(_seen(status=404, body=b'{"message":"no such node"}'))
    assert not promises.broken(_seen("HEAD", status=404, body=b""))
    sequence = b'{"message":"rpc error: code = Unknown desc = update out of sequence"}'
    assert not promises.broken(_seen("POST", status=500, body=sequence))
    for status, body in (
        (500, b'{"message":"internal error"}'),
        (500, b'{"message":"something"}'),
        (400, b"Bad Request"),
        (400, b"[]"),
        (400, b'{"message":""}'),
        (404, b""),
    ):
        assert promises.broken(_seen(status=status, body=body)), body
    assert "without a sentence" in promises.broken(Seen("GET", "/", 400, "text/plain", b'{"message":"a"}'))


def test_a_traceback_in_the_log_is_seen() -> None:
    """Once, with the request that made it."""
    logger = logging.getLogger("of a test")
    with mistakes() as log:
        promises = Promises(hunted_cluster(), log)
        try:
            raise KeyError("x")
        except KeyError:
            logger.exception("failed")
        assert "KeyError" in promises.broken(_seen())
        logger.error("an answer that is meant")
        assert not promises.broken(_seen())


def test_a_change_that_nobody_asked_for_is_seen() -> None:
    """By a question, by what was refused, and of what the path does not name."""
    cluster = hunted_cluster()
    promises = Promises(cluster, Mistakes())
    cluster.remove(Secret, "s1")
    assert "has changed" in promises.broken(_seen("GET", "/secrets/s1"))
    cluster.remove(Config, "s1")
    assert "has changed" in promises.broken(_seen("DELETE", "/configs/s1", 404, b'{"message":"not found"}'))
    cluster.remove(Secret, "kept-x")
    assert "Secret kept-x" in promises.broken(_seen("DELETE", "/secrets/s1", 204, b""))
    cluster.put(make_secret("new", name="new"), make_secret("newer", name="newer"))
    assert "Secret newer" in promises.broken(_seen("POST", "/secrets/create", 201))


def test_a_change_that_was_asked_for_is_none() -> None:
    """Of the object that the path names by id, by name or by the beginning of its id, and of one that is new."""
    cluster = hunted_cluster()
    promises, begun = Promises(cluster, Mistakes()), held(cluster)
    cluster.remove(Secret, "kept-x")
    assert not promises.broken(_seen("DELETE", "/secrets/kept", 204, b""))
    cluster.put(make_secret("new", name="made"))
    assert not promises.broken(_seen("POST", "/secrets/create", 201))
    cluster.update(Node, "n1", lambda one: one.spec.annotations.labels.update({"a": "b"}))
    assert not promises.broken(_seen("POST", "/nodes/n1/update", 200))
    cluster.remove(Node, "n1")
    cluster.update(Task, "t1", lambda one: one.status.ClearField("message"))
    cluster.update(
        Cluster, cluster.all(Cluster)[0].id, lambda one: one.blacklisted_certificates["n1"].SetInParent()
    )
    assert not promises.broken(_seen("DELETE", "/nodes/n1", 200))
    assert [one.id for one in meant("/nodes/kept/update", cluster.all(Node))] == ["kept-n"]

    def put(gone: Any, new: Any) -> None:
        cluster.put(*gone)
        for kind, id_ in new:
            cluster.remove(kind, id_)

    promises.restored(put, begun)
    assert held(cluster).keys() == begun.keys()
    assert not promises.broken(_seen())
