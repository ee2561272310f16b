"""The `:` bar: what may be typed there, and that it does what the keys do."""

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_testkit.cluster_fake import lively_cluster
from swarm_testkit.dashboard import running
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.resources import registry
from swarm_tui.resources.model import Link
from swarm_tui.verbs.grammar import CommandError, Doing, Going, Grammar
from swarm_tui.verbs.registry import verbs
from textual.widgets import Input

VERBS = verbs()


@pytest.fixture(scope="module")
def grammar():
    fake = lively_cluster()
    items = [item for kind in registry.stored() for item in fake.all(kind.message)]
    return Grammar(VERBS, Snapshot(items), lambda verb: verb.word == "restart")


@pytest.mark.parametrize(
    ("text", "link", "filter_"),
    [
        ("svc", "services", ""),
        ("Services /re/ state:failed", "services", "/re/ state:failed"),
        ("ev", "events", ""),
        ("dashboard", "dashboard", ""),
    ],
)
def test_places(grammar, text, link, filter_):
    """A kind's words lead to its list, with a filter; a view's name to the view."""
    assert grammar.parse(text) == Going(Link(link), filter_)


@pytest.mark.parametrize(
    ("text", "word", "ids", "argument"),
    [
        ("scale svc/web +3", "scale", ["s-web"], "+3"),
        ("scale svc/web,api x2", "scale", ["s-web", "s-api"], "x2"),
        ("logs web", "logs", ["s-web"], ""),
        ("describe billing.2", "describe", ["t-billing-02"], ""),
        ("rm service/mailer", "remove", ["s-mailer"], ""),
        ("restart", "restart", [], ""),
        ("help", "help", [], ""),
    ],
)
def test_verbs(grammar, text, word, ids, argument):
    """Verbs by name or alias, on objects by kind and name, by name alone, or on what is selected; with what they take."""
    found = grammar.parse(text)
    assert isinstance(found, Doing)
    assert (found.verb.word, [ref.id for ref in found.refs], found.argument) == (word, ids, argument)
    assert grammar.told(found).startswith(found.verb.label)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fly", "no command 'fly'"),
        ("svc colour:red", "no field 'colour'"),
        ("scale", "Nothing is selected"),
        ("scale svc/nothing 3", "no service 'nothing'"),
        ("scale cat/web 3", "no kind of object 'cat'"),
        ("scale node/w1 3", "does not work on nodes"),
        ("logs nothing", "is called 'nothing'"),
        ("restart web now", "takes nothing beside names"),
        ("help me", "takes nothing"),
    ],
)
def test_what_is_wrong_is_a_sentence(grammar, text, said):
    """Each mistake says what it is."""
    with pytest.raises(CommandError, match=said):
        grammar.parse(text)


@pytest.mark.parametrize(
    ("text", "completed"),
    [
        ("desc", "describe "),
        ("scale svc", "scale svc"),
        ("scale se", "scale service/"),
        ("scale service/mai", "scale service/mailer "),
        ("scale service/web,mai", "scale service/web,mailer "),
        ("svc sta", "svc sta"),
        ("svc runt", "svc runtime: "),
        ("zz", "zz"),
    ],
)
def test_completion(grammar, text, completed):
    """As much as can only be meant is added, of commands, kinds, names and fields."""
    assert grammar.complete(text)[0].rstrip() == completed.rstrip()


def test_an_offer_has_an_order(grammar):
    """Words that may come are offered the shortest first, of one length as in the alphabet."""
    _, words = grammar.complete("svc r")
    assert words == sorted(words, key=lambda word: (len(word), word)) and {"running:", "runtime:"} <= set(
        words
    )


def test_every_verb_of_a_list_can_be_typed():
    """The bar has the verbs of the one table, each under its own word."""
    words = {}
    for verb in VERBS:
        for word in (verb.word, *verb.aliases):
            assert words.setdefault(word, verb.word) == verb.word or verb.context.value != "in lists"


async def test_a_typed_list_is_filtered(cluster):
    """The same as its key and the filter line; the bar says meanwhile what will be done, or what is wrong."""
    async with running(cluster) as run:
        await run.press("colon")
        await run.type("svc colour:x")
        await run.shows("There is no field 'colour'")
        await run.press("enter")
        assert run.screen.query_one("FilterBar Input").has_focus
        await run.press("ctrl+u")
        await run.type("svc stack:shop")
        await run.press("enter")
        await run.shows("/stack:shop")
        assert run.screen.navigator.here.view == "services"
        assert run.pane.table.has_focus


async def test_what_is_still_typed_is_not_wrong(cluster):
    """Half of a word shows what it may become; what can become nothing says so at once, and a whole word what it lacks."""
    async with running(cluster) as run:
        await run.press("colon")
        await run.type("desc")
        await run.shows("describe")
        assert "no command" not in run.text
        await run.press("ctrl+u")
        await run.type("fly")
        await run.shows("There is no command 'fly'")


async def test_a_typed_verb_works_on_what_it_names(cluster):
    """Whatever is selected: the dialog is that of the key, and what was typed stands in it."""
    async with running(cluster) as run:
        await run.press("colon")
        await run.type("scale svc/web +3")
        await run.press("enter")
        await run.shows("Scale web")
        assert run.app.screen.query_one(Input).value == "+3"
        await run.press("enter")
        await run.shows("y go on")
        await run.press("y")
        await run.until(lambda: cluster.get(objects_pb2.Service, "s-web").spec.replicated.replicas == 15)


async def test_tab_shows_what_may_come(cluster):
    """Where several words may be meant, their common beginning is added and they stand beside it until another is typed."""
    async with running(cluster) as run:
        await run.press("colon")
        await run.type("svc runni ru")
        await run.press("tab")
        await run.shows("running:  runtime:")
        assert run.screen.query_one("FilterBar Input").value == "svc runni run"
        await run.type("t")
        await run.shows("the list of services")


async def test_tab_completes_and_up_recalls(cluster):
    """tab adds what can only be meant; the command before is one key away."""
    async with running(cluster) as run:
        await run.press("colon")
        await run.type("desc")
        await run.press("tab")
        await run.type("service/mai")
        await run.press("tab", "enter")
        await run.shows("service mailer · describe")
        await run.press("escape", "colon", "up")
        assert run.screen.query_one("FilterBar Input").value.strip() == "describe service/mailer"
        await run.press("escape")
        assert run.pane is not None and run.pane.table.has_focus


async def test_a_filter_has_a_name(cluster):
    """`filter save` keeps what a list is filtered by, `filter NAME` goes there from anywhere, tab completes, the palette knows it; what
    is wrong is told."""
    async with running(cluster) as run:
        await run.press("colon")
        await run.type("filter save pending")
        await run.press("enter")
        await run.until(lambda: any("Nothing is filtered" in one.message for one in run.app._notifications))
        await run.press("4", "slash")
        await run.type("state:pending")
        await run.press("enter", "colon")
        await run.type("filter save waiting")
        await run.press("enter", "2", "colon")
        await run.type("filter w")
        await run.press("tab", "enter")
        await run.until(lambda: run.pane is not None and run.pane.found_text == "state:pending")
        assert run.screen.navigator.here.view == "tasks"
        await run.press("1", "ctrl+p")
        await run.type("waiting")
        await run.shows("filter waiting · tasks state:pending")
        await run.press("escape", "colon")
        await run.type("filter drop waiting")
        await run.press("enter", "colon")
        await run.type("filter waiting")
        await run.press("enter")
        await run.until(lambda: any("No filter is called" in one.message for one in run.app._notifications))
