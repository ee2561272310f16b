"""What the person asks of the program as a whole, and what it is told: messages that end at the application."""

from collections.abc import Callable, Sequence

from swarm_core.compose.changes.held import Held
from textual.message import Message

from swarm_tui.operations.describe import Description
from swarm_tui.operations.stacks.asked import Deployment
from swarm_tui.operations.surge import Surge
from swarm_tui.operations.undo import Deeds
from swarm_tui.resources.model import Link
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.resources.time_ranges import TimeRange


class ResyncAsked(Message):
    """The person wants everything listed anew."""


class PastAsked(Message):
    """The person wants to see the past, at a moment that was typed or of now; or now again."""

    def __init__(self, at: str = "") -> None:
        super().__init__()
        self.at = at


class RecallAsked(Message):
    """The longer past of an object is wanted among the events."""

    def __init__(self, ref: ObjectRef) -> None:
        super().__init__()
        self.ref = ref


class BundleAsked(Message):
    """What was recorded is wanted as a file."""

    def __init__(self, path: str, asked: TimeRange) -> None:
        super().__init__()
        self.path, self.asked = path, asked


class DeployAsked(Message):
    """A deploy was asked for, whose plan was read; `done` is called once it has gone well."""

    def __init__(self, asked: Deployment, done: Callable[[], None]) -> None:
        super().__init__()
        self.asked = asked
        self.done = done


class StackRemovalAsked(Message):
    """The removal of these stacks was asked for, whose plan was read."""

    def __init__(self, asked: Sequence[Held], deeds: Deeds) -> None:
        super().__init__()
        self.asked, self.deeds = asked, deeds


class DrillAsked(Message):
    """A drill of these nodes is to begin."""

    def __init__(self, ids: Sequence[str], description: Description) -> None:
        super().__init__()
        self.ids, self.description = ids, description


class SurgeAsked(Message):
    """A drain with the replacements first is to begin, whose plan was read."""

    def __init__(self, surge: Surge, deeds: Deeds) -> None:
        super().__init__()
        self.surge, self.deeds = surge, deeds


class Alarmed(Message):
    """Something failed in the cluster, which the terminal may tell of too."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class ClustersAsked(Message):
    """The person wants to see another cluster, or several as one."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)


class AllAsked(Message):
    """The person wants to see all clusters again, and not this one alone."""


class JournalSaid(Message):
    """The recorder has something to say."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class ElsewhereAsked(Message):
    """The person wants to see what another screen has: a view of another realm, filtered; or without one the screen before."""

    def __init__(self, link: Link | None = None, filter_: str = "") -> None:
        super().__init__()
        self.link, self.filter = link, filter_
