"""What a resource kind is made of: columns, cells, health, problems, sections, and the kind itself.

Rules:
- Everything here is a value; every function of a kind is pure: `(object, view, now_ns)` in, values out.
- State is never told by colour alone: a cell that shows health has its glyph, and the word where there is room.
- Roles name meanings; the theme turns them into colours.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from functools import lru_cache
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

from google.protobuf.message import Message
from swarm_core.api.proto import logbroker_pb2, objects_pb2
from swarm_core.api.proto.progress_pb2 import TaskProgress
from swarm_core.api.proto.raft_status_pb2 import GetRaftStatusResponse
from swarm_core.rules.usage import UsageHistory

from swarm_tui.resources.refs import ClusterId, ObjectRef

T = TypeVar("T")
M = TypeVar("M")

_CELLS_KEPT: Final = 4096


class Realm(StrEnum):
    """What objects are part of: each realm has its kinds, its mirror and its screen (docs/design/engine-views.md 18.1)."""

    CLUSTER = "cluster"
    """A swarm."""
    ENGINES = "engines"
    """Many engines that are looked at as one."""


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
        return _SEVERITIES[self]


_SEVERITIES = {health: place for place, health in enumerate(Health)}

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
    is_end_kept: bool = False
    """Where there is no room for all, what stands before the last span is cut, not that."""

    @property
    def text(self) -> str:
        """The text without its roles."""
        return "".join(span.text for span in self.spans)


@lru_cache(maxsize=_CELLS_KEPT)
def cell(text: str, role: Role = Role.TEXT) -> Cell:
    """A cell of one span. The same few are asked for again and again, row by row and frame by frame."""
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
    is_hidden: bool = False
    """Chosen away."""
    is_of_usage: bool = False
    """Only where the cluster tells what is used."""
    wanted: int = 0
    """So much of the spare room is its own, before wide columns join and others grow."""


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
    since_ns: int = 0
    """When it began, as far as that is known."""


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


@dataclass(slots=True)
class ServiceSums:
    """Sums over the tasks of a service."""

    running: int = 0
    """Tasks in state RUNNING that are meant to run, on whatever node."""
    wanted: int = 0
    """Tasks that are meant to run or to complete; a global service's goal."""
    running_on: dict[str, int] = field(default_factory=dict)
    """Running tasks by node."""
    lowest: int = 0
    """The fewest that ran since this was last set to `running`."""
    rising: dict[str, int] = field(default_factory=dict)
    """Tasks on their way to RUNNING, and their slots."""
    troubled: set[str] = field(default_factory=set)
    """Tasks that say why the goal is not met: nobody can place them, or they ended badly."""
    completed: dict[int, int] = field(default_factory=dict)
    """Completed tasks of a job by its iteration."""


@dataclass(slots=True)
class NodeSums:
    """Sums over the tasks of a node."""

    running: int = 0
    tasks: int = 0
    """Tasks that hold a place on the node: assigned and not ended."""
    nano_cpus: int = 0
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class FailureSums:
    """How often the tasks of a service failed within the last minutes."""

    count: int = 0
    is_loop: bool = False
    """One place in the service failed again and again."""
    cause: str = ""
    """Of the newest failure."""


class ClusterView(Protocol):
    """What rows may ask of the rest of the cluster; the mirror answers."""

    @property
    def cluster(self) -> ClusterId: ...
    @property
    def realm(self) -> Realm: ...
    def get(self, kind: type[T], id_: str) -> T | None: ...
    def objects(self, kind: type[T]) -> Collection[T]: ...
    def tasks_of_service(self, service_id: str) -> Collection[objects_pb2.Task]: ...
    def tasks_of_node(self, node_id: str) -> Collection[objects_pb2.Task]: ...
    def service_sums(self, service_id: str) -> ServiceSums: ...
    def node_sums(self, node_id: str) -> NodeSums: ...
    @property
    def down_nodes(self) -> Collection[str]: ...
    def running_history(self, service_id: str, now_ns: int) -> Sequence[float | None]: ...
    def failures(self, service: objects_pb2.Service, now_ns: int) -> FailureSums: ...
    def namesakes(self, hostname: str) -> int: ...
    def users(self, noun: str, called: Collection[str]) -> Collection[str]: ...
    def on_engine(self, key: str, kind: type[Any]) -> Collection[str]: ...
    def progress(self, task_id: str) -> TaskProgress | None: ...
    def usage(self, id_: str) -> UsageHistory | None: ...
    @property
    def raft(self) -> GetRaftStatusResponse | None: ...


FieldValue = str | float | Sequence[str] | None
RowCells = tuple[Cell, ...]

TEXT_VIEW: Final = "text"
DESCRIBE: Final = "describe"
PREVIOUS: Final = "previous"
"""The mode of logs that are those of ended attempts alone."""


@dataclass(frozen=True, slots=True)
class Link:
    """Where something leads: a view, and what it is to be about there."""

    view: str
    """A list's view is called as the kind's plural: "tasks"; TEXT_VIEW is the one that describes an object."""
    kind: str = ""
    """With `id`: the object of a text, or the owner whose objects a list is cut down to. Without: the whole list."""
    id: str = ""
    mode: str = ""
    others: tuple[str, ...] = ()
    """More objects of that kind, where the view is about several."""


@dataclass(frozen=True, slots=True)
class MotionNote:
    """What is in motion about an object. Its name is put before `heading` by whoever shows it."""

    health: Health
    """Gives the glyph and its colour."""
    heading: tuple[Cell, ...]
    lines: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True)
class Motion(Generic[M]):
    """How a kind tells motion. Whether is asked with every change, what only when it is shown."""

    is_moving: Callable[[M, ClusterView, int], bool]
    note: Callable[[M, ClusterView, int], MotionNote]


def description_of(noun: str) -> Callable[[Any, ClusterView], Link]:
    """The drill-in of kinds whose objects hold no others: their description."""
    return lambda item, view: Link(TEXT_VIEW, noun, item.id, DESCRIBE)


def no_consequences(items: Sequence[Any], view: ClusterView) -> list[str]:
    """For kinds of which nothing else depends."""
    return []


def no_owner(item: Any) -> tuple[str, str] | None:
    """For kinds whose objects belong to nothing."""
    return None


def by_id(item: Any) -> tuple[str, ...]:
    """What is called by its id alone."""
    return (item.id,)


@dataclass(frozen=True, slots=True)
class ResourceKind(Generic[M]):
    """One kind of object: all that the interface knows of it. `columns` and the cells of `row` go together, one to one."""

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
    """Ids of the verbs that work on objects of this kind, most usual first; the verb registry knows keys and effects."""
    drill_in: Callable[[M, ClusterView], Link]
    """Where opening an object leads."""
    aliases: tuple[str, ...] = ()
    """Other words for the noun in commands."""
    realm: Realm = Realm.CLUSTER
    """What its objects are part of. Nouns are one of a kind over all realms, aliases within one."""
    owners: Mapping[str, Callable[[M], Collection[str]]] = field(default_factory=dict)
    """By an owner's noun the ids of the owners that an object belongs to: what a list can be cut down to."""
    owner: Callable[[M], tuple[str, str] | None] = no_owner
    """Noun and id of what an object belongs to above all: where the key to the owner leads."""
    called: Callable[[M], Collection[str]] = by_id
    """What the objects that it owns call it in their `owners`."""
    changes: Callable[[M | None, M | None, ClusterView], Iterator[str]] | None = None
    """What became different between two states of an object (None: not there), in a few words each. Without it the
    dashboard's changes do not tell this kind."""
    motion: Motion[M] | None = None
    """Without it objects of this kind are never in motion."""
    consequences: Callable[[Sequence[M], ClusterView], list[str]] = no_consequences
    """What removing these objects does, a sentence each."""
    logs: Callable[[str, ClusterView], logbroker_pb2.LogSelector] | None = None
    """Whose lines are the logs of the object with this id. Without it there are none."""
    list_key: str = ""
    """The key that leads to the kind's list from everywhere."""
    create_view: str = ""
    """The view in which one is created."""
    empty_hint: str = ""
    """What a person may do about an empty list."""
    tree_cells: Mapping[str, str] = field(default_factory=dict)
    """Which of its columns stand under the headings of the tree: "state", "for", "where" and "cause"."""
    is_derived: bool = False
    """Its objects are made of others by this program: the cluster stores none, and commands for stored ones leave it out."""
    is_told_by_owners: bool = False
    """Its problems are its owners' problems too, and are told there, once."""
    depends_on: tuple[type[Message], ...] = ()
    """Kinds whose changes may change the problems of this one."""

    keeps_key: Callable[[M, str], bool] = lambda item, key: False
    """Whether an object's place by this one of `sort_keys` is the same for as long as it lives."""
    live_keys: frozenset[str] = frozenset()
    """Keys of `sort_keys` by what is told past the store: lists are ordered anew as time passes."""

    listing_needs: tuple[type[Message], ...] = ()
    """Other kinds that `listing` asks for: a command lists them first."""
    description_needs: tuple[type[Message], ...] = ()
    """The same of `describe`."""

    @property
    def plural(self) -> str:
        """Several of them; the name of their list's view."""
        return f"{self.noun}s"

    @property
    def has_problem(self) -> Callable[[M, ClusterView, int], bool]:
        """Whether an object belongs into a list of problems."""
        return lambda item, view, now_ns: self.health(item, view, now_ns) in PROBLEMS

    def belongs_to(self, item: M, noun: str, *called: str) -> bool:
        """Whether an object belongs to the owner of this noun that is called so. Raises KeyError for what owns none of this
        kind."""
        own = self.owners[noun](item)
        return any(one in own for one in called)


def no_problems(item: Any, view: ClusterView, now_ns: int) -> tuple[Problem, ...]:
    """For kinds that have no health of their own."""
    return ()


def always_fine(item: Any, view: ClusterView, now_ns: int) -> Health:
    """For kinds that have no health of their own."""
    return Health.OK
