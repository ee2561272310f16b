"""The Engine API before a cluster in memory."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.engine_clients import Api, api_at


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """Of a manager without an engine."""
    async with api_at(tmp_path / "docker.sock", FakeCluster()) as api:
        yield api
