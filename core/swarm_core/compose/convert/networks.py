"""Networks of a stack, and how a service is attached to them."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from swarm_core.api.proto import specs_pb2, types_pb2
from swarm_core.compose.convert.names import Namespace
from swarm_core.compose.forms.scalars import plain_texts
from swarm_core.compose.reading.errors import Unsound
from swarm_core.compose.reading.values import Map

DEFAULT: Final = "default"
_PREDEFINED: Final = frozenset({"host", "bridge", "none", "default"})
"""On these nobody has aliases."""


@dataclass(frozen=True, slots=True)
class Networks:
    """The networks of a stack that services use: those it owns by their names in the swarm, and the names of others'."""

    owned: Mapping[str, specs_pb2.NetworkSpec]
    external: tuple[str, ...]


def attachments(
    service: str, given: Any, defined: Map, space: Namespace
) -> list[types_pb2.NetworkAttachmentConfig]:
    """The networks of a service in docker's order. Raises Unsound for one that no file defines."""
    wanted = given if given else {DEFAULT: None}
    found = []
    for name, options in wanted.items():
        if name not in defined and name != DEFAULT:
            at = given.at(name) if isinstance(given, Map) else None
            raise Unsound(f'service {service}: undefined network "{name}"', at)
        target = full_name(name, defined, space)
        options = options or {}
        aliases = list(options.get("aliases") or ())
        if target not in _PREDEFINED:
            aliases.append(service)
        found.append(
            types_pb2.NetworkAttachmentConfig(
                target=target,
                aliases=aliases,
                driver_attachment_opts=plain_texts(options.get("driver_opts") or {}),
            )
        )
    return sorted(found, key=lambda attachment: attachment.target)


def full_name(name: str, defined: Map, space: Namespace) -> str:
    """The network's name in the swarm."""
    definition = defined.get(name) or {}
    return definition.get("name") or space.scoped(name)


def used(services: Map, defined: Map, space: Namespace) -> Networks:
    """The networks that any service of containers uses. Raises Unsound."""
    names = {
        name
        for service in services.values()
        if "x-process" not in service
        for name in (service.get("networks") or {DEFAULT: None})
        if name in defined or name == DEFAULT
    }
    owned, external = {}, []
    for name in sorted(names):
        definition = defined.get(name) or Map()
        if definition.get("external"):
            external.append(full_name(name, defined, space))
        else:
            spec = _spec(name, definition, defined, space)
            owned[spec.annotations.name] = spec
    return Networks(owned, tuple(external))


def _spec(name: str, definition: Map, defined: Map, space: Namespace) -> specs_pb2.NetworkSpec:
    spec = specs_pb2.NetworkSpec(
        internal=bool(definition.get("internal")),
        attachable=bool(definition.get("attachable")),
        ipv6_enabled=bool(definition.get("enable_ipv6")),
    )
    spec.annotations.name = full_name(name, defined, space)
    spec.annotations.labels.update(space.labels(plain_texts(definition.get("labels") or {})))
    spec.driver_config.name = definition.get("driver") or "overlay"
    spec.driver_config.options.update(plain_texts(definition.get("driver_opts") or {}))
    ipam = definition.get("ipam") or Map()
    if ipam.get("driver") or ipam.get("config"):
        spec.ipam.driver.name = ipam.get("driver") or "default"
        spec.ipam.configs.extend(_ipam(name, config) for config in ipam.get("config") or ())
    return spec


def _ipam(name: str, given: Map) -> types_pb2.IPAMConfig:
    subnet = given.get("subnet", "")
    for key, parse in (
        ("subnet", ipaddress.ip_interface),
        ("ip_range", ipaddress.ip_interface),
        ("gateway", ipaddress.ip_address),
    ):
        text = given.get(key)
        try:
            if text:
                parse(text)
        except ValueError:
            raise Unsound(
                f"network {name}: {key} {text!r} is no address of a network", given.at(key)
            ) from None
    config = types_pb2.IPAMConfig(
        subnet=subnet, range=given.get("ip_range", ""), gateway=given.get("gateway", "")
    )
    config.reserved.update(given.get("aux_addresses") or {})
    return config
