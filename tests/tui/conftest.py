"""One time zone for all, pilots that wait and do not guess, notices that wait for a look, styles that are parsed once, and the cluster that most tests look
at."""

import os
import time
from collections.abc import Iterator

import pytest
from swarm_testkit.at_rest import wait_for_rest_instead_of_guessing
from swarm_testkit.cluster_fake import FakeCluster, lively_cluster
from swarm_testkit.dashboard import POLL_S, WAIT_S
from swarm_testkit.notices import count_looks_for_notices
from swarm_testkit.parsed_styles import parse_styles_once
from swarm_tui.journal import recorder, sessions
from swarm_tui.shell import typed_ahead


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


@pytest.fixture(autouse=True)
def no_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine gives a program little of the processor: that says nothing about whether it is done."""
    wait_for_rest_instead_of_guessing(monkeypatch)


@pytest.fixture(autouse=True)
def styles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most of the work before a program is first drawn."""
    parse_styles_once(monkeypatch)


@pytest.fixture(autouse=True)
def keys_take_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key waits for the ones before it as long as a test may, and no busy machine makes it overtake them."""
    monkeypatch.setattr(typed_ahead, "REST_S_MAX", WAIT_S)


@pytest.fixture(autouse=True)
def notices_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said beside the screen does not go from it before a test has looked, however busy the machine is."""
    count_looks_for_notices(monkeypatch, nap_s=POLL_S)


@pytest.fixture(autouse=True)
def journals_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """What came until now is in a journal before it is read, and before it is closed, however slow the disk is."""
    monkeypatch.setattr(sessions, "FLUSH_S", WAIT_S)
    monkeypatch.setattr(recorder, "_END_S", WAIT_S)


@pytest.fixture
def cluster() -> FakeCluster:
    """Twelve nodes, eight services, healthy and otherwise."""
    return lively_cluster()
