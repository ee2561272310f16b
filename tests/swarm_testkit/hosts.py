"""Hosts of their own for daemons of ours: a network namespace each, on one bridge, whose ports can be cut and whose cables can be bad.

The bridge is in a namespace too, where no rule of this machine eats its frames. A cut port drops frames in silence, as a broken
switch does; the host keeps its address and does not notice.
"""

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_numbers = itertools.count(1)
_NETWORK = "10.213.77"
_NOBODY = "02:00:00:00:00:01"
"""An address of the wire that no host has."""


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
        self._relays: dict[int, subprocess.Popen[bytes]] = {}
        self._is_plain = False

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

    def lose(self, number: int, to: int) -> None:
        """Let nothing through from a host to another one; the way back stays."""
        wrong = (self.address(to), "lladdr", _NOBODY, "nud", "permanent", "dev", "eth0")
        _ip("-n", self.namespace(number), "neigh", "replace", *wrong)

    def find(self, number: int, to: int) -> None:
        """Take `lose` back."""
        _ip("-n", self.namespace(number), "neigh", "del", self.address(to), "dev", "eth0")

    def worsen(self, number: int, *flags: str) -> None:
        """Give the host a bad cable; `flags` are those of `frame_relay`."""
        if not self._is_plain:
            for host in range(self._count):
                subprocess.run(
                    (*self.enter(host), *_RELAY, "eth0", "--plain"), check=True, env=_environment()
                )
            self._is_plain = True
        bridge, port, end, far = f"{self._name}-b", f"p{number}", f"r{number}", f"q{number}"
        _ip("-n", bridge, "link", "add", end, "type", "veth", "peer", "name", far)
        _ip("-n", bridge, "link", "set", port, "nomaster")
        _ip("-n", bridge, "link", "set", end, "master", "bridge")
        for interface in (end, far):
            _ip("-n", bridge, "link", "set", interface, "up")
        enter = ("nsenter", f"--net=/run/netns/{bridge}", "--")
        self._relays[number] = subprocess.Popen((*enter, *_RELAY, port, far, *flags), env=_environment())

    def better(self, number: int) -> None:
        """Give the host its good cable back."""
        relay = self._relays.pop(number)
        relay.terminate()
        relay.wait()
        _ip("-n", f"{self._name}-b", "link", "del", f"r{number}")
        _ip("-n", f"{self._name}-b", "link", "set", f"p{number}", "master", "bridge")

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
        """Remove everything; processes of others must have ended."""
        for relay in self._relays.values():
            relay.terminate()
            relay.wait()
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


_RELAY = (sys.executable, "-m", "swarm_testkit.frame_relay")


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.decode().strip()}")
