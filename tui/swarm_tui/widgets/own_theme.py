"""A person's own theme, from the file of preferences: Textual's colours, and ours by role where they are to be others."""

from collections.abc import Iterator
from typing import Any, Final

from textual.color import Color, ColorParseError
from textual.theme import BUILTIN_THEMES, Theme

from swarm_tui.preferences.model import Mistake, OwnTheme
from swarm_tui.preferences.reading import near
from swarm_tui.widgets.theme import DARK, LIGHT, ROLE_VARIABLES

_PREFIX: Final = "sw-"
THEMES: Final = frozenset({*BUILTIN_THEMES, DARK.name, LIGHT.name})
"""The names of all themes that come with the program."""


def theme_of(own: OwnTheme) -> Theme:
    """The theme for the toolkit; `mistakes_of` has found nothing wrong with it."""
    colors: dict[str, Any] = dict(own.colors)
    return Theme(
        name=own.name,
        primary=colors.pop("primary"),
        **colors,
        dark=own.is_dark,
        variables={f"{_PREFIX}{role}": color for role, color in own.roles.items()},
    )


def mistakes_of(own: OwnTheme) -> Iterator[Mistake]:
    """What is wrong with names and colours of the theme."""
    where = ("themes", own.name)
    if own.name in THEMES:
        yield Mistake(where, f"{own.name!r} is the name of a theme that comes with the program")
    roles = tuple(name.removeprefix(_PREFIX) for name in ROLE_VARIABLES)
    for role in own.roles:
        if role not in roles:
            yield Mistake((*where, "roles", role), f"there is no role {role!r}; {near(role, roles)}")
    for place, colors in ((where, own.colors), ((*where, "roles"), own.roles)):
        for name, color in colors.items():
            try:
                parsed = Color.parse(color)
            except ColorParseError:
                yield Mistake((*place, name), f"{color!r} is no color; write it as #3a7bd5")
                continue
            if parsed.ansi is not None or parsed.a < 1:
                yield Mistake((*place, name), f"{color!r} has no value of its own; write it as #3a7bd5")
