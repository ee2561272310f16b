"""Own keys, presets and live reload: what holds is what help, key bar and keys say (docs/design/terminal.md 11.13)."""

import pytest
from swarm_testkit.dashboard import running
from swarm_tui.dialogs.help import Help
from swarm_tui.preferences.file import WrongPreferences
from swarm_tui.preferences.model import PRESETS, Preferences
from swarm_tui.shell.preferred import Started, preferences_at_start
from swarm_tui.verbs import keymap
from swarm_tui.verbs.help_page import help_lines
from swarm_tui.verbs.keys import named, written
from swarm_tui.verbs.registry import verbs
from swarm_tui.views.view import Context


def wanting(**keys):
    return Started(Preferences(keys={verb.replace("__", "."): given for verb, given in keys.items()}))


def mistakes(**keys):
    """What is said of these keys."""
    return [one.text for one in keymap.mistakes_of(verbs(), wanting(**keys).preferences)]


async def test_an_own_key_does_what_the_verb_does(cluster):
    """The new key works, the old one does not, and key bar and help show the new one."""
    async with running(cluster, started=wanting(list__scale=("A",), global__help=("f2",))) as run:
        await run.press("3")
        await run.press("s")
        assert len(run.app.screen_stack) == 1
        assert " A scale " in run.text
        await run.press("A")
        await run.shows("Scale")
        await run.press("escape", "f2")
        assert isinstance(run.app.screen, Help)
        await run.shows("A           scale a service")
        await run.press("f2")
        assert len(run.app.screen_stack) == 1


async def test_two_verbs_change_keys_with_each_other(cluster):
    """A swap is no clash: each key does what the other did."""
    async with running(cluster, started=wanting(list__describe=("y",), list__yaml=("d",))) as run:
        await run.press("3", "d")
        assert run.screen.navigator.here.link.view == "text"
        assert "yaml" in str(run.screen.navigator.here.link).lower()


async def test_a_key_is_taken_away(cluster):
    """A verb without a key is in help and palette, and in no key bar."""
    async with running(cluster, size=(250, 40), started=wanting(list__logs=())) as run:
        await run.press("3")
        here = run.screen.navigator.here
        await run.press("l")
        assert run.screen.navigator.here == here
        assert " logs " not in run.text.splitlines()[-1]


@pytest.mark.parametrize(
    "keys, told",
    [
        ({"list__scael": ("S",)}, "there is no verb 'list.scael'; did you mean 'list.scale'?"),
        (
            {"list__scale": ("y",)},
            "y for 'list.scale' is already the key of 'list.yaml'; give that one another key too",
        ),
        (
            {"list__scale": ("?",)},
            "? for 'list.scale' is already the key of 'global.help'; give that one another key too",
        ),
        (
            {"list__scale": ("Q",), "list__yaml": ("Q",)},
            "Q for 'list.scale' is also the key of 'list.yaml'; give that one another key too",
        ),
        (
            {"global__resync": ("t",)},
            "t for 'global.resync' is already the key of 'list.top'; give that one another key too",
        ),
        ({"list__scale": ("j",)}, "j moves about everywhere, so 'list.scale' cannot have it"),
        ({"global__quit": ("Q",)}, "'global.quit' keeps its key ctrl+q"),
        ({"form__submit": ("x",)}, "x is typed into the fields of a form, so 'form.submit' cannot have it"),
        (
            {"list__scale": ("hyper",)},
            "there is no key 'hyper'; keys are written as a, A, ?, f5, ctrl+d, alt+x, pageup",
        ),
        ({"list__scale": ("ctrl+m",)}, "a terminal sends ctrl+m as enter, so it cannot be told apart"),
        ({"list__scale": ("shift+s",)}, "write 'S' in place of 'shift+s'"),
    ],
)
def test_a_wrong_key_is_refused_with_a_sentence(keys, told):
    """An unknown verb, a key twice, a key that is needed otherwise."""
    assert mistakes(**keys) == [told]


def test_the_same_key_in_two_contexts_is_no_clash():
    """`A` scales in lists and follows in logs."""
    assert mistakes(list__scale=("A",), log__follow=("A",)) == []


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_whole(preset):
    """A preset names verbs that exist, and gives no key twice."""
    wanted = Preferences(preset=preset)
    known = {verb.id for verb in verbs()}
    assert set(keymap.PRESETS[preset]) <= known
    assert keymap.mistakes_of(verbs(), wanted) == []
    assert preset in keymap.PRESETS
    for verb_id, keys in keymap.PRESETS[preset].items():
        assert keymap.keys_of(verbs(), wanted)[verb_id].keys == keys


async def test_the_keys_of_k9s(cluster):
    """Its users find restart on r and the faults on ctrl+z."""
    async with running(cluster, started=Started(Preferences(preset="k9s"))) as run:
        await run.press("3", "ctrl+z")
        assert run.pane is not None
        assert run.pane.is_problems_only
        await run.press("ctrl+z", "r")
        await run.until(lambda: len(run.app.screen_stack) == 2)


@pytest.mark.parametrize("verb", verbs(), ids=lambda verb: verb.id)
def test_what_is_shown_can_be_typed_into_the_file(verb):
    """The key that help shows is read as the same key again."""
    for key in verb.keys:
        assert named(written(key)) in (key, "ctrl+space")


def test_help_shows_the_keys_in_force():
    """Help is made from the same table as the keys."""
    table = keymap.keys_of(verbs(), Preferences(keys={"list.scale": ("A", "f6")}))
    text = "\n".join("".join(part for part, _ in line) for line in help_lines(table, Context.LIST))
    assert "A           scale a service" in text


def at_start(tmp_path, text):
    path = tmp_path / "config.toml"
    path.write_text(text)
    return path, {"SWARM_TUI_CONFIG": str(path)}


def test_a_file_with_a_mistake_is_refused_at_the_start(tmp_path):
    """Each mistake with its line, wherever it is judged."""
    path, environ = at_start(tmp_path, 'theme = "nrod"\n[keys]\n"list.scael" = "S"\n')
    with pytest.raises(WrongPreferences) as caught:
        preferences_at_start(environ)
    assert caught.value.sentences == (
        f"{path}, line 3: there is no verb 'list.scael'; did you mean 'list.scale'?",
        f"{path}, line 1: there is no theme 'nrod'; did you mean 'nord'?",
    )


async def test_a_changed_file_holds_at_once(cluster, tmp_path):
    """New keys and a new theme are taken up while the program runs; a mistake is told, and what held goes on."""
    path, environ = at_start(tmp_path, '[keys]\n"list.scale" = "A"\n')
    async with running(cluster, theme=None, started=preferences_at_start(environ)) as run:
        await run.press("3")
        await run.shows(" A scale ")
        path.write_text('theme = "nord"\n[keys]\n"list.scale" = "Y"\n')
        await run.shows(" Y scale ")
        await run.until(lambda: run.app.theme == "nord")
        await run.press("Y")
        await run.shows("Scale")
        await run.press("escape")
        path.write_text('[keys]\n"list.scale" = "y"\n')
        await run.shows("line 2: y for 'list.scale'")
        assert " Y scale " in run.text
        path.unlink()
        await run.shows(" s scale ")
        await run.until(lambda: run.app.theme == "swarm-dark")


def test_a_good_file_is_what_it_says(tmp_path):
    """Judging changes nothing."""
    _, environ = at_start(tmp_path, 'keymap = "lazydocker"\n')
    started = preferences_at_start(environ)
    assert started.preferences == Preferences(preset="lazydocker")
    assert preferences_at_start({"SWARM_TUI_CONFIG": "off"}) == Started(Preferences())
