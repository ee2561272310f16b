"""What the file of preferences may say, as values. What verbs and themes there are is judged by those who have them.

A place in the file is the way to it through its tables: `("keys", "list.scale")`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

Where: TypeAlias = tuple[str | int, ...]

PRESETS: Final = ("default", "k9s", "lazydocker")


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something that is wrong in the file, as a sentence without its end."""

    where: Where
    text: str


WAYS_TO_NOTIFY: Final = ("bell", "desktop")
THEME_COLORS: Final = (
    *("primary", "secondary", "accent", "success", "warning", "error"),
    *("foreground", "background", "surface", "panel"),
)


@dataclass(frozen=True, slots=True)
class OwnTheme:
    """A theme of a person's own: colours by the toolkit's names, of which `primary` is there, and by our roles."""

    name: str
    colors: Mapping[str, str]
    is_dark: bool = True
    roles: Mapping[str, str] = field(default_factory=dict)


OUTPUTS: Final = ("notice", "page", "none")
"""Where a command that runs beside puts what it wrote; the first is the usual one."""


@dataclass(frozen=True, slots=True)
class OwnCommand:
    """A person's own command. Its words are its arguments, with placeholders in braces; `scopes` are words for the kinds that it works on,
    and without any it works on nothing. `level` is the least at which it may be run."""

    name: str
    command: tuple[str, ...]
    key: str = ""
    scopes: tuple[str, ...] = ()
    help: str = ""
    confirm: bool = False
    is_background: bool = False
    """It runs beside the dashboard; else it has the terminal until it ends."""
    output: str = OUTPUTS[0]
    level: int = 3


@dataclass(frozen=True, slots=True)
class Preferences:
    """The whole file. Without one everything is as it is here."""

    theme: str | None = None
    preset: str = PRESETS[0]
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The keys of a verb by its id, as they were typed; none at all takes its key away."""
    themes: tuple[OwnTheme, ...] = ()
    notify: frozenset[str] = frozenset()
    """How the terminal is asked to tell of new failures."""
    plugins: tuple[OwnCommand, ...] = ()
    plain: bool = False
    """Words line by line, for screen readers, in place of a screen."""
