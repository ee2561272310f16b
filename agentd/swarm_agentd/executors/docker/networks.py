"""The networks of a task on an engine that is in no swarm (docs/design/docker-executor.md 7.9).

Rules
1. `host` and `bridge` are the engine's own. A network whose driver works on one machine (bridge, macvlan, ipvlan, a plugin)
   is made here when a task first needs it, under its name, and removed when no container uses it any more.
2. An overlay network lives in the swarm of the engines. This engine is in none, so a task that needs one is refused
   before its container is made. The node's description lists no such driver, and the scheduler looks for another node.
3. A network of the engine that this daemon did not make is never removed, and used only if it has the settings of the node's
   own that the cluster's network names: such a one can bear no mark. (One that an earlier daemon made so stays.)
"""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any

from swarm_core.api.proto.objects_pb2 import Network, NetworkAttachment, Task
from swarm_core.api.proto.types_pb2 import IPAMConfig

from swarm_agentd.exec.errors import Fatal, InvalidTask, Missing, Temporary
from swarm_agentd.executors.docker.engine import Client, Conflict, Engine, NotFound, post

PREDEFINED_LABEL = "com.docker.swarm.predefined"
ID_LABEL = "io.swarm-tui.network"
OVERLAY = "overlay"
"""The driver that only engines in swarm mode have, and the one of a network that names none."""
_HOST = "host"
Found = dict[str, Any]
"""What the engine tells of one network."""


def check(task: Task) -> None:
    """Raise InvalidTask for networks that this node cannot give to a container."""
    for attachment in task.networks:
        network = attachment.network
        if not _is_predefined(network) and _driver(network) == OVERLAY:
            raise InvalidTask(
                f"network {_name(network)} is an overlay network of the swarm, and the engine of this node is in no swarm: "
                "only a node that runs a Docker Engine in swarm mode can join it"
            )
        if _is_predefined(network) and (attachment.aliases or attachment.driver_attachment_opts):
            raise InvalidTask(
                f"network {_name(network)} is the engine's own: it takes no aliases and no options"
            )
    names = [_name(attachment.network) for attachment in task.networks]
    if _HOST in names and len(names) > 1:
        raise InvalidTask("a container in the host's network can be in no other network")


def mode(task: Task) -> str:
    """The container's network mode, empty for the engine's default."""
    return _name(task.networks[0].network) if task.networks else ""


def first_endpoint(task: Task) -> dict[str, Any]:
    """The settings of the first network by its name. A create request may hold one; the container is connected to the
    others afterwards."""
    if not task.networks or _is_predefined(task.networks[0].network):
        return {}
    return {_name(task.networks[0].network): _endpoint(task, task.networks[0])}


class Networks:
    """The networks that the containers of this daemon need; `own_labels` mark them as its own."""

    def __init__(self, engine: Engine, own_labels: dict[str, str]) -> None:
        self._engine, self._own_labels = engine, own_labels
        self._making: dict[str, asyncio.Lock] = {}
        self._derived: set[str] = set()

    async def provide(self, task: Task) -> None:
        """See to it that the task's networks are here. Raises InvalidTask, Missing or Temporary."""
        for network in _local(task):
            async with self._making.setdefault(_name(network), asyncio.Lock()):
                await self._provide(network)

    async def connect(self, task: Task, container: dict[str, Any]) -> None:
        """Put a container that was not started into those of the task's networks in which it is not yet."""
        there = (container.get("NetworkSettings") or {}).get("Networks") or {}
        for attachment in task.networks[1:]:
            name = _name(attachment.network)
            if name not in there:
                body = {"Container": container["Id"], "EndpointConfig": _endpoint(task, attachment)}
                await self._engine.call(
                    lambda client, name=name, body=body: post(client, f"/networks/{name}/connect", body)  # type: ignore[misc]
                )

    async def release(self, task: Task) -> None:
        """Remove those of the task's networks that nothing uses any more. Raises Temporary."""
        await self._remove(_name(network) for network in _local(task))

    async def release_all(self) -> None:
        """Remove every network of this daemon that nothing uses. Raises Temporary."""
        labels = [f"{key}={value}" for key, value in self._own_labels.items()]
        found = await self._engine.call(lambda client: client.networks(filters={"label": labels}))
        await self._remove(each["Name"] for each in found)

    async def _remove(self, names: Iterable[str]) -> None:
        for name in names:
            async with self._making.setdefault(name, asyncio.Lock()):
                found = await self._find(name)
                if found is not None and self._is_own(found):
                    await self._try_remove(found)
            self._forget(name)

    def _forget(self, name: str) -> None:
        """Drop the lock of a network that nobody works on."""
        if (lock := self._making.get(name)) is not None and not lock.locked():
            del self._making[name]

    async def _provide(self, network: Network) -> None:
        found = await self._find(_name(network))
        if network.spec.network and found is not None:
            _check_settings(network, found)
            return
        if found is not None and self._is_own(found) and found["Labels"].get(ID_LABEL) != network.id:
            # The cluster's network of that name was removed and made anew.
            if not await self._try_remove(found):
                raise Temporary(f"an earlier network {_name(network)} is still in use on this node")
            found = None
        if found is None:
            await self._create(network)
        elif not self._is_own(found):
            raise _taken(network)

    async def _create(self, network: Network) -> None:
        body = create_body(network, self._own_labels)
        try:
            await self._engine.call(lambda client: post(client, "/networks/create", body))
        except NotFound as error:
            raise Missing(f"network {_name(network)} cannot be made on this node: {error}") from None
        except Conflict:
            if (found := await self._find(_name(network))) is None or not self._is_own(found):
                raise
        if network.spec.network and (found := await self._find(_name(network))) is not None:
            self._derived.add(found["Id"])

    async def _find(self, name: str) -> Found | None:
        try:
            found: Found = await self._engine.call(lambda client: client.inspect_network(name))
        except NotFound:
            return None
        return found if found["Name"] == name else None  # the engine looks for ids as well

    async def _try_remove(self, found: Found) -> bool:
        """Whether the network is gone; one that containers use stays."""

        def remove(client: Client) -> None:
            client.remove_network(found["Id"])

        try:
            await self._engine.call(remove)
        except NotFound:
            return True
        except Fatal:  # the engine refuses while a container is in it
            return False
        return True

    def _is_own(self, found: Found) -> bool:
        labels = found.get("Labels") or {}
        return found["Id"] in self._derived or all(
            labels.get(key) == value for key, value in self._own_labels.items()
        )


def create_body(network: Network, own_labels: dict[str, str]) -> dict[str, Any]:
    """The engine's create request for a network that works on one machine."""
    spec = network.spec
    body: dict[str, Any] = {
        "Name": _name(network),
        "CheckDuplicate": True,  # engines before API 1.44 need to be told
        "Driver": _driver(network),
        "Internal": spec.internal,
    }
    if spec.network:  # the engine takes no other setting beside, not even labels
        return {**body, "ConfigFrom": {"Network": spec.network}}
    body["EnableIPv6"] = spec.ipv6_enabled
    body["Labels"] = {**spec.annotations.labels, ID_LABEL: network.id, **own_labels}
    body["Options"] = {**spec.driver_config.options, **network.driver_state.options}
    ipam = network.ipam if network.ipam.configs else spec.ipam
    if ipam.configs or ipam.driver.name:
        body["IPAM"] = {
            "Driver": ipam.driver.name or "default",
            "Options": dict(ipam.driver.options),
            "Config": [_subnet(config) for config in ipam.configs],
        }
    return body


def _check_settings(network: Network, found: Found) -> None:
    """A network with settings of the node's own can bear no mark: one with the same settings is the cluster's."""
    has = (found.get("Driver"), (found.get("ConfigFrom") or {}).get("Network"))
    if has != (_driver(network), network.spec.network):
        raise _taken(network)


def _taken(network: Network) -> InvalidTask:
    return InvalidTask(
        f"the engine of this node has a network {_name(network)} already, which is not the cluster's"
    )


def _subnet(config: IPAMConfig) -> dict[str, Any]:
    found: dict[str, Any] = {"Subnet": config.subnet}
    if config.range:
        found["IPRange"] = config.range
    if config.gateway:
        found["Gateway"] = config.gateway
    if config.reserved:
        found["AuxiliaryAddresses"] = dict(config.reserved)
    return found


def _endpoint(task: Task, attachment: NetworkAttachment) -> dict[str, Any]:
    """Settings of the task's place in a network. There is no service discovery without a swarm, so the engine's own
    names serve: the service's name gives the addresses of its containers on this node."""
    if _is_predefined(attachment.network):
        return {}
    service = task.service_annotations.name
    names = [service, f"tasks.{service}"] if service else []
    found: dict[str, Any] = {
        "Aliases": [*attachment.aliases, *names],
        "DriverOpts": dict(attachment.driver_attachment_opts),
    }
    if addresses := [address.partition("/")[0] for address in attachment.addresses]:
        fixed = {"IPv6Address" if ":" in address else "IPv4Address": address for address in addresses}
        found["IPAMConfig"] = fixed
    return found


def _local(task: Task) -> Iterator[Network]:
    """The networks that are made for tasks."""
    return (each.network for each in task.networks if not _is_predefined(each.network))


def _is_predefined(network: Network) -> bool:
    return network.spec.annotations.labels.get(PREDEFINED_LABEL) == "true"


def _name(network: Network) -> str:
    return network.spec.annotations.name or network.id


def _driver(network: Network) -> str:
    return network.driver_state.name or network.spec.driver_config.name or OVERLAY
