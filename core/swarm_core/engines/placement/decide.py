"""Which engine gets a container, and what left the others out.

Rules
1. Filters first, then resources, then the strategy's order. An engine that a filter left out is not asked by the next.
2. Soft expressions count as if they were hard; when no engine is left so, they do not count at all.
3. An engine has its resources, and `overcommit` of them on top (0.05 is five hundredths).
4. Without reservations all weights are equal, and the number of containers decides; after that the name, so that equal questions have equal answers.
5. Nobody gets it when a regular expression takes too long.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from swarm_core.engines.errors import EngineError
from swarm_core.engines.placement.candidates import Candidate
from swarm_core.engines.placement.filters import FILTERS, HEALTH, Asked, Filter
from swarm_core.engines.placement.request import Request
from swarm_core.engines.reading import NS_PER_S
from swarm_core.engines.records import EngineKey
from swarm_core.specs.patterns import TooSlow, one_pass

SPREAD: Final = "spread"
BINPACK: Final = "binpack"
RANDOM: Final = "random"
STRATEGIES: Final = (SPREAD, BINPACK, RANDOM)
OVERCOMMIT: Final = 0.05
RESOURCES: Final = "resources"
_HUNDRED = 100


class BadPolicy(ValueError):
    """There is no such strategy or filter."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How a cluster places. Raises BadPolicy."""

    strategy: str = SPREAD
    filters: tuple[str, ...] = tuple(one.name for one in FILTERS)
    overcommit: float = OVERCOMMIT
    retries: int = 0
    """So often a making that fails on one engine is tried on another."""

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise BadPolicy(f"strategy not supported: {self.strategy}; there are {', '.join(STRATEGIES)}")
        if unknown := sorted(set(self.filters) - {one.name for one in FILTERS}):
            raise BadPolicy(f"filter not supported: {unknown[0]}")
        if self.overcommit <= -1:
            raise BadPolicy("overcommit must be more than -1")
        if self.retries < 0:
            raise BadPolicy("the number of retries must not be negative")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found about one engine."""

    engine: EngineKey
    name: str
    filter: str = ""
    """The filter that left it out; empty: none did."""
    why: str = ""
    weight: int = 0
    containers: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """The engines that may have the container, the best first, and all verdicts in the order of the engines."""

    ranked: tuple[EngineKey, ...]
    verdicts: tuple[Verdict, ...]
    ignored: tuple[str, ...] = ()
    """Soft expressions that could not be met."""
    failure: str = ""
    """Why no engine may have it."""

    @property
    def chosen(self) -> EngineKey:
        """The best engine. Raises NotPlaced."""
        if not self.ranked:
            raise NotPlaced(self)
        return self.ranked[0]

    def lines(self) -> list[str]:
        """A sentence for each engine."""
        best = self.ranked[0] if self.ranked else None
        return [
            f"{one.name} {one.why}"
            if one.filter
            else f"{one.name} {'is chosen' if one.engine == best else 'would do'}: {one.containers} containers, weight {one.weight}"
            for one in self.verdicts
        ]


class NotPlaced(EngineError):
    """No engine may have the container; `decision` says what left each out."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision.failure)
        self.decision = decision


def decide(request: Request, candidates: Sequence[Candidate], policy: Policy, rng: random.Random) -> Decision:
    """Where the container goes."""
    try:
        with one_pass():
            return _decided(request, candidates, policy, rng)
    except TooSlow as error:
        return Decision((), (), failure=str(error))


def _decided(
    request: Request, candidates: Sequence[Candidate], policy: Policy, rng: random.Random
) -> Decision:
    if not candidates:
        return Decision((), (), failure="No nodes available in the cluster")
    soft = [
        str(one) for one in (*request.affinities, *request.constraints, *request.whitelists) if one.is_soft
    ]
    first = _round(Asked(request, counts_soft=True), candidates, policy, rng)
    if first.ranked or not soft:
        return first
    second = _round(Asked(request, counts_soft=False), candidates, policy, rng)
    return Decision(second.ranked, second.verdicts, tuple(soft), second.failure)


def _round(asked: Asked, candidates: Sequence[Candidate], policy: Policy, rng: random.Random) -> Decision:
    out: dict[EngineKey, Verdict] = {}
    left = list(candidates)
    used: list[Filter] = []
    for one in FILTERS:
        if one.name not in policy.filters:
            continue
        used.append(one)
        left = _kept(left, out, one.name, partial(one.why, asked))
        if not left:
            return _nobody(candidates, out, _unmet(asked, used))
    weights: dict[EngineKey, int] = {}
    if policy.strategy != RANDOM:
        left = _kept(
            left, out, RESOURCES, lambda candidate: _weigh(asked.request, candidate, policy, weights)
        )
        if not left:
            return _nobody(candidates, out, "no resources available to schedule container")
    ranked = tuple(one.record.key for one in _ordered(left, weights, policy.strategy, rng))
    return Decision(ranked, _verdicts(candidates, out, weights))


def _kept(
    candidates: Iterable[Candidate], out: dict[EngineKey, Verdict], name: str, why: Callable[[Candidate], str]
) -> list[Candidate]:
    kept = []
    for candidate in candidates:
        if reason := why(candidate):
            record = candidate.record
            out[record.key] = Verdict(record.key, record.name, name, reason, 0, candidate.count)
        else:
            kept.append(candidate)
    return kept


def _unmet(asked: Asked, used: Sequence[Filter]) -> str:
    if used[-1] is HEALTH:
        return "No healthy node available in the cluster"
    conditions = [line for one in used for line in one.conditions(asked)]
    return "\n".join(["Unable to find a node that satisfies the following conditions", *conditions])


def _weigh(request: Request, candidate: Candidate, policy: Policy, weights: dict[EngineKey, int]) -> str:
    """Note the weight; why the engine has too little."""
    record = candidate.record
    factor = round((1 + policy.overcommit) * _HUNDRED)
    rows = (
        (
            "CPUs",
            request.nano_cpus,
            candidate.nano_cpus_used,
            record.cpus * NS_PER_S * factor // _HUNDRED,
            NS_PER_S,
        ),
        (
            "MiB of memory",
            request.memory_bytes,
            candidate.memory_used,
            record.memory_bytes * factor // _HUNDRED,
            1 << 20,
        ),
    )
    total = 0
    for what, wanted, sum_used, has, unit in rows:
        if wanted <= 0:
            total += _HUNDRED
            continue
        used = sum_used()
        if used + wanted > has:
            return f"has {max(has - used, 0) / unit:.4g} of {has / unit:.4g} {what} left, {wanted / unit:.4g} are asked"
        total += (used + wanted) * _HUNDRED // has
    healthy = 10 * candidate.health
    weights[record.key] = total + (healthy if policy.strategy == BINPACK else -healthy)
    return ""


def _ordered(
    candidates: list[Candidate], weights: dict[EngineKey, int], strategy: str, rng: random.Random
) -> list[Candidate]:
    match strategy:
        case "spread":
            return sorted(candidates, key=lambda one: (weights[one.record.key], one.count, one.record.name))
        case "binpack":
            return sorted(candidates, key=lambda one: (-weights[one.record.key], -one.count, one.record.name))
        case _:
            shuffled = list(candidates)
            rng.shuffle(shuffled)
            return shuffled


def _nobody(candidates: Sequence[Candidate], out: dict[EngineKey, Verdict], failure: str) -> Decision:
    return Decision((), _verdicts(candidates, out, {}), failure=failure)


def _verdicts(
    candidates: Sequence[Candidate], out: dict[EngineKey, Verdict], weights: dict[EngineKey, int]
) -> tuple[Verdict, ...]:
    return tuple(
        out.get(one.record.key)
        or Verdict(one.record.key, one.record.name, "", "", weights.get(one.record.key, 0), one.count)
        for one in candidates
    )
