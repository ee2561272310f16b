"""One time zone for all, and the cluster that most tests look at."""

import os
import time
from collections.abc import Iterator

import pytest
from swarm_testkit.cluster_fake import FakeCluster, lively_cluster


@pytest.fixture(autouse=True)
def utc() -> Iterator[None]:
    """Times of day read the same on every machine."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.fixture
def cluster() -> FakeCluster:
    """Twelve nodes, eight services, healthy and otherwise."""
    return lively_cluster()
