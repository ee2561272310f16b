"""A person's own commands in the dashboard: key, key bar, help, palette, `:`; live reload; levels (docs/design/plugins.md)."""

import sys

from swarm_testkit.dashboard import running
from swarm_tui.clusters.allowance import Level
from swarm_tui.preferences.file import Watched
from swarm_tui.preferences.model import OwnCommand, Preferences
from swarm_tui.shell.preferred import Started
from swarm_tui.verbs.help_page import help_lines
from swarm_tui.views.view import Context

SAY = (sys.executable, "-c", "import sys; print('told', *sys.argv[1:]); sys.exit(int(len(sys.argv[1]) > 6))")


def own(name="look", **given):
    return OwnCommand(
        name,
        (*SAY, "{name}", "a b;c"),
        **{"key": "f9", "scopes": ("service",), "is_background": True, **given},
    )


def started(*plugins):
    return Started(Preferences(plugins=plugins))


async def test_it_is_a_verb_as_all_others(cluster):
    """Its key runs it for each that is marked, its output is a page, and it stands in key bar, help and the `:` bar."""
    look = own(output="page", help="look at it")
    async with running(cluster, size=(250, 40), started=started(look)) as run:
        await run.press("3")
        assert "f9 look" in run.text.splitlines()[-1]
        await run.press("space", "space", "f9")
        await run.shows("told api a b;c")
        await run.shows("told billing a b;c")
        assert "✖ It ended with 1." in run.text
        lines = help_lines(run.screen._verbs, Context.LIST)
        assert any("".join(text for text, _ in line).split() == ["f9", "look", "at", "it"] for line in lines)
        await run.press("escape", "4", "f9")
        assert len(run.app.screen_stack) == 1
        await run.press("colon")
        await run.type("look svc/db")
        await run.press("enter")
        await run.shows("told db a b;c")


async def test_it_asks_and_keeps_to_its_level(cluster):
    """With `confirm` the command is shown before; above the level it is refused, and says which it needs."""
    async with running(cluster, started=started(own(confirm=True, output="notice", level=1))) as run:
        await run.press("3", "f9")
        await run.shows("'a b;c'")
        await run.press("escape")
        assert "told" not in run.text
        await run.press("f9", "y")
        await run.shows("look: told api a b;c")
    async with running(cluster, started=started(own(level=1)), level=Level.LOOK) as run:
        await run.press("3", "f9")
        await run.shows("Could not run look: it needs level 1")


async def test_what_cannot_be_run_is_a_sentence(cluster):
    """A program that is not there, and one without an object."""
    gone = OwnCommand("gone", ("/nowhere/x",), "f8", is_background=True, level=0)
    async with running(cluster, started=started(gone)) as run:
        await run.press("f8")
        await run.shows("Could not run gone: /nowhere/x: No such file or directory.")


async def test_a_changed_file_holds_at_once(cluster, tmp_path):
    """A command that was written while the program runs has its key; one that was taken out has none; a mistake changes nothing."""
    path = tmp_path / "config.toml"
    path.write_text("")
    watched = Watched(path)
    async with running(cluster, started=Started(Preferences(), watched)) as run:
        await run.press("3", "f9")
        path.write_text(
            '[plugins.hello]\nkey = "f9"\nscopes = ["svc"]\ncommand = ["echo", "hello {name}"]\nbackground = true'
        )
        await run.shows("Your preferences were read anew")
        await run.press("f9")
        await run.shows("hello: hello api")
        path.write_text('[plugins.hello]\nkey = "s"\nscopes = ["svc"]\ncommand = ["echo"]')
        await run.shows("'list.scale'")  # a word alone: lines break elsewhere with each path
        path.write_text("# nothing")
        await run.until(lambda: run.screen._verbs.plugin(0) is None)
        assert "hello" not in run.text.splitlines()[-1]
