"""Authorization plugins: what they are asked, and what comes of their answers."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from swarm_agentd.engine_api.authorization import (
    AuthorizationPlugins,
    Places,
    PluginUnusable,
    find_plugins,
)
from swarm_core.api.proto.objects_pb2 import Secret
from swarm_core.engines.client import EngineClient
from swarm_core.http.exchange import Exchange, json_answer
from swarm_core.http.hosts import TcpHost
from swarm_core.http.listeners import Terms, open_all
from swarm_core.http.routes import Route, Routes
from swarm_core.http.server import Face, serving
from swarm_core.http.tls import TlsFiles
from swarm_testkit.authz_plugin import ANSWER, REQUEST, AuthzPlugin, body_of, serving_plugin
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.engine_clients import Api, api_at
from swarm_testkit.factories import make_cluster, make_node
from swarm_testkit.http_face import WAIT_S, ask, parse
from swarm_testkit.web_certificates import WebCa

SECRET = b'{"Name": "word", "Data": "eA=="}'


@asynccontextmanager
async def guard_of(tmp_path: Path, plugins: Sequence[AuthzPlugin]) -> AsyncIterator[AuthorizationPlugins]:
    """These plugins, called p0, p1 and so on."""
    async with AsyncExitStack() as stack:
        for number, plugin in enumerate(plugins):
            await stack.enter_async_context(serving_plugin(tmp_path / f"p{number}.sock", plugin))
        names = [f"p{number}" for number in range(len(plugins))]
        guard = await find_plugins(names, Places((tmp_path,), ()))
        stack.push_async_callback(guard.close)
        yield guard


@asynccontextmanager
async def guarded(
    tmp_path: Path, *plugins: AuthzPlugin, engine: EngineClient | None = None
) -> AsyncIterator[Api]:
    """The API of a manager that asks these plugins."""
    cluster = FakeCluster([make_cluster(), make_node("n1", hostname="one")])
    async with asyncio.timeout(WAIT_S), guard_of(tmp_path, plugins) as guard:
        async with api_at(tmp_path / "api", cluster, engine=engine, guard=guard) as api:
            yield api


async def test_plugins_are_told_request_and_answer(tmp_path: Path) -> None:
    """Both steps, without credentials; the body is still there for who handles the request (docs/design/engine-api.md E16.3, E16.4, E16.5)."""
    plugin = AuthzPlugin()
    async with guarded(tmp_path, plugin) as api:
        made = await api.post("/v1.41/secrets/create?x=1", SECRET, X_Registry_Auth="geheim", X_Other="told")
        assert made.status == 201
        assert api.cluster.all(Secret)[0].spec.data == b"x"
    (request,), (answer,) = plugin.told(REQUEST), plugin.told(ANSWER)
    assert (request["RequestMethod"], request["RequestUri"], body_of(request)) == (
        "POST", "/v1.41/secrets/create?x=1", SECRET,
    )  # fmt: skip
    assert request["RequestHeaders"]["X-Other"] == "told"
    assert "geheim" not in json.dumps([request, answer])
    assert "User" not in request
    assert (answer["ResponseStatusCode"], body_of(answer)) == (201, SECRET)
    assert json.loads(body_of(answer, "ResponseBody")) == made.json


async def test_what_one_denies_is_not_done(tmp_path: Path) -> None:
    """The first that denies is told of, and those behind it are not asked (docs/design/engine-api.md E16.3)."""
    first, second = AuthzPlugin(), AuthzPlugin()
    first.deny(REQUEST, "POST", "no secrets here")
    async with guarded(tmp_path, first, second) as api:
        denied = await api.post("/secrets/create", SECRET)
        assert (denied.status, denied.message) == (403, "authorization denied by plugin p0: no secrets here")
        assert denied.headers["api-version"] == "1.47"
        assert api.cluster.all(Secret) == []
        assert second.asked == []
        assert (await api.get("/nodes")).status == 200
    assert len(second.asked) == 2


async def test_an_answer_may_be_denied(tmp_path: Path) -> None:
    """Also that of an error, and one that streams, before it begins (docs/design/engine-api.md E16.5, E16.6)."""
    plugin = AuthzPlugin()
    plugin.deny(ANSWER, "GET", "not for you")
    async with guarded(tmp_path, plugin) as api:
        for target in ("/nodes", "/nodes/none", "/events"):
            denied = await api.get(target)
            assert (denied.status, denied.message) == (403, "authorization denied by plugin p0: not for you")
        assert (await api.get("/nowhere")).status == 404
        assert (await api.get("/v1.99/nodes")).status == 400
    assert [one["ResponseStatusCode"] for one in plugin.told(ANSWER)] == [200, 404, 200]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"Allow": True, "Err": "out of order"}, "out of order"),
        ([], "it answered no JSON object"),
        (web.Response(text="x"), "it answered no JSON object"),
        (web.Response(status=500, text="x"), "it answered with status 500"),
        (web.Response(status=500, text='{"Err": "broken"}'), "broken"),
    ],
)
async def test_what_a_failing_plugin_is_asked_is_not_done(tmp_path: Path, answer: Any, said: str) -> None:
    """Nothing is let through unasked (docs/design/engine-api.md E16.3)."""
    async with guarded(tmp_path, AuthzPlugin(lambda step, about: answer)) as api:
        failed = await api.post("/secrets/create", SECRET)
        assert (failed.status, failed.message) == (500, f"plugin p0 failed with error: {said}")
        assert api.cluster.all(Secret) == []


async def test_a_plugin_that_is_gone_lets_nothing_through(tmp_path: Path) -> None:
    """Until it is back (docs/design/engine-api.md E16.3)."""
    async with AsyncExitStack() as stack:
        async with serving_plugin(tmp_path / "p0.sock", AuthzPlugin()):
            guard = await find_plugins(["p0"], Places((tmp_path,), ()))
            stack.push_async_callback(guard.close)
        api = await stack.enter_async_context(
            api_at(tmp_path / "api", FakeCluster([make_cluster()]), guard=guard)
        )
        gone = await api.get("/nodes")
        assert (gone.status, gone.message[:47]) == (500, "plugin p0 failed with error: it does not answer")
        async with serving_plugin(tmp_path / "p0.sock", AuthzPlugin()):
            assert (await api.get("/nodes")).status == 200


@pytest.mark.parametrize(("length", "is_told"), [(10, True), ((1 << 20) - 20, True), ((1 << 20) + 20, False)])
@pytest.mark.parametrize("is_chunked", [False, True])
async def test_large_bodies_are_not_told(
    tmp_path: Path, length: int, is_told: bool, is_chunked: bool
) -> None:
    """A body of 1 MiB and more is for the handler alone (docs/design/engine-api.md E16.4)."""
    body = b'{"Name": "' + b"x" * (length - 12) + b'"}'
    plugin = AuthzPlugin()
    sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if is_chunked else body
    headers = {"Transfer_Encoding": "chunked"} if is_chunked else {}
    async with guarded(tmp_path, plugin) as api:
        answer = await ask(api.path, "POST", "/swarm/join", sent, Content_Type="application/json", **headers)
    assert answer.status == 503
    assert body_of(plugin.told(REQUEST)[0]) == (body if is_told else b"")


@pytest.mark.parametrize(
    ("target", "content_type", "is_told"),
    [("/auth", "application/json", False), ("/v1.41/auth", "application/json", False),
     ("/swarm/join", "text/plain", False), ("/swarm/join", "application/json; charset=utf-8", True)],
)  # fmt: skip
async def test_which_bodies_are_told(tmp_path: Path, target: str, content_type: str, is_told: bool) -> None:
    """Those of JSON, and no credentials of registries (docs/design/engine-api.md E16.4)."""
    plugin = AuthzPlugin()
    async with guarded(tmp_path, plugin) as api:
        await ask(api.path, "POST", target, b"{}", Content_Type=content_type)
    assert body_of(plugin.told(REQUEST)[0]) == (b"{}" if is_told else b"")


async def test_of_the_engines_answers_short_ones_are_told(tmp_path: Path) -> None:
    """One without a length may be a stream: its head is all that is asked about (docs/design/engine-api.md E16.5)."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        if b"/containers/json" in line:
            writer.write(head + b"Content-Length: 2\r\n\r\n[]")
        else:
            writer.write(head + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
        writer.close()

    plugin, engine = AuthzPlugin(), EngineClient(f"unix://{tmp_path / 'engine'}")
    async with await asyncio.start_unix_server(answer, tmp_path / "engine"):
        async with guarded(tmp_path, plugin, engine=engine) as api:
            short, stream = (
                await api.get("/containers/json"),
                await api.post("/images/create?fromImage=x"),
            )
            assert (short.body, stream.body) == (b"[]", b"{}")
            plugin.deny(ANSWER, "POST", "no streams")
            assert (await api.post("/images/create?fromImage=x")).status == 403
            hijacked = await api.post("/containers/x/attach?stream=1", Connection="Upgrade", Upgrade="tcp")
            assert hijacked.status == 403
        await engine.close()
    assert [body_of(one, "ResponseBody") for one in plugin.told(ANSWER)] == [b"[]", b"", b"", b""]
    assert plugin.told(ANSWER)[-1]["ResponseStatusCode"] == 101


async def test_over_tls_the_client_is_told(tmp_path: Path) -> None:
    """Who its certificate says it is, and the certificate (docs/design/engine-api.md E16.4)."""

    async def hello(exchange: Exchange) -> web.Response:
        return json_answer("hello")

    ca, plugin = WebCa(tmp_path / "ca"), AuthzPlugin()
    (listener,) = open_all(
        [TcpHost("127.0.0.1", 0)], Terms(tls=TlsFiles(*ca.issue("server"), ca=ca.certificate)), {}
    )
    port = listener.socket.getsockname()[1]
    routes = Routes([Route("GET", "/hello", hello)])
    async with asyncio.timeout(WAIT_S), guard_of(tmp_path, [plugin]) as guard:
        async with serving(routes, Face("x"), [listener], guard=guard):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=ca.client_context("alice"))
            writer.write(b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert parse(await reader.read()).json == "hello"
            writer.close()
            await writer.wait_closed()
    (told,) = plugin.told(REQUEST)
    assert (told["User"], told["UserAuthNMethod"]) == ("alice", "TLS")
    (shown,) = told["RequestPeerCertificates"]
    assert base64.b64decode(shown).startswith(b"-----BEGIN CERTIFICATE-----")


async def test_a_plugin_is_found_by_its_name_or_address(tmp_path: Path) -> None:
    """A socket, a socket in a directory of its own, a file with an address, or the address (docs/design/engine-api.md E16.1)."""
    (tmp_path / "own").mkdir()
    async with serving_plugin(tmp_path / "a.sock", AuthzPlugin()) as address:
        async with serving_plugin(tmp_path / "own" / "own.sock", AuthzPlugin()):
            (tmp_path / "b.spec").write_text(f"{address}\n")
            guard = await find_plugins(["a", "own", "b", address, "a"], Places((tmp_path,), (tmp_path,)))
            assert len(guard._plugins) == 4
            await guard.close()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none", "no plugin of this name is installed"),
        ("../a", "no plugin of this name is installed"),
        ("ftp://x", "its address 'ftp://x' is neither unix://PATH nor tcp://HOST:PORT"),
        ("other", "it does not do authz"),
        ("unix:///nowhere/x.sock", "it does not answer: "),
    ],
)
async def test_a_plugin_that_cannot_be_used_is_refused(tmp_path: Path, name: str, said: str) -> None:
    """One that is not there, does not answer or does something else (docs/design/engine-api.md E16.2)."""
    async with serving_plugin(tmp_path / "a.sock", AuthzPlugin()):
        async with serving_plugin(tmp_path / "other.sock", AuthzPlugin(kinds=("VolumeDriver",))):
            with pytest.raises(PluginUnusable) as refused:
                await find_plugins(["a", name], Places((tmp_path,), ()))
    assert str(refused.value).startswith(f'failed to validate authorization plugin: plugin "{name}": {said}')
