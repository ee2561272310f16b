"""Our two themes, and the colours by role for any theme that replaces them.

Every colour of the interface is a role, and every role is a theme variable named `sw-…`. Our themes
set them; for Textual's and the user's themes `role_colors` derives them from the theme's own colours,
so that nothing here assumes ours is in use.
"""

from collections.abc import Mapping
from typing import Final

from textual.color import Color
from textual.theme import Theme

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
    """The role variables that `variables` (a theme's, generated) lacks, derived from the theme."""
    if theme.ansi:
        derived = dict(_ANSI_ROLES)
    else:
        background = Color.parse(variables["background"])
        foreground = Color.parse(variables["foreground"])
        primary = Color.parse(variables["primary"])
        derived = {
            "sw-bar": variables["surface"],
            "sw-raised": variables["panel"],
            "sw-selection": background.blend(primary, 0.25).hex,
            "sw-text": variables["foreground"],
            "sw-muted": background.blend(foreground, 0.62).hex,
            "sw-muted-selected": background.blend(foreground, 0.78).hex,
            "sw-faint": background.blend(foreground, 0.2).hex,
            "sw-accent": variables["primary"],
            "sw-on-accent": primary.get_contrast_text(1.0).hex6,
            "sw-ok": variables["success"],
            "sw-warning": variables["warning"],
            "sw-error": variables["error"],
            "sw-special": variables["secondary"],
            "sw-calm": background.blend(primary, 0.6).hex,
            "sw-calm-dim": background.blend(primary, 0.35).hex,
        }
    return {name: color for name, color in derived.items() if name not in variables}
