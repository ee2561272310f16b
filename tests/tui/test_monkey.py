"""Random keys, random sizes and random events at once: the dashboard never ends and never shows what is not so."""

import pytest
from swarm_testkit.dashboard import running
from swarm_testkit.monkey import Monkey

# Many screens in each: a loaded machine takes its time.
pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("seed", range(3))
async def test_a_monkey_at_the_keyboard(cluster, seed):
    """After every round the program runs, something has the keys, and the screen tells of the cluster as it is."""
    async with running(cluster) as run:
        monkey = Monkey(seed, run)
        for _ in range(8):
            await monkey.play()
