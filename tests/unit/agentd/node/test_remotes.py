"""Weighted managers and the agent's way to them."""

import asyncio
import random
from pathlib import Path

import pytest
from swarm_agentd.node.managers import KnownManagers, LocalManager
from swarm_agentd.node.remotes import Remotes
from swarm_core.api.proto.types_pb2 import Peer, WeightedPeer
from swarm_core.ca.root_ca import RootCa
from swarm_core.ca.tls import TlsIdentity
from swarm_core.client.dial import SystemDial
from swarm_core.client.errors import Unreachable
from swarm_core.runtime.clock import SystemClock

A, B = Peer(node_id="a", addr="127.0.0.1:1"), Peer(node_id="b", addr="127.0.0.1:2")
DIAL = SystemDial()
NOBODY = TlsIdentity(RootCa.create(SystemClock().wall_ns()).certificate, b"", b"")


def test_observations_are_averaged_and_clipped() -> None:
    """Half old, half new, rounded up, within ±256; bad experience with a stranger is forgotten."""
    remotes = Remotes(random.Random(1), [A])
    assert remotes.weight(A) == 5
    remotes.observe(A, 10)
    assert remotes.weight(A) == 8
    remotes.observe(A, -10)
    assert remotes.weight(A) == -1
    for _ in range(20):
        remotes.observe(A, 100_000)
    assert remotes.weight(A) == 256
    remotes.observe(B, -10)
    assert remotes.weight(B) is None


def test_choice_follows_weight() -> None:
    """The better manager is chosen far more often, the worse one still sometimes."""
    remotes = Remotes(random.Random(1), [A, B])
    for _ in range(6):
        remotes.observe(A, 256)
    seen = [peer.node_id for _ in range(2000) if (peer := remotes.choose()) is not None]
    assert 0 < seen.count("b") < 200


def test_lists_replace() -> None:
    """A manager's list adds, and drops what it does not name; only a change of the set is a change."""
    remotes = Remotes(random.Random(1), [Peer(addr="127.0.0.1:1")])
    assert remotes.replace([(A, 10), (B, 10), (Peer(node_id="c"), 10)])
    assert remotes.peers() == [A, B]
    assert not remotes.replace([(A, 10), (B, 10)])
    assert remotes.replace([]) and remotes.choose() is None


def test_others_than_oneself() -> None:
    """A node does not choose its own manager's remote address."""
    remotes = Remotes(random.Random(1), [A, B])
    chosen = {peer.node_id for _ in range(50) if (peer := remotes.choose(other_than="a")) is not None}
    assert chosen == {"b"}
    assert Remotes(random.Random(1), [A]).choose(other_than="a") is None


async def test_a_sole_manager_waits_for_itself(tmp_path: Path) -> None:
    """A node that knows no other manager does not try strangers; it waits until its own serves, then goes there."""
    serving = asyncio.Event()
    local = LocalManager("a", tmp_path / "none.sock", serving)
    managers = KnownManagers(Remotes(random.Random(1), [A]), NOBODY, DIAL, local=local)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(managers.connect(), 0.05)
    serving.set()
    with pytest.raises(Unreachable):
        await managers.connect()


async def test_without_managers() -> None:
    """A worker that knows nobody says so."""
    with pytest.raises(Unreachable, match="no manager is known"):
        await KnownManagers(Remotes(random.Random(1)), NOBODY, DIAL).connect()


async def test_learned_managers_are_kept() -> None:
    """The list is stored when it changes, and a disk that refuses does not end the session."""
    kept: list[list[Peer]] = []
    managers = KnownManagers(Remotes(random.Random(1)), NOBODY, DIAL, keep=kept.append)
    managers.learn([WeightedPeer(peer=A, weight=10)])
    managers.learn([WeightedPeer(peer=A, weight=10)])
    assert kept == [[A]]

    def refuse(_: list[Peer]) -> None:
        raise OSError(28, "No space left on device")

    KnownManagers(Remotes(random.Random(1)), NOBODY, DIAL, keep=refuse).learn(
        [WeightedPeer(peer=A, weight=10)]
    )
