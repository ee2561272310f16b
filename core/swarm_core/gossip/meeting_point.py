"""Where engines meet: it answers each that joins with those that joined before (docs/design/manager.md 5.9).

An engine begins to gossip by asking the managers, of which it expects that they are engines. Where a manager is none, this answers in its
place: it takes no part in the gossip and is no member; it only introduces. An engine whose managers are no members asks again
every minute, so who is not heard of for a few minutes is forgotten.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

from swarm_core.gossip import exchange
from swarm_core.gossip.exchange import Member
from swarm_core.gossip.msgpack import Malformed
from swarm_core.runtime.clock import Clock

PORT = 7946
MEMBERS_MAX = 10_000
_KEPT_S = 300.0
_EXCHANGE_S = 10.0
_log = logging.getLogger(__name__)


class MeetingPoint:
    """`keys` are those of the cluster's gossip, as they are at the moment."""

    def __init__(self, clock: Clock, rng: random.Random, keys: Callable[[], Sequence[bytes]]) -> None:
        self._clock, self._rng, self._keys = clock, rng, keys
        self._members: dict[bytes, tuple[Member, float]] = {}

    async def serve(self, host: str, port: int = PORT) -> asyncio.Server:
        """Answer from now on, until the server is closed. Raises OSError."""
        return await asyncio.start_server(self._answer, host, port)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_EXCHANGE_S):
                header = await reader.readexactly(exchange.HEADER_BYTES)
                body = await reader.readexactly(exchange.length(header))
                received = exchange.read(header, body, self._keys())
                known = self._others(received.members)
                writer.write(exchange.message(known, received.key, self._rng.randbytes(12)))
                await writer.drain()
            self._meet(received.members)
        except (Malformed, TimeoutError, OSError, asyncio.IncompleteReadError) as error:
            _log.info("an exchange of gossip failed: %s", error)
        finally:
            writer.close()

    def _others(self, told: Sequence[Member]) -> list[Member]:
        """Those that the other side does not know of, and was heard of of late."""
        now = self._clock.monotonic()
        self._members = {name: one for name, one in self._members.items() if now - one[1] < _KEPT_S}
        names = {member.name for member in told}
        return [member for name, (member, _) in self._members.items() if name not in names]

    def _meet(self, told: Sequence[Member]) -> None:
        now = self._clock.monotonic()
        for member in told:
            known = self._members.get(member.name)
            if known is not None and known[0].incarnation > member.incarnation:
                continue
            if not member.is_alive:
                self._members.pop(member.name, None)
            elif known is not None or len(self._members) < MEMBERS_MAX:
                self._members[member.name] = (member, now)
