"""Waiting for the end of a process without a thread and without polling, on any event loop."""

import asyncio


async def until_ended(fd: int) -> None:
    """Return when the process of the pidfd `fd` has ended; the fd stays open."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(fd, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(fd)
