"""What an engine says of itself, and whether it can be one of ours. Pure.

Rules
1. An engine has an id, processors and memory. What has none is no engine: a classic Swarm manager answers so.
2. Its clock is compared with ours right after it told its time. Less than two seconds are none; more is added to all its times.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from swarm_core.engines.errors import EngineUnfit
from swarm_core.engines.reading import engine_labels, seconds_of

SKEW_S = 2.0


@dataclass(frozen=True, slots=True)
class Specs:
    """The facts of an engine."""

    id: str
    hostname: str
    version: str
    os: str
    architecture: str
    kernel: str
    cpus: int
    memory_bytes: int
    labels: Mapping[str, str]
    skew_s: float


def specs_of(
    info: Mapping[str, Any],
    version: Mapping[str, Any],
    extra_labels: Mapping[str, str],
    now_s: float,
    url: str,
) -> Specs:
    """The specs in the answers to `/info`, which came at `now_s`, and `/version`. Raises EngineUnfit, and whatever a wrong form raises."""
    if not isinstance(info["ID"], str):
        raise TypeError("an id that is no text")
    if not info["ID"]:
        raise EngineUnfit(f"the engine at {url} runs an unsupported version of Docker Engine: it has no id")
    cpus, memory = int(info.get("NCPU") or 0), int(info.get("MemTotal") or 0)
    if cpus <= 0 or memory <= 0:
        raise EngineUnfit(
            f"the engine at {url} tells of no CPUs or no memory; make sure it is a Docker Engine, not a Swarm manager"
        )
    return Specs(
        id=info["ID"],
        hostname=str(info.get("Name") or ""),
        version=str(version.get("Version") or info.get("ServerVersion") or ""),
        os=str(info.get("OSType") or ""),
        architecture=str(info.get("Architecture") or ""),
        kernel=str(info.get("KernelVersion") or ""),
        cpus=cpus,
        memory_bytes=memory,
        labels={**extra_labels, **engine_labels(info)},
        skew_s=skew_of(str(info.get("SystemTime") or ""), now_s),
    )


def skew_of(system_time: str, now_s: float) -> float:
    """Our time less the engine's, 0 when that is little or the engine tells none."""
    if not system_time:
        return 0.0
    skew_s = now_s - seconds_of(system_time)
    return skew_s if abs(skew_s) >= SKEW_S else 0.0


def skew_words(skew_s: float) -> str:
    """An engine's clock in words; empty when it is right."""
    if not skew_s:
        return ""
    seconds = abs(round(skew_s))
    span = f"{seconds} s"
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            span = f"{seconds / length:.3g} {unit}"
            break
    return f"its clock is {span} {'behind' if skew_s > 0 else 'ahead of'} ours"
