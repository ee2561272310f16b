"""The fake engine passes the suite that a real one passes."""

from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from swarm_core.engines.client import EngineClient
from swarm_testkit.conformance.engine import EngineConformance
from swarm_testkit.fake_engines.serving import fake_engines


class TestFakeEngine(EngineConformance):
    """One fake engine for each test, on a unix socket."""

    @pytest.fixture
    async def engine_client(self) -> AsyncIterator[EngineClient]:
        with TemporaryDirectory(prefix="fe-") as directory:
            async with fake_engines(Path(directory), 1) as engines:
                client = EngineClient(engines[0].url)
                try:
                    yield client
                finally:
                    await client.close()
