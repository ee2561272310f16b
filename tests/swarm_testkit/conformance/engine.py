"""The conformance suite of an engine's HTTP API: what a real Docker Engine does, and so the fake one.

How to use it: a class `TestX(EngineConformance)` with an async fixture `engine_client` that gives an EngineClient of an engine that
has the image `busybox:local`. The engine may be shared: each test names its own objects.

Rule: what `swarm_core.engines` reads is looked at here, field by field; where engines differ by version, only what all do.
"""

import pytest
from swarm_core.engines.client import EngineClient

from swarm_testkit.conformance.engine_calls import Calls
from swarm_testkit.conformance.engine_containers import ContainerConformance
from swarm_testkit.conformance.engine_objects import ObjectConformance
from swarm_testkit.conformance.engine_streams import StreamConformance


class EngineConformance(ObjectConformance, ContainerConformance, StreamConformance):
    """All of it."""

    @pytest.fixture
    def calls(self, engine_client: EngineClient) -> Calls:
        return Calls(engine_client)
