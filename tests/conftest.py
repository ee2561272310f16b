"""What the host must offer: tests of a missing part are skipped with the reason, but fail where CI is `true`.

The workers of a run share no fixtures. So all tests with the same private Docker Engine run in one of them (the group of the fixture's name), and
a module whose fixture is a server names a group of its own.

No registry is asked for the digests of images, but by tests that have one of their own.

Markers: `root` needs the superuser, `docker` a Docker Engine that tests may start (see swarm_testkit.engines).

Examples of hypothesis have no time limit of their own: how long one takes tells how busy the machine is. The limit of the test holds,
which is one of work where all of it happens in one process (see swarm_testkit.limits).
"""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from swarm_testkit import limits
from swarm_testkit.engines import Engine, missing_parts, private_engine
from swarm_testkit.host import lacking
from swarm_testkit.limits import processor_limit as processor_limit
from swarm_testkit.limits import pytest_timeout_set_timer as pytest_timeout_set_timer
from swarm_testkit.run_order import engines_of, spread
from swarm_testkit.signals import let_programs_hear

settings.register_profile(
    "tests", parent=settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tests")
let_programs_hear()

os.environ["SWARM_RESOLVE_IMAGE"] = "never"
_SERVERS = Path(__file__).parent / "integration"
_SERVERS_LIMIT_S = 180
"""For tests with real servers that say no limit: their own limits of a minute end before, and say what did not happen."""


def _missing(item: pytest.Item) -> str:
    if item.get_closest_marker("docker") and (missing := missing_parts()):
        return f"no Docker Engine can be started here: {missing}"
    if item.get_closest_marker("root") and os.geteuid() != 0:
        return "needs root"
    return ""


def pytest_xdist_auto_num_workers() -> int | None:
    """Two workers for each processor: half of the time of a run with real daemons is waiting for them. xdist's own variable can say another
    number."""
    return None if os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS") else 2 * len(os.sched_getaffinity(0))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Group the tests of each engine, give time to those that start servers, and order what several workers take: groups first, which
    take longest, then single tests."""
    limits.pytest_collection_modifyitems(config, items)
    for item in items:
        for name in engines_of(item):
            item.add_marker(pytest.mark.xdist_group(name))
        if _SERVERS in item.path.parents and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(_SERVERS_LIMIT_S))
    if hasattr(config, "workerinput"):
        grouped = [item for item in items if item.get_closest_marker("xdist_group")]
        single = [item for item in items if not item.get_closest_marker("xdist_group")]
        items[:] = grouped + spread(single, [item.get_closest_marker("slow") is not None for item in single])


def pytest_collection_finish() -> None:
    """What the collection has made stays until the end: no search for garbage goes through it again and again."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    if reason := _missing(item):
        lacking(reason)


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A private Docker Engine with the image `busybox:local`, for the whole run."""
    if missing := missing_parts():
        lacking(f"no Docker Engine can be started here: {missing}")
    with private_engine(tmp_path_factory.mktemp("engine")) as engine:
        yield engine


@pytest.fixture(scope="session")
def swarm_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A private Docker Engine that is the one manager of a swarm of its own; its control socket is `control_socket`."""
    if missing := missing_parts():
        lacking(f"no Docker Engine can be started here: {missing}")
    with private_engine(tmp_path_factory.mktemp("swarm-engine")) as engine:
        engine.init_swarm()
        yield engine
