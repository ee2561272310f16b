"""Lists of every kind: their keys, columns, marks, and the ways from an object to what it has to do with."""

import pytest
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_testkit.dashboard import running
from swarm_testkit.factories import make_network, make_secret, make_service, make_task_spec
from swarm_tui.resources import registry

Service = objects_pb2.Service


@pytest.fixture
def shop(cluster):
    """The lively cluster, with a secret and a network that one service uses."""
    spec = make_task_spec(
        secrets=[types_pb2.SecretReference(secret_id="sec", secret_name="key")], networks=["net"]
    )
    net = make_network("net", name="front")
    net.ipam.configs.add(subnet="10.5.0.0/28", gateway="10.5.0.1")
    cluster.put(
        make_secret("sec", name="key"), net, make_service("s-user", name="user", task=spec, replicas=0)
    )
    return cluster


@pytest.mark.parametrize(
    "kind",
    [kind for kind in registry.kinds() if kind.list_key and kind.noun != "config"],
    ids=lambda k: k.noun,
)
async def test_each_list_has_its_key(shop, kind):
    """The digit leads to the kind's list from everywhere, and the border says what it is."""
    async with running(shop) as run:
        await run.press("4", kind.list_key)
        await run.shows(f"─ {kind.title} ")
        assert run.screen.navigator.here.view == kind.plural


async def test_lists_that_share_a_key_take_turns(shop):
    """Secrets first; again configs, and again secrets."""
    async with running(shop) as run:
        seen = []
        for _ in range(3):
            await run.press("7")
            seen.append(run.screen.navigator.here.view)
        assert seen == ["secrets", "configs", "secrets"]


async def test_stacks_lead_to_their_services_and_back(cluster):
    """A stack opens as the list of its services; a service's owner is its stack, a task's its service."""
    async with running(cluster) as run:
        await run.press("5")
        await run.shows("shop")
        await run.press("enter")
        await run.shows("Services · stack")
        service = run.screen.navigator.view.selected[0]
        await run.press("J")
        assert run.screen.navigator.here.view == "stacks"
        stack = run.screen.navigator.view.selected[0].id
        assert cluster.get(Service, service.id).spec.annotations.labels["com.docker.stack.namespace"] == stack
        await run.press("4")
        task = run.screen.navigator.view.selected[0]
        await run.press("J")
        assert run.screen.navigator.view.selected[0].id == cluster.get(objects_pb2.Task, task.id).service_id


@pytest.mark.parametrize(("key", "of"), [("7", "secret key"), ("6", "network front")])
async def test_who_uses_it(shop, key, of):
    """U lists the services that use a secret or a network; 0 lists them all again."""
    async with running(shop) as run:
        await run.press(key, "slash")
        await run.type(of.split()[1])
        await run.press("enter", "U")
        await run.shows(f"Services · {of}")
        await run.shows("1 of 9")
        await run.press("0")
        await run.until(lambda: run.screen.navigator.here.id == "")
        assert "Services · " not in run.text


async def test_zero_takes_back_filter_and_problems(cluster):
    """Everything is listed again with one key."""
    async with running(cluster) as run:
        await run.press("3", "exclamation_mark", "slash")
        await run.type("web")
        await run.press("enter")
        await run.shows("/web")
        await run.press("0")
        await run.until(lambda: "problems only" not in run.text)
        assert len(run.pane.table.rows) == 8


async def test_events_are_told_and_lead_to_their_object(cluster):
    """What changes stands in the list of events with how it stands now; its object is one key away, and has its own events."""
    async with running(cluster) as run:
        await run.press("9")
        await run.shows("no events yet")
        cluster.update(Service, "s-web", lambda one: setattr(one.spec.replicated, "replicas", 7))
        await run.shows("scaled 12 → 7")
        await run.press("enter")
        await run.shows("Object")
        await run.press("escape", "J")
        assert run.screen.navigator.view.selected[0].id == "s-web"
        await run.press("E")
        await run.shows("Events · service web")
        assert "scaled 12 → 7" in run.text


async def test_earlier_later_and_last_place(cluster):
    """Brackets go through the places visited, the dash between the last two."""
    async with running(cluster) as run:
        await run.press("2", "3", "4")
        views = []
        for key in ("left_square_bracket", "left_square_bracket", "right_square_bracket", "minus", "minus"):
            await run.press(key)
            views.append(run.screen.navigator.here.view)
        assert views == ["services", "nodes", "services", "nodes", "services"]


async def test_wide_shows_more_columns(cluster):
    """On a terminal where ids find no room beside wide causes, ctrl+w shows them; again hides them."""
    async with running(cluster, size=(100, 30)) as run:
        await run.press("4")
        await run.shows("CAUSE")
        assert "IMAGE" not in run.text
        await run.press("ctrl+w")
        await run.shows("IMAGE")
        await run.press("ctrl+w")
        assert "IMAGE" not in run.text


async def test_columns_are_chosen(cluster):
    """What is left out in the dialog is not drawn; nothing at all cannot be chosen."""
    async with running(cluster) as run:
        await run.press("3", "number_sign")
        await run.shows("Columns")
        await run.press("down", "down", "space", "enter")
        await run.until(lambda: "STACK" not in run.text)
        assert "SERVICE" in run.text and "IMAGE" in run.text


async def test_a_range_is_marked(cluster):
    """From the last marked row to the cursor, whichever way."""
    async with running(cluster) as run:
        await run.press("3", "space", "j", "j", "ctrl+at")
        await run.shows("4 marked")
        await run.press("ctrl+backslash", "G", "space", "k", "k", "ctrl+at")
        await run.shows("3 marked")


async def test_json_and_the_command_that_shows_it(cluster):
    """i shows the object as JSON; C copies the command that prints the marked ones."""
    async with running(cluster) as run:
        await run.press("3", "space", "space", "C")
        await run.until(lambda: run.app.clipboard)
        assert run.app.clipboard == "swarm-tui service inspect api billing"
        await run.press("ctrl+backslash", "i")
        await run.shows('"spec": {')


async def test_a_filter_that_is_none_stays_open(cluster):
    """Enter takes no filter that cannot be read: the line stays, and says why; the list is not taken for filtered."""
    async with running(cluster) as run:
        await run.press("4", "slash")
        await run.type("colour:red")
        await run.press("enter")
        await run.shows("✖ There is no field 'colour'")
        await run.press("escape")
        await run.until(lambda: "colour" not in run.text)
