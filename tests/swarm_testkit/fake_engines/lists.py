"""Looking things up in a fake engine, and which of them a list's filters keep."""

import re
from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

from swarm_testkit.fake_engines.objects import Container, Image, Network, Volume

Filters = Mapping[str, tuple[str, ...]]
T = TypeVar("T")
_OF_CONTAINERS: Final = frozenset(
    ("ancestor", "before", "exited", "expose", "health", "id", "is-task", "isolation", "label", "name", "network",
     "publish", "since", "status", "volume")
)  # fmt: skip
_OF_IMAGES: Final = frozenset(("before", "dangling", "label", "reference", "since", "until"))
_OF_VOLUMES: Final = frozenset(("dangling", "driver", "label", "name"))
_OF_NETWORKS: Final = frozenset(("dangling", "driver", "id", "label", "name", "scope", "type"))
_EVENTS: Final = frozenset(
    ("config", "container", "daemon", "event", "image", "label", "network", "node", "plugin", "scope", "secret", "service",
     "type", "volume")
)  # fmt: skip
KNOWN: Final = {
    "containers": _OF_CONTAINERS, "images": _OF_IMAGES, "volumes": _OF_VOLUMES, "networks": _OF_NETWORKS,
    "events": _EVENTS,
}  # fmt: skip


def container_of(
    containers: Mapping[str, Container], names: Mapping[str, str], wanted: str
) -> Container | None:
    """By id, name, or the beginning of one id alone."""
    if wanted in containers:
        return containers[wanted]
    if (id_ := names.get(wanted.removeprefix("/"))) is not None:
        return containers[id_]
    return _only(one for id_, one in containers.items() if id_.startswith(wanted))


def image_of(images: Mapping[str, Image], wanted: str) -> Image | None:
    """By tag, repository, id, or the beginning of one id alone."""
    bare = wanted.rpartition("/")[2]
    tag = wanted if ":" in bare else f"{wanted}:latest"
    for image in images.values():
        if tag in image.tags:
            return image
    digits = wanted.removeprefix("sha256:")
    return _only(one for id_, one in images.items() if id_.removeprefix("sha256:").startswith(digits))


def network_of(networks: Mapping[str, Network], wanted: str) -> Network | None:
    """By id, name, or the beginning of one id alone."""
    if wanted in networks:
        return networks[wanted]
    for network in networks.values():
        if network.name == wanted:
            return network
    return _only(one for id_, one in networks.items() if id_.startswith(wanted))


def _only(found: Iterable[T]) -> T | None:
    first = list(found)
    return first[0] if len(first) == 1 else None


def users_of(containers: Mapping[str, Container], volume: str) -> list[Container]:
    """The containers that mount a volume."""
    return [one for one in containers.values() if any(mount.get("Name") == volume for mount in one.mounts)]


def kept_containers(
    containers: Iterable[Container], filters: Filters, *, everything: bool
) -> list[Container]:
    """Newest first. Without `everything` those that run, unless a filter asks for a status."""
    everything = everything or "status" in filters or "exited" in filters
    found = [
        one
        for one in containers
        if (everything or one.is_up) and all(_keeps(one, key, wanted) for key, wanted in filters.items())
    ]
    return sorted(found, key=lambda one: one.created, reverse=True)


def _keeps(one: Container, key: str, wanted: tuple[str, ...]) -> bool:
    match key:
        case "id":
            return one.id.startswith(wanted)
        case "name":
            return any(re.search(each, one.name) or re.search(each, "/" + one.name) for each in wanted)
        case "label":
            return has_labels(one.labels, wanted)
        case "status":
            return one.status in wanted
        case "health":
            return (one.health or "none") in wanted
        case "exited":
            return one.status == "exited" and str(one.exit_code) in wanted
        case "ancestor":
            return any(
                each in (one.image.id, *one.image.tags, one.config["Image"])
                or f"{each}:latest" in one.image.tags
                for each in wanted
            )
        case "network":
            return any(
                each in one.networks or each in (n["NetworkID"] for n in one.networks.values())
                for each in wanted
            )
        case "volume":
            return any(
                each in (mount.get("Name"), mount["Destination"]) for each in wanted for mount in one.mounts
            )
        case "is-task":
            return ("com.docker.swarm.task.id" in one.labels) == (wanted[0] in ("true", "1"))
        case _:
            raise NotImplementedError(f"the fake engine does not filter containers by {key}")


def kept_images(images: Iterable[Image], filters: Filters) -> list[Image]:
    """Newest first."""
    found = [
        one
        for one in images
        if has_labels(one.labels or {}, filters.get("label", ()))
        and all(bool(one.tags) != (each in ("true", "1")) for each in filters.get("dangling", ()))
        and (
            "reference" not in filters
            or any(each in (tag, tag.rpartition(":")[0]) for each in filters["reference"] for tag in one.tags)
        )
    ]
    return sorted(found, key=lambda one: one.created, reverse=True)


def kept_volumes(volumes: Iterable[Volume], filters: Filters, used: set[str]) -> list[Volume]:
    """By name."""
    found = [
        one
        for one in volumes
        if has_labels(one.labels or {}, filters.get("label", ()))
        and _contains(one.name, filters.get("name", ()))
        and one.driver in filters.get("driver", (one.driver,))
        and all((one.name not in used) == (each in ("true", "1")) for each in filters.get("dangling", ()))
    ]
    return sorted(found, key=lambda one: one.name)


def kept_networks(networks: Iterable[Network], filters: Filters) -> list[Network]:
    """In the order in which they were made."""
    return [
        one
        for one in networks
        if has_labels(one.labels, filters.get("label", ()))
        and _contains(one.name, filters.get("name", ()))
        and (not filters.get("id") or one.id.startswith(filters["id"]))
        and one.driver in filters.get("driver", (one.driver,))
        and "local" in filters.get("scope", ("local",))
    ]


def _contains(name: str, wanted: tuple[str, ...]) -> bool:
    return not wanted or any(each in name for each in wanted)


def has_labels(labels: Mapping[str, str], wanted: Iterable[str]) -> bool:
    """Whether all of these labels are there, each with its value where one is given."""
    for each in wanted:
        name, separator, value = each.partition("=")
        if name not in labels or (separator and labels[name] != value):
            return False
    return True
