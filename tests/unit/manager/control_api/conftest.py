"""The store that the Control handlers of a test work on."""

import pytest
from swarm_core.runtime.clock import SystemClock
from swarm_core.store.memory import MemoryStore


@pytest.fixture
def store() -> MemoryStore:
    """An empty store that commits at once."""
    return MemoryStore(clock=SystemClock())
