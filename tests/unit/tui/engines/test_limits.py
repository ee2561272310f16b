"""Changes that an engine does not answer (docs/design/engines.md N3.6)."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from swarm_core.client.control import Control
from swarm_core.engines import changing
from swarm_core.engines.changing import CHANGE_S, GRACE_S, stopping_s
from swarm_testkit.engine_hands import engines
from swarm_tui.clusters.engine_hands import EngineHands
from swarm_tui.clusters.no_calls import NoCalls
from swarm_tui.engines.mirror import EngineMirror
from swarm_tui.operations.engines import containers, making, objects, prune
from swarm_tui.operations.model import Plan, apply
from swarm_tui.resources.engines import networks
from swarm_tui.resources.engines.items import ContainerItem, NetworkItem

LIMIT_S = 0.05
Asking = tuple[str, Callable[[EngineMirror, ContainerItem, EngineHands], Plan], str]


def turn(word: str, *, limit: str = "0.05", **asked: Any) -> Any:
    """A turn of a container, its path, and what is said of it."""
    said = f"{word.capitalize()} NAME: e0 did not answer within {limit} s; whether it was done is not known."
    plan = lambda view, item, hands: containers.turned(  # noqa: E731
        view, [item.id], word, hands, containers.Asked(**asked)
    )
    return pytest.param("/containers/ID/" + word, plan, said, id=f"{word} {limit}")


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that a test can wait for."""
    for module in (changing, containers, objects, making):
        monkeypatch.setattr(module, "CHANGE_S", LIMIT_S)
    monkeypatch.setattr("swarm_core.engines.placer.CHANGE_S", LIMIT_S)
    monkeypatch.setattr(prune, "PRUNE_S", LIMIT_S)
    monkeypatch.setattr(making, "QUIET_S", LIMIT_S)
    monkeypatch.setattr(changing, "GRACE_S", 0.0)


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize(
    ("path", "asked", "said"),
    [
        turn("stop"),
        turn("stop", seconds=1, limit="1.05"),
        turn("restart"),
        turn("pause"),
        turn("kill"),
        turn("kill", signal="HUP"),
        pytest.param(
            "/containers/ID",
            lambda view, item, hands: containers.removal(view, [item.id], hands),
            "Remove NAME: e0 did not answer within 0.05 s; whether it was done is not known.",
            id="remove",
        ),
        pytest.param(
            "/volumes/create",
            lambda view, item, hands: making.creation(
                view, "volume", ["e0"], {"Name": "data", "Driver": "local"}, hands
            ),
            "Create volume data on e0: e0 did not answer within 0.05 s; whether it was done is not known.",
            id="create a volume",
        ),
        pytest.param(
            "/networks/NETWORK",
            lambda view, item, hands: objects.removal(
                view,
                networks.NOUN,
                [one.id for one in view.objects(NetworkItem) if one.record.name == "back"],
                hands,
            ),
            "Remove back: e0 did not answer within 0.05 s; whether it was done is not known.",
            id="remove a network",
        ),
        pytest.param(
            "/images/prune",
            lambda view, item, hands: prune.prune(view, prune.UNUSED_IMAGES, [], hands),
            "Prune images of e0: e0 did not answer within 0.05 s; whether it was done is not known.",
            id="prune",
        ),
    ],
)
async def test_a_change_that_is_not_answered_is_told_to_its_end(path: str, asked: Any, said: str) -> None:
    """Of each verb: within how long, by whom, and that it is not known whether it was done; not that it could not be."""
    async with engines(1, 1) as (found, hands, now):
        fake = found.fakes[0]
        network = fake.create_network({"Name": "back"})
        await found.until(lambda: bool(found.cluster.tables.networks.named("back")))
        (item,) = now().objects(ContainerItem)
        path = path.replace("ID", item.record.id).replace("NETWORK", network.id)
        fake.faults.holds[path] = held = asyncio.Event()
        outcomes = [one async for one in apply(asked(now(), item, hands), Control(NoCalls()))]
        held.set()
        assert [(one.text, one.is_error) for one in outcomes] == [
            (said.replace("NAME", item.record.name), True)
        ]


async def test_a_pull_may_take_as_long_as_it_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that come in time are waited for, however many; silence ends it."""
    async with engines(1, 0) as (found, hands, now):
        found.fakes[0].pullable.add("redis:7")
        plan = making.pulling(now(), ["e0"], "redis:7", {}, hands)
        (pulled,) = [one async for one in apply(plan, Control(NoCalls()))]
        assert not pulled.is_error
        # Not before: on a busy machine as much time may lie between two lines.
        monkeypatch.setattr(making, "QUIET_S", LIMIT_S)
        found.fakes.hang(0)
        (silent,) = [one async for one in apply(plan, Control(NoCalls()))]
        found.fakes.hang(0, hangs=False)
        assert silent.text == (
            "Pull redis:7 on e0: e0 did not answer within 0.05 s; whether it was done is not known."
        )


@pytest.mark.parametrize(
    ("seconds", "config", "limit_s"),
    [
        (None, {}, GRACE_S + CHANGE_S),
        (None, {"StopTimeout": None}, GRACE_S + CHANGE_S),
        (None, {"StopTimeout": 300}, 300 + CHANGE_S),
        (None, {"StopTimeout": -1}, None),
        (5, {"StopTimeout": 300}, 5 + CHANGE_S),
        (0, {}, CHANGE_S),
        (-1, {}, None),
    ],
)
async def test_a_container_has_its_own_time_to_stop(
    seconds: int | None, config: Mapping[str, Any], limit_s: float | None
) -> None:
    """What was asked for goes before what it was made with, and that before docker's; without an end only where that is asked for."""

    class Told:
        async def get_object(self, path: str) -> dict[str, Any]:
            assert path == "/containers/abc/json"
            return {"Config": config}

    assert await stopping_s(Told(), "abc", seconds) == limit_s  # type: ignore[arg-type]
