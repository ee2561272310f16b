"""Long scripts that are told to end take down what they began (docs/design/simulation.md, "Real rounds")."""

import asyncio
import os
import signal

import pytest
from swarm_testkit.told_to_end import ToldToEnd, run


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_begun_is_taken_down(number: signal.Signals) -> None:
    """The work's own cleaning up runs to its end, whatever comes meanwhile."""
    said = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.Event().wait()
        finally:
            said.append("begins to clean")
            os.kill(os.getpid(), number)
            for _ in range(3):
                await asyncio.sleep(0)
            said.append("is clean")

    with pytest.raises(ToldToEnd):
        run(work())
    assert said == ["begins to clean", "is clean"]


def test_what_nobody_ends_is_as_it_was() -> None:
    """Results and failures come out, and a cancelling from inside is one."""

    async def seven() -> int:
        return 7

    async def cancelled() -> None:
        raise asyncio.CancelledError

    before = signal.getsignal(signal.SIGTERM)
    assert run(seven()) == 7
    with pytest.raises(asyncio.CancelledError):
        run(cancelled())
    assert signal.getsignal(signal.SIGTERM) == before
