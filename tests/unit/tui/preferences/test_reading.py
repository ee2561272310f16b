"""The file of preferences: what it says, what is wrong with it and where (docs/design/terminal.md 11.13)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_tui.preferences import file as preferences_file
from swarm_tui.preferences.file import Watched, WrongPreferences, file_of, load
from swarm_tui.preferences.lines import line_of
from swarm_tui.preferences.model import Preferences


def written(tmp_path, text):
    path = tmp_path / "config.toml"
    path.write_text(text)
    return path


def wrong(tmp_path, text):
    """What is said of a file with this text, without the file's name."""
    path = written(tmp_path, text)
    with pytest.raises(WrongPreferences) as caught:
        load(path)
    return [sentence.removeprefix(f"{path}, ") for sentence in caught.value.sentences]


def test_what_a_file_says(tmp_path):
    """Theme, keymap, a key, several keys, and none."""
    text = 'theme = "nord"\nkeymap = "k9s"\n[keys]\n"list.scale" = "S"\n"list.logs" = ["m", "l"]\n"list.copy" = ""\n'
    assert load(written(tmp_path, text)).preferences == Preferences(
        theme="nord", preset="k9s", keys={"list.scale": ("S",), "list.logs": ("m", "l"), "list.copy": ()}
    )


def test_no_file_is_no_mistake(tmp_path):
    """Who wrote nothing has everything as it comes."""
    assert load(tmp_path / "config.toml").preferences == Preferences()


@pytest.mark.parametrize(
    "text, told",
    [
        ('them = "nord"', ["line 1: 'them' is not known; did you mean 'theme'?."]),
        ("\n\ntheme = 3", ["line 3: 'theme' takes a text in quotes."]),
        ('keymap = "vi"', ["line 1: there is no keymap 'vi'; there are default, k9s, lazydocker."]),
        ('keymap = "k8s"', ["line 1: there is no keymap 'k8s'; did you mean 'k9s'?."]),
        (
            '# mine\n[keys]\nlist.scale = "S"',
            ['line 3: write the verb\'s name in quotes, as in "list.scale".'],
        ),
        ("[keys]\n'list.scale' = 7", ["line 2: 'list.scale' takes a key, or a list of keys."]),
        ("keys = 7", ["line 1: 'keys' is a table: write [keys] on a line of its own."]),
        ('[themes.mine]\ndark = 1\nprimary = "red"', ["line 2: 'dark' is true or false."]),
        ("[themes.mine]\ndark = true", ["line 1: the theme 'mine' needs a color for 'primary'."]),
        (
            "[themes.mine]\nprimary = 3\nbakground = 'red'",
            [
                "line 3: 'bakground' is not known; did you mean 'background'?",
                "line 2: 'primary' takes a text in quotes.",
            ],
        ),
        (
            "[themes]\nmine = 'red'",
            [
                "line 2: 'mine' is a table: write [themes.mine] on a line of its own.",
                "line 2: the theme 'mine' needs a color for 'primary'.",
            ],
        ),
        ('notify = ["bel"]', ["line 1: 'notify' does not take 'bel'; did you mean 'bell'?"]),
        ("notify = true", ["line 1: 'notify' takes a list of words, such as ['bell']."]),
        ("theme =", ["line 1: this is no TOML: Invalid value."]),
        ("a = 1\n\n]", ["line 3: this is no TOML: Invalid statement."]),
        ("a = 1\na = 2", ["line 2: this is no TOML: Cannot overwrite a value."]),
        (
            "x = 1\n[keys]\ny = 2\n",
            [
                "line 1: 'x' is not known; there are keymap, keys, notify, plain, plugins, theme, themes.",
                "line 3: 'y' takes a key, or a list of keys.",
            ],
        ),
    ],
)
def test_every_mistake_has_its_line(tmp_path, text, told):
    """One sentence for each mistake, with the line where it was made."""
    assert wrong(tmp_path, text) == [sentence.replace("?.", "?") for sentence in told]


def test_what_is_no_text(tmp_path):
    """Bytes that are no text, a directory and a file without end are refused in words."""
    path = tmp_path / "config.toml"
    path.write_bytes(b'theme = "\xff"')
    with pytest.raises(WrongPreferences, match="no UTF-8"):
        load(path)
    with pytest.raises(WrongPreferences, match="cannot be read"):
        load(tmp_path)
    path.write_text("#" * 70_000)
    with pytest.raises(WrongPreferences, match="more than 64 KiB"):
        load(path)


def test_lines_of_values_that_take_several():
    """A value is on the line where its statement begins, whatever stands before and after."""
    text = 'a = [\n 1,\n 2,\n]\n\n# b\nb = """\nx\n"""\n[t]\nc = 1\n[[u]]\nd = 1\n[[u]]\nd = 2\n'
    places = [("a",), ("b",), ("t",), ("t", "c"), ("u", 0), ("u", 0, "d"), ("u", 1), ("u", 1, "d")]
    assert [line_of(text, where) for where in places] == [1, 7, 10, 11, 12, 13, 14, 15]


@given(st.lists(st.sampled_from(["", "# note", "x = [", "]"]), max_size=6), st.integers(0, 6))
def test_a_line_is_found_behind_any_lines(before, after):
    """However many lines stand around, the statement's own line is told."""
    head = ["" if line in ("x = [", "]") else line for line in before]
    text = "\n".join([*head, "mine = 1", *[f"k{number} = 1" for number in range(after)]])
    assert line_of(text, ("mine",)) == len(head) + 1


def test_where_the_file_is(monkeypatch, tmp_path):
    """In the configuration directory, at a place of its own, or nowhere."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert file_of({}) == tmp_path / "swarm-tui" / "config.toml"
    assert file_of({preferences_file.VARIABLE: "/x/y.toml"}) == preferences_file.Path("/x/y.toml")
    assert file_of({preferences_file.VARIABLE: "off"}) is None


def test_another_file_is_noticed_once(tmp_path):
    """Written, replaced and removed: each is told once."""
    path = tmp_path / "config.toml"
    watched = Watched(path)
    assert not watched.is_changed()
    path.write_text("a")
    assert watched.is_changed()
    assert not watched.is_changed()
    other = tmp_path / "other"
    other.write_text("bc")
    other.replace(path)
    assert watched.is_changed()
    path.unlink()
    assert watched.is_changed()
    assert not watched.is_changed()
