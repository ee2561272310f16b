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
from swarm_core.client.dial import ManagerConnection, SystemDial
from swarm_core.client.errors import Unreachable
from swarm_core.client.trust import Trust
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


class Refusing:
    """A Dial to managers that are all away; notes whom it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str | Path] = []

    async def open(self, target: str | Path, trust: Trust, *, timeout: float = 5.0) -> ManagerConnection:
        self.asked.append(target)
        raise Unreachable(f"{target} does not answer")

    async def fetch_root(self, address: str, *, timeout: float) -> bytes:
        raise AssertionError("nobody asks for a root")


@pytest.mark.parametrize("seed", range(5))
async def test_one_that_failed_is_tried_again_after_the_others(seed: int) -> None:
    """However the dice fall, each known manager is asked once in a round."""
    peers = [Peer(node_id=name, addr=f"127.0.0.1:{port}") for port, name in enumerate("abc", 1)]
    remotes, dial = Remotes(random.Random(seed), peers), Refusing()
    for _ in range(20):
        remotes.observe(peers[0], 256)  # the dead leader was the best of them
    managers = KnownManagers(remotes, NOBODY, dial)
    for round_ in range(4):
        left = []
        for _ in peers:
            with pytest.raises(Unreachable):
                await managers.connect()
            left.append(managers.has_untried())
        assert sorted(dial.asked[3 * round_ :]) == [peer.addr for peer in peers]
        assert left == [True, True, False]


async def test_the_own_manager_is_not_left_for_others(tmp_path: Path) -> None:
    """While the manager of this node serves there is nobody else to try."""
    serving = asyncio.Event()
    local = LocalManager("own", tmp_path / "socket", serving)
    managers = KnownManagers(Remotes(random.Random(1), [A, B]), NOBODY, Refusing(), local=local)
    assert managers.has_untried()
    serving.set()
    assert not managers.has_untried()
