"""The share of those who have not proven to be of the cluster, so that they take nothing from those who have.

Whoever joins is a stranger at first, and a fleet may join from one address at once: the shares are far above that.
Rules (docs/design/rpc.md 9.4)
1. Handshakes under way are bounded: when they are too many, the one that has taken longest ends.
2. So are strangers' connections, in all and by address: one that has no call under way gives way to a new one, the
   longest idle first; when all are at work the new one is refused.
3. So are strangers' calls, in all and by address. Streams, bytes and times of one connection are in `h2.bounds.STRANGERS`.
4. Nodes of the cluster count in none of these.
"""

import asyncio
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import Protocol

from swarm_core.rpc.refusals import Refusals


class Guest(Protocol):
    """A stranger's connection."""

    @property
    def host(self) -> str:
        """Where it comes from, without the port."""

    @property
    def is_at_work(self) -> bool:
        """Whether a call is under way."""

    def end(self) -> None:
        """End now."""


@dataclass(frozen=True, slots=True)
class Shares:
    handshakes: int = 512
    connections: int = 1_024
    connections_by_address: int = 512
    calls: int = 2_048
    calls_by_address: int = 1_024


@dataclass(slots=True)
class Strangers:
    """The book of one listener."""

    refusals: Refusals
    shares: Shares = field(default_factory=Shares)
    # Both in the order of age: of the handshake, and of the last call.
    _handshakes: OrderedDict["asyncio.Task[None]", None] = field(default_factory=OrderedDict)
    _guests: OrderedDict[Guest, None] = field(default_factory=OrderedDict)
    _by_host: Counter[str] = field(default_factory=Counter)
    _calls: int = 0
    _calls_by_host: Counter[str] = field(default_factory=Counter)

    def handshake_begins(self, task: "asyncio.Task[None]") -> None:
        """Count a handshake; its task is cancelled when it has to make room."""
        if len(self._handshakes) >= self.shares.handshakes:
            oldest, _ = self._handshakes.popitem(last=False)
            self.refusals.count("handshakes that took long while others waited")
            oldest.cancel()
        self._handshakes[task] = None

    def handshake_ended(self, task: "asyncio.Task[None]") -> None:
        self._handshakes.pop(task, None)

    def admit(self, guest: Guest) -> bool:
        """Take a stranger's connection in; False when there is no room."""
        if self._by_host[guest.host] >= self.shares.connections_by_address:
            room = self._make_room(guest.host)
        elif len(self._guests) >= self.shares.connections:
            room = self._make_room(None)
        else:
            room = True
        if room:
            self._guests[guest] = None
            self._by_host[guest.host] += 1
        else:
            self.refusals.count("connections of strangers beyond their share")
        return room

    def left(self, guest: Guest) -> None:
        """The connection is gone, or is being ended."""
        if guest in self._guests:
            del self._guests[guest]
            _less(self._by_host, guest.host)

    def call_begins(self, guest: Guest) -> bool:
        """Count a stranger's call; False when there is no room."""
        if (
            self._calls >= self.shares.calls
            or self._calls_by_host[guest.host] >= self.shares.calls_by_address
        ):
            self.refusals.count("calls of strangers beyond their share")
            return False
        self._calls += 1
        self._calls_by_host[guest.host] += 1
        if guest in self._guests:
            self._guests.move_to_end(guest)
        return True

    def call_ended(self, guest: Guest) -> None:
        self._calls -= 1
        _less(self._calls_by_host, guest.host)

    def _make_room(self, host: str | None) -> bool:
        for guest in self._guests:
            if not guest.is_at_work and host in (None, guest.host):
                self.left(guest)
                self.refusals.count("idle connections of strangers that gave way")
                guest.end()
                return True
        return False


def _less(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
