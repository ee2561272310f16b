"""What a program that is watched answers."""

from collections.abc import Iterable
from pathlib import Path

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter
from swarm_core.http.hosts import UnixHost
from swarm_core.http.listeners import CannotListen
from swarm_core.metrics.checks import Check, heard, told
from swarm_core.metrics.page import Told, serving


async def ask(socket: Path, path: str, method: str = "GET") -> tuple[int, str]:
    """Status and body."""
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket))) as session:
        async with session.request(method, f"http://x{path}") as answer:
            return answer.status, await answer.text()


async def test_figures_and_health(tmp_path: Path) -> None:
    """Figures as text with those of another program after them; ready only while every check holds; nothing else is answered."""
    registry, trouble = CollectorRegistry(), ""
    Counter("swarm_x_total", "Some.", registry=registry).inc()

    async def ready() -> Iterable[Check]:
        return [Check("leader", trouble)]

    async def more() -> bytes:
        return b"other 1\n"

    socket = tmp_path / "m.sock"
    async with serving(UnixHost(socket), Told(registry, ready, more)):
        assert socket.stat().st_mode & 0o777 == 0o600
        status, text = await ask(socket, "/metrics")
        assert status == 200 and "swarm_x_total 1.0\n" in text and text.endswith("other 1\n")
        assert "_created" not in text
        assert await ask(socket, "/healthz") == (200, "ok\n")
        assert await ask(socket, "/readyz") == (200, "[+]leader ok\nready\n")
        trouble = "nobody leads"
        assert await ask(socket, "/readyz") == (503, "[-]leader failed: nobody leads\nnot ready\n")
        assert (await ask(socket, "/metrics", "POST"))[0] == (await ask(socket, "/"))[0] == 404
    assert not socket.exists()


async def test_an_address_that_is_taken(tmp_path: Path) -> None:
    """One sentence says so."""

    async def ready() -> Iterable[Check]:
        return ()

    told_of = Told(CollectorRegistry(), ready)
    async with serving(UnixHost(tmp_path / "m.sock"), told_of):
        with pytest.raises(CannotListen, match="in use"):
            async with serving(UnixHost(tmp_path / "m.sock"), told_of):
                pass


def test_checks_are_heard_as_they_were_told() -> None:
    """What one program tells of itself another tells on."""
    checks = [Check("raft"), Check("leader", "no leader is known; look at the other managers")]
    is_fine, text = told(checks)
    assert not is_fine and heard(text) == checks
    assert heard("nonsense\n[-]odd\n") == [Check("odd", "it does not say why")]
    assert len(told([Check("long", "x" * 10_000)])[1]) < 300
