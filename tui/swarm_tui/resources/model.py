"""What a resource kind is made of: columns, cells, health, problems, sections, and the kind itself.

Rules:
- Everything here is a value; every function of a kind is pure: `(object, view, now_ns)` in, values out.
- State is never told by colour alone: a cell that shows health has its glyph, and the word where there is room.
- Roles name meanings; the theme turns them into colours.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2
from swarm_core.api.proto.raft_status_pb2 import GetRaftStatusResponse

from swarm_tui.resources.refs import ClusterId, ObjectRef

T = TypeVar("T", bound=Message)
M = TypeVar("M", bound=Message)


class Role(StrEnum):
    """Why a text looks as it does."""

    TEXT = "text"
    MUTED = "muted"
    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    MOTION = "motion"
    SPECIAL = "special"
    DATA = "data"


class Health(Enum):
    """How an object fares: (glyph, ASCII twin, role), from best to worst."""

    OK = ("●", "OK", Role.OK)
    DONE = ("✓", "==", Role.MUTED)
    IDLE = ("○", "??", Role.MUTED)
    MOTION = ("⟳", "..", Role.MOTION)
    PARTLY = ("◐", "..", Role.WARNING)
    STALE = ("◌", "--", Role.WARNING)
    WARNING = ("▲", "!!", Role.WARNING)
    FAILED = ("✖", "XX", Role.ERROR)

    @property
    def glyph(self) -> str:
        """One cell wide."""
        return self.value[0]

    @property
    def ascii(self) -> str:
        """The twin for terminals without these characters, two cells wide."""
        return self.value[1]

    @property
    def role(self) -> Role:
        return self.value[2]

    @property
    def severity(self) -> int:
        """Grows from fine to failed: problems sort first by it."""
        return list(Health).index(self)


LEADER = "★"
PROBLEMS = frozenset({Health.PARTLY, Health.STALE, Health.WARNING, Health.FAILED})


class Span(NamedTuple):
    text: str
    role: Role = Role.TEXT


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in one column: spans of text, or a bar (0 to 1), or a curve (each 0 to 1, None for unknown)."""

    spans: tuple[Span, ...] = ()
    bar: float | None = None
    curve: tuple[float | None, ...] = ()
    role: Role = Role.TEXT
    """Of a bar or a curve."""

    @property
    def text(self) -> str:
        """The text without its roles."""
        return "".join(span.text for span in self.spans)


def cell(text: str, role: Role = Role.TEXT) -> Cell:
    """A cell of one span."""
    return Cell((Span(text, role),))


def spans(*parts: tuple[str, Role]) -> Cell:
    """A cell of several spans; empty ones are left out."""
    return Cell(tuple(Span(*part) for part in parts if part[0]))


EMPTY = Cell()
DASH = cell("–", Role.MUTED)


class Align(Enum):
    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: at least `width` cells, sharing spare room by `grow`; the highest `drop` goes first when room is short."""

    id: str
    title: str
    width: int
    grow: int = 0
    align: Align = Align.LEFT
    drop: int = 0
    """0 never goes."""
    is_wide: bool = False
    """Only in wide mode."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that needs a person: a sentence, its cause first, and the key that leads on."""

    ref: ObjectRef
    name: str
    health: Health
    summary: str
    """Numbers in a few words, to stand beside the name: "1/3 · pending 4m"."""
    cause: str
    key: str = ""
    verb: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of the detail view: (label, value) lines."""

    title: str
    lines: tuple[tuple[str, Cell], ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """A column of the command line's table, named as the docker command line names it."""

    title: str
    key: str
    """Its name in JSON and YAML."""
    text: Callable[[Any, "ClusterView", int], str]
    is_id: bool = False
    """Shortened unless asked not to."""
    width_max: int | None = None
    """Cut to this unless asked not to."""


class ServiceSums(Protocol):
    @property
    def running(self) -> int: ...
    @property
    def wanted(self) -> int: ...
    @property
    def running_on(self) -> Mapping[str, int]: ...
    @property
    def troubled(self) -> Collection[str]: ...


class NodeSums(Protocol):
    @property
    def running(self) -> int: ...
    @property
    def tasks(self) -> int: ...
    @property
    def nano_cpus(self) -> int: ...
    @property
    def memory_bytes(self) -> int: ...


class ClusterView(Protocol):
    """What rows may ask of the rest of the cluster; the mirror answers."""

    @property
    def cluster(self) -> ClusterId: ...
    def get(self, kind: type[T], id_: str) -> T | None: ...
    def objects(self, kind: type[T]) -> Collection[T]: ...
    def tasks_of_service(self, service_id: str) -> Collection[objects_pb2.Task]: ...
    def tasks_of_node(self, node_id: str) -> Collection[objects_pb2.Task]: ...
    def service_tally(self, service_id: str) -> ServiceSums: ...
    def node_tally(self, node_id: str) -> NodeSums: ...
    def running_history(self, service_id: str, now_ns: int) -> Sequence[int | None]: ...
    @property
    def raft(self) -> GetRaftStatusResponse | None: ...


FieldValue = str | float | Sequence[str] | None
RowCells = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class ResourceKind(Generic[M]):
    """One kind of object. `columns` and the cells of `row` go together, one to one."""

    noun: str
    title: str
    message: type[M]
    columns: tuple[Column, ...]
    row: Callable[[M, ClusterView, int], RowCells]
    sort_keys: Mapping[str, Callable[[M, ClusterView, int], Any]]
    default_sort: str
    name: Callable[[M, ClusterView], str]
    health: Callable[[M, ClusterView, int], Health]
    problems: Callable[[M, ClusterView, int], tuple[Problem, ...]]
    describe: Callable[[M, ClusterView, int], tuple[Section, ...]]
    fields: Mapping[str, Callable[[M, ClusterView, int], FieldValue]]
    listing: tuple[Listing, ...]
    verbs: tuple[str, ...]
    """What can be done to one, most usual first; the action registry knows keys and effects."""
    aliases: tuple[str, ...] = field(default=())

    @property
    def has_problem(self) -> Callable[[M, ClusterView, int], bool]:
        """Whether an object belongs into a list of problems."""
        return lambda item, view, now_ns: self.health(item, view, now_ns) in PROBLEMS


def no_problems(item: Any, view: ClusterView, now_ns: int) -> tuple[Problem, ...]:
    """For kinds that have no health of their own."""
    return ()


def always_fine(item: Any, view: ClusterView, now_ns: int) -> Health:
    """For kinds that have no health of their own."""
    return Health.OK
