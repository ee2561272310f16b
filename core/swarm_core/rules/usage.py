"""What a task or a machine used over the last minutes: samples in a bounded row (docs/design/usage.md). Pure.

Nodes keep one for each running task, and clients one for each that they show, so a row is small: three numbers a sample.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from swarm_core.api.proto.usage_pb2 import UsageSeries

SAMPLES_MAX: Final = 20
APART_S: Final = 30.0
"""Between samples that are kept: together ten minutes."""
_NUMBERS: Final = 3
_MS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Sample:
    """`cpus`: processors used, mean since the sample before; `memory_bytes`: held."""

    cpus: float
    memory_bytes: int


class UsageHistory:
    """Samples by the clock of whoever keeps them: the newest one, and earlier ones at least APART_S apart."""

    __slots__ = ("_kept", "last", "last_s")

    def __init__(self) -> None:
        self._kept = array("d")
        self.last: Sample | None = None
        self.last_s = 0.0

    def add(self, at_s: float, sample: Sample) -> None:
        """The newest sample; times never go back."""
        kept = self._kept
        if not kept or at_s - kept[-_NUMBERS] >= APART_S:
            kept.extend((at_s, sample.cpus, sample.memory_bytes))
            del kept[: max(len(kept) - SAMPLES_MAX * _NUMBERS, 0)]
        self.last, self.last_s = sample, at_s

    def samples(self) -> Iterator[tuple[float, Sample]]:
        """Time and sample of those that are kept, oldest first, and the newest."""
        kept = self._kept
        for place in range(0, len(kept), _NUMBERS):
            if self.last is None or kept[place] < self.last_s:
                yield kept[place], Sample(kept[place + 1], int(kept[place + 2]))
        if self.last is not None:
            yield self.last_s, self.last

    def series(self, now_s: float, *, with_history: bool) -> UsageSeries:
        """As it is told to others."""
        told = list(self.samples())[0 if with_history else -1 :]
        return UsageSeries(
            ago_ms=[max(int((now_s - at_s) * _MS), 0) for at_s, _ in told],
            cpus=[sample.cpus for _, sample in told],
            memory_bytes=[sample.memory_bytes for _, sample in told],
        )

    @classmethod
    def of(cls, series: UsageSeries, now_s: float) -> "UsageHistory":
        """What was told, by the clock of whoever hears it."""
        found = cls()
        found.take(series, now_s)
        return found

    def take(self, series: UsageSeries, now_s: float) -> None:
        """Add what was told. Of lists that are not equally long nothing is believed."""
        if not len(series.ago_ms) == len(series.cpus) == len(series.memory_bytes):
            return
        for ago_ms, cpus, memory in zip(series.ago_ms, series.cpus, series.memory_bytes, strict=True):
            at_s = now_s - ago_ms / _MS
            if at_s >= self.last_s or self.last is None:
                self.add(at_s, Sample(cpus, memory))
