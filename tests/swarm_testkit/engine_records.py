"""Records of engines as their mirror is told them: a test spells out only what it is about."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from swarm_core.client.control import Control
from swarm_core.engines.records import (
    Container,
    EngineEntry,
    EngineKey,
    EngineRecord,
    EngineState,
    Event,
    Image,
    Network,
    Port,
    Record,
    Reservation,
    Trouble,
    Volume,
)
from swarm_tui.clusters.allowance import Allowance
from swarm_tui.clusters.no_calls import NoCalls
from swarm_tui.clusters.session import Clock, Session
from swarm_tui.engines.logs import is_over
from swarm_tui.engines.mirror import EngineMirror, Listed, Told
from swarm_tui.resources.refs import ClusterId

from swarm_testkit.cluster_fake import START_NS

NS = 1_000_000_000
START_S = START_NS / NS


def make_engine(name: str = "n1", **more: Any) -> EngineRecord:
    """An engine that is well."""
    known: dict[str, Any] = {
        "state": EngineState.HEALTHY,
        "id": f"id-{name}",
        "hostname": f"host-{name}",
        "version": "28.0.1",
        "api_version": "1.48",
        "os": "Debian GNU/Linux 12",
        "architecture": "x86_64",
        "kernel": "6.1.0",
        "cpus": 4,
        "memory_bytes": 8 << 30,
        "answered_at_s": START_S - 3,
        "answer_s": 0.004,
    }
    return EngineRecord(EngineEntry(f"tcp://10.0.0.1:2375/{name}", name=name), **(known | more))


def make_container(name: str = "web", engine: str = "n1", id_: str = "", **more: Any) -> Container:
    """A container that runs."""
    known: dict[str, Any] = {
        "image": "nginx:1.25",
        "image_id": "sha256:i1",
        "command": "nginx -g 'daemon off;'",
        "created_s": START_S - 3600,
        "state": "running",
        "status": "Up 59 minutes",
        "networks": ("bridge",),
        "raw": b"{}",
    }
    return Container(EngineKey(engine), id_ or f"c-{name}", name, **(known | more))


def make_image(id_: str = "sha256:i1", engine: str = "n1", *tags: str) -> Image:
    """An image of 178 MiB."""
    return Image(EngineKey(engine), id_, tags, (), START_S - 86400, 178 << 20, raw=b"{}")


def make_volume(name: str = "data", engine: str = "n1") -> Volume:
    """A local volume."""
    return Volume(EngineKey(engine), name, "local", "local", f"/var/lib/docker/volumes/{name}", "", raw=b"{}")


def make_network(name: str = "bridge", engine: str = "n1") -> Network:
    """A local bridge."""
    return Network(EngineKey(engine), f"net-{name}", name, "bridge", "local", "", raw=b"{}")


def make_event(action: str = "start", engine: str = "n1", **attributes: str) -> Event:
    """An event of a container."""
    return Event(EngineKey(engine), "container", action, "c-web", {"name": "web", **attributes}, START_NS)


def few_engines() -> list[Record]:
    """Three engines, of which one is away, with something of everything."""
    held = Reservation(500_000_000, 1 << 30)
    away = "the container engine at tcp://10.0.0.1:2375/n3 does not answer: connection refused"
    return [
        make_engine("n1", labels={"rack": "a"}),
        make_engine("n2", in_maintenance=True),
        make_engine("n3", state=EngineState.UNHEALTHY, trouble=Trouble.AWAY, error=away, failures=3),
        make_container("web", ports=(Port(80, "tcp", 8080, "0.0.0.0"),), reserved=held, labels=_of("shop")),
        make_container("db", image="postgres:16", volumes=("data",), reserved=held, labels=_of("shop")),
        make_container("web", "n2", "c-web-2", health="unhealthy", status="Up 2 hours (unhealthy)"),
        make_container("job", "n2", state="exited", exit_code=1, status="Exited (1) 3 hours ago"),
        make_container("old", "n2", state="exited", exit_code=0, status="Exited (0) 2 days ago"),
        make_container("cache", "n3", image="redis:7"),
        make_image("sha256:i1", "n1", "nginx:1.25", "nginx:latest"),
        make_image("sha256:i2", "n1", "postgres:16"),
        make_image("sha256:i3", "n2"),
        make_volume("data"),
        make_volume("lost", "n2"),
        make_network("bridge"),
        make_network("shop", "n2"),
    ]


def _of(stack: str) -> dict[str, str]:
    return {"com.docker.compose.project": stack}


class StillRoom:
    """Engines that tell `records` and then nothing. Is a `Door` that opens itself, and the `Room`."""

    def __init__(self, records: Sequence[Record], events: Sequence[Event] = ()) -> None:
        self._records, self._events = records, events
        self.mirror: EngineMirror | None = None
        self.session: Session

    def open(self, clock: Clock, allowance: Allowance, tell: Callable[[str], None]) -> "StillRoom":
        """See `Door`."""
        self.mirror = EngineMirror(clock, cluster=ClusterId("engines"))
        control = Control(NoCalls("no manager stands behind engines"))
        self.session = Session(
            "engines", self.mirror, control, NoLogs(), clock, allowance=allowance, is_log_over=is_over
        )
        return self

    async def run(self) -> None:
        """See `Room`."""
        assert self.mirror is not None
        self.mirror.take(Listed(self._records))
        self.mirror.take(Told(events=self._events))
        self.mirror.flush()
        await asyncio.Event().wait()


class NoLogs:
    """Nobody writes anything."""

    async def run(self, query: object, sink: object, heard: object = None) -> None:
        await asyncio.Event().wait()
