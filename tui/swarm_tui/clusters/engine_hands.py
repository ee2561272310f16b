"""What engines are asked and changed with: the engines that are open, the person's list of them, and the figures of containers."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    # Loaded when somebody goes to the engines: a cluster's session has none.
    from swarm_core.engines.opening import Opened


class EngineBook(Protocol):
    """The person's list of engines. Whoever follows it sees what is written."""

    @property
    def place(self) -> str:
        """Where it is kept."""

    def problem(self, name: str, url: str) -> str:
        """Why this cannot be added, as the end of a sentence; empty where it can."""

    def has(self, name: str) -> bool:
        """Whether an engine of this name is in it."""

    def add(self, name: str, url: str) -> None:
        """One more. Raises OSError or ValueError."""

    def remove(self, name: str) -> None:
        """One less; the engine itself is left alone. Raises OSError, LookupError or ValueError."""

    def maintain(self, name: str, *, is_on: bool) -> None:
        """Give it no new containers, or again. Raises OSError, LookupError or ValueError."""


class Stats(Protocol):
    """What containers use, of those that somebody looks at."""

    @property
    def is_on(self) -> bool:
        """Whether figures are asked for."""

    def watch(self, looked_at: Callable[[], Collection[str]] | None) -> None:
        """Ask for the figures of what `looked_at` gives, each time it is asked; of nothing with None."""


@dataclass(frozen=True, slots=True)
class RunAsked:
    """A container that is wanted, each part as it is typed after docker's flag of the same name."""

    name: str
    image: str
    command: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    publish: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    network: str = ""
    constraints: tuple[str, ...] = ()
    affinities: tuple[str, ...] = ()
    memory: str = ""
    cpus: str = ""
    restart: str = ""


class Runs(Protocol):
    """What commands make of it."""

    def body(self, asked: RunAsked) -> Mapping[str, Any]:
        """What an engine is asked. Raises ValueError with a sentence."""

    def headers(self, image: str) -> Mapping[str, str]:
        """What goes along with a pull: who may fetch the image."""


@dataclass(frozen=True, slots=True)
class EngineHands:
    """All of them."""

    opened: "Opened"
    book: EngineBook
    runs: Runs
    stats: Stats | None = None
    """None where nobody looks at figures, as commands do."""
