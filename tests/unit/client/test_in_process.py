"""The cluster in memory answers as a manager does."""

import pytest
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.conformance.control import ControlConformance
from swarm_testkit.factories import make_cluster


class TestClusterInMemory(ControlConformance):
    """The cluster that most tests of the client and the dashboard look at."""

    @pytest.fixture
    def calls(self) -> FakeCluster:
        return FakeCluster([make_cluster("c1")])
