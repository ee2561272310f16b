"""A signal that asks to end: what is put away first (swarm_tui.cli.plumbing.passing)."""

import asyncio
import signal

import pytest
from swarm_tui.cli.plumbing.passing import ending_in_order


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_work_in_its_own_order(number: signal.Signals) -> None:
    """What the work itself began lives until the work ends it, and a second signal breaks nothing."""
    told: list[str] = []

    async def helper() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            told.append("helper")

    async def work() -> None:
        helping = asyncio.create_task(helper())
        await asyncio.sleep(0)
        try:
            signal.raise_signal(number)
            await asyncio.Event().wait()
        finally:
            signal.raise_signal(number)
            await asyncio.sleep(0)
            told.append("work")
            helping.cancel()

    with pytest.raises(SystemExit) as ended:
        asyncio.run(ending_in_order(work()))
    assert ended.value.code == 128 + number
    assert told == ["work", "helper"]


def test_what_was_ignored_stays_ignored() -> None:
    """A program that nohup started hears no SIGHUP."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)

    async def work() -> str:
        signal.raise_signal(signal.SIGHUP)
        await asyncio.sleep(0)
        return "done"

    try:
        assert asyncio.run(ending_in_order(work())) == "done"
    finally:
        signal.signal(signal.SIGHUP, before)
