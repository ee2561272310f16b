"""Health: known names, unknown names, and the process itself."""

import pytest
from swarm_core.api.proto.health_pb2 import HealthCheckRequest, HealthCheckResponse
from swarm_core.manager.health import CONTROL_API, RAFT, Health
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import NotFound

CALLER = Caller("m1", frozenset(), "org", "", is_local=True)


async def check(health: Health, name: str) -> int:
    return (await health.check(HealthCheckRequest(service=name), CALLER)).status


async def test_names_and_statuses() -> None:
    """The empty name serves, others say what was set last, and unknown ones are NOT_FOUND."""
    health = Health()
    assert await check(health, "") == HealthCheckResponse.SERVING
    for name in (RAFT, CONTROL_API):
        with pytest.raises(NotFound):
            await check(health, name)
        health.set(name, False)
        assert await check(health, name) == HealthCheckResponse.NOT_SERVING
        health.set(name, True)
        assert await check(health, name) == HealthCheckResponse.SERVING
