"""What people ask for that services use: networks, secrets, configs and cluster volumes, made, changed and removed.

A client looks at one sort after the other and remembers what it saw. So services come to ask for what somebody else has removed meanwhile, and
things are removed that are in use: such wishes are refused. Some networks have few addresses, some ask for addresses that another one has.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message
from swarm_core.api.proto import control_pb2
from swarm_core.api.proto.objects_pb2 import Config, Network, Secret, Volume
from swarm_core.api.proto.specs_pb2 import ConfigSpec, NetworkSpec, SecretSpec, VolumeSpec
from swarm_core.api.proto.types_pb2 import VolumeAccessMode

from swarm_testkit.simulation.orders import Request
from swarm_testkit.simulation.storage import DRIVER

GROUP = "shared"
_SORTS = ("network", "network", "secret", "config", "volume", "volume", "volume")
_MOST = 3
_PREFIX = "supply-"
_SUBNETS = ("", "10.77.0.0/29", "10.77.0.8/29", "10.77.0.0/28", "10.77.1.0/24", "0.0.0.0/29")


@dataclass(slots=True)
class Stock:
    """What a client saw last of each sort."""

    network: Sequence[Network] = ()
    secret: Sequence[Secret] = ()
    config: Sequence[Config] = ()
    volume: Sequence[Volume] = ()


@dataclass(slots=True)
class Supplies:
    """The wishes of one client."""

    rng: random.Random
    stock: Stock = field(default_factory=Stock)

    def look(self) -> tuple[str, Request]:
        """A sort, and the call that shows all there is of it."""
        sort = self.rng.choice(_SORTS)
        noun = sort.capitalize()
        request: Any = getattr(control_pb2, f"List{noun}sRequest")()
        request.filters.name_prefixes.append(_PREFIX)
        return sort, (f"Control.List{noun}s", request)

    def seen(self, sort: str, answer: Any) -> None:
        """What there is of it."""
        setattr(self.stock, sort, tuple(getattr(answer, f"{sort}s")))

    def next(self, sort: str) -> Request:
        """What is asked for now."""
        rng, known = self.rng, getattr(self.stock, sort)
        if not known or (len(known) < _MOST and rng.random() < 0.5):
            return self._create(sort)
        item = rng.choice(known)
        if sort == "volume":
            return self._volume_order(item)
        request: Any = getattr(control_pb2, f"Remove{sort.capitalize()}Request")(**{f"{sort}_id": item.id})
        return f"Control.Remove{sort.capitalize()}", request

    def _volume_order(self, volume: Volume) -> Request:
        """Removals by force come mostly where the volume is on a node: there tasks may run with it."""
        rng, is_somewhere = self.rng, bool(volume.publish_status)
        if rng.random() < (0.5 if is_somewhere else 0.7):
            return "Control.UpdateVolume", self._other_availability(volume)
        is_forced = rng.random() < (0.6 if is_somewhere else 0.1)
        return "Control.RemoveVolume", control_pb2.RemoveVolumeRequest(volume_id=volume.id, force=is_forced)

    def _create(self, sort: str) -> Request:
        makers: dict[str, Callable[[], Any]] = {
            "network": self._network,
            "secret": lambda: SecretSpec(data=b"x" * 10),
            "config": lambda: ConfigSpec(data=b"x" * 10),
            "volume": self._volume,
        }
        spec = makers[sort]()
        # The storage knows volumes by their names: none comes twice.
        spec.annotations.name = f"{_PREFIX}{sort}-{self.rng.randrange(1_000_000)}"
        request: Message = getattr(control_pb2, f"Create{sort.capitalize()}Request")(spec=spec)
        return f"Control.Create{sort.capitalize()}", request

    def _network(self) -> NetworkSpec:
        spec = NetworkSpec(attachable=self.rng.random() < 0.5)
        if subnet := self.rng.choice(_SUBNETS):
            spec.ipam.configs.add(subnet=subnet)
        return spec

    def _volume(self) -> VolumeSpec:
        spec = VolumeSpec(group=self.rng.choice(("", GROUP)))
        spec.driver.name = DRIVER
        spec.access_mode.scope = self.rng.choice(VolumeAccessMode.Scope.values())
        spec.access_mode.sharing = self.rng.choice(VolumeAccessMode.Sharing.values())
        spec.access_mode.mount.SetInParent()
        return spec

    def _other_availability(self, volume: Volume) -> control_pb2.UpdateVolumeRequest:
        request = control_pb2.UpdateVolumeRequest(
            volume_id=volume.id, volume_version=volume.meta.version, spec=volume.spec
        )
        request.spec.availability = self.rng.choice(VolumeSpec.VolumeAvailability.values())
        return request
