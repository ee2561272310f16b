"""Free ports of this machine, for tests that run beside other tests.

A port that was free a moment ago may be anybody's: the kernel gives numbers of its own range to outgoing connections, other test workers
and other runs ask at the same time, and what two tests both take leads the clients of one to the servers of the other.

Rules
1. Every process of tests has a hundred numbers to itself for as long as it lives, below those that the kernel gives away. No other
   process takes one of them by these functions.
2. They are given in turn: a number comes again after the ninety-nine others.
3. Nodes of ours pick the ports of tasks and gates from a range of their own. `OwnNumbers` makes a node in a test begin in this process's
   part of that range.
"""

import os
import random
import socket

from swarm_agentd.ports import sockets
from swarm_agentd.ports.limits import LOCAL_FIRST, LOCAL_LAST
from swarm_core.api.proto.types_pb2 import PortConfig

_FIRST, _LAST = 10000, 19999
_COUNT = 100
_PARTS = (_LAST - _FIRST + 1) // _COUNT

assert _LAST < LOCAL_FIRST
assert LOCAL_FIRST + _PARTS * _COUNT - 1 <= LOCAL_LAST


class _Part:
    """The numbers of one process. An abstract socket of this name holds them: like ports it belongs to one network namespace, and it
    ends with its process."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self._given = 0
        self._begun = 0
        self._number = self._held()

    def _held(self) -> int:
        for step in range(_PARTS):
            number = (self.process + step) % _PARTS
            held = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                held.bind(f"\0swarm-testkit-ports-{number}")
            except OSError:
                held.close()
                continue
            held.detach()  # it stays open to the end of the process
            return number
        raise RuntimeError(f"{_PARTS} processes of tests run on this machine already")

    def next_given(self) -> int:
        self._given += 1
        return _FIRST + self._number * _COUNT + self._given % _COUNT

    def next_begin(self) -> int:
        self._begun += 1
        return self._number * _COUNT + self._begun % _COUNT


_part: _Part | None = None


def _own() -> _Part:
    global _part
    if _part is None or _part.process != os.getpid():  # a forked child takes a part of its own
        _part = _Part()
    return _part


def free_port() -> int:
    """A port that nobody has in any protocol, and that no other process of tests is given."""
    part = _own()
    for _ in range(_COUNT):
        number = part.next_given()
        if all(sockets.is_free(protocol, number) for protocol in (PortConfig.TCP, PortConfig.UDP)):
            return number
    raise RuntimeError(f"all {_COUNT} ports of this process are in use")


class OwnNumbers(random.Random):
    """Chance for `LocalPorts`: what it picks begins in this process's part of the range."""

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
        """A place in the range, counted from its first number."""
        assert start == LOCAL_LAST - LOCAL_FIRST + 1 and stop is None and step == 1
        return _own().next_begin()
