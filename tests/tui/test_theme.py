"""Every theme is readable and has every role, ours, Textual's and a person's own (docs/design/terminal.md 11.13)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.dashboard import dashboard_of, running
from swarm_tui.preferences.model import THEME_COLORS, OwnTheme, Preferences
from swarm_tui.shell.preferred import Started, preferences_at_start
from swarm_tui.widgets.own_theme import mistakes_of, theme_of
from swarm_tui.widgets.paint import Palette, palette_of
from swarm_tui.widgets.theme import DARK, LIGHT, ROLE_VARIABLES, role_colors
from textual.color import Color
from textual.theme import BUILTIN_THEMES

CONTRAST_MIN = 4.5
WITH_COLORS = [
    DARK.name,
    LIGHT.name,
    *sorted(name for name, theme in BUILTIN_THEMES.items() if not theme.ansi),
]
"""The others take the terminal's own sixteen colours, of which nobody knows what they are."""
GROUNDS = ("screen", "bar", "raised", "selection")
TEXT_ROLES = ("text", "muted", "accent", "ok", "warning", "error", "special")


def themed(theme):
    """The program with its colours worked out, as it does when it starts."""
    app = dashboard_of(FakeCluster(), theme=theme)
    app.get_css_variables()
    return app


def variables_of(theme):
    """A theme's variables with ours, as the program makes them."""
    variables = theme.to_color_system().generate() | theme.variables
    return variables | role_colors(theme, variables)


def luminance(color):
    """Relative luminance as the accessibility guidelines define it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color.normalized]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(style):
    light, dark = sorted(
        (luminance(Color.from_rich_color(color)) for color in (style.color, style.bgcolor)), reverse=True
    )
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", WITH_COLORS)
async def test_text_is_readable_on_every_ground(name):
    """In our themes and in Textual's, each role of text has a contrast of at least 4.5 to 1 on each ground it may stand on."""
    palette = palette_of(themed(name))
    found = {
        (role, ground): contrast(palette.style(role, ground)) for role in TEXT_ROLES for ground in GROUNDS
    }
    assert {where: value for where, value in found.items() if value < CONTRAST_MIN} == {}


@pytest.mark.parametrize("name", WITH_COLORS)
async def test_the_badge_and_the_curves_are_readable(name):
    """The context's name stands out on its badge, and what is drawn on the screen."""
    palette = palette_of(themed(name))
    assert contrast(palette.style("on-accent+bold", "badge")) >= CONTRAST_MIN
    assert contrast(palette.style("data")) >= 3


COLORS = st.tuples(*[st.integers(0, 255)] * 3).map(lambda rgb: Color(*rgb).hex6)


@given(st.fixed_dictionaries(dict.fromkeys(THEME_COLORS, COLORS)), st.booleans())
@settings(max_examples=60)
def test_any_colors_of_ones_own_are_readable(colors, is_dark):
    """Whatever colours a person's theme gives, text that is derived from them can be read everywhere."""
    theme = theme_of(OwnTheme("mine", colors, is_dark))
    palette = Palette(variables_of(theme))
    for ground in ("screen", "bar", "raised", "selection"):
        for role in TEXT_ROLES:
            assert contrast(palette.style(role, ground)) >= CONTRAST_MIN


@pytest.mark.parametrize("name", sorted(BUILTIN_THEMES))
async def test_any_theme_has_every_role(name):
    """Textual's themes replace ours without a colour missing."""
    app = themed(name)
    assert set(ROLE_VARIABLES) <= set(app.theme_variables)
    for role in TEXT_ROLES:
        assert palette_of(app).style(role, "selection").color is not None


async def test_a_theme_may_set_a_role_itself():
    """What a user's theme says of a role is not overruled."""
    app = dashboard_of(FakeCluster())
    mine = BUILTIN_THEMES["nord"].__class__(name="mine", primary="#ff9999", variables={"sw-ok": "#123456"})
    app.register_theme(mine)
    app.theme = "mine"
    app.get_css_variables()
    assert app.theme_variables["sw-ok"] == "#123456"
    assert app.theme_variables["sw-accent"] == app.theme_variables["primary"]


MINE = OwnTheme("mine", {"primary": "#ff8800", "background": "#101010"}, roles={"ok": "#00ff00"})


async def test_a_theme_of_ones_own(cluster):
    """It is chosen by its name, and what it says of a role holds."""
    started = Started(Preferences(theme="mine", themes=(MINE,)))
    async with running(cluster, theme=None, started=started) as run:
        assert run.app.theme == "mine"
        assert run.app.theme_variables["sw-ok"] == "#00ff00"
        assert run.app.theme_variables["background"].lower() == "#101010"


async def test_its_colors_are_taken_up_while_the_program_runs(cluster, tmp_path):
    """Another colour in the file is another colour on the screen; a theme that is gone from it is gone."""
    path = tmp_path / "config.toml"
    path.write_text('theme = "mine"\n[themes.mine]\nprimary = "#ff8800"\nroles.ok = "#00ff00"\n')
    started = preferences_at_start({"SWARM_TUI_CONFIG": str(path)})
    async with running(cluster, theme=None, started=started) as run:
        assert run.app.theme_variables["sw-ok"] == "#00ff00"
        path.write_text('theme = "mine"\n[themes.mine]\nprimary = "#ff8800"\nroles.ok = "#00ffff"\n')
        await run.until(lambda: run.app.theme_variables["sw-ok"] == "#00ffff")
        path.write_text("")
        await run.until(lambda: run.app.theme == DARK.name)
        assert "mine" not in run.app.available_themes


@pytest.mark.parametrize(
    "theme, told",
    [
        (OwnTheme("nord", {"primary": "red"}), "'nord' is the name of a theme that comes with the program"),
        (OwnTheme("mine", {"primary": "rde"}), "'rde' is no color; write it as #3a7bd5"),
        (
            OwnTheme("mine", {"primary": "ansi_red"}),
            "'ansi_red' has no value of its own; write it as #3a7bd5",
        ),
        (
            OwnTheme("mine", {"primary": "red"}, roles={"okay": "red"}),
            "there is no role 'okay'; did you mean 'ok'?",
        ),
        (OwnTheme("mine", {"primary": "red"}, roles={"ok": "#12"}), "'#12' is no color; write it as #3a7bd5"),
    ],
)
def test_a_wrong_theme_is_refused_with_a_sentence(theme, told):
    """Names and colours that are none."""
    assert [one.text for one in mistakes_of(theme)] == [told]
