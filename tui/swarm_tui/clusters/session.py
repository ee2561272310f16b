"""What every view works with: the mirror to read, the calls to make, the clock to ask."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from swarm_core.client.control import Control
from swarm_core.client.log_query import LogQuery
from swarm_core.client.logs import LogLine

from swarm_tui.clusters.allowance import Allowance
from swarm_tui.clusters.engine_hands import EngineHands
from swarm_tui.clusters.log_end import is_over
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.resources.refs import ClusterId, ObjectRef


class Clock(Protocol):
    def monotonic(self) -> float:
        """Seconds from some point in the past."""

    def wall_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class Logs(Protocol):
    async def run(
        self,
        query: LogQuery,
        sink: Callable[[Sequence[LogLine]], None],
        heard: Callable[[str | None], None] = ...,
    ) -> None:
        """As `client.logs.LogReader.run`."""


@dataclass(frozen=True, slots=True)
class Session:
    """One cluster's connection, as the interface uses it; `title` names it in the header."""

    title: str
    mirror: Mirror
    control: Control
    logs: Logs
    clock: Clock
    ends_with_program: bool = False
    """The cluster is there for this program alone."""
    is_past: bool = False
    """It shows a moment of the past."""
    allowance: Allowance = field(default_factory=Allowance)
    """How far changes may go; the gate before `control` keeps to it."""
    engines: EngineHands | None = None
    """Where it is about engines: what changes of them are made with."""
    whole: Callable[[ObjectRef], Awaitable[Mapping[str, Any] | None]] | None = None
    """Asks for an object with all that is told of it, where the mirror holds less. Raises ValueError with a sentence."""
    inside: Callable[[str, Sequence[str]], Awaitable[int]] | None = None
    """Runs a command inside the object with this id, where `control` does not. Raises NotRun."""
    relist: Callable[[], None] | None = None
    """Lists everything anew, where no stream of a cluster does."""
    is_log_over: Callable[[Mirror, LogQuery], bool] = is_over
    """Whether logs that are followed can bring anything more."""
    members: "tuple[Session, ...]" = ()
    """Of several clusters that are shown as one the session of each; the calls of this one are refused then."""

    @property
    def id(self) -> ClusterId:
        """What this cluster is called wherever an object is named."""
        return self.mirror.cluster

    def of(self, cluster: ClusterId) -> "Session":
        """The session of one of its clusters. Raises StopIteration for none of them."""
        return next(one for one in (self, *self.members) if one.id == cluster)

    @property
    def now_ns(self) -> int:
        """The time that ages are counted to."""
        return self.clock.wall_ns()
