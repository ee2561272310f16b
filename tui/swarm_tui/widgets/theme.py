"""Our two themes, and the colours by role for any theme that replaces them.

Every colour of the interface is a role, and every role is a theme variable named `sw-…`. Our themes
set them; for Textual's and the user's themes `role_colors` derives them from the theme's own colours,
so that nothing here assumes ours is in use.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from textual.color import Color
from textual.theme import Theme

TEXT_CONTRAST_MIN: Final = 4.5
"""What the accessibility guidelines ask for text."""
DRAWING_CONTRAST_MIN: Final = 3.0
"""And for what is drawn."""
_GROUND_CONTRAST_MIN: Final = 7.0
_BLACK: Final = Color(0, 0, 0)
_WHITE: Final = Color(255, 255, 255)

ROLE_VARIABLES: Final = (
    "sw-bar",
    "sw-raised",
    "sw-selection",
    "sw-text",
    "sw-muted",
    "sw-muted-selected",
    "sw-faint",
    "sw-accent",
    "sw-on-accent",
    "sw-ok",
    "sw-warning",
    "sw-error",
    "sw-special",
    "sw-calm",
    "sw-calm-dim",
)


def _theme(name: str, *, dark: bool, background: str, roles: dict[str, str]) -> Theme:
    variables = {f"sw-{role}": color for role, color in roles.items()}
    variables |= {
        "border": roles["accent"],
        "border-blurred": roles["faint"],
        "block-cursor-background": roles["selection"],
        "block-cursor-foreground": roles["text"],
        "block-cursor-text-style": "none",
        "input-cursor-background": roles["accent"],
        "input-cursor-foreground": background,
        "input-selection-background": f"{roles['accent']} 35%",
        "scrollbar": roles["faint"],
        "scrollbar-hover": roles["muted"],
        "scrollbar-active": roles["accent"],
        "scrollbar-background": background,
        "scrollbar-background-hover": background,
        "scrollbar-background-active": background,
        "scrollbar-corner-color": background,
        "button-color-foreground": background,
    }
    return Theme(
        name=name,
        dark=dark,
        primary=roles["accent"],
        secondary=roles["special"],
        accent=roles["accent"],
        success=roles["ok"],
        warning=roles["warning"],
        error=roles["error"],
        foreground=roles["text"],
        background=background,
        surface=roles["bar"],
        panel=roles["raised"],
        variables=variables,
    )


DARK: Final = _theme(
    "swarm-dark",
    dark=True,
    background="#0f141c",
    roles={
        "bar": "#151c27",
        "raised": "#1a2230",
        "selection": "#24344d",
        "text": "#d7dee9",
        "muted": "#7f8da3",
        "muted-selected": "#9aa8be",
        "faint": "#2b3749",
        "accent": "#6cc7ff",
        "on-accent": "#0f141c",
        "ok": "#73d0a4",
        "warning": "#f0c674",
        "error": "#ff8790",
        "special": "#b8a1ff",
        "calm": "#5b8fb9",
        "calm-dim": "#3d5a73",
    },
)

LIGHT: Final = _theme(
    "swarm-light",
    dark=False,
    background="#f7f9fc",
    roles={
        "bar": "#e8edf4",
        "raised": "#dde5ef",
        "selection": "#cfe1f6",
        "text": "#1b2531",
        "muted": "#526074",
        "muted-selected": "#465367",
        "faint": "#c3cddb",
        "accent": "#0a5fa5",
        "on-accent": "#ffffff",
        "ok": "#17673f",
        "warning": "#7a4f00",
        "error": "#b21e33",
        "special": "#5f3fbb",
        "calm": "#4f86b3",
        "calm-dim": "#94b3cf",
    },
)

_ANSI_ROLES: Final = {
    "sw-bar": "ansi_default",
    "sw-raised": "ansi_default",
    "sw-selection": "ansi_bright_black",
    "sw-text": "ansi_default",
    "sw-muted": "ansi_default",
    "sw-muted-selected": "ansi_white",
    "sw-faint": "ansi_bright_black",
    "sw-accent": "ansi_cyan",
    "sw-on-accent": "ansi_black",
    "sw-ok": "ansi_green",
    "sw-warning": "ansi_yellow",
    "sw-error": "ansi_red",
    "sw-special": "ansi_magenta",
    "sw-calm": "ansi_blue",
    "sw-calm-dim": "ansi_bright_black",
}


def role_colors(theme: Theme, variables: Mapping[str, str]) -> dict[str, str]:
    """The role variables that `variables` (a theme's, generated) lacks, derived from the theme. Text can be read on every ground
    that it may stand on, whatever the theme's colours are: it becomes lighter or darker until it can."""
    derived = dict(_ANSI_ROLES) if theme.ansi else _derived(variables)
    return {name: color for name, color in derived.items() if name not in variables}


def _derived(variables: Mapping[str, str]) -> dict[str, str]:
    """All roles, each as the theme gives it or from its colours."""
    background, foreground, primary = (
        Color.parse(variables[name]) for name in ("background", "foreground", "primary")
    )
    ink = max((_BLACK, _WHITE), key=lambda color: contrast(color, background))

    def given(role: str, otherwise: Color) -> Color:
        return Color.parse(variables[role]) if role in variables else otherwise

    bar, raised, selection = (
        given(role, _ground(color, background, ink))
        for role, color in (
            ("sw-bar", Color.parse(variables["surface"])),
            ("sw-raised", Color.parse(variables["panel"])),
            ("sw-selection", background.blend(primary, 0.25)),
        )
    )
    grounds = (background, bar, raised, selection)

    def text(color: Color, on: Sequence[Color] = grounds) -> str:
        return readable(color, on, ink).hex6

    accent = given("sw-accent", Color.parse(text(primary)))
    return {
        "sw-bar": bar.hex6,
        "sw-raised": raised.hex6,
        "sw-selection": selection.hex6,
        "sw-text": text(foreground),
        "sw-muted": text(background.blend(foreground, 0.62), grounds[:3]),
        "sw-muted-selected": text(background.blend(foreground, 0.78), grounds[3:]),
        "sw-faint": background.blend(foreground, 0.2).hex6,
        "sw-accent": accent.hex6,
        "sw-on-accent": max((_BLACK, _WHITE), key=lambda color: contrast(color, accent)).hex6,
        "sw-ok": text(Color.parse(variables["success"])),
        "sw-warning": text(Color.parse(variables["warning"])),
        "sw-error": text(Color.parse(variables["error"])),
        "sw-special": text(Color.parse(variables["secondary"])),
        "sw-calm": readable(background.blend(primary, 0.6), (background,), ink, DRAWING_CONTRAST_MIN).hex6,
        "sw-calm-dim": background.blend(primary, 0.35).hex6,
    }


def _ground(color: Color, background: Color, ink: Color) -> Color:
    """A ground beside the background, with room left for colours between itself and the darkest or lightest ink."""
    steps = (color.blend(background, step / 10) for step in range(11))
    return next((one for one in steps if contrast(ink, one) >= _GROUND_CONTRAST_MIN), background)


def readable(color: Color, grounds: Sequence[Color], ink: Color, least: float = TEXT_CONTRAST_MIN) -> Color:
    """The colour, as far on its way to `ink` as it takes to be read on all of these grounds."""
    steps = (color.blend(ink, step / 20) for step in range(21))
    fits = (one for one in steps if min(contrast(one, ground) for ground in grounds) >= least)
    return next(fits, ink)


def contrast(one: Color, other: Color) -> float:
    """How far apart two colours are, as the accessibility guidelines measure it: from 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: Color) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
