"""Our themes are readable, and other themes get every role."""

import pytest
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.dashboard import dashboard_of
from swarm_tui.widgets.paint import palette_of
from swarm_tui.widgets.theme import DARK, LIGHT, ROLE_VARIABLES
from textual.color import Color
from textual.theme import BUILTIN_THEMES

CONTRAST_MIN = 4.5
TEXT_ROLES = ("text", "muted", "accent", "ok", "warning", "error", "special")


def themed(theme):
    """The program with its colours worked out, as it does when it starts."""
    app = dashboard_of(FakeCluster(), theme=theme)
    app.get_css_variables()
    return app


def luminance(color):
    """Relative luminance as the accessibility guidelines define it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color.normalized]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(style):
    light, dark = sorted(
        (luminance(Color.from_rich_color(color)) for color in (style.color, style.bgcolor)), reverse=True
    )
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
@pytest.mark.parametrize("ground", ["screen", "bar", "raised", "selection"])
@pytest.mark.parametrize("role", TEXT_ROLES)
async def test_text_is_readable_on_every_ground(theme, ground, role):
    """Each role of text has a contrast of at least 4.5 to 1 on each ground it may stand on."""
    app = themed(theme.name)
    style = palette_of(app).style(role, ground)
    assert contrast(style) >= CONTRAST_MIN


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
async def test_the_badge_is_readable(theme):
    """The context's name stands out on its badge."""
    style = palette_of(themed(theme.name)).style("on-accent+bold", "badge")
    assert contrast(style) >= CONTRAST_MIN


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
    mine = BUILTIN_THEMES["nord"].__class__(name="mine", primary="#ff0000", variables={"sw-ok": "#123456"})
    app.register_theme(mine)
    app.theme = "mine"
    app.get_css_variables()
    assert app.theme_variables["sw-ok"] == "#123456"
    assert app.theme_variables["sw-accent"] == app.theme_variables["primary"]
