"""What a container needs of its engine, read from the body that makes it (docker's `POST /containers/create`).

Rules
1. Expressions come as labels (JSON lists) and as environment (`constraint:KEY==VALUE`); those of the environment are taken out of it.
2. What was asked stands in the container's labels, so that it can be placed again in the same way. Its swarm id goes with it.
3. CPU shares are CPUs, as in classic Swarm; the engine gets its part of 1024 for them.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from swarm_core.api.json_text import json_of
from swarm_core.engines.lookup import SWARM_ID_LABEL
from swarm_core.engines.placement.expressions import BadExpression, Expression, whitelist
from swarm_core.engines.placement.platforms import Platform
from swarm_core.engines.reading import NS_PER_S, RESCHEDULE_LABEL
from swarm_core.engines.records import Port

CONSTRAINTS: Final = "com.docker.swarm.constraints"
AFFINITIES: Final = "com.docker.swarm.affinities"
WHITELISTS: Final = "com.docker.swarm.whitelists"
ON_NODE_FAILURE: Final = "on-node-failure"
_POLICIES: Final = ("off", ON_NODE_FAILURE)
_PREFIXES: Final = {
    "constraint:": CONSTRAINTS,
    "affinity:": AFFINITIES,
    "whitelist:": WHITELISTS,
    "reschedule:": RESCHEDULE_LABEL,
}
_READERS: Final[Mapping[str, Callable[[str], object]]] = {
    CONSTRAINTS: Expression.parse,
    AFFINITIES: Expression.parse,
    WHITELISTS: whitelist,
}
NO_NETWORK: Final = ("", "default", "bridge", "host", "none", "nat")


@dataclass(frozen=True, slots=True)
class PortRange:
    """A published port that may be any of `first` to `last`."""

    protocol: str
    first: int
    last: int
    ip: str = ""

    def port(self, public: int) -> Port:
        """One of them."""
        return Port(0, self.protocol, public, self.ip)


@dataclass(frozen=True, slots=True)
class Request:
    """What placement asks. `body` is what the engine gets, but for CPU shares."""

    name: str
    body: Mapping[str, Any]
    image: str
    constraints: tuple[Expression, ...] = ()
    affinities: tuple[Expression, ...] = ()
    whitelists: tuple[Expression, ...] = ()
    nano_cpus: int = 0
    memory_bytes: int = 0
    ports: tuple[Port, ...] = ()
    port_ranges: tuple["PortRange", ...] = ()
    """Of each the engine takes a port that is free."""
    needs: tuple[str, ...] = ()
    """Containers that must be on the same engine: of --volumes-from, --link and --net container."""
    network: str = ""
    """The network that it is put into, when it is none that every engine has."""
    is_moved: bool = False
    """It wants another engine when its own fails."""
    platform: str = ""
    """The platform that was asked for by name, as the engine is told it."""
    platforms: tuple[Platform, ...] = ()
    """Those that the image is for; empty: not known, or all the same here."""

    @property
    def asks_resources(self) -> bool:
        return bool(self.nano_cpus or self.memory_bytes)

    @property
    def has_hard_node(self) -> bool:
        """Whether it insists on engines by name."""
        return any(one.key == "node" and one.is_equal and not one.is_soft for one in self.constraints)

    def body_for(self, engine_cpus: int) -> dict[str, Any]:
        """What this engine is sent: shares are its part of 1024."""
        host = dict(self.body.get("HostConfig") or {})
        if shares := host.get("CpuShares"):
            host["CpuShares"] = ceil(int(shares) * 1024 / engine_cpus)
        return {**self.body, "HostConfig": host}


def request_of(name: str, body: Mapping[str, Any], new_id: Callable[[], str], platform: str = "") -> Request:
    """What a container that is made of `body` needs; `new_id` gives the swarm id of one that has none. Raises BadExpression."""
    asked: dict[str, list[str]] = {label: _listed(body, label) for label in _PREFIXES.values()}
    environment = []
    for variable in body.get("Env") or ():
        label = next((label for prefix, label in _PREFIXES.items() if variable.startswith(prefix)), None)
        if label is None:
            environment.append(variable)
        else:
            asked[label].append(variable.partition(":")[2])
    _check_policies(asked[RESCHEDULE_LABEL])
    labels = {
        **(body.get("Labels") or {}),
        **{key: json.dumps(given) for key, given in asked.items() if given},
    }
    labels.setdefault(SWARM_ID_LABEL, new_id())
    host = body.get("HostConfig") or {}
    return Request(
        name=name,
        body={**body, "Env": environment, "Labels": labels},
        image=str(body.get("Image") or ""),
        constraints=tuple(map(Expression.parse, asked[CONSTRAINTS])),
        affinities=tuple(map(Expression.parse, asked[AFFINITIES])),
        whitelists=tuple(map(whitelist, asked[WHITELISTS])),
        nano_cpus=int(host.get("NanoCpus") or 0) or int(host.get("CpuShares") or 0) * NS_PER_S,
        memory_bytes=int(host.get("Memory") or 0),
        ports=_ports(host, body.get("ExposedPorts") or {}),
        port_ranges=_port_ranges(host),
        needs=_needs(host),
        network=_network(host),
        is_moved=ON_NODE_FAILURE in asked[RESCHEDULE_LABEL],
        platform=platform,
        platforms=(Platform.parse(platform),) if platform else (),
    )


def _listed(body: Mapping[str, Any], label: str) -> list[str]:
    text = (body.get("Labels") or {}).get(label)
    if text is None:
        return []
    try:
        found = json_of(text)
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise BadExpression(f"the label {label} is no JSON list of texts: {text!r}")
    return list(found)


def _check_policies(policies: list[str]) -> None:
    if len(policies) > 1:
        raise BadExpression("too many reschedule policies")
    for policy in policies:
        if policy not in _POLICIES:
            raise BadExpression(f"invalid reschedule policy: {policy}")


def _ports(host: Mapping[str, Any], exposed: Mapping[str, Any]) -> tuple[Port, ...]:
    if host.get("NetworkMode") == "host":
        return tuple(_port(port, port.partition("/")[0], "") for port in exposed)
    bound = (host.get("PortBindings") or {}).items()
    return tuple(
        _port(port, str(one["HostPort"]), str(one.get("HostIp") or ""))
        for port, many in bound
        for one in many or ()
        if one.get("HostPort") and "-" not in str(one["HostPort"])
    )


def _port_ranges(host: Mapping[str, Any]) -> tuple[PortRange, ...]:
    if host.get("NetworkMode") == "host":
        return ()
    found = []
    for port, many in (host.get("PortBindings") or {}).items():
        for one in many or ():
            first, dash, last = str(one.get("HostPort") or "").partition("-")
            if not dash:
                continue
            if not first.isdecimal() or not last.isdecimal() or int(first) > int(last):
                raise BadExpression(f"Invalid range of ports: {one['HostPort']} for {port}")
            protocol = port.partition("/")[2] or "tcp"
            found.append(PortRange(protocol, int(first), int(last), str(one.get("HostIp") or "")))
    return tuple(found)


def _port(port: str, public: str, ip: str) -> Port:
    number, _, protocol = port.partition("/")
    if not number.isdecimal() or not public.isdecimal():
        raise BadExpression(f"Invalid port: {port} for {public}")
    return Port(int(number), protocol or "tcp", int(public), ip)


def _needs(host: Mapping[str, Any]) -> tuple[str, ...]:
    needed = [text.partition(":")[0] for text in host.get("VolumesFrom") or ()]
    needed += [text.partition(":")[0] for text in host.get("Links") or ()]
    mode = str(host.get("NetworkMode") or "")
    if mode.startswith("container:"):
        needed.append(mode.removeprefix("container:"))
    return tuple(dict.fromkeys(one.removeprefix("/") for one in needed))


def _network(host: Mapping[str, Any]) -> str:
    mode = str(host.get("NetworkMode") or "")
    return "" if mode in NO_NETWORK or mode.startswith("container:") else mode
