"""Filling fake engines: many containers at once, the same for the same seed, and events in any number."""

import random
from typing import Final

from swarm_testkit.fake_engines.engine import FakeEngine
from swarm_testkit.fake_engines.objects import Container

IMAGE: Final = "busybox:local"
_NAMES: Final = ("web", "db", "cache", "queue", "worker", "cron", "proxy", "mail")
_ENDED: Final = 10
"""One in so many containers has ended."""


def fill(engine: FakeEngine, containers: int) -> list[Container]:
    """Containers that run, but for some that ended; the engine's test image under a few names."""
    image = engine.add_image(IMAGE)
    engine.add_image("nginx:1.25", size=187_000_000)
    engine.add_image("postgres:16", size=432_000_000)
    made = []
    for number in range(containers):
        kind = _NAMES[number % len(_NAMES)]
        one = engine.create(
            f"{kind}-{number}",
            {
                "Image": image.tags[0],
                "Cmd": ["sleep", "1000000"],
                "Labels": {"com.docker.compose.project": kind, "tier": kind},
                "HostConfig": {"Memory": 64 << 20, "NanoCpus": 10_000_000},
            },
        )
        one.created -= engine.rng.randrange(86400)
        engine.running.start(one)
        if number % _ENDED == _ENDED - 1:
            engine.running.kill(one, 9)
        made.append(one)
    return made


def change_one(engine: FakeEngine, rng: random.Random) -> Container:
    """One event of one container: what ran ends, what ended starts."""
    one = rng.choice(list(engine.containers.values()))
    if one.is_up:
        engine.running.kill(one, 9)
    else:
        engine.running.start(one)
    return one
