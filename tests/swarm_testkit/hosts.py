"""Hosts of their own for daemons of ours: a network namespace each, on one bridge, whose ports can be cut.

The bridge is in a namespace too, where no rule of this machine eats its frames. A cut port drops frames in silence, as a broken
switch does; the host keeps its address and does not notice.
"""

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

_numbers = itertools.count(1)
_NETWORK = "10.213.77"


def missing_parts() -> str:
    """What this machine lacks for hosts; empty when it lacks nothing."""
    absent = [name for name in ("ip", "nsenter") if shutil.which(name) is None]
    if absent:
        return f"{', '.join(absent)} not installed"
    return "" if os.geteuid() == 0 else "needs root"


class Hosts:
    """`count` hosts, numbered from 0."""

    def __init__(self, count: int) -> None:
        self._name = f"swarmhosts-{os.getpid()}-{next(_numbers)}"
        self._made: list[str] = []
        self._count = count

    def address(self, number: int) -> str:
        return f"{_NETWORK}.{number + 1}"

    def namespace(self, number: int) -> str:
        return f"{self._name}-{number}"

    def enter(self, number: int) -> tuple[str, ...]:
        """The command that runs another one on the host."""
        return ("nsenter", f"--net=/run/netns/{self.namespace(number)}", "--")

    def cut(self, number: int) -> None:
        """Let nothing through to the host and from it."""
        _ip("-n", f"{self._name}-b", "link", "set", f"p{number}", "down")

    def mend(self, number: int) -> None:
        """Let everything through again."""
        _ip("-n", f"{self._name}-b", "link", "set", f"p{number}", "up")

    def create(self) -> None:
        bridge = self._make("b")
        _ip("-n", bridge, "link", "add", "bridge", "type", "bridge", "forward_delay", "0", "stp_state", "0")
        _ip("-n", bridge, "link", "set", "bridge", "up")
        for number in range(self._count):
            host = self._make(str(number))
            port = f"p{number}"
            _ip("-n", bridge, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", host)
            _ip("-n", bridge, "link", "set", port, "master", "bridge")
            _ip("-n", bridge, "link", "set", port, "up")
            _ip("-n", host, "addr", "add", f"{self.address(number)}/24", "dev", "eth0")
            _ip("-n", host, "link", "set", "lo", "up")
            _ip("-n", host, "link", "set", "eth0", "up")

    def destroy(self) -> None:
        """Remove everything; processes must have ended."""
        for name in reversed(self._made):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    def _make(self, what: str) -> str:
        name = f"{self._name}-{what}"
        _ip("netns", "add", name)
        self._made.append(name)
        return name


@contextmanager
def hosts(count: int) -> Iterator[Hosts]:
    """Hosts that are gone afterwards."""
    found = Hosts(count)
    try:
        found.create()
        yield found
    finally:
        found.destroy()


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.decode().strip()}")
