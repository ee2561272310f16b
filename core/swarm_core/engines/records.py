"""What is known of engines and of what is on them: records that never change, and the changes between them.

Rules
1. A record is replaced as a whole; whoever holds one may keep it.
2. Times are seconds since 1970, corrected by the engine's clock skew. A field that an engine did not fill is empty.
3. `raw` is the engine's own JSON of the list entry, for whoever answers docker's clients. It stays bytes: twenty thousand
   parsed entries would be five times as large.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NewType

from swarm_core.api.json_text import json_of

EngineKey = NewType("EngineKey", str)
"""Names an engine's place in the cluster from the moment it is added: the name it was given, else its address. Its id is known
later, and two addresses may show the same one."""


class EngineState(StrEnum):
    """Where an engine stands (docs/design/engines.md N2)."""

    PENDING = "pending"
    HEALTHY = "healthy"
    SLOW = "slow"
    UNHEALTHY = "unhealthy"
    DUPLICATE = "duplicate"
    DISCONNECTED = "disconnected"

    @property
    def is_live(self) -> bool:
        """Whether calls may go there."""
        return self in (EngineState.HEALTHY, EngineState.SLOW)


class Trouble(StrEnum):
    """What is wrong with an engine, in the one word that every face shows."""

    NONE = ""
    AWAY = "unhealthy"
    """Nobody answers at its address."""
    SILENT = "silent"
    """Somebody takes the connection and answers nothing."""
    GARBAGE = "garbled"
    """What is answered is not what an engine answers."""
    VERSION = "incompatible"
    """It speaks no version of the API that we speak."""
    DUPLICATE = "duplicate"
    """Another address shows the same engine id."""
    CHANGED = "changed"
    """Its id is another one than before."""
    CERTIFICATE = "untrusted"
    """TLS failed: one side does not believe the other."""
    REFUSED = "refused"
    """It answers, with an error."""
    CLOCK = "skewed"
    """Its clock is off; everything else works."""


@dataclass(frozen=True, slots=True)
class EngineEntry:
    """An engine as discovery names it; equal entries are the same engine, reached in the same way."""

    url: str
    """unix://PATH, tcp://HOST:PORT or ssh://[USER@]HOST[:PORT][/PATH]."""
    name: str = ""
    """What it is called here; empty: what it calls itself."""
    labels: tuple[tuple[str, str], ...] = ()
    """Added to those that it reports, which they override."""
    ca: str = ""
    """With TLS: the files of the authority, of our certificate and of its key. All empty: no TLS."""
    certificate: str = ""
    key_file: str = ""
    verifies: bool = True
    """With TLS: whether the engine must show a certificate of the authority for its name."""
    source: str = ""
    """The discovery that named it, for people."""

    @property
    def key(self) -> EngineKey:
        """Its place in the cluster."""
        return EngineKey(self.name or self.url)

    @property
    def is_encrypted(self) -> bool:
        """Whether TLS is spoken with it."""
        return self.url.startswith("https://") or bool(self.ca or self.certificate or self.key_file)


@dataclass(frozen=True, slots=True)
class EngineRecord:
    """An engine as it was last seen."""

    entry: EngineEntry
    state: EngineState = EngineState.PENDING
    in_maintenance: bool = False
    """Set by a person: it takes no new containers."""
    trouble: Trouble = Trouble.NONE
    error: str = ""
    """The sentence that belongs to `trouble`."""
    failures: int = 0
    """In a row."""
    id: str = ""
    hostname: str = ""
    version: str = ""
    api_version: str = ""
    """The one that is spoken with it."""
    os: str = ""
    architecture: str = ""
    kernel: str = ""
    cpus: int = 0
    memory_bytes: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    skew_s: float = 0.0
    """Our clock less its clock; 0 below two seconds."""
    answer_s: float = 0.0
    """How long its last answer took."""
    answered_at_s: float = 0.0
    """When it last answered; 0: never."""
    containers: int = 0
    running: int = 0
    images: int = 0

    @property
    def key(self) -> EngineKey:
        return self.entry.key

    @property
    def name(self) -> str:
        """What people call it."""
        return self.entry.name or self.hostname or self.entry.url

    @property
    def note(self) -> str:
        """The sentence that belongs to the word; empty where it says enough."""
        if not self.error and self.state is EngineState.SLOW:
            return f"its last answer took {self.answer_s:.1f} s"
        return self.error

    @property
    def word(self) -> str:
        """How it stands, or what is wrong with it, in one word."""
        if self.state.is_live and self.in_maintenance:
            return "maintenance"
        if self.trouble is Trouble.NONE or self.state is EngineState.DISCONNECTED:
            return str(self.state)
        return str(self.trouble)


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a container; without `public` it is not published."""

    private: int
    protocol: str
    public: int = 0
    ip: str = ""


@dataclass(frozen=True, slots=True)
class Reservation:
    """What only an inspection tells of a container and placement must know. Ports here are those of a stopped container too."""

    nano_cpus: int = 0
    memory_bytes: int = 0
    ports: tuple[Port, ...] = ()
    raw: bytes = b""
    """The whole inspection, where the container asks to be moved when its engine fails; else empty."""


class _Listed:
    """What was in an engine's list."""

    __slots__ = ()
    raw: bytes

    @property
    def entry(self) -> dict[str, Any]:
        """The engine's own list entry, parsed anew at each call."""
        found: dict[str, Any] = json_of(self.raw)
        return found


@dataclass(frozen=True, slots=True)
class Container(_Listed):
    """A container on an engine."""

    engine: EngineKey
    id: str
    name: str
    image: str
    image_id: str
    command: str
    created_s: float
    state: str
    """created, running, paused, restarting, removing, exited, dead."""
    status: str
    """The engine's words: Up 3 minutes (healthy)."""
    health: str = ""
    """starting, healthy, unhealthy; empty: not checked."""
    exit_code: int | None = None
    ports: tuple[Port, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    networks: tuple[str, ...] = ()
    """Names."""
    volumes: tuple[str, ...] = ()
    """Names."""
    reserved: Reservation | None = None
    """None: not inspected yet."""
    raw: bytes = field(default=b"", repr=False)

    @property
    def is_running(self) -> bool:
        return self.state in ("running", "paused", "restarting")

    @property
    def entry(self) -> dict[str, Any]:
        """The engine's own list entry, parsed anew at each call, with what events have told since."""
        entry: dict[str, Any] = json_of(self.raw)
        links = [name for name in entry.get("Names") or () if name.count("/") > 1]
        entry |= {"State": self.state, "Status": self.status, "Names": [f"/{self.name}", *links]}
        if not self.is_running:
            entry["Ports"] = []
        return entry


@dataclass(frozen=True, slots=True)
class Image(_Listed):
    """An image on an engine."""

    engine: EngineKey
    id: str
    tags: tuple[str, ...]
    digests: tuple[str, ...]
    created_s: float
    size_bytes: int
    labels: Mapping[str, str] = field(default_factory=dict)
    raw: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Volume(_Listed):
    """A volume on an engine; its id is its name."""

    engine: EngineKey
    name: str
    driver: str
    scope: str
    mountpoint: str
    created: str
    """As the engine writes it."""
    labels: Mapping[str, str] = field(default_factory=dict)
    raw: bytes = field(default=b"", repr=False)

    @property
    def id(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Network(_Listed):
    """A network on an engine. One of scope swarm or global is the same on each engine that lists it."""

    engine: EngineKey
    id: str
    name: str
    driver: str
    scope: str
    created: str
    """As the engine writes it."""
    labels: Mapping[str, str] = field(default_factory=dict)
    raw: bytes = field(default=b"", repr=False)


Row = Container | Image | Volume | Network
Record = EngineRecord | Row


class Kind(StrEnum):
    """The kinds of records."""

    ENGINE = "engine"
    CONTAINER = "container"
    IMAGE = "image"
    VOLUME = "volume"
    NETWORK = "network"


@dataclass(frozen=True, slots=True)
class Put:
    """A record is new, or in place of an older one with the same engine and id."""

    kind: Kind
    record: Record


@dataclass(frozen=True, slots=True)
class Gone:
    """A record is there no more."""

    kind: Kind
    engine: EngineKey
    id: str
    """Empty for an engine."""


@dataclass(frozen=True, slots=True)
class Resync:
    """More happened than was kept for this reader: what it has read is worth nothing, it lists anew."""


Change = Put | Gone | Resync


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened on an engine, or to our connection with it (type `swarm`)."""

    engine: EngineKey
    type: str
    """container, image, volume, network, daemon, ...; `swarm` for engine_connect, engine_disconnect, engine_reconnect."""
    action: str
    """start, die, health_status: healthy, ..."""
    id: str
    attributes: Mapping[str, str]
    at_ns: int
    """Corrected by the engine's clock skew."""
    raw: bytes = field(default=b"", repr=False)
    """The engine's own JSON; empty for our own events."""
