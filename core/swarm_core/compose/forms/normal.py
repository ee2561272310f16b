"""A whole file in its normal form, and what docker says of some of its keys (docs/design/stacks.md 12.1)."""

from typing import Final

from swarm_core.compose.forms import objects, services
from swarm_core.compose.forms.environment import World
from swarm_core.compose.forms.services import Context
from swarm_core.compose.reading.errors import WrongShape
from swarm_core.compose.reading.notes import Notes
from swarm_core.compose.reading.values import Map, Reset

_USE_RESOURCES: Final = "Set resource limits using deploy.resources"
_USE_VOLUMES: Final = "Instead of {}, use the top-level volumes"
_FORBIDDEN: Final = {
    "volume_driver": _USE_VOLUMES.format("setting a driver on the service"),
    "volumes_from": _USE_VOLUMES.format("taking those of another service"),
    **dict.fromkeys(("cpu_quota", "cpu_shares", "cpuset", "mem_limit", "memswap_limit"), _USE_RESOURCES),
}
UNSUPPORTED: Final = (
    "build", "cgroupns_mode", "cgroup_parent", "devices", "domainname", "external_links", "ipc", "links", "mac_address",
    "network_mode", "pid", "privileged", "restart", "security_opt", "shm_size", "userns_mode",
)  # fmt: skip
DEPRECATED: Final = {
    "container_name": "Setting the container name is not supported.",
    "expose": "Exposing ports is unnecessary - services on the same network can access each other's containers on any port.",
}
_DROPPED: Final = {
    "tmpfs": "docker drops the service's tmpfs without a word, and so does this product: write a volume of type tmpfs",
}


def forbid(document: Map) -> None:
    """Raise WrongShape for keys that no swarm can honour."""
    found: dict[str, str] = {}
    first = None
    for service in _services(document):
        for key in service:
            if key in _FORBIDDEN:
                found[key] = _FORBIDDEN[key]
                first = first or service.at(key)
    if found:
        lines = "\n\n".join(f"{key}: {found[key]}" for key in sorted(found))
        raise WrongShape(f"compose file contains unsupported options:\n\n{lines}", first)


def note_keys(document: Map, notes: Notes) -> None:
    """What docker warns of, and what it drops silently."""
    for service in _services(document):
        for key in service:
            at = service.at(key)
            if key in UNSUPPORTED:
                notes.warning(f"Ignoring unsupported options: {key}", at)
            elif key in DEPRECATED:
                notes.warning(f"Ignoring deprecated options: {key}: {DEPRECATED[key]}", at)
            elif key in _DROPPED:
                notes.ignored(_DROPPED[key], at)
            elif key == "oom_score_adj":
                notes.different("docker 28.2 accepts oom_score_adj and loses it", at)
        networks = service.get("networks")
        for network in networks.values() if isinstance(networks, Map) else ():
            for key in network if isinstance(network, Map) else ():
                if key in ("ipv4_address", "ipv6_address"):
                    notes.ignored(f"{key} means nothing to a swarm", network.at(key))


def _services(document: Map) -> list[Map]:
    services_ = document.get("services")
    if not isinstance(services_, Map):
        return []
    return [service for service in services_.values() if isinstance(service, Map)]


def normal(document: Map, world: World, minor: int) -> Map:
    """The file's content in long forms. Raises ComposeError."""
    found = document.like()
    volumes = document.get("volumes")
    context = Context(world, volumes if isinstance(volumes, Map) else ())
    for key, value in document.items():
        if isinstance(value, Reset) or value is None:
            found[key] = value
        elif key == "services":
            section: Map = value.like()
            for name, service in value.items():
                section[name] = service if isinstance(service, Reset) else services.normal(service, context)
            found[key] = section
        elif key in objects.FORMS:
            found[key] = objects.normal(key, value, world, minor)
        else:
            found[key] = value
    return found
