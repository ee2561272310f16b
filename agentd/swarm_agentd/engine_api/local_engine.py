"""The engine beside this node, which may come and go (docs/design/engine-api.md E8).

Rules
1. What it can do is learnt when it is first asked and again and again: versions that it does not know are not offered.
2. A node without an engine answers by itself.
"""

import logging

from swarm_core.engines.client import EngineClient
from swarm_core.engines.errors import EngineAway, EngineRefused
from swarm_core.http.version import NEWEST, Version, parse
from swarm_core.runtime.clock import Clock

_log = logging.getLogger(__name__)
LEARN_EVERY_S = 5.0
_PING_S = 2.0
_WITHOUT_BUILDKIT = "1"
"""Of the two builders: clients open no session for the old one."""


class LocalEngine:
    """`engine` is None on a node that runs no containers."""

    def __init__(self, engine: EngineClient | None, clock: Clock) -> None:
        self.engine = engine
        self._clock = clock
        self._version: Version | None = None
        self.builder_version = _WITHOUT_BUILDKIT
        self.is_experimental = False

    @property
    def is_there(self) -> bool:
        """Whether it answered when it was asked last."""
        return self._version is not None

    def newest(self) -> Version:
        """The newest version that can be offered to clients."""
        return NEWEST if self._version is None else min(NEWEST, self._version)

    async def run(self) -> None:
        """Learn what the engine can until cancelled."""
        if self.engine is None:
            return
        while True:
            await self.learn()
            await self._clock.sleep(LEARN_EVERY_S)

    async def learn(self) -> None:
        """Ask the engine what it can."""
        assert self.engine is not None
        try:
            _, headers = await self.engine.read_json("/_ping", timeout=_PING_S)
            version = parse(headers["api-version"])
        except (EngineAway, EngineRefused, KeyError, ValueError) as error:
            if self._version is not None:
                _log.info("without a container engine from now on: %s", error)
            self._version, self.builder_version, self.is_experimental = None, _WITHOUT_BUILDKIT, False
            return
        if self._version is None:
            _log.info("the container engine speaks API %s", version)
        self._version = version
        self.builder_version = headers.get("builder-version", _WITHOUT_BUILDKIT)
        self.is_experimental = headers.get("docker-experimental") == "true"
