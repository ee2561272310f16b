"""What a daemon says of itself: `/_ping`, `/version`, `/info` (docs/design/engine-api.md E5).

Rules
1. They are answered in every state of node, cluster and engine.
2. What the engine says of itself is kept; versions, and what concerns the swarm, are ours.
3. `/_ping` asks nobody.
"""

import asyncio
import logging
import platform
import socket
from typing import Any

import psutil
from aiohttp import web
from swarm_core.api.proto.objects_pb2 import Node
from swarm_core.api.version import VERSION
from swarm_core.engine_json import swarm as swarm_json
from swarm_core.engines.errors import EngineAway, EngineRefused
from swarm_core.http.errors import HttpError
from swarm_core.http.exchange import Exchange, json_answer
from swarm_core.http.routes import Route
from swarm_core.http.version import OLDEST, Version

from swarm_agentd.engine_api.context import Context
from swarm_agentd.node.labels import EngineLabels
from swarm_agentd.node.standing import NodeState, Standing

_log = logging.getLogger(__name__)
_ENGINE_S = 5.0
_TWO_MANAGERS = (
    "WARNING: Running Swarm in a two-manager configuration. This configuration provides no fault tolerance, and poses a high risk "
    "to lose control over the cluster. With three managers the loss of one is borne."
)


def routes(context: Context) -> list[Route]:
    """Of the daemon itself."""
    system = _System(context)
    return [
        Route("GET", "/_ping", system.ping),
        Route("HEAD", "/_ping", system.ping),
        Route("GET", "/version", system.version),
        Route("GET", "/info", system.info),
    ]


class _System:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def ping(self, exchange: Exchange) -> web.Response:
        """At once, whatever the state."""
        headers = {
            "Cache-Control": "no-cache, no-store, must-revalidate",
            "Pragma": "no-cache",
            "Builder-Version": self._context.local.builder_version,
            "Swarm": _swarm_word(self._context.node.standing()),
            "Content-Type": "text/plain; charset=utf-8",
        }
        if exchange.request.method == "HEAD":
            return web.Response(headers={**headers, "Content-Length": "0"})
        return web.Response(body=b"OK", headers=headers)

    async def version(self, exchange: Exchange) -> web.Response:
        """The engine's version, or this machine's, with ours beside it."""
        found = await self._from_engine("/version") or _own_version(self._context.local.newest())
        newest, oldest = str(self._context.local.newest()), str(OLDEST)
        found["ApiVersion"], found["MinAPIVersion"] = newest, oldest
        if is_experimental := self._context.is_experimental():
            found["Experimental"] = True
        components = found.setdefault("Components", [])
        for component in components:
            if component.get("Name") == "Engine":
                component.setdefault("Details", {}).update(
                    ApiVersion=newest, MinAPIVersion=oldest, Experimental=str(is_experimental).lower()
                )
        components.append({"Name": "swarm-agentd", "Version": VERSION, "Details": {}})
        return json_answer(found)

    async def info(self, exchange: Exchange) -> web.Response:
        """The engine's object, or this machine's, with the swarm that we know."""
        found = await self._from_engine(f"/v{exchange.version}/info")
        if found is None:
            found = await asyncio.to_thread(_own_info, self._context.hostname)
            found["Debug"] = _log.isEnabledFor(logging.DEBUG)
        found["Labels"] = _with_ours(found.get("Labels") or [], self._context.labels)
        found["ExperimentalBuild"] = self._context.is_experimental()
        found["Swarm"] = await self._swarm(exchange.version)
        return json_answer(found)

    async def _from_engine(self, target: str) -> dict[str, Any] | None:
        """What the engine answers; None without one, or when it does not answer in time."""
        engine = self._context.local.engine
        if engine is None:
            return None
        try:
            found, _ = await engine.read_json(target, timeout=_ENGINE_S)
        except (EngineAway, EngineRefused) as error:
            _log.info("%s is answered without the container engine: %s", target, error)
            return None
        return found if isinstance(found, dict) else None

    async def _swarm(self, version: Version) -> dict[str, Any]:
        standing = self._context.node.standing()
        remotes = [{"NodeID": peer.node_id, "Addr": peer.addr} for peer in standing.managers]
        found: dict[str, Any] = {
            "NodeID": standing.node_id,
            "NodeAddr": standing.address,
            "LocalNodeState": standing.state.value,
            "ControlAvailable": standing.is_manager and standing.serves,
            "Error": standing.error,
            "RemoteManagers": remotes or None,
        }
        if found["ControlAvailable"]:
            try:
                await self._add_cluster(found, version)
            except HttpError as error:
                found["Error"] = error.message
        return found

    async def _add_cluster(self, found: dict[str, Any], version: Version) -> None:
        async with self._context.managers.control() as control:
            nodes = await control.find(Node)
            cluster = await control.cluster()
        managers = sum(node.HasField("manager_status") for node in nodes)
        found["Nodes"], found["Managers"] = len(nodes), managers
        found["Cluster"] = swarm_json.info_to_json(cluster, version)
        if managers == 2:
            found["Warnings"] = [_TWO_MANAGERS]


def _with_ours(theirs: list[str], ours: EngineLabels) -> list[str]:
    """An engine's labels and those that our daemon was given, which count where both have one: as the cluster is told (E17.4)."""
    return [text for text in theirs if text.partition("=")[0] not in ours.now] + ours.written()


def _swarm_word(standing: Standing) -> str:
    if standing.state is not NodeState.ACTIVE:
        return str(standing.state.value)
    return "active/manager" if standing.is_manager else "active/worker"


def _architecture(machine: str) -> str:
    """In Go's words."""
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def _own_version(newest: Version) -> dict[str, Any]:
    system = platform.uname()
    architecture = _architecture(system.machine)
    details = {
        "GitCommit": "",
        "ApiVersion": str(newest),
        "MinAPIVersion": str(OLDEST),
        "GoVersion": "",
        "Os": "linux",
        "Arch": architecture,
        "BuildTime": "",
        "KernelVersion": system.release,
        "Experimental": "false",
    }
    return {
        "Platform": {"Name": "swarm-tui"},
        "Components": [{"Name": "Engine", "Version": VERSION, "Details": details}],
        "Version": VERSION,
        "ApiVersion": "",
        "MinAPIVersion": "",
        "GitCommit": "",
        "GoVersion": "",
        "Os": "linux",
        "Arch": architecture,
        "KernelVersion": system.release,
    }


def _own_info(hostname: str) -> dict[str, Any]:
    """Of a machine without an engine: everything that clients read is there."""
    system = platform.uname()
    counters = ("Containers", "ContainersRunning", "ContainersPaused", "ContainersStopped", "Images", "NFd")
    flags = ("MemoryLimit", "SwapLimit", "CpuCfsPeriod", "CpuCfsQuota", "CPUShares", "CPUSet", "PidsLimit")
    commit = {"ID": "", "Expected": ""}
    return {
        "ID": "",
        **dict.fromkeys(counters, 0),
        "Driver": "",
        "DriverStatus": [],
        "Plugins": {"Volume": [], "Network": [], "Authorization": None, "Log": []},
        **dict.fromkeys(flags, False),
        "IPv4Forwarding": True,
        "Debug": False,
        "NGoroutines": 0,
        "LoggingDriver": "",
        "CgroupDriver": "none",
        "NEventsListener": 0,
        "KernelVersion": system.release,
        "OperatingSystem": _system_name(),
        "OSVersion": "",
        "OSType": "linux",
        "Architecture": system.machine,
        "IndexServerAddress": "",
        "RegistryConfig": None,
        "NCPU": psutil.cpu_count() or 1,
        "MemTotal": psutil.virtual_memory().total,
        "GenericResources": None,
        "DockerRootDir": "",
        "HttpProxy": "",
        "HttpsProxy": "",
        "NoProxy": "",
        "Name": hostname or socket.gethostname(),
        "Labels": [],
        "ExperimentalBuild": False,
        "ServerVersion": VERSION,
        "Runtimes": {},
        "DefaultRuntime": "",
        "LiveRestoreEnabled": False,
        "Isolation": "",
        "InitBinary": "",
        "ContainerdCommit": dict(commit),
        "RuncCommit": dict(commit),
        "InitCommit": dict(commit),
        "SecurityOptions": [],
        "Warnings": None,
    }


def _system_name() -> str:
    try:
        return str(platform.freedesktop_os_release()["PRETTY_NAME"])
    except (OSError, KeyError):
        return "Linux"
