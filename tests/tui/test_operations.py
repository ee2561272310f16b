"""What the dashboard asks of the cluster, and how it tells of failures."""

import pytest
from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.api.references import process_spec
from swarm_core.client.errors import CallFailed, Unreachable
from swarm_testkit.dashboard import running
from swarm_tui.dialogs.confirm import Confirm
from swarm_tui.dialogs.scale import Scale
from swarm_tui.views.form.view import FormView
from textual.widgets import Input


def replicas(cluster, service_id):
    return cluster.get(objects_pb2.Service, service_id).spec.replicated.replicas


@pytest.mark.parametrize(
    ("typed", "expected", "sign"), [("+3", 4, "✓"), ("=5", 5, "✓"), ("0", 0, "▲"), ("x2", 2, "✓")]
)
async def test_scale(cluster, typed, expected, sign):
    """s asks for an amount, shows what it makes, and the service is scaled."""
    async with running(cluster) as run:
        await run.press("3", "down", "down", "down", "s")
        await run.shows("Scale db")
        await run.type(typed)
        await run.shows(f"{sign} 1 → {expected}")
        await run.press("enter")
        await run.shows("Same as: docker service scale db=" if expected != 1 else "nothing would change")
        await run.press("y")
        await run.until(lambda: replicas(cluster, "s-db") == expected)
        await run.shows(f"db scaled to {expected}, from 1")


async def test_scale_refuses_nonsense(cluster):
    """An amount that is none is called so and nothing is sent; escape leaves everything as it was."""
    async with running(cluster) as run:
        await run.press("3", "s")
        await run.type("many")
        await run.shows("✖ write 5, =5, +3, -1 or x2")
        await run.press("enter")
        assert isinstance(run.app.screen, Scale)
        await run.press("escape")
        assert not run.called("Control.UpdateService")


async def test_scale_of_marked_services(cluster):
    """A change is applied to each of the marked services from its own number."""
    async with running(cluster) as run:
        await run.press("3", "down", "down", "space", "space", "s")
        await run.shows("Scale 2 services")
        await run.type("+1")
        await run.shows("✓ 3, 1 → 4, 2")
        await run.press("enter")
        await run.shows("Same as: docker service scale cache=4 db=2")
        await run.press("y")
        await run.until(lambda: (replicas(cluster, "s-cache"), replicas(cluster, "s-db")) == (4, 2))


async def test_scale_survives_a_race(cluster):
    """When somebody else changes the service at the same moment, the change is made on top of theirs."""
    async with running(cluster) as run:
        cluster.fail_next("Control.UpdateService", CallFailed("UNKNOWN", "update out of sequence"))
        await run.press("3", "s")
        await run.type("+1")
        await run.press("enter")
        await run.shows("y go on")
        await run.press("y")
        await run.until(lambda: replicas(cluster, "s-api") == 10)


async def test_a_plan_that_fits_no_more(cluster):
    """Somebody else has scaled the service while the plan was read: nothing is sent, and the reason is the operation's own."""
    async with running(cluster) as run:
        await run.press("3", "down", "down", "down", "s")
        await run.type("-1")
        await run.press("enter")
        await run.shows("y go on")
        cluster.update(
            objects_pb2.Service, "s-db", lambda service: setattr(service.spec.replicated, "replicas", 0)
        )
        await run.until(
            lambda: run.screen.session.mirror.get(objects_pb2.Service, "s-db").spec.replicated.replicas == 0
        )
        await run.press("y")
        await run.shows("Could not scale db: 0 − 1 is below zero.")
        assert not run.called("Control.UpdateService")


async def test_remove_needs_the_name(cluster):
    """A service is removed only after its name was typed."""
    async with running(cluster) as run:
        await run.press("3", "down", "down", "ctrl+d")
        await run.shows("Remove service cache")
        await run.shows("3 running tasks will be stopped")
        await run.type("cash")
        await run.press("enter")
        await run.shows("✖ that is not cache")
        assert isinstance(run.app.screen, Confirm)
        await run.press("ctrl+u")
        await run.type("cache")
        await run.press("enter")
        await run.shows("service cache removed")
        assert [request.service_id for request in run.called("Control.RemoveService")] == ["s-cache"]


async def test_remove_can_be_left(cluster):
    """Escape removes nothing."""
    async with running(cluster) as run:
        await run.press("3", "ctrl+d", "escape")
        assert not run.called("Control.RemoveService")


async def test_a_plan_is_left_as_a_command_is(cluster):
    """ctrl+c is what fingers do to stop something."""
    async with running(cluster) as run:
        await run.press("3", "R")
        await run.shows("Restart")
        await run.press("ctrl+c")
        await run.until(lambda: len(run.app.screen_stack) == 1)
        assert not run.called("Control.UpdateService")


async def test_remove_of_several_needs_their_number(cluster):
    """For marked services the number is typed."""
    async with running(cluster) as run:
        await run.press("3", "down", "down", "space", "space", "ctrl+d")
        await run.shows("Remove 2 services")
        await run.type("2")
        await run.press("enter")
        await run.until(lambda: len(run.called("Control.RemoveService")) == 2)


async def test_tasks_cannot_be_removed(cluster):
    """Removing is not offered where the cluster would only make a new task."""
    async with running(cluster) as run:
        await run.press("4", "ctrl+d")
        assert len(run.app.screen_stack) == 1
        assert "remove" not in run.text.splitlines()[-1]


async def test_node_availability(cluster):
    """a sets a node to drain."""
    async with running(cluster) as run:
        await run.press("2", "a")
        await run.shows("Availability of m1")
        await run.press("down", "down", "enter")
        await run.shows("level 3 impact · reversible")
        assert not run.called("Control.UpdateNode")
        await run.press("y")
        await run.shows("m1: drain")
        node = cluster.get(objects_pb2.Node, "n00-m1")
        assert node.spec.availability == specs_pb2.NodeSpec.DRAIN


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            CallFailed("PERMISSION_DENIED", "you may not do this."),
            "Could not scale api: you may not do this.",
        ),
        (Unreachable("connection refused"), "Could not scale api: no manager answers (connection refused)."),
    ],
)
async def test_a_failure_is_one_sentence(cluster, error, sentence):
    """Whatever goes wrong is told in a sentence, and the program goes on."""
    async with running(cluster) as run:
        cluster.fail_next("Control.GetService", error)
        await run.press("3", "s")
        await run.type("+1")
        await run.press("enter")
        await run.shows("y go on")
        await run.press("y")
        words = sentence.split()
        await run.until(lambda: all(word in run.text for word in words))
        assert "Traceback" not in run.text
        assert run.app.is_running


async def fill(run, **fields):
    """Write into fields of the form, wherever they are folded."""
    form = run.screen.navigator.view
    for key, value in fields.items():
        await form.fields.go_to(key)
        await run.until(lambda: run.app.is_caught_up)
        run.screen.focused.value = value
        await run.pilot.pause()


async def test_create_a_container_service(cluster):
    """The form makes the service after its plan was read, leads back, and the cursor is on it."""
    async with running(cluster) as run:
        await run.press("3", "n")
        await run.type("sessions")
        await run.press("tab", "tab")
        await run.type("redis:7")
        await fill(run, replicas="2", env="A=1", constraints="node.labels.zone==a")
        await run.shows("✓ free")
        await run.shows("▲ 4 of 12 nodes")
        await run.press("ctrl+g")
        await run.shows("Same as: docker service create --name sessions --replicas")
        assert not run.called("Control.CreateService")
        await run.press("y")
        await run.shows("service sessions created")
        (request,) = run.called("Control.CreateService")
        assert request.spec.task.container.image == "redis:7"
        assert request.spec.replicated.replicas == 2
        assert list(request.spec.task.container.env) == ["A=1"]
        created = next(s for s in cluster.all(objects_pb2.Service) if s.spec.annotations.name == "sessions")
        await run.until(lambda: [ref.id for ref in run.pane.selected] == [created.id])
        await run.press("n")
        assert run.screen.query_one("#name", Input).value == ""


async def test_create_a_process_service(cluster):
    """With the process runtime a command takes the image's place."""
    async with running(cluster) as run:
        await run.press("3", "n")
        await run.type("web2")
        await run.press("tab", "right")
        assert "Image" not in run.text
        await fill(run, program="python3 -m http.server", mode="global")
        assert "Tasks" not in run.text
        await run.press("ctrl+g")
        await run.shows("docker knows containers only")
        await run.press("y")
        await run.until(lambda: run.called("Control.CreateService"))
        (request,) = run.called("Control.CreateService")
        process = process_spec(request.spec.task)
        assert [*process.command, *process.args] == ["python3", "-m", "http.server"]
        assert request.spec.WhichOneof("mode") == "global"


async def test_the_form_leads_to_what_is_wrong(cluster):
    """Trying to create a bad draft sends nothing, names what is missing and goes there."""
    async with running(cluster) as run:
        await run.press("3", "n")
        await run.type("api")
        await run.shows("✖ taken")
        await run.press("ctrl+g")
        assert run.screen.focused.id == "name"
        await run.press("ctrl+u")
        await run.type("api2")
        await run.press("ctrl+g")
        await run.shows("✖ needed")
        assert run.screen.focused.id == "image"
        assert not run.called("Control.CreateService")


async def test_the_form_is_judged_against_the_cluster_as_it_changes(cluster):
    """A name that is taken while one types is called taken; the forecast follows the nodes."""
    async with running(cluster) as run:
        await run.press("3", "n")
        await run.type("fresh")
        await fill(run, image="redis:7", replicas="3", reserve_cpu="1")
        await run.shows("10 of 12 nodes fit")
        cluster.update(objects_pb2.Service, "s-db", lambda s: setattr(s.spec.annotations, "name", "fresh"))
        await run.shows("✖ taken")
        cluster.update(
            objects_pb2.Node, "n11-w9", lambda n: setattr(n.spec, "availability", specs_pb2.NodeSpec.DRAIN)
        )
        await run.shows("9 of 12 nodes fit")


async def test_a_refused_creation_keeps_the_draft(cluster):
    """When the cluster refuses, the sentence is shown and nothing that was typed is lost."""
    async with running(cluster) as run:
        cluster.fail_next("Control.CreateService", CallFailed("INVALID_ARGUMENT", "image is not allowed"))
        await run.press("3", "n")
        await run.type("cache2")
        await fill(run, image="redis:7")
        await run.press("ctrl+g")
        await run.shows("y go on")
        await run.press("y")
        await run.shows("image is not allowed")
        assert run.screen.query_one(FormView).filled.sheet.name == "cache2"
