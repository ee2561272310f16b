"""What simulated tasks use: invented, but the same for every reader.

Each task has its own level and its own slow wave, by its id; it stays within what it reserved or is limited to.
"""

import math
from typing import Final
from zlib import crc32

from swarm_core.api.proto.objects_pb2 import Task

from swarm_agentd.exec.usage import NS_PER_S, Reading

_CPUS: Final = 0.2
_BYTES: Final = 96 << 20


def of_task(task: Task, age_s: float) -> Reading:
    """Of a task that has run for so long."""
    chance = crc32(task.id.encode())
    resources = task.spec.resources
    cpus = (resources.limits.nano_cpus or resources.reservations.nano_cpus) / 1e9 or _CPUS
    memory = resources.limits.memory_bytes or resources.reservations.memory_bytes or _BYTES
    level, period_s = 0.2 + chance % 61 / 100, 60.0 + (chance >> 8) % 240
    phase = (chance >> 16) / 65536 * math.tau
    # The integral of a wave around `level`, so that time only goes forward.
    turns = math.tau / period_s
    spent_s = cpus * level * (age_s + (math.cos(phase) - math.cos(phase + turns * age_s)) * 0.6 / turns)
    held = memory * level * (0.8 + 0.15 * math.sin(phase + turns * age_s / 3))
    return Reading(int(max(spent_s, 0.0) * NS_PER_S), int(held))
