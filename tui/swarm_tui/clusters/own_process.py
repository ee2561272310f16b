"""A program of the person's own beside the dashboard: its output, and its end (docs/design/plugins.md 19.3).

Rules:
- It is run by its list of arguments; no shell reads them. It has no input, and a process group of its own.
- When it is given up (the dashboard ends) the whole group is ended.
- Of its output the last 256 KiB are kept.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

BYTES_MAX: Final = 256 * 1024
_PIECE: Final = 64 * 1024
_END_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Ended:
    """What it wrote to both outputs, in the order in which it came, and its exit code (negative: the signal that ended it)."""

    text: str
    code: int
    is_cut: bool = False
    """There was more before."""


async def run_beside(words: Sequence[str]) -> Ended:
    """Run it to its end. Raises OSError where it cannot be run."""
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    held, is_cut = bytearray(), False
    try:
        while piece := await process.stdout.read(_PIECE):
            held += piece
            if len(held) > BYTES_MAX:
                del held[: len(held) - BYTES_MAX]
                is_cut = True
        code = await process.wait()
    except asyncio.CancelledError:
        await _end(process)
        raise
    return Ended(held.decode(errors="replace"), code, is_cut)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Its whole group, at first politely."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                await process.wait()
            return


def ended(code: int) -> str:
    """How a program ended, as the rest of a sentence."""
    if code >= 0:
        return f"ended with {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def last_line(done: Ended) -> str:
    """The last line that says something."""
    return next((line.strip() for line in reversed(done.text.splitlines()) if line.strip()), "")
