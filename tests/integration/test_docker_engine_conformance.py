"""A real Docker Engine passes the suite that the fake one passes."""

from collections.abc import AsyncIterator

import pytest
from swarm_core.engines.client import EngineClient
from swarm_testkit.conformance.engine import EngineConformance
from swarm_testkit.engines import Engine


@pytest.mark.docker
class TestRealEngine(EngineConformance):
    """The run's private engine."""

    @pytest.fixture
    async def engine_client(self, engine: Engine) -> AsyncIterator[EngineClient]:
        client = EngineClient(engine.url)
        try:
            yield client
        finally:
            await client.close()
