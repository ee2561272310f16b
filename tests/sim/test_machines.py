"""What the simulated machines do when they are paused and killed (docs/design/simulation.md)."""

import asyncio
from dataclasses import replace

from swarm_testkit.simulation.loop import SimulationLoop
from swarm_testkit.simulation.nodes import NodeMachine
from swarm_testkit.simulation.plan import Plan
from swarm_testkit.simulation.trace import Trace
from swarm_testkit.simulation.world import World

_PLAN = replace(
    Plan.of(0), managers=3, agents=1, faults=("tokens",), fault_every_ticks=1000.0, faulty_ticks=1000
)
_NOTICED_S = 30.0


def test_a_paused_manager_whose_daemon_is_killed_ends() -> None:
    """Found by the campaign: the answer of the disk that waited for the machine was lost, and the manager waited for it for ever."""
    loop = SimulationLoop()

    async def play() -> None:
        world = World(_PLAN, loop, Trace(lambda: loop.now, keep_all=False))
        living = asyncio.create_task(world.run())
        machine = await _writes(world)
        before = machine.life
        machine.host.pause()
        await asyncio.sleep(1.0)
        machine.kill_daemon()
        async with asyncio.timeout(_NOTICED_S):
            while machine.life is before:
                await asyncio.sleep(0.1)
        living.cancel()
        await asyncio.wait((living,))

    try:
        loop.run_until_complete(play())
    finally:
        loop.close()


async def _writes(world: World) -> NodeMachine:
    """A manager that waits for its disk."""
    while True:
        for machine in world.machines:
            if machine.is_up and not machine.disk._threads[0].is_idle:
                return machine
        await asyncio.sleep(0.0005)
