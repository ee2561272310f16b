"""How long a test may take that happens in one process: by its work, and not by the clock on the wall.

On a busy machine such a test takes as long as it takes, and nothing is wrong with it. What a limit is for, work that goes
round without end, is told by the processor's time that it takes: the limit is the same number. The clock on the wall ends only what
waits for something that never comes.

A test that starts programs keeps the clock on the wall as its limit: what these do is not counted here.

Either limit interrupts a test again each time that it has passed once more. Once is not enough: what is raised in a callback of a loop of asyncio is
logged by the loop, which goes on, and a test that had ended at that very moment was waited for without end.

A conftest names all of it: `from swarm_testkit.limits import processor_limit as processor_limit`, and the hooks likewise.
"""

import signal
from collections.abc import Generator, Iterator
from typing import Any, Final

import pytest

_WAITS_S: Final = {"unit": 240, "tui": 240, "repo": 240, "sim": 840}
"""Folders of tests that happen in one process, and how much longer than its limit a test there may last by the clock on the wall."""
_WORK_S: Final = pytest.StashKey[float]()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The limit of each test in these folders, its own or the run's, is one of the processor's time."""
    tests = config.rootpath / "tests"
    for item in items:
        if not item.path.is_relative_to(tests):
            continue
        waits_s = _WAITS_S.get(item.path.relative_to(tests).parts[0])
        if waits_s is None:
            continue
        own = item.get_closest_marker("timeout")
        limit_s = float(config.getini("timeout") if own is None else own.args[0])
        item.stash[_WORK_S] = limit_s
        item.add_marker(pytest.mark.timeout(limit_s + waits_s), append=False)


@pytest.hookimpl(wrapper=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> Generator[None, object, object]:
    """The limit by the clock on the wall comes again."""
    is_set = yield
    if settings.method == "signal":
        signal.setitimer(signal.ITIMER_REAL, settings.timeout, settings.timeout)
    return is_set


@pytest.fixture(autouse=True)
def processor_limit(request: pytest.FixtureRequest) -> Iterator[None]:
    """End a test that takes more of the processor's time than its limit."""
    limit_s = request.node.stash.get(_WORK_S, None)
    if limit_s is None:
        yield
        return

    def end(*_: object) -> None:
        pytest.fail(f"it took more than {limit_s:g} s of the processor's time")

    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, limit_s, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
