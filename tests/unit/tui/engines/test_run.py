"""The form that runs a container: what is typed, where it would land, and what leaves each engine out."""

import pytest
from swarm_core.client.control import Control
from swarm_testkit.engine_hands import engines, mirror_of
from swarm_testkit.engine_records import few_engines
from swarm_tui.clusters.no_calls import NoCalls
from swarm_tui.operations.describe import describe
from swarm_tui.operations.engines import run
from swarm_tui.operations.forms.fields import Around
from swarm_tui.operations.model import apply


def typed(**more: str) -> dict[str, tuple[str, ...]]:
    """The empty form, and this."""
    return run.RunForm().empty | {key: (text,) for key, text in more.items()}


def test_a_name_that_an_engine_has_is_taken_and_an_image_is_needed() -> None:
    """A name that only an engine has that is away is free."""
    around, form = Around(mirror_of(few_engines())), run.RunForm()
    found = form.judge(typed(name="web"), around)
    assert found["name"].text == "✖ taken"
    assert found["image"].text == "✖ needed"
    found = form.judge(typed(name="cache", image="redis:7"), around)
    assert not any(one.is_bad for one in found.values())


async def test_it_is_placed_made_and_started_and_says_where() -> None:
    """Every engine has its sentence, docker's line has what was typed, and what is made runs."""
    async with engines(2, 0) as (found, hands, now):
        asked = typed(
            name="web",
            image="busybox:local",
            command="sleep '1 0'",
            env="LEVEL=info",
            publish="8080:80",
            constraints="node==e1",
        )
        plan = await run.plan(asked, hands)
        told = describe(plan, now())
        assert told.changes == (("web", "made and started on e1"),)
        assert any(one.startswith("e0 ") and "constraint" in one for one in told.effects)
        (line,) = told.docker.lines
        assert line.endswith(
            "run --detach --name web --env LEVEL=info --publish 8080:80 busybox:local sleep '1 0'"
        )
        (outcome,) = [one async for one in apply(plan, Control(NoCalls()))]
        assert outcome.told == "web runs, on e1"
        await found.until(lambda: found.names(1) == {"web": "running"})


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"constraints": "node==e9"}, "e0 "),
        ({"publish": "nonsense"}, "nonsense"),
        ({"command": "sh -c 'no end"}, "No closing quotation"),
        ({"constraints": "nonsense"}, "nonsense"),
    ],
)
async def test_what_cannot_be_run_is_refused_with_a_sentence(more: dict[str, str], why: str) -> None:
    """Nothing is made."""
    async with engines(1, 0) as (found, hands, _):
        plan = await run.plan(typed(name="web", image="busybox:local", **more), hands)
        (refusal,) = plan.refusals
        assert refusal.startswith("Could not run web: ") and why in refusal
        assert not found.names()
