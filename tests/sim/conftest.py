"""A simulation has a clock of its own, so the clock on the wall says nothing about it: on a busy machine it takes as long as it takes.

What the limit of a test is for, a simulation that goes round without end, is told by the processor's time that it takes. The limit is the same number.
The clock on the wall ends only what waits for something outside, which no simulation does.
"""

import signal
from collections.abc import Iterator

import pytest

_WAITING_S = 900


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(__file__.rpartition("/")[0]):
            item.add_marker(pytest.mark.timeout(_WAITING_S))


@pytest.fixture(autouse=True)
def processor_limit(request: pytest.FixtureRequest) -> Iterator[None]:
    """End a test that takes more of the processor's time than the run's limit."""
    limit_s = float(request.config.getini("timeout"))

    def end(*_: object) -> None:
        pytest.fail(f"it took more than {limit_s:g} s of the processor's time")

    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
