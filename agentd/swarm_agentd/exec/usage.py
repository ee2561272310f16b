"""What a task or a machine has used: read by executors from whoever knows, told by the agent (docs/design/usage.md)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Reading:
    """`cpu_ns`: processor time since the beginning, over all processors; `memory_bytes`: held now, without what is only cached."""

    cpu_ns: int
    memory_bytes: int


class Meter(Protocol):
    """Port: the machine as a whole."""

    def read(self) -> Reading:
        """What everything that runs here has used. Raises OSError where the machine does not tell."""


@dataclass(frozen=True, slots=True)
class Measuring:
    """That what is used is to be told. Without a meter the machine uses what its tasks use."""

    meter: Meter | None = None


class MachineMeter:
    """A Linux machine, by what its kernel counts; inside a container that is the machine around it."""

    def __init__(self, proc: Path = Path("/proc"), ticks_per_s: int = 100) -> None:
        self._proc, self._tick_ns = proc, NS_PER_S // ticks_per_s

    def read(self) -> Reading:
        """See Meter."""
        name, *times = (self._proc / "stat").read_text().split("\n", 1)[0].split()
        assert name == "cpu"
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, times[:8])
        busy = user + nice + system + irq + softirq + steal
        memory = dict(line.split(":", 1) for line in (self._proc / "meminfo").read_text().splitlines())
        used_kib = _kib(memory["MemTotal"]) - _kib(memory["MemAvailable"])
        return Reading(busy * self._tick_ns, used_kib * 1024)


def _kib(text: str) -> int:
    return int(text.split()[0])
