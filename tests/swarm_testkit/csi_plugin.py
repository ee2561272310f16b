"""A storage plugin that speaks the Container Storage Interface on a unix socket, for tests; directories are its volumes.

Rules
1. It is as strict as the interface allows: what a caller must send is missed, the order of calls is checked, calls may be repeated.
2. Everything it knows is a file below `root`, written whole, so that it can be killed, and several plugins can stand for one
   storage system that several machines reach. Each has an id of its own for the machine that it runs on.
3. A published volume is a link to its directory: mounting takes root. What is staged is a file that says so.

As a program: `python -m swarm_testkit.csi_plugin SOCKET ROOT NODE_ID [ZONE]`.
"""

import asyncio
import fcntl
import json
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from swarm_core.api.proto import csi_pb2
from swarm_core.rpc.grpcio import grpc

_Service = csi_pb2.PluginCapability.Service
_Controller = csi_pb2.ControllerServiceCapability.RPC
_Node = csi_pb2.NodeServiceCapability.RPC
_SINGLE = (
    csi_pb2.VolumeCapability.AccessMode.SINGLE_NODE_WRITER,
    csi_pb2.VolumeCapability.AccessMode.SINGLE_NODE_READER_ONLY,
)


class Refused(Exception):
    """A call that is answered with a status code, by its name."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the plugin says it can do."""

    controller: bool = True
    creates: bool = True
    publishes: bool = True
    publishes_readonly: bool = True
    topologies: bool = False
    stages: bool = True
    volumes_max: int = 0


@dataclass(slots=True)
class CsiPlugin:
    """The plugin on one machine. `failures` holds, for a method, the codes of its next calls; `hanging` are methods that wait."""

    root: Path
    node_id: str = "machine"
    zone: str = ""
    abilities: Abilities = field(default_factory=Abilities)
    secret: str = ""
    is_ready: bool = True
    failures: dict[str, list[str]] = field(default_factory=dict)
    hanging: dict[str, asyncio.Event] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.zone:
            self.abilities = replace(self.abilities, topologies=True)
        self.root.mkdir(parents=True, exist_ok=True)

    # what tests look at

    def calls(self, *methods: str) -> list[dict[str, Any]]:
        """The requests so far, each with its `method`; only of these methods, if any is named."""
        path = self.root / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        found: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return [call for call in found if not methods or call["method"] in methods]

    def volumes(self) -> dict[str, dict[str, Any]]:
        """What there is, by the plugin's ids: name, whether for a single node, and the nodes it is published on."""
        with self._state() as state:
            return dict(state)

    # what tests do

    def lose(self, volume_id: str) -> None:
        """The storage has the volume no more, and nobody was told."""
        with self._state() as state:
            del state[volume_id]

    # the calls

    async def answer(self, method: str, request: Any) -> Any:
        """The answer of one call. Raises Refused."""
        if method != "Probe":
            entry = {
                "method": method,
                "on": self.node_id,
                **MessageToDict(request, preserving_proto_field_name=True),
            }
            with (self.root / "calls").open("a") as log:
                log.write(json.dumps(entry) + "\n")
        if (until := self.hanging.get(method)) is not None:
            await until.wait()
        if self.failures.get(method):
            raise Refused(self.failures[method].pop(0), f"{method} was told to fail")
        answer = getattr(self, f"_{method}")(request)
        return getattr(csi_pb2, f"{method}Response")() if answer is None else answer

    def _Probe(self, request: Any) -> Any:
        answer = csi_pb2.ProbeResponse()
        answer.ready.value = self.is_ready
        return answer

    def _GetPluginInfo(self, request: Any) -> Any:
        return csi_pb2.GetPluginInfoResponse(name="directories.test", vendor_version="1")

    def _GetPluginCapabilities(self, request: Any) -> Any:
        answer, can = csi_pb2.GetPluginCapabilitiesResponse(), self.abilities
        for has, service in (
            (can.controller, _Service.CONTROLLER_SERVICE),
            (can.topologies, _Service.VOLUME_ACCESSIBILITY_CONSTRAINTS),
        ):
            if has:
                answer.capabilities.add().service.type = service
        return answer

    def _ControllerGetCapabilities(self, request: Any) -> Any:
        answer, can = csi_pb2.ControllerGetCapabilitiesResponse(), self.abilities
        for has, rpc in (
            (can.creates, _Controller.CREATE_DELETE_VOLUME),
            (can.publishes, _Controller.PUBLISH_UNPUBLISH_VOLUME),
            (can.publishes_readonly, _Controller.PUBLISH_READONLY),
        ):
            if has:
                answer.capabilities.add().rpc.type = rpc
        return answer

    def _CreateVolume(self, request: Any) -> Any:
        _need(request, "name")
        _check_capability(*request.volume_capabilities)
        self._check_secrets(request)
        if request.HasField("accessibility_requirements") and not self.abilities.topologies:
            raise Refused("INVALID_ARGUMENT", "topologies are not supported")
        volume_id = f"dir-{request.name}"
        wanted = {
            "name": request.name,
            "single": request.volume_capabilities[0].access_mode.mode in _SINGLE,
            "bytes": request.capacity_range.required_bytes,
            "nodes": [],
        }
        with self._state() as state:
            known = state.setdefault(volume_id, wanted)
            if {**known, "nodes": []} != wanted:
                raise Refused("ALREADY_EXISTS", "a volume of that name differs")
        (self.root / "storage" / volume_id).mkdir(parents=True, exist_ok=True)
        answer = csi_pb2.CreateVolumeResponse()
        answer.volume.volume_id = volume_id
        answer.volume.capacity_bytes = wanted["bytes"]
        answer.volume.volume_context.update(request.parameters, made="yes")
        answer.volume.accessible_topology.extend(request.accessibility_requirements.requisite)
        return answer

    def _DeleteVolume(self, request: Any) -> None:
        _need(request, "volume_id")
        self._check_secrets(request)
        with self._state() as state:
            if state.get(request.volume_id, {}).get("nodes"):
                raise Refused("FAILED_PRECONDITION", "the volume is published")
            state.pop(request.volume_id, None)

    def _ControllerPublishVolume(self, request: Any) -> Any:
        _need(request, "volume_id", "node_id")
        _check_capability(request.volume_capability)
        self._check_secrets(request)
        with self._state() as state:
            volume = self._known(state, request.volume_id)
            if request.volume_context.get("made") != "yes":
                raise Refused("INVALID_ARGUMENT", "the volume's context is missing")
            if volume["single"] and any(node != request.node_id for node in volume["nodes"]):
                raise Refused("FAILED_PRECONDITION", f"the volume is published on {volume['nodes'][0]}")
            if request.node_id not in volume["nodes"]:
                volume["nodes"].append(request.node_id)
        return csi_pb2.ControllerPublishVolumeResponse(publish_context={"device": f"for-{request.node_id}"})

    def _ControllerUnpublishVolume(self, request: Any) -> None:
        _need(request, "volume_id")
        self._check_secrets(request)
        with self._state() as state:
            nodes = state.get(request.volume_id, {}).get("nodes", [])
            nodes[:] = [node for node in nodes if request.node_id and node != request.node_id]

    def _NodeGetCapabilities(self, request: Any) -> Any:
        answer = csi_pb2.NodeGetCapabilitiesResponse()
        if self.abilities.stages:
            answer.capabilities.add().rpc.type = _Node.STAGE_UNSTAGE_VOLUME
        return answer

    def _NodeGetInfo(self, request: Any) -> Any:
        answer = csi_pb2.NodeGetInfoResponse(
            node_id=self.node_id, max_volumes_per_node=self.abilities.volumes_max
        )
        if self.zone:
            answer.accessible_topology.segments["zone"] = self.zone
        return answer

    def _NodeStageVolume(self, request: Any) -> None:
        _need(request, "volume_id", "staging_target_path")
        _check_capability(request.volume_capability)
        self._check_on_node(request)
        staging = Path(request.staging_target_path)
        if not staging.is_dir():
            raise Refused("INVALID_ARGUMENT", "the staging path is not there")
        (staging / "staged").write_text(request.volume_id)

    def _NodeUnstageVolume(self, request: Any) -> None:
        _need(request, "volume_id", "staging_target_path")
        if any(path.is_symlink() for path in self._targets(request.volume_id)):
            raise Refused("FAILED_PRECONDITION", "the volume is still published here")
        (Path(request.staging_target_path) / "staged").unlink(missing_ok=True)

    def _NodePublishVolume(self, request: Any) -> None:
        _need(request, "volume_id", "target_path")
        _check_capability(request.volume_capability)
        self._check_on_node(request)
        if (
            self.abilities.stages
            and not (Path(request.staging_target_path or "/nowhere") / "staged").exists()
        ):
            raise Refused("FAILED_PRECONDITION", "the volume is not staged")
        target = Path(request.target_path)
        if not target.parent.is_dir():
            raise Refused("INVALID_ARGUMENT", "the target's parent is not there")
        if not target.is_symlink():
            target.symlink_to(self.root / "storage" / request.volume_id)
        with (self.root / "targets").open("a") as log:
            log.write(f"{request.volume_id} {target}\n")

    def _NodeUnpublishVolume(self, request: Any) -> None:
        _need(request, "volume_id", "target_path")
        Path(request.target_path).unlink(missing_ok=True)

    # inside

    def _targets(self, volume_id: str) -> Iterator[Path]:
        path = self.root / "targets"
        for line in path.read_text().splitlines() if path.exists() else ():
            found, _, target = line.partition(" ")
            if found == volume_id:
                yield Path(target)

    def _check_on_node(self, request: Any) -> None:
        self._check_secrets(request)
        if not self.abilities.publishes:
            return
        with self._state() as state:
            if self.node_id not in self._known(state, request.volume_id)["nodes"]:
                raise Refused("FAILED_PRECONDITION", "the controller has not published the volume here")
        if request.publish_context.get("device") != f"for-{self.node_id}":
            raise Refused("INVALID_ARGUMENT", "the publish context is missing")

    def _check_secrets(self, request: Any) -> None:
        if self.secret and request.secrets.get("password") != self.secret:
            raise Refused("UNAUTHENTICATED", "the password is wrong")

    def _known(self, state: dict[str, dict[str, Any]], volume_id: str) -> dict[str, Any]:
        if not self.abilities.creates:
            return state.setdefault(volume_id, {"name": volume_id, "single": False, "bytes": 0, "nodes": []})
        if volume_id not in state:
            raise Refused("NOT_FOUND", f"there is no volume {volume_id}")
        return state[volume_id]

    @contextmanager
    def _state(self) -> Iterator[dict[str, dict[str, Any]]]:
        """The volumes; changes are kept unless the block fails."""
        path = self.root / "volumes.json"
        with (self.root / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            state = json.loads(path.read_text()) if path.exists() else {}
            yield state
            fresh = path.with_suffix(".new")
            fresh.write_text(json.dumps(state))
            fresh.replace(path)


def _need(request: Any, *fields: str) -> None:
    for name in fields:
        if not getattr(request, name):
            raise Refused("INVALID_ARGUMENT", f"{name} is missing")


def _check_capability(*given: Any) -> None:
    if not given:
        raise Refused("INVALID_ARGUMENT", "no capability is given")
    for capability in given:
        if capability.WhichOneof("access_type") is None or not capability.access_mode.mode:
            raise Refused("INVALID_ARGUMENT", "a capability without access type or mode")


@asynccontextmanager
async def serving(plugin: CsiPlugin, socket: Path) -> AsyncIterator[CsiPlugin]:
    """Serve the plugin at a unix socket until the block ends."""
    server = grpc.aio.server()
    for service in ("Identity", "Controller", "Node"):
        methods = csi_pb2.DESCRIPTOR.services_by_name[service].methods
        handlers = {method.name: _handler(plugin, method.name) for method in methods}
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(f"csi.v1.{service}", handlers),)
        )
    socket.unlink(missing_ok=True)
    server.add_insecure_port(f"unix:{socket}")
    await server.start()
    try:
        yield plugin
    finally:
        await server.stop(None)


def _handler(plugin: CsiPlugin, method: str) -> Any:
    async def handle(request: Any, context: Any) -> Any:
        try:
            return await plugin.answer(method, request)
        except Refused as refused:
            await context.abort(grpc.StatusCode[refused.code], str(refused))

    return grpc.unary_unary_rpc_method_handler(
        handle,
        request_deserializer=getattr(csi_pb2, f"{method}Request").FromString,
        response_serializer=getattr(csi_pb2, f"{method}Response").SerializeToString,
    )


async def _main(socket: str, root: str, node_id: str, zone: str = "") -> None:
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ending.set)
    async with serving(CsiPlugin(Path(root), node_id, zone), Path(socket)):
        await ending.wait()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
