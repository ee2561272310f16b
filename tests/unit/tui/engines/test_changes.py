"""Changes of what engines have: plans as a person reads them, and what they do to engines that answer."""

import asyncio
from contextlib import aclosing

import pytest
from swarm_core.client.control import Control
from swarm_testkit.engine_hands import Book, engines, hands_of, mirror_of
from swarm_testkit.engine_records import few_engines, make_container, make_engine
from swarm_tui.clusters.allowance import Level
from swarm_tui.clusters.no_calls import NoCalls
from swarm_tui.engines.mirror import EngineMirror
from swarm_tui.operations.describe import LOST, MADE_AGAIN, REVERSIBLE, describe
from swarm_tui.operations.engines import book, containers, objects, prune
from swarm_tui.operations.model import Outcome, Plan, apply
from swarm_tui.resources.engines import images, networks, volumes
from swarm_tui.resources.engines.items import ContainerItem


@pytest.fixture
def view() -> EngineMirror:
    return mirror_of(few_engines())


async def carried_out(plan: Plan) -> list[Outcome]:
    return [one async for one in apply(plan, Control(NoCalls()))]


def test_a_bulk_stop_is_one_plan_with_a_line_of_docker_for_each(view: EngineMirror) -> None:
    """What does not run is as it is; nobody is asked for more than a yes."""
    plan = containers.turned(view, ["n1/c-web", "n1/c-db", "n2/c-old"], "stop", hands_of())
    told = describe(plan, view)
    assert told.title == "Stop 3 containers"
    assert (told.level, told.way_back, told.word) == (Level.OPERATE, REVERSIBLE, "")
    assert told.changes == (("n1/web", "stopped"), ("n1/db", "stopped"), ("n2/old", "as it is already"))
    assert told.docker.lines == (
        "docker -H tcp://10.0.0.1:2375/n1 stop web",
        "docker -H tcp://10.0.0.1:2375/n1 stop db",
    )


def test_one_that_cannot_be_changed_refuses_the_plan(view: EngineMirror) -> None:
    """Away, not running, or a task of a service: each says why, and nothing is half done."""
    plan = containers.turned(view, ["n1/c-web", "n2/c-job", "n3/c-cache"], "kill", hands_of())
    assert plan.refusals == (
        "Could not kill job: it does not run.",
        "Could not kill cache: engine n3 is unhealthy.",
    )
    assert not plan.steps
    task = make_container(labels={"com.docker.swarm.service.name": "shop"})
    plan = containers.removal(mirror_of([make_engine(), task]), ["n1/c-web"], hands_of())
    assert plan.refusals == (
        "Could not remove web: it belongs to the service shop; remove or scale that instead.",
    )


def test_removing_what_runs_says_that_it_is_killed_and_asks_for_its_name(view: EngineMirror) -> None:
    """What is lost is typed."""
    told = describe(containers.removal(view, ["n1/c-web"], hands_of()), view)
    assert (told.level, told.way_back, told.word) == (Level.IMPACT, LOST, "n1/web")
    assert told.cautions == ("web runs: it is killed.",)
    assert told.docker.lines == ("docker -H tcp://10.0.0.1:2375/n1 rm --force web",)
    told = describe(containers.removal(view, ["n1/c-web", "n2/c-old"], hands_of()), view)
    assert told.word == "2"


def test_what_is_used_or_built_in_is_not_removed(view: EngineMirror) -> None:
    """An image, a volume and a network name who uses them."""
    refusals = [
        *objects.removal(view, images.NOUN, ["n1/sha256:i1"], hands_of()).refusals,
        *objects.removal(view, volumes.NOUN, ["n1/data"], hands_of()).refusals,
        *objects.removal(view, networks.NOUN, ["n1/net-bridge"], hands_of()).refusals,
    ]
    assert refusals == [
        "Could not remove nginx:1.25: db, web use it.",
        "Could not remove data: db uses it.",
        "Could not remove bridge: its engine brings it.",
    ]
    told = describe(objects.removal(view, images.NOUN, ["n1/sha256:i2"], hands_of()), view)
    assert told.changes == (("n1/postgres:16", "removed, up to 178M freed"),)
    assert told.way_back == MADE_AGAIN


def test_a_prune_names_what_goes_engine_by_engine(view: EngineMirror) -> None:
    """Engines without anything to prune have no part in it, and one that is away is told."""
    told = describe(prune.prune(view, prune.UNUSED_IMAGES, [], hands_of()), view)
    assert told.changes == (
        ("n1", "postgres:16 removed, up to 178M"),
        ("n2", "<none> i3 removed, up to 178M"),
    )
    assert told.cautions == ("Not on n3: no calls go there now.",)
    assert told.effects[0] == "2 images go: every image that no container uses."
    assert told.word == "2"
    told = describe(prune.prune(view, prune.CONTAINERS, ["n2"], hands_of()), view)
    assert told.changes == (("n2", "job, old removed"),)
    assert not describe(prune.prune(view, prune.CONTAINERS, ["n1"], hands_of()), view).is_change


async def test_the_list_of_engines_is_changed_and_what_others_name_is_not(view: EngineMirror) -> None:
    """Maintenance and removal are of the person's list."""
    known = Book("n1", "n2")
    hands = hands_of(known=known)
    (added,) = await carried_out(book.addition("n9", "tcp://10.0.0.9:2375", hands))
    assert added.text == "n9 added" and known.has("n9")
    assert book.addition("n9", "tcp://x", hands).refusals == (
        "Could not add engine n9: it is there already.",
    )
    await carried_out(book.maintenance(view, ["n1", "n2"], hands, is_on=True))
    assert known.maintained == {"n1": True}
    await carried_out(book.removal(view, ["n1"], hands))
    assert known.names == ["n2", "n9"]
    assert book.removal(view, ["n3"], hands).refusals == (
        "Could not forget n3: it is not in engines.toml: whoever names it (its source) can take it away.",
    )


async def test_containers_are_stopped_started_and_removed_on_their_engines() -> None:
    """Each on the one that has it; a failure is a sentence."""
    async with engines(2, 2) as (found, hands, now):
        ids = [item.id for item in now().objects(ContainerItem)]
        outcomes = await carried_out(containers.turned(now(), ids, "stop", hands))
        assert [one.is_error for one in outcomes] == [False] * 4
        await found.until(lambda: set(found.names().values()) == {"exited"})
        await carried_out(containers.turned(now(), ids[:1], "start", hands))
        await found.until(lambda: "running" in found.names(0).values())
        plan = containers.removal(now(), ids, hands)
        await carried_out(plan)
        await found.until(lambda: not found.names())
        (failed, *_) = await carried_out(plan)
        assert failed.is_error and failed.text.startswith("Could not remove ")


async def test_a_slow_engine_holds_up_no_other() -> None:
    """18.5.2: of one plan over two engines the outcome of the quick one is told while the slow one is waited for."""
    async with engines(2, 1) as (found, hands, now):
        items = {item.record.engine: item for item in now().objects(ContainerItem)}
        slow = asyncio.Event()
        found.fakes[0].faults.holds[f"/containers/{items['e0'].record.id}/stop"] = slow
        ids = [items[key].id for key in ("e0", "e1")]
        async with aclosing(apply(containers.turned(now(), ids, "stop", hands), Control(NoCalls()))) as told:
            assert (await anext(told)).id == items["e1"].id
            slow.set()
            assert [(one.id, one.is_error) async for one in told] == [(items["e0"].id, False)]


async def test_a_prune_tells_what_the_engine_freed() -> None:
    """In the engine's own numbers."""
    async with engines(1, 0) as (_, hands, now):
        (outcome,) = await carried_out(prune.prune(now(), prune.UNUSED_IMAGES, [], hands))
        assert not outcome.is_error
        assert outcome.told.startswith("Images of e0 pruned, 3 images removed, ")
        assert outcome.told.endswith(" freed")
