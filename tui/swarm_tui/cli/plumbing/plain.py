"""The dashboard for who hears it: words line by line, each new one below the last, and nothing drawn over (docs/design/terminal.md 11.29).

What is said is made in `plain_words`. This is the rest: the cluster is followed, what became different is said as it comes, and what a
person types is answered.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from typing import Final

from swarm_core.client.cluster import Cluster

from swarm_tui.cli.plumbing import plain_words as words
from swarm_tui.cli.plumbing.say import say
from swarm_tui.clusters.changes import Changes
from swarm_tui.clusters.following import follow
from swarm_tui.clusters.managers import ManagerNews
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.clusters.session import Session

PAUSE_S: Final = 1.0
"""What happens within it is said together."""
_PIECE: Final = 4096
_STDIN: Final = 0
_QUIT: Final = ("quit", "q", "exit")


async def tell_plainly(session: Session, cluster: Cluster) -> int:
    """Say how the cluster stands, what becomes different, and what is asked for, until the person types quit or ends the input of their
    terminal; the exit code. Raises OSError where nobody hears it any more."""
    teller = words.Teller(session)
    typed = _Typed()
    gone: OSError | None = None
    async with asyncio.TaskGroup() as group:
        running = [
            group.create_task(_follow(session.mirror, cluster)),
            group.create_task(ManagerNews(session).run()),
        ]

        def hear(changes: Changes) -> None:
            teller.hear(changes)
            typed.wake()

        unlisten = session.mirror.listen(hear)
        try:
            with typed.read():
                await _tell(session, teller, typed)
        except OSError as error:
            gone = error
        finally:
            unlisten()
            for one in running:
                one.cancel()
    if gone is not None:
        raise gone
    return 0


async def _follow(mirror: Mirror, cluster: Cluster) -> None:
    async with aclosing(cluster.watch().updates()) as updates:
        await follow(mirror, updates)


async def _tell(session: Session, teller: words.Teller, typed: "_Typed") -> None:
    said_at = -PAUSE_S
    while True:
        await typed.woken.wait()
        typed.woken.clear()
        for line in typed.take():
            if line in _QUIT:
                return
            _say(teller.answer(line))
        if typed.is_over:
            return
        now = session.clock.monotonic()
        if now - said_at < PAUSE_S:
            # Heard with what comes meanwhile, and no later than it would be otherwise; what is typed is answered in between.
            asyncio.get_running_loop().call_later(said_at + PAUSE_S - now, typed.wake)
            continue
        if lines := teller.news():
            said_at = now
            _say(lines)


def _say(lines: list[str]) -> None:
    for line in lines:
        say(line)


class _Typed:
    """What a person types, line by line. Where nobody can type, nothing comes."""

    def __init__(self) -> None:
        self.woken = asyncio.Event()
        self.is_over = False
        """The input of a terminal was ended."""
        self._held = b""
        self._lines: list[str] = []

    def wake(self) -> None:
        """There may be something to say."""
        self.woken.set()

    def take(self) -> list[str]:
        """The lines since the last time."""
        lines, self._lines = self._lines, []
        return lines

    @contextmanager
    def read(self) -> Iterator[None]:
        """Read for as long as the block runs."""
        loop = asyncio.get_running_loop()
        try:
            loop.add_reader(_STDIN, self._read)
        except PermissionError:
            # A file or the null device, of which nothing can be waited for.
            yield
            return
        try:
            yield
        finally:
            loop.remove_reader(_STDIN)

    def _read(self) -> None:
        piece = os.read(_STDIN, _PIECE)
        if not piece:
            self.is_over = os.isatty(_STDIN)
            asyncio.get_running_loop().remove_reader(_STDIN)
        *whole, self._held = (self._held + piece).split(b"\n")
        self._lines += [line.decode(errors="replace").strip() for line in whole if line.strip()]
        self.wake()
