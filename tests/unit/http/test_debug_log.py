"""What a daemon that is debugged logs of its requests (docs/design/engine-api.md E18.2)."""

import logging
from pathlib import Path

import pytest
from aiohttp import web
from swarm_core.http.exchange import Exchange, json_answer
from swarm_core.http.routes import Route, Routes
from swarm_testkit.http_face import ask, face_at

JSON = {"Content_Type": "application/json"}


async def echo(exchange: Exchange) -> web.Response:
    return json_answer(await exchange.read_json())


ROUTES = Routes([Route("POST", "/x", echo)])


@pytest.mark.parametrize(
    ("target", "body", "line"),
    [
        ("/v1.41/x?a=b&auth=hidden", b"", "Calling POST /v1.41/x?a=b&auth=%2A%2A%2A%2A%2A"),
        (
            "/x",
            b'{"Name":"n","Data":"hidden","Spec":[{"CAConfig":{"SigningCAKey":"hidden"},"JoinToken":"hidden"}]}',
            'Calling POST /x with {"Name":"n","Data":"*****","Spec":[{"CAConfig":{"SigningCAKey":"*****"},"JoinToken":"*****"}]}',
        ),
        ("/x", b'"' + b"y" * 5000 + b'"', "Calling POST /x"),
    ],
)
async def test_requests_are_told_without_secrets(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, target: str, body: bytes, line: str
) -> None:
    """And the handler reads the same body all the same; a long one is not shown."""
    caplog.set_level(logging.DEBUG, "swarm_core.http")
    async with face_at(tmp_path / "s", ROUTES) as path:
        answer = await ask(path, "POST", target, body, **(JSON if body else {}))
    assert answer.body.strip() == (body or b"{}")
    assert caplog.messages.count(line) == 1
    assert "hidden" not in caplog.text


async def test_what_is_no_json_is_not_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It might be anything."""
    caplog.set_level(logging.DEBUG, "swarm_core.http")
    async with face_at(tmp_path / "s", ROUTES) as path:
        assert (await ask(path, "POST", "/x", b'{"password":"hid', **JSON)).status == 400
    assert "Calling POST /x with 16 bytes that are no JSON" in caplog.messages
    assert "hid" not in caplog.text.replace("bytes that are no JSON", "")


async def test_without_debugging_nothing_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Every request would be a line."""
    caplog.set_level(logging.INFO, "swarm_core.http")
    async with face_at(tmp_path / "s", ROUTES) as path:
        assert (await ask(path, "POST", "/x", b"{}", **JSON)).status == 200
    assert "Calling" not in caplog.text
