"""Waiting for a program that runs in the same loop: so many looks with a nap between them, however long these take.

A machine that is busy with other work gives the loop few turns in a second, and says by it nothing about the program. Each nap
ends only when the loop comes round again, so that a program that is given no time is not asked for anything either.
"""

import asyncio
from collections.abc import Callable


async def until_true(condition: Callable[[], object], *, looks: int, nap_s: float) -> None:
    """Look at most `looks` times, with `nap_s` or more between two. Raises TimeoutError when it never held."""
    for _ in range(looks):
        if condition():
            return
        await asyncio.sleep(nap_s)
    if not condition():
        raise TimeoutError(f"not so after {looks} looks of {nap_s:g} s and more")
