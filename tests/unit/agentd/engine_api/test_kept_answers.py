"""Answers that are kept until what they show has changed (docs/design/engine-api.md E10.8)."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from google.protobuf.message import Message
from swarm_agentd.engine_api.kept_answers import KeptAnswers
from swarm_core.api.proto.objects_pb2 import Service, Task
from swarm_core.api.store_versions import Versions
from swarm_core.http.errors import NotFound, Unavailable
from swarm_core.http.exchange import Exchange, json_answer
from swarm_core.http.routes import Route, Routes
from swarm_testkit.http_face import ask, face_at
from swarm_testkit.manual_clock import ManualClock


@dataclass
class Manager:
    """Tells versions, or none, or refuses; counts what it was asked."""

    now: dict[type[Message], int] | None = field(default_factory=lambda: {Service: 1, Task: 1})
    refusal: Unavailable | None = None
    during: int = 0
    asked: int = 0

    def versions(self, kinds: tuple[type[Message], ...]) -> Versions | None:
        if self.refusal is not None:
            raise self.refusal
        return None if self.now is None else tuple(self.now[kind] for kind in kinds)

    async def show(self, exchange: Exchange) -> web.Response:
        """What a route shows, as it was when it was asked; a change may be made meanwhile."""
        self.asked += 1
        shown = dict(exchange.query), self.asked
        if self.now is not None:
            self.now[Service] += self.during
        if exchange.query.get("missing"):
            raise NotFound("it is not here")
        await asyncio.sleep(0)
        return json_answer(shown)


class Read:
    """A face with one kept route, and what its bodies are."""

    def __init__(self, path: Path, manager: Manager, *, room: int = 1 << 20, lasts_s: float = 9.0) -> None:
        self.path, self.manager, self.clock = path / "docker.sock", manager, ManualClock()
        kept = KeptAnswers(manager, self.clock, room)
        self.routes = Routes([Route("GET", "/services", kept.of(manager.show, Service, lasts_s=lasts_s))])

    async def bodies(self, *targets: str) -> list[bytes]:
        async with face_at(self.path, self.routes):
            return [(await ask(self.path, "GET", target)).body for target in targets]


async def test_an_answer_is_good_until_its_kinds_change(tmp_path: Path) -> None:
    """Nobody is asked again before; a change of other kinds is none of it."""
    manager = Manager()
    read = Read(tmp_path, manager)
    first, again = await read.bodies("/services", "/services")
    assert (first, manager.asked) == (again, 1)
    assert manager.now is not None
    manager.now[Task] += 1
    assert await read.bodies("/services") == [first]
    manager.now[Service] += 1
    assert await read.bodies("/services") != [first]
    assert manager.asked == 2


async def test_an_answer_is_of_one_question(tmp_path: Path) -> None:
    """Another query, or another version of the API, is another question."""
    manager = Manager()
    await Read(tmp_path, manager).bodies("/services", "/services?a=1", "/v1.41/services", "/v1.40/services")
    assert manager.asked == 4


async def test_what_changes_meanwhile_is_asked_again(tmp_path: Path) -> None:
    """An answer is no newer than the versions before it was asked for."""
    manager = Manager(during=1)
    await Read(tmp_path, manager).bodies("/services", "/services")
    assert manager.asked == 2


async def test_without_versions_nothing_is_kept(tmp_path: Path) -> None:
    """As where another manager leads; and where nobody can be asked nothing that was kept is told."""
    manager = Manager(now=None)
    read = Read(tmp_path, manager)
    await read.bodies("/services", "/services")
    assert manager.asked == 2
    manager.now = {Service: 1}
    await read.bodies("/services")
    manager.refusal = Unavailable("nobody is there")
    assert b"nobody is there" in (await read.bodies("/services"))[0]


async def test_refusals_are_not_kept(tmp_path: Path) -> None:
    """They are asked for again."""
    manager = Manager()
    await Read(tmp_path, manager).bodies("/services?missing=1", "/services?missing=1")
    assert manager.asked == 2


async def test_what_stands_in_no_object_is_asked_again_in_time(tmp_path: Path) -> None:
    """As what raft knows of its members."""
    manager = Manager()
    read = Read(tmp_path, manager)
    await read.bodies("/services", "/services")
    await read.clock.advance(9.5)
    await read.bodies("/services")
    assert manager.asked == 2


async def test_room_is_bounded(tmp_path: Path) -> None:
    """What was not asked for longest goes first."""
    manager = Manager()
    read = Read(tmp_path, manager, room=1500)
    await read.bodies("/services?a=1", "/services?a=2", "/services?a=1", "/services?a=3", "/services?a=1")
    assert manager.asked == 3
    await read.bodies("/services?a=2")
    assert manager.asked == 4
