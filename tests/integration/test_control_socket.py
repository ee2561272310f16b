"""A real manager's control socket answers as the cluster in memory does, on which the dashboard's tests stand."""

from collections.abc import AsyncIterator, Iterator

import pytest
from swarm_core.client.connection import Connection
from swarm_core.client.control import Control
from swarm_testkit.conformance.control import ControlConformance
from swarm_testkit.daemons import Daemon, daemon
from swarm_testkit.managers import eventually

pytestmark = pytest.mark.xdist_group("control-socket")


@pytest.fixture(scope="module")
def node() -> Iterator[Daemon]:
    with daemon() as running:
        yield running


class TestControlSocket(ControlConformance):
    """A manager process, through its control socket."""

    @pytest.fixture
    async def calls(self, node: Daemon) -> AsyncIterator[Connection]:
        connection = await eventually(lambda: Connection.open(node.socket), what="the control socket")
        async with connection:
            await eventually(lambda: Control(connection).cluster(), what="the cluster object")
            yield connection
