"""`:tour` leads through ten keys (docs/design/terminal.md 11.18)."""

from swarm_testkit.dashboard import running
from swarm_tui.preferences.model import Preferences
from swarm_tui.shell.preferred import Started
from swarm_tui.shell.tour import STEPS, Tour
from swarm_tui.verbs.registry import verbs

VERBS = verbs()


def text_of(spans):
    return "".join(text for text, _ in spans)


def test_every_step_is_a_verb_and_there_are_ten():
    """Each step names a verb that exists and has a key."""
    assert len(STEPS) == 10
    for verb_id, _ in STEPS:
        assert VERBS[verb_id].key


def test_only_the_verb_of_the_step_leads_on():
    """Whoever does something else meanwhile is still at the same step; the last one ends it."""
    tour = Tour()
    assert text_of(tour.line(VERBS)) == ""
    tour.toggle()
    for number, (verb_id, text) in enumerate(STEPS, 1):
        line = text_of(tour.line(VERBS))
        assert f"tour {number} of 10" in line
        assert f"press {VERBS[verb_id].key} to {text}" in line
        assert not tour.ran("global.resync")
        assert tour.ran(verb_id)
    assert tour.is_done
    assert not tour.is_on
    tour.toggle()
    assert tour.is_on
    assert "tour 1 of 10" in text_of(tour.line(VERBS))


async def command(run, text):
    await run.press("colon")
    await run.type(text)
    await run.press("enter")


async def test_the_tour_is_followed(cluster):
    """Its keys take it to its end; the line goes when it is over."""
    async with running(cluster, size=(120, 40)) as run:
        await command(run, "tour")
        await run.shows("tour 1 of 10  press 3 to see all services")
        await run.press("3")
        await run.shows("tour 2 of 10  press enter")
        await run.press("enter")
        await run.shows("tour 3 of 10  press esc")
        await run.press("escape")
        await run.shows("tour 4 of 10  press /")
        await run.press("slash")
        await run.type("api")
        await run.press("enter")
        await run.shows("tour 5 of 10  press l")
        await run.press("l")
        await run.shows("tour 6 of 10  press esc")
        await run.press("escape")
        await run.shows("tour 7 of 10  press s")
        await run.press("s", "escape")
        await run.shows("tour 8 of 10  press !")
        await run.press("exclamation_mark", "exclamation_mark")
        await run.shows("tour 9 of 10  press :")
        await run.press("colon", "escape")
        await run.shows("tour 10 of 10  press ?")
        await run.press("question_mark", "escape")
        await run.shows("That was the tour")
        assert "tour 10" not in run.text
        assert not run.screen.tour.is_on


async def test_it_shows_the_keys_that_hold_and_can_be_left(cluster):
    """With a person's own keys it names those; the command again ends it."""
    started = Started(Preferences(keys={"global.services": ("f3",)}))
    async with running(cluster, size=(120, 40), started=started) as run:
        await command(run, "tour")
        await run.shows("press f3 to see all services")
        await command(run, "tour")
        await run.until(lambda: not run.screen.tour.is_on)
        assert "press f3" not in run.text


async def test_a_demo_offers_it(cluster):
    """Who opens a cluster that is there for the program alone is told of the tour."""
    async with running(cluster, ends_with_program=True) as run:
        await run.shows(":tour shows you ten keys")
