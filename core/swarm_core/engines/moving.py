"""Making a container anew on another engine, from what was known of it while its engine lived. Pure.

Rules
1. A container is the same one by its swarm id; one that has none takes its own id as its swarm id when it is moved.
2. What the old engine gave it (host name, aliases, shares of its processors) is not carried along.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from swarm_core.api.json_text import json_of
from swarm_core.engines.lookup import SWARM_ID_LABEL
from swarm_core.engines.placement.request import ON_NODE_FAILURE
from swarm_core.engines.reading import RESCHEDULE_LABEL
from swarm_core.engines.records import Container

_SHORT: Final = 12
_FULL_SHARES: Final = 1024
_ENDPOINT_FIELDS: Final = ("IPAMConfig", "Links", "Aliases", "DriverOpts")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the container is made again."""

    name: str
    body: dict[str, Any]
    more_networks: Mapping[str, dict[str, Any]]
    """Networks beyond the first, with the settings of their endpoints: it is put into them one by one."""
    starts: bool
    """It ran when it was last seen."""


def is_moved(container: Container) -> bool:
    """Whether it asks for another engine when its own fails."""
    text = container.labels.get(RESCHEDULE_LABEL)
    if text is None:
        return False
    try:
        return ON_NODE_FAILURE in json_of(text)
    except (ValueError, TypeError):
        return False  # it was not made by us


def identity_of(container: Container) -> str:
    """By what it is the same one elsewhere."""
    return container.labels.get(SWARM_ID_LABEL) or container.id


def recipe_of(container: Container, engine_cpus: int) -> Recipe:
    """How it is made again. It must have been inspected. Raises ValueError, KeyError, TypeError where the inspection has another form."""
    assert container.reserved is not None and container.reserved.raw
    inspected = json_of(container.reserved.raw)
    config, host = dict(inspected["Config"]), dict(inspected.get("HostConfig") or {})
    if config.get("Hostname") == container.id[:_SHORT]:
        del config["Hostname"]
    if shares := int(host.get("CpuShares") or 0):
        host["CpuShares"] = max(round(shares * engine_cpus / _FULL_SHARES), 1)
    config["Labels"] = {**(config.get("Labels") or {}), SWARM_ID_LABEL: identity_of(container)}
    endpoints = {
        name: _endpoint(settings, container)
        for name, settings in ((inspected.get("NetworkSettings") or {}).get("Networks") or {}).items()
    }
    first = str(host.get("NetworkMode") or "")
    if first in endpoints:
        config["NetworkingConfig"] = {"EndpointsConfig": {first: endpoints.pop(first)}}
    elif first in ("", "default"):
        endpoints.pop("bridge", None)
    else:
        endpoints.clear()  # the host's network, or another container's
    return Recipe(container.name, {**config, "HostConfig": host}, endpoints, container.is_running)


def _endpoint(settings: Mapping[str, Any] | None, container: Container) -> dict[str, Any]:
    kept = {key: value for key, value in (settings or {}).items() if key in _ENDPOINT_FIELDS and value}
    if "Aliases" in kept:
        kept["Aliases"] = [alias for alias in kept["Aliases"] if alias != container.id[:_SHORT]]
    return kept


def without_addresses(endpoint: Mapping[str, Any]) -> dict[str, Any]:
    """The same settings, without fixed addresses."""
    return {key: value for key, value in endpoint.items() if key != "IPAMConfig"}
