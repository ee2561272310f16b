"""One fake engine: what it holds, and what happens to it. No sockets here.

Rules
1. What is refused raises Refusal with the status and the sentence of Docker 20.10.
2. Every change that a real engine tells of becomes an event.
3. Ids come from a `random.Random`, times from a clock with the engine's own skew.
"""

import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from swarm_testkit.fake_engines import lists
from swarm_testkit.fake_engines.events import Events
from swarm_testkit.fake_engines.faults import Faults
from swarm_testkit.fake_engines.objects import (
    Container,
    Image,
    Json,
    Network,
    Volume,
    filled_config,
)
from swarm_testkit.fake_engines.refusal import Refusal
from swarm_testkit.fake_engines.running import Running

_NAME: Final = re.compile(r"/?[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_FIRST_PORT: Final = 32768
_NO_NETWORK: Final = ("host", "none")


@dataclass(slots=True)
class About:
    """What an engine says of itself."""

    name: str
    cpus: int = 4
    memory: int = 8 << 30
    labels: tuple[str, ...] = ()
    version: str = "20.10.24"
    api: str = "1.41"
    oldest_api: str = "1.12"
    os: str = "linux"
    architecture: str = "x86_64"


@dataclass(slots=True)
class Counters:
    """What was asked of the engine, for tests that say how often that may be."""

    requests: int = 0
    by_path: dict[str, int] = field(default_factory=dict)


class FakeEngine:
    """The state of one engine; `serving` puts it behind a socket."""

    def __init__(self, about: About, rng: random.Random, clock: Callable[[], float] = time.time) -> None:
        self.about, self.rng, self._clock = about, rng, clock
        self.id = ":".join(
            "".join(rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(4)) for _ in range(12)
        )
        self.url = ""
        self.faults = Faults()
        self.counters = Counters()
        self.events = Events()
        self.containers: dict[str, Container] = {}
        self.images: dict[str, Image] = {}
        self.volumes: dict[str, Volume] = {}
        self.networks: dict[str, Network] = {}
        self.pullable: set[str] = set()
        """Images that a registry would have."""
        self.platforms: dict[str, list[tuple[str, str]]] = {}
        """What such an image is for, by its name: systems and processors."""
        self.running = Running(self)
        self._names: dict[str, str] = {}
        for name, driver in (("none", "null"), ("host", "host"), ("bridge", "bridge")):
            self._keep_network(Network(self.new_id(), name, self.now(), driver))

    def now(self) -> float:
        """By the engine's own clock."""
        return self._clock() + self.faults.skew_s

    def new_id(self) -> str:
        return f"{self.rng.getrandbits(256):064x}"

    def tell(self, kind: str, action: str, id_: str, attributes: Mapping[str, str]) -> None:
        self.events.tell(kind, action, id_, attributes, int(self.now() * 1e9))

    def tell_of(self, container: Container, action: str, **more: str) -> None:
        """An event of a container."""
        self.tell("container", action, container.id, {**container.attributes(), **more})

    # containers

    def container(self, wanted: str) -> Container:
        """By id, name, or the beginning of an id."""
        found = lists.container_of(self.containers, self._names, wanted)
        if found is None:
            raise Refusal(404, f"No such container: {wanted}")
        return found

    def create(self, name: str, body: Mapping[str, Any]) -> Container:
        wanted = str(body.get("Image") or "")
        if name and _NAME.fullmatch(name) is None:
            raise Refusal(400, f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
        image = lists.image_of(self.images, wanted)
        if image is None:
            raise Refusal(404, f"No such image: {wanted if ':' in wanted else wanted + ':latest'}")
        id_ = self.new_id()
        name = name.removeprefix("/") or f"{self.rng.choice(_ADJECTIVES)}_{id_[:6]}"
        self._refuse_name(name, "")
        config = filled_config(body, image, id_)
        if not config["Cmd"] and not config["Entrypoint"]:
            raise Refusal(400, "No command specified")
        host = {
            **_HOST,
            **{key: value for key, value in (body.get("HostConfig") or {}).items() if value is not None},
        }
        for bindings in (host["PortBindings"] or {}).values():
            bindings[:] = [{"HostIp": "", "HostPort": "", **one} for one in bindings]
        endpoints = (body.get("NetworkingConfig") or {}).get("EndpointsConfig") or {}
        networks = self._endpoints(host["NetworkMode"], endpoints)
        container = Container(
            id_, name, image, config, host, self.now(), self._mounts(config, host), networks
        )
        self.containers[id_] = container
        self._names[name] = id_
        self.tell_of(container, "create")
        return container

    def _refuse_name(self, name: str, before: str) -> None:
        if name in self._names:
            raise Refusal(
                409,
                f'{before}Conflict. The container name "/{name}" is already in use by container "{self._names[name]}". '
                f"You have to remove (or rename) that container to be able to reuse that name.",
            )

    def _endpoints(self, mode: str, given: Mapping[str, Any]) -> dict[str, Json]:
        if mode.startswith("container:"):
            self.container(mode.removeprefix("container:"))
            return {}
        first = "bridge" if mode in ("default", "") else mode
        names = ["bridge" if name == "default" else name for name in given] or [first]
        return {name: dict(_NO_ENDPOINT) for name in names}

    def _mounts(self, config: Json, host: Json) -> list[Json]:
        mounts = []
        for text in host.get("Binds") or ():
            source, target, *mode = text.split(":")
            mounts.append(self._mount(source, target, "ro" not in (mode or [""])[0].split(",")))
        for one in host.get("Mounts") or ():
            mounts.append(self._mount(one.get("Source", ""), one["Target"], not one.get("ReadOnly")))
        mounts += [self._mount("", target, True) for target in config.get("Volumes") or ()]
        return mounts

    def _mount(self, source: str, target: str, is_writable: bool) -> Json:
        if source.startswith("/"):
            return {
                "Type": "bind", "Source": source, "Destination": target, "Mode": "", "RW": is_writable,
                "Propagation": "rprivate",
            }  # fmt: skip
        volume = self.create_volume({"Name": source})
        return {
            "Type": "volume", "Name": volume.name, "Source": volume.whole()["Mountpoint"], "Destination": target,
            "Driver": volume.driver, "Mode": "z", "RW": is_writable, "Propagation": "",
        }  # fmt: skip

    def rename(self, container: Container, name: str) -> None:
        name = name.removeprefix("/")
        self._refuse_name(name, "Error when allocating new name: ")
        old = container.name
        self._names[name] = self._names.pop(old)
        container.name = name
        self.tell_of(container, "rename", oldName="/" + old)

    def remove(self, container: Container, *, force: bool = False, volumes: bool = False) -> None:
        if container.is_up:
            if not force:
                raise Refusal(
                    409,
                    f"You cannot remove a {container.status} container {container.id}. "
                    f"Stop the container before attempting removal or force remove",
                )
            self.running.kill(container, 9)
        del self.containers[container.id], self._names[container.name]
        self.tell_of(container, "destroy")
        self.running.removed(container)
        if volumes:
            for mount in container.mounts:
                name = mount.get("Name", "")
                if len(name) == 64 and not lists.users_of(self.containers, name):
                    self.remove_volume(name)

    def published(self, container: Container) -> dict[str, list[Json] | None]:
        """Its ports while it runs. Raises Refusal where another container has one of them."""
        taken = {
            (binding["HostPort"], port.partition("/")[2])
            for other in self.containers.values()
            if other.is_up and other is not container
            for port, bindings in other.ports.items()
            for binding in bindings or ()
        }
        ports: dict[str, list[Json] | None] = dict.fromkeys(container.config.get("ExposedPorts") or {})
        for port, bindings in (container.host.get("PortBindings") or {}).items():
            protocol = port.partition("/")[2] or "tcp"
            chosen = []
            asked: list[Json] = list(bindings or ({},))
            for binding in asked:
                number = binding.get("HostPort") or self._free_port(taken, protocol)
                if (number, protocol) in taken:
                    raise Refusal(
                        500,
                        f"driver failed programming external connectivity on endpoint {container.name} ({self.new_id()}): "
                        f"Bind for 0.0.0.0:{number} failed: port is already allocated",
                    )
                taken.add((number, protocol))
                chosen.append({"HostIp": binding.get("HostIp") or "0.0.0.0", "HostPort": number})
            ports[port] = chosen
        return ports

    def _free_port(self, taken: set[tuple[str, str]], protocol: str) -> str:
        number = _FIRST_PORT
        while (str(number), protocol) in taken:
            number += 1
        return str(number)

    # images

    def image(self, wanted: str) -> Image:
        found = lists.image_of(self.images, wanted)
        if found is None:
            name = wanted if ":" in wanted else wanted + ":latest"
            raise Refusal(404, f"no such image: {wanted}: No such image: {name}")
        return found

    def add_image(self, *tags: str, size: int = 1_984_177, labels: dict[str, str] | None = None) -> Image:
        """One that is here, as after a pull that nobody saw."""
        image = Image(
            "sha256:" + self.new_id(),
            list(tags),
            self.now(),
            size,
            labels,
            {"Cmd": ["sh"], "Env": ["PATH=/bin"]},
        )
        self.images[image.id] = image
        return image

    def pull(self, name: str) -> Image:
        if name not in self.pullable:
            repository = name.rpartition(":")[0]
            raise Refusal(
                404,
                f"pull access denied for {repository}, repository does not exist or may require 'docker login': "
                f"denied: requested access to the resource is denied",
            )
        image = lists.image_of(self.images, name) or self.add_image(name)
        self.tell("image", "pull", name, {"name": name})
        return image

    def tag(self, image: Image, name: str) -> None:
        for other in self.images.values():
            if name in other.tags:
                other.tags.remove(name)
        image.tags.append(name)
        self.tell("image", "tag", image.id, {"name": name})

    def remove_image(self, wanted: str, *, force: bool = False) -> list[Json]:
        image = self.image(wanted)
        users = [one for one in self.containers.values() if one.image is image]
        if users and not force and len(image.tags) < 2:
            raise Refusal(
                409,
                f'conflict: unable to remove repository reference "{wanted}" (must force) - container {users[0].id[:12]} '
                f"is using its referenced image {image.id[7:19]}",
            )
        is_id = wanted not in image.tags and f"{wanted}:latest" not in image.tags
        gone = list(image.tags) if is_id else [wanted if wanted in image.tags else f"{wanted}:latest"]
        done: list[Json] = []
        for name in gone:
            image.tags.remove(name)
            done.append({"Untagged": name})
            self.tell("image", "untag", image.id, {"name": image.id})
        if not image.tags and not users:
            del self.images[image.id]
            done.append({"Deleted": image.id})
            self.tell("image", "delete", image.id, {"name": image.id})
        return done

    # volumes and networks

    def volume(self, name: str) -> Volume:
        if name not in self.volumes:
            raise Refusal(404, f"get {name}: no such volume")
        return self.volumes[name]

    def create_volume(self, body: Mapping[str, Any]) -> Volume:
        name = body.get("Name") or self.new_id()
        if name in self.volumes:
            return self.volumes[name]
        volume = Volume(
            name, self.now(), body.get("Driver") or "local", body.get("Labels"), body.get("DriverOpts")
        )
        self.volumes[name] = volume
        self.tell("volume", "create", name, {"driver": volume.driver})
        return volume

    def remove_volume(self, name: str) -> None:
        volume = self.volume(name)
        if users := lists.users_of(self.containers, name):
            raise Refusal(409, f"remove {name}: volume is in use - [{', '.join(one.id for one in users)}]")
        del self.volumes[name]
        self.tell("volume", "destroy", name, {"driver": volume.driver})

    def network(self, wanted: str) -> Network:
        found = lists.network_of(self.networks, wanted)
        if found is None:
            raise Refusal(404, f"network {wanted} not found")
        return found

    def create_network(self, body: Mapping[str, Any]) -> Network:
        name = str(body["Name"])
        if any(one.name == name for one in self.networks.values()):
            raise Refusal(409, f"network with name {name} already exists")
        network = Network(
            self.new_id(), name, self.now(), body.get("Driver") or "bridge", body.get("Labels") or {},
            body.get("Options") or {}, internal=bool(body.get("Internal")), attachable=bool(body.get("Attachable")),
        )  # fmt: skip
        return self._keep_network(network)

    def _keep_network(self, network: Network) -> Network:
        self.networks[network.id] = network
        self.tell("network", "create", network.id, {"name": network.name, "type": network.driver})
        return network

    def remove_network(self, wanted: str) -> None:
        network = self.network(wanted)
        if network.name in ("bridge", *_NO_NETWORK):
            raise Refusal(403, f"{network.name} is a pre-defined network and cannot be removed")
        if network.containers:
            raise Refusal(
                403,
                f"error while removing network: network {network.name} id {network.id} has active endpoints",
            )
        del self.networks[network.id]
        self.tell("network", "destroy", network.id, {"name": network.name, "type": network.driver})


_ADJECTIVES: Final = ("brave", "calm", "eager", "gentle", "quick", "silent", "warm")
_HOST: Final[Mapping[str, Any]] = {
    "Binds": None, "NetworkMode": "default", "PortBindings": {}, "AutoRemove": False, "Memory": 0, "NanoCpus": 0,
    "CpuShares": 0, "Links": None, "VolumesFrom": None, "Privileged": False, "PublishAllPorts": False,
    "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}, "LogConfig": {"Type": "json-file", "Config": {}},
}  # fmt: skip
_NO_ENDPOINT: Final[Mapping[str, Any]] = {
    "IPAMConfig": None, "Links": None, "Aliases": None, "NetworkID": "", "EndpointID": "", "Gateway": "", "IPAddress": "",
    "IPPrefixLen": 0, "IPv6Gateway": "", "GlobalIPv6Address": "", "GlobalIPv6PrefixLen": 0, "MacAddress": "",
    "DriverOpts": None,
}  # fmt: skip
