"""The form of services on screen: sections, rows, its twin in YAML, and services that are changed."""

import pytest
from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_testkit.dashboard import running
from swarm_tui.dialogs.plan import PlanDialog
from swarm_tui.views.form.view import FormView
from textual import events
from textual.widgets import Input

pytestmark = pytest.mark.timeout(240)


def service_of(cluster, name):
    return next(one for one in cluster.all(objects_pb2.Service) if one.spec.annotations.name == name)


async def put(run, key, text):
    """Put the cursor into a field, opening its section, and write the text as a person does."""
    form = run.screen.query_one(FormView)
    await form.fields.go_to(key)
    await run.until(lambda: run.app.is_caught_up)
    await run.one_by_one(*text)


async def test_a_section_opens_by_a_key_and_takes_what_is_typed_behind_it(cluster):
    """Enter on a folded section opens it; what is typed at once stands in its first field. Folded it tells what it holds."""
    async with running(cluster, size=(132, 30)) as run:
        await run.one_by_one("n", *"kv", "tab", "tab", *"redis:7", "tab", "tab", "tab", "tab")
        await run.one_by_one("enter", *"9000:80")
        await run.shows("Publish       9000:80")
        await run.shows("✓ free")
        await run.one_by_one("f3")
        await run.shows("▸ Ports      9000:80")
        assert list(run.screen.query_one(FormView).filled.judged.spec.endpoint.ports)


async def test_rows_are_added_and_dropped(cluster):
    """ctrl+n adds a row below, enter behind the last row too, f8 drops the one with the cursor."""
    async with running(cluster, size=(132, 30)) as run:
        await run.one_by_one("n")
        await put(run, "env", "A=1")
        await run.one_by_one("enter", *"B=2", "ctrl+n", *"C=3")
        form = run.screen.query_one(FormView)
        assert form.filled.sheet.typed["env"] == ("A=1", "B=2", "C=3")
        await run.one_by_one("shift+tab", "f8")
        assert form.filled.sheet.typed["env"] == ("A=1", "C=3")
        await run.one_by_one("f8", "f8", *"D=4")
        assert [text for text in form.filled.sheet.typed["env"] if text] == ["D=4"]


async def test_the_first_row_can_go_too(cluster):
    """The others move up, and the label stays."""
    async with running(cluster, size=(132, 30)) as run:
        await run.one_by_one("n")
        await put(run, "env", "A=1")
        await run.one_by_one("enter", *"B=2", "shift+tab", "f8")
        assert run.screen.query_one(FormView).filled.sheet.typed["env"] == ("B=2",)
        await run.shows("Variable      B=2")


async def test_a_port_names_its_owner(cluster):
    """Beside the field, and in a sentence below."""
    cluster.update(
        objects_pb2.Service,
        "s-cache",
        lambda one: one.spec.endpoint.ports.add(target_port=6379, published_port=6379),
    )
    async with running(cluster, size=(132, 30)) as run:
        await run.one_by_one("n")
        await put(run, "ports", "6379:6379")
        await run.shows("✖ used by cache")
        await run.shows("Port 6379/tcp is already in use by service cache")


async def test_fields_write_the_twin(cluster):
    """The text follows each key."""
    async with running(cluster) as run:
        await run.one_by_one("n", *"kv", "tab", "tab", *"redis:7")
        await run.shows("  kv:")
        await run.shows("    image: redis:7")
        await put(run, "reserve_memory", "64m")
        await run.shows("          memory: 64m")


async def test_the_twin_writes_fields(cluster):
    """What is changed in the text stands in the fields, and what the text has no word for stays."""
    async with running(cluster) as run:
        await run.one_by_one("n", *"kv", "tab", "tab", *"redis:7")
        await put(run, "sysctls", "a=1")
        form = run.screen.query_one(FormView)
        text = form.filled.text.replace("redis:7", "redis:8").replace("replicas: 1", "replicas: 5")
        await run.one_by_one("f2")
        form._twin._area.load_text(text)
        await run.until(lambda: form.filled.sheet.typed["replicas"] == ("5",))
        assert run.screen.query_one("#image", Input).value == "redis:8"
        assert form.filled.sheet.typed["sysctls"] == ("a=1",)
        await run.one_by_one("f2")
        assert form.is_in_twin is False


async def test_a_wrong_text_stays_and_says_its_line(cluster):
    """Nothing is sent of it; f9 writes it anew from the fields."""
    async with running(cluster, size=(160, 30)) as run:
        await run.one_by_one("n", *"kv", "tab", "tab", *"redis:7", "f2")
        form = run.screen.query_one(FormView)
        wrong = form.filled.text.replace("replicas: 1", "replicas: many")
        form._twin._area.load_text(wrong)
        await run.shows("✖ line 5: ")
        assert run.screen.query_one("#replicas", Input).value == "1"
        await run.one_by_one("ctrl+g")
        assert form.is_in_twin
        assert not isinstance(run.app.screen, PlanDialog)
        await run.one_by_one("f2", *"x", "f2")
        assert form._twin.text == wrong
        await run.one_by_one("f9")
        assert "replicas: 1" in form._twin.text
        assert form.filled.wrong_text is None


async def test_a_service_is_changed_by_the_form(cluster):
    """`e`: only what was changed is sent, after its plan, on top of what somebody else changed meanwhile."""
    async with running(cluster) as run:
        await run.press("3", "down", "down", "e")
        await run.shows("Edit cache")
        await put(run, "limit_memory", "2g")
        cluster.update(
            objects_pb2.Service, "s-cache", lambda one: setattr(one.spec.replicated, "replicas", 4)
        )
        await run.until(lambda: run.screen.query_one(FormView).filled.now.spec.replicated.replicas == 4)
        await run.press("ctrl+g")
        await run.shows("~ cache: resources")
        await run.press("y")
        await run.shows("service cache updated")
        now = cluster.get(objects_pb2.Service, "s-cache").spec
        assert now.task.resources.limits.memory_bytes == 2 << 30
        assert now.replicated.replicas == 4
        await run.until(lambda: run.screen.navigator.here.view == "services")


async def test_a_conflict_is_told_and_nothing_is_sent(cluster):
    """Where somebody else changed the same; f9 takes the newest under what was typed."""
    async with running(cluster) as run:
        await run.press("3", "down", "down", "e")
        await put(run, "replicas", "7")
        cluster.update(
            objects_pb2.Service, "s-cache", lambda one: setattr(one.spec.replicated, "replicas", 4)
        )
        await run.shows("▲ changed meanwhile: replicas")
        await run.press("ctrl+g")
        await run.until(lambda: run.screen.query_one(FormView).filled.plan().refusals)
        assert not run.called("Control.UpdateService")
        await run.press("f9", "ctrl+g")
        await run.shows("scaled 4 → 7")
        await run.press("y")
        await run.until(lambda: cluster.get(objects_pb2.Service, "s-cache").spec.replicated.replicas == 7)


async def test_a_form_in_which_nothing_was_typed_shows_the_service_as_it_is(cluster):
    """11.21.7: while it is open, and when one comes back to it; not as it was when it was opened."""

    def scale(number):
        cluster.update(
            objects_pb2.Service, "s-cache", lambda one: setattr(one.spec.replicated, "replicas", number)
        )

    async with running(cluster) as run:
        await run.press("3", "down", "down", "e")
        await run.shows("replicas: 3")
        form = run.screen.query_one(FormView)
        for number in (4, 5):
            scale(number)
            await run.shows(f"replicas: {number}")
            assert form.filled.sheet.typed["replicas"] == (str(number),)
        await run.press("escape")
        scale(6)
        await run.until(lambda: form.filled.now.spec.replicated.replicas == 6)
        await run.press("e")
        await run.shows("replicas: 6")
        assert form.query_one("#replicas", Input).value == "6"


async def test_drafts_are_kept_for_each_service(cluster):
    """Going elsewhere loses nothing, and one draft is not another."""
    async with running(cluster) as run:
        await run.press("3", "down", "down", "e")
        await put(run, "workdir", "/srv")
        await run.press("escape", "n")
        assert run.screen.query_one(FormView).filled.sheet.typed.get("workdir") == ("",)
        await run.press("escape", "e")
        await run.shows("Edit cache")
        assert run.screen.query_one(FormView).filled.sheet.typed["workdir"] == ("/srv",)


async def test_values_of_variables_are_not_shown_folded(cluster):
    """Only their names: values may be secret."""
    async with running(cluster, size=(132, 30)) as run:
        await run.one_by_one("n")
        await put(run, "env", "TOKEN=abc")
        await run.one_by_one("f3")
        await run.shows("▸ Env        TOKEN")


@pytest.mark.parametrize("size", [(60, 15), (80, 24)], ids=lambda size: "x".join(map(str, size)))
async def test_nothing_is_cut_in_a_small_terminal(cluster, size):
    """Labels, choices and verdicts of the first fields are whole, and the keys at the bottom too."""
    async with running(cluster, size=size) as run:
        await run.one_by_one("n", *"kv", "tab", "tab", *"redis:7")
        await run.shows("✓ tagged")
        assert "…" not in run.text
        for word in ("Name", "Runtime", "Image", "Command", "Mode", "Tasks", "10 of 12 nodes fit", "f1 help"):
            assert word in run.text, word
        await run.one_by_one("f2")
        await run.shows("image: redis:7")
        assert "Runtime" not in run.text
        await run.one_by_one("f2")
        await run.shows("Runtime")


async def test_lines_that_are_pasted_into_a_list_are_rows(cluster):
    """A paste of several lines fills as many rows."""
    async with running(cluster, size=(132, 30)) as run:
        await run.one_by_one("n")
        await put(run, "env", "")
        run.app.post_message(events.Paste("A=1\nB=two words\n"))
        form = run.screen.query_one(FormView)
        await run.until(lambda: form.filled.sheet.typed["env"] == ("A=1", "B=two words"))


def test_the_spec_of_a_new_service_is_docker_commands(cluster):
    """What the form sends of nothing but name and image is what `service create` sends."""
    from swarm_core.specs import container, service, task
    from swarm_core.specs.draft import Draft
    from swarm_tui.clusters.snapshot import Snapshot
    from swarm_tui.operations.forms.filled import Filled

    filled = Filled(Snapshot([]))
    filled.put("name", ("kv",))
    filled.put("image", ("redis",))
    draft = Draft.new("container")
    service.set_name(draft, "kv")
    task.set_program(draft, ["redis"])
    container.fill_in(draft)
    (step,) = filled.plan().steps
    assert step.action.spec == draft.finish()
    assert isinstance(step.action.spec, specs_pb2.ServiceSpec)


LINE = "docker run -d --name kv -p 6379:6379 -e A=1 -v data:/data --restart on-failure:3 -m 512m --rm redis:7"


async def test_a_pasted_line_fills_the_form(cluster):
    """Wherever it is pasted; what has no counterpart is named."""
    async with running(cluster) as run:
        await run.one_by_one("n")
        run.app.post_message(events.Paste(LINE))
        await run.shows("No counterpart: --rm.")
        form = run.screen.query_one(FormView)
        await run.until(lambda: form.filled.sheet.name == "kv")
        assert run.screen.query_one("#image", Input).value == "redis:7"
        assert form.filled.sheet.typed["restart_attempts"] == ("3",)
        await run.one_by_one("ctrl+g")
        await run.shows("~ kv: created")


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
@pytest.mark.parametrize(
    "lines",
    [
        ("docker run -d \\", "  --name kv \\", "  redis:7"),
        ("services:", "  kv:", "    image: redis:7"),
    ],
    ids=["docker", "compose"],
)
async def test_lines_end_as_the_terminal_ends_them(cluster, lines, end):
    """11.23.1, 11.23.4: most terminals send a carriage return for each end of a line that is pasted."""
    async with running(cluster) as run:
        await run.one_by_one("n")
        run.app.post_message(events.Paste(end.join(lines)))
        form = run.screen.query_one(FormView)
        await run.until(lambda: form.filled.sheet.name == "kv")
        assert run.screen.query_one("#image", Input).value == "redis:7"


async def test_fill_from_a_text(cluster):
    """f4 asks for it and says what it would come to before it is taken."""
    async with running(cluster) as run:
        await run.one_by_one("n", "f4", *"docker ps")
        await run.shows("✖ this is neither docker run nor docker service create.")
        await run.one_by_one("ctrl+g", "ctrl+u", *"docker run -i redis:7")
        await run.shows("Filled from docker run. No counterpart: -i.")
        await run.one_by_one("ctrl+g")
        assert run.screen.query_one("#image", Input).value == "redis:7"


async def test_other_words_are_pasted_as_they_are(cluster):
    """Into the field with the cursor."""
    async with running(cluster) as run:
        await run.one_by_one("n", "tab", "tab", "tab")
        run.app.post_message(events.Paste("redis-server --save ''"))
        await run.until(lambda: run.screen.query_one("#args", Input).value == "redis-server --save ''")


async def test_the_editors_text_is_taken(cluster, monkeypatch):
    """ctrl+o gives the text away and takes what comes back; what is wrong in it is shown with its line."""
    given = []

    async def edit(text, name, *, is_secret):
        assert (name, is_secret) == ("service.yaml", False)
        given.append(text)
        return answers.pop(0)

    async with running(cluster) as run:
        monkeypatch.setattr(run.screen.desk, "edit", edit)
        await run.one_by_one("n", *"kv", "tab", "tab", *"redis:7")
        form = run.screen.query_one(FormView)
        text = form.filled.text
        answers = [text, None, text.replace("redis:7", "redis:8"), "services: {}\n"]
        await run.one_by_one("ctrl+o", "ctrl+o")
        assert given == [text, text]
        assert form.filled.text == text
        await run.one_by_one("ctrl+o")
        await run.until(lambda: run.screen.query_one("#image", Input).value == "redis:8")
        await run.one_by_one("ctrl+o")
        await run.shows("✖ line 1: there is no service in it")
        assert form._twin.text == "services: {}\n"


async def test_another_service_is_shown_folded_with_the_cursor_behind_its_text(cluster):
    """A section that was opened for one service is folded for the next, and what is typed goes behind what stands there."""
    async with running(cluster) as run:
        await run.burst("3", "n")
        await put(run, "image", "a:1")
        await put(run, "ports", "9000:80")
        await run.burst("escape", "down", "down", "e")
        await run.shows("Edit cache")
        await run.shows("▸ Ports")
        assert "Publish" not in run.text
        field = run.screen.query_one("#image", Input)
        assert field.has_focus
        assert field.cursor_position == len(field.value)


async def test_a_key_lays_nothing_out_anew(cluster, monkeypatch):
    """A letter is painted where it stands and where it means something: no place on screen is reckoned anew."""
    async with running(cluster) as run:
        await run.burst("3", "n")
        await run.one_by_one(*"kv")
        laid_out = []
        lay_out = run.screen._refresh_layout

        def note(*given, **named):
            laid_out.append(given)
            lay_out(*given, **named)

        monkeypatch.setattr(run.screen, "_refresh_layout", note)
        await run.one_by_one("x")
        assert "kvx:" in run.text
        assert not laid_out


async def test_the_text_is_a_field_only_while_somebody_writes_in_it(cluster):
    """Tab leads into it behind the sections, or f2; whoever goes on by tab leaves it, and it says what the fields say."""
    async with running(cluster) as run:
        await run.burst("3", "n")
        await run.one_by_one(*"kv", "tab", "tab", *"redis:7", "shift+tab", "shift+tab", "shift+tab")
        form = run.screen.query_one(FormView)
        assert form.is_in_twin
        await run.one_by_one(*("down",) * 5, *"    user: me")
        await run.until(lambda: form.filled.sheet.typed["user"] == ("me",))
        await run.one_by_one("tab")
        assert run.screen.query_one("#name", Input).has_focus
        assert not form.is_in_twin
        await run.shows("    user: me")
