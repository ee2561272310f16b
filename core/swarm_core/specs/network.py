"""A network's spec: its setters, and what it must meet (docs/design/control-api.md 4.4).

Addresses are given as docker takes them: subnets, and beside them ranges, gateways and reserved addresses, each of which belongs to
the subnet that it lies in.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from swarm_core.api.proto import specs_pb2, types_pb2
from swarm_core.specs.checks import check_name
from swarm_core.specs.errors import InvalidSpec, InvalidValue

Subnet = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
OVERLAY: Final = "overlay"
NODE_LOCAL: Final = ("bridge", "host", "ipvlan", "macvlan")
"""Drivers whose networks each machine has on its own."""
DEFAULT_IPAM: Final = "default"
IPAM_DRIVERS: Final = ("", DEFAULT_IPAM)
PREDEFINED_LABEL: Final = "com.docker.swarm.predefined"
"""On the networks that every Docker Engine has."""
PREDEFINED: Final = ("bridge", "host")
"""Those networks, each called as its driver."""
_INGRESS_LABEL: Final = "com.docker.swarm.internal"


@dataclass(frozen=True, slots=True)
class Addressing:
    """What a person wrote of a network's addresses; `reserved` by the name of who has them."""

    subnets: Sequence[str] = ()
    ranges: Sequence[str] = ()
    gateways: Sequence[str] = ()
    reserved: Mapping[str, str] = field(default_factory=dict)


def set_name(spec: specs_pb2.NetworkSpec, name: str) -> None:
    spec.annotations.name = name


def set_driver(spec: specs_pb2.NetworkSpec, name: str, options: Mapping[str, str]) -> None:
    """Its name, and options for it."""
    spec.driver_config.name = name
    spec.driver_config.options.update(options)


def set_ipam_driver(spec: specs_pb2.NetworkSpec, name: str, options: Mapping[str, str]) -> None:
    """Who gives the addresses."""
    spec.ipam.driver.name = name
    spec.ipam.driver.options.update(options)


def set_addressing(spec: specs_pb2.NetworkSpec, given: Addressing) -> None:
    """Subnets with what lies in each. Raises InvalidValue."""
    subnets = [_subnet(text) for text in given.subnets]
    for place, subnet in enumerate(subnets):
        if any(overlap(subnet, other) for other in subnets[:place]):
            raise InvalidValue(f"subnet {subnet} overlaps another one of the same network")
    if (given.ranges or given.gateways or given.reserved) and not subnets:
        raise InvalidValue("a range, a gateway or a reserved address needs its subnet beside it")
    configs = [_config(subnet) for subnet in subnets]
    for text in given.ranges:
        place = _place(subnets, _subnet(text).network_address, f"range {text}")
        _set_once(configs[place], "range", text)
    for text in given.gateways:
        place = _place(subnets, _address(text), f"gateway {text}")
        _set_once(configs[place], "gateway", text)
    for name, text in given.reserved.items():
        place = _place(subnets, _address(text), f"reserved address {text}")
        configs[place].reserved[name] = text
    del spec.ipam.configs[:]
    spec.ipam.configs.extend(configs)


def _set_once(config: types_pb2.IPAMConfig, field_name: str, text: str) -> None:
    if before := getattr(config, field_name):
        raise InvalidValue(f"subnet {config.subnet} has two of the same: {field_name} {before} and {text}")
    setattr(config, field_name, text)


def _place(subnets: Sequence[Subnet], address: Address, what: str) -> int:
    for place, subnet in enumerate(subnets):
        if address.version == subnet.version and address in subnet:
            return place
    raise InvalidValue(f"{what} lies in none of the subnets")


def _config(subnet: Subnet) -> types_pb2.IPAMConfig:
    config = types_pb2.IPAMConfig(subnet=str(subnet))
    config.family = types_pb2.IPAMConfig.IPV4 if subnet.version == 4 else types_pb2.IPAMConfig.IPV6
    return config


def _subnet(text: str) -> Subnet:
    if "/" not in text:
        raise InvalidValue(f"{text!r} is no subnet (write 10.5.0.0/16)")
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise InvalidValue(f"{text!r} is no subnet (write 10.5.0.0/16)") from None


def _address(text: str) -> Address:
    try:
        return ip_address(text)
    except ValueError:
        raise InvalidValue(f"{text!r} is no IP address") from None


def overlap(one: Subnet, other: Subnet) -> bool:
    """Whether two subnets have an address in common."""
    return one.version == other.version and one.overlaps(other)


def is_ingress(spec: specs_pb2.NetworkSpec) -> bool:
    """Whether services publish their ports through it. Older swarms say so by a label and the name."""
    annotations = spec.annotations
    return spec.ingress or (_INGRESS_LABEL in annotations.labels and annotations.name == "ingress")


def is_predefined(spec: specs_pb2.NetworkSpec) -> bool:
    """Whether every Docker Engine has it by itself."""
    return spec.annotations.labels.get(PREDEFINED_LABEL, "") == "true"


def check(spec: specs_pb2.NetworkSpec) -> None:
    """Everything about a network that can be judged without the cluster. Raises InvalidSpec."""
    check_name(spec.annotations)
    if spec.attachable and spec.ingress:
        raise InvalidSpec("the ingress network cannot be attachable")
    driver = spec.driver_config.name or OVERLAY
    if driver not in (OVERLAY, *NODE_LOCAL):
        raise InvalidSpec(
            f"there is no network driver {driver!r} here, only {', '.join((OVERLAY, *NODE_LOCAL))}"
        )
    if is_ingress(spec) and driver != OVERLAY:
        raise InvalidSpec(f"the ingress network needs the driver {OVERLAY!r}")
    if spec.ipam.driver.name not in IPAM_DRIVERS:
        raise InvalidSpec(f"there is no IPAM driver {spec.ipam.driver.name!r} here, only {DEFAULT_IPAM!r}")
    _check_configs(spec.ipam.configs, is_overlay=driver == OVERLAY)


def _check_configs(configs: Iterable[types_pb2.IPAMConfig], *, is_overlay: bool) -> None:
    subnets: list[Subnet] = []
    for config in configs:
        try:
            subnet = _subnet(config.subnet) if config.subnet else None
            _check_config(config, subnet)
        except InvalidValue as error:
            raise InvalidSpec(str(error)) from None
        if subnet is None or subnet.network_address.is_unspecified:
            continue
        if (other := next((one for one in subnets if overlap(subnet, one)), None)) is not None:
            raise InvalidSpec(f"subnet {subnet} overlaps {other} of the same network")
        subnets.append(subnet)
    if is_overlay and subnets and all(subnet.version == 6 for subnet in subnets):
        raise InvalidSpec("an overlay network needs an IPv4 subnet beside its IPv6 subnet")


def _check_config(config: types_pb2.IPAMConfig, subnet: Subnet | None) -> None:
    inside = [
        (config.gateway, "gateway"),
        *((address, f"reserved address of {name}") for name, address in config.reserved.items()),
    ]
    if config.range:
        part = _subnet(config.range)
        if subnet is None or part.version != subnet.version or not part.subnet_of(subnet):  # type: ignore[arg-type]
            raise InvalidValue(f"range {config.range} does not lie in subnet {config.subnet or 'of its own'}")
    for text, what in inside:
        if not text:
            continue
        address = _address(text)
        if subnet is None or address.version != subnet.version or address not in subnet:
            raise InvalidValue(f"the {what}, {text}, does not lie in subnet {config.subnet or 'of its own'}")
