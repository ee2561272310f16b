"""What leaves an engine out, in classic Swarm's order, and by its platform. A filter says why, or nothing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from swarm_core.engines.placement.candidates import Candidate
from swarm_core.engines.placement.expressions import Expression
from swarm_core.engines.placement.platforms import Platform, normal
from swarm_core.engines.placement.request import PortRange, Request
from swarm_core.engines.records import Port

_ANY_IP: Final = ("", "0.0.0.0", "::")  # noqa: S104 - compared with, not bound
SLOTS_LABEL: Final = "containerslots"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request in one round: with its soft expressions as if they were hard, or without them."""

    request: Request
    counts_soft: bool

    def of(self, expressions: Iterable[Expression]) -> list[Expression]:
        """Those that count."""
        return [one for one in expressions if self.counts_soft or not one.is_soft]


Why = Callable[[Asked, Candidate], str]


@dataclass(frozen=True, slots=True)
class Filter:
    """`why` says what stands against an engine; empty: nothing. `conditions` says what is asked, for who met no engine."""

    name: str
    why: Why
    conditions: Callable[[Asked], list[str]]


def _health(asked: Asked, candidate: Candidate) -> str:
    record = candidate.record
    if candidate.health == 0:
        return f"is {record.word}"
    return "is in maintenance" if record.in_maintenance else ""


def _platform(asked: Asked, candidate: Candidate) -> str:
    wanted = asked.request.platforms
    here = Platform(candidate.record.os, normal(candidate.record.architecture))
    if not wanted or any(one.suits(here) for one in wanted):
        return ""
    return f"runs {here}, and the image is for {', '.join(map(str, wanted))}"


def _port(asked: Asked, candidate: Candidate) -> str:
    wanted = asked.request.ports
    full = [one for one in asked.request.port_ranges if _is_full(one, candidate)]
    if full:
        return ", ".join(f"no port of {one.first}-{one.last}/{one.protocol} is free" for one in full)
    if not wanted:
        return ""
    numbers = {port.public for port in wanted}
    taken = [
        f"port {port.public}/{port.protocol} is taken by {holder}"
        for held, holder in candidate.ports_taken()
        if held.public in numbers
        for port in wanted
        if _same(port, held)
    ]
    return ", ".join(dict.fromkeys(taken))


def _is_full(wanted: PortRange, candidate: Candidate) -> bool:
    taken = {
        held.public
        for held, _ in candidate.ports_taken()
        if wanted.first <= held.public <= wanted.last and _same(wanted.port(held.public), held)
    }
    return len(taken) > wanted.last - wanted.first


def _same(one: Port, other: Port) -> bool:
    if (one.public, one.protocol) != (other.public, other.protocol):
        return False
    return one.ip == other.ip or one.ip in _ANY_IP or other.ip in _ANY_IP


def _slots(asked: Asked, candidate: Candidate) -> str:
    text = candidate.record.labels.get(SLOTS_LABEL, "")
    if not text.isdecimal() or candidate.count < int(text):
        return ""
    return f"has {candidate.count} of at most {text} containers"


def _dependency(asked: Asked, candidate: Candidate) -> str:
    if not asked.request.needs:
        return ""
    here = {one.name for one in candidate.containers} | {one.id for one in candidate.containers}
    missing = [need for need in asked.request.needs if need not in here and not _starts_one(need, here)]
    return f"does not have {', '.join(missing)}" if missing else ""


def _starts_one(text: str, names: Iterable[str]) -> bool:
    return len(text) >= 12 and any(name.startswith(text) for name in names)


def _affinity(asked: Asked, candidate: Candidate) -> str:
    unmet = [
        str(one)
        for one in asked.of(asked.request.affinities)
        if not one.holds(_looked_at(one.key, candidate))
    ]
    return f"does not meet affinity {', '.join(unmet)}" if unmet else ""


def _looked_at(key: str, candidate: Candidate) -> Iterable[str]:
    match key:
        case "container":
            return candidate.container_names()
        case "image":
            return candidate.image_names()
        case _:
            return candidate.label_values(key)


def _constraint(asked: Asked, candidate: Candidate) -> str:
    unmet = []
    for one in asked.of(asked.request.constraints):
        values = _values(one.key, candidate)
        if not one.holds(values):
            has = ", ".join(values) if one.key != "node" else candidate.record.name
            unmet.append(f"{one} (it has {has})" if has else f"{one} (it has none)")
    return f"does not meet constraint {', '.join(unmet)}" if unmet else ""


def _values(key: str, candidate: Candidate) -> tuple[str, ...]:
    if key == "node":
        return candidate.nodes()
    value = candidate.record.labels.get(key)
    return () if value is None else (value,)


def _whitelist(asked: Asked, candidate: Candidate) -> str:
    unmet = [
        str(one) for one in asked.of(asked.request.whitelists) if not one.holds(_values(one.key, candidate))
    ]
    return f"is not on the whitelist {', '.join(unmet)}" if unmet else ""


def _nothing(asked: Asked) -> list[str]:
    return []


def _listed(name: str, choose: Callable[[Request], Iterable[Expression]]) -> Callable[[Asked], list[str]]:
    return lambda asked: [f"{name} {one}" for one in asked.of(choose(asked.request))]


HEALTH: Final = Filter("health", _health, _nothing)
FILTERS: Final = (
    HEALTH,
    Filter("platform", _platform, lambda asked: [f"platform {one}" for one in asked.request.platforms]),
    Filter(
        "port",
        _port,
        lambda asked: [
            *(f"port {port.public}/{port.protocol} (Bridge mode)" for port in asked.request.ports),
            *(
                f"port {one.first}-{one.last}/{one.protocol} (Bridge mode)"
                for one in asked.request.port_ranges
            ),
        ],
    ),
    Filter("containerslots", _slots, lambda asked: ["available container slots"]),
    Filter("dependency", _dependency, lambda asked: [f"dependency {need}" for need in asked.request.needs]),
    Filter("affinity", _affinity, _listed("affinity", lambda request: request.affinities)),
    Filter("constraint", _constraint, _listed("constraint", lambda request: request.constraints)),
    Filter("whitelist", _whitelist, _listed("whitelist", lambda request: request.whitelists)),
)
