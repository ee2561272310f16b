"""Where a node's identity comes from, and every way it can be wrong."""

import random
from pathlib import Path
from typing import Any

import pytest
from swarm_agentd.node import identity as identities
from swarm_agentd.node.config import Join
from swarm_agentd.node.errors import NodeError
from swarm_agentd.node.state_dir import StateDirectory, open_state
from swarm_core.api.names import WORKER_ROLE
from swarm_core.api.proto import ca_pb2
from swarm_core.api.proto.types_pb2 import Certificate, IssuanceStatus, Peer
from swarm_core.ca import certificates, tokens
from swarm_core.ca.key_file import Kek, KeyFile
from swarm_core.ca.root_ca import RootCa
from swarm_core.client import node_directory
from swarm_core.client.dial import SystemDial
from swarm_core.client.trust import Trust
from swarm_core.runtime.clock import SystemClock

CLOCK = SystemClock()
RNG = random.Random(1)


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    return open_state(tmp_path / "state")


def test_a_new_cluster(state: StateDirectory) -> None:
    """Nothing on disk: a root CA with its key for the manager, a manager certificate, and the same identity ever after."""
    assert identities.load(state, CLOCK) is None
    made = identities.found_cluster(state, CLOCK, RNG)
    assert made.is_manager and len(made.node_id) == len(made.organization) == 25
    certificates.verify_chain(made.tls.certificate, made.tls.roots, CLOCK.wall_ns())
    root_key = state.certificates / "swarm-root-ca.key"
    assert root_key.stat().st_mode & 0o777 == 0o600
    RootCa.load(made.tls.roots, root_key.read_bytes())
    loaded = identities.load(state, CLOCK)
    assert loaded == made
    assert made.tls_info().trust_root == made.tls.roots


def test_an_interrupted_founding_goes_on(state: StateDirectory) -> None:
    """Killed after the root was written: the next start keeps that root. Killed before: a new one replaces the lone key."""
    first = identities.found_cluster(state, CLOCK, RNG)
    for name in ("swarm-node.key", "swarm-node.crt"):
        (state.certificates / name).unlink()
    second = identities.found_cluster(state, CLOCK, RNG)
    assert second.tls.roots == first.tls.roots and second.node_id != first.node_id
    for name in ("swarm-node.key", "swarm-node.crt", "swarm-root-ca.crt"):
        (state.certificates / name).unlink()
    third = identities.found_cluster(state, CLOCK, RNG)
    RootCa.load(third.tls.roots, (state.certificates / "swarm-root-ca.key").read_bytes())


def test_a_root_without_identity_is_refused(state: StateDirectory) -> None:
    """Only a root certificate is left: beginning a new cluster over it would be wrong."""
    identities.found_cluster(state, CLOCK, RNG)
    for name in ("swarm-node.key", "swarm-node.crt", "swarm-root-ca.key"):
        (state.certificates / name).unlink()
    with pytest.raises(NodeError, match="half of a cluster's identity"):
        identities.found_cluster(state, CLOCK, RNG)


def test_a_token_of_another_cluster(state: StateDirectory) -> None:
    """A state directory is not taken into another cluster by its token; its own token is fine."""
    made = identities.found_cluster(state, CLOCK, RNG)
    identities.check_join(state, Join("x:1", tokens.generate(made.tls.roots)))
    stranger = tokens.generate(RootCa.create(CLOCK.wall_ns()).certificate)
    with pytest.raises(NodeError, match="belongs to another cluster"):
        identities.check_join(state, Join("x:1", stranger))
    with pytest.raises(NodeError, match="join token is not one"):
        identities.check_join(state, Join("x:1", "SWMTKN-1-nonsense"))
    # The root CA was rotated since the token was made; the manager is the same.
    state.write_remotes([Peer(node_id="m", addr="x:1")])
    identities.check_join(state, Join("x:1", stranger))


def test_a_locked_key(state: StateDirectory) -> None:
    """A locked node asks for its key, refuses a wrong one, and opens with the right one."""
    made = identities.found_cluster(state, CLOCK, RNG)
    kek = tokens.generate_unlock_key()
    KeyFile(state.certificates).rekey(None, Kek(kek, 1))
    with pytest.raises(NodeError, match="needs an unlock key"):
        identities.load(state, CLOCK)
    with pytest.raises(NodeError, match="does not open with this unlock key"):
        identities.load(state, CLOCK, kek=tokens.generate_unlock_key())
    opened = identities.load(state, CLOCK, kek=kek)
    assert opened is not None and opened.node_id == made.node_id


@pytest.mark.parametrize("name", ["swarm-node.key", "swarm-node.crt", "swarm-root-ca.crt"])
def test_damaged_files(state: StateDirectory, name: str) -> None:
    """Garbage in any of the files is one sentence."""
    identities.found_cluster(state, CLOCK, RNG)
    (state.certificates / name).write_bytes(b"garbage")
    with pytest.raises(NodeError, match="cannot be used"):
        identities.load(state, CLOCK)


class LateClock(SystemClock):
    def wall_ns(self) -> int:
        return super().wall_ns() + 100 * 24 * 3600 * 1_000_000_000


def test_a_cluster_that_is_locked_from_the_beginning(state: StateDirectory) -> None:
    """With an unlock key the founder's key file is under it, and opens with it alone."""
    kek = bytes(range(32))
    made = identities.found_cluster(state, CLOCK, RNG, kek=kek)
    assert KeyFile(state.certificates).is_under(kek)
    assert identities.load(state, CLOCK, kek=kek) == made
    with pytest.raises(NodeError, match="needs an unlock key"):
        identities.load(state, CLOCK)


def test_a_clock_that_is_too_slow(state: StateDirectory) -> None:
    """A certificate from the future makes the node ask for the right time."""
    identities.found_cluster(state, LateClock(), RNG)
    with pytest.raises(NodeError, match="is this machine's clock right"):
        identities.load(state, CLOCK)


def test_leaving_forgets_the_cluster(state: StateDirectory) -> None:
    """What ties the machine to its cluster is removed, what it does not know stays; twice is fine."""
    identities.found_cluster(state, CLOCK, RNG)
    state.write_remotes([Peer(node_id="b", addr="x:2")])
    (state.path / "raft").mkdir()
    (state.path / "note").touch()
    state.forget()
    state.forget()
    assert sorted(path.name for path in state.path.iterdir()) == ["note"]
    assert identities.load(state, CLOCK) is None


def test_an_expired_certificate(state: StateDirectory) -> None:
    """After the certificate's end the node says so, but for a manager that has what it takes to make itself another: the log, or
    the key of the cluster that it founds."""
    founded = identities.found_cluster(state, CLOCK, RNG)
    assert identities.load(state, LateClock()) == founded
    (state.certificates / "swarm-root-ca.key").unlink()
    with pytest.raises(NodeError, match=r"expired.*let the node leave and join"):
        identities.load(state, LateClock())
    (state.raft / "wal-v3-encrypted").mkdir(parents=True)
    assert identities.load(state, LateClock()) == founded


class Authority:
    """A cluster's managers at any address: they admit whoever shows the token. A connection is itself."""

    def __init__(self) -> None:
        self.root = RootCa.create(CLOCK.wall_ns())
        self.token = tokens.generate(self.root.certificate)
        self._answer = Certificate()

    async def open(self, target: str | Path, trust: Trust, *, timeout: float = 5.0) -> Any:
        return self

    async def fetch_root(self, address: str, *, timeout: float) -> bytes:
        return self.root.certificate

    async def __aenter__(self) -> "Authority":
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def call(self, method: str, request: Any, *, timeout: float) -> Any:
        if method == "NodeCA.IssueNodeCertificate":
            assert request.token == self.token
            chain = self.root.sign(
                request.csr, node_id="n1", role=WORKER_ROLE, organization="o", wall_ns=CLOCK.wall_ns()
            )
            self._answer = Certificate(csr=request.csr, certificate=chain)
            return ca_pb2.IssueNodeCertificateResponse(node_id="n1")
        status = IssuanceStatus(state=IssuanceStatus.ISSUED)
        return ca_pb2.NodeCertificateStatusResponse(status=status, certificate=self._answer)


async def test_a_joiner_remembers_whom_it_joined_through(state: StateDirectory) -> None:
    """A node that ends before any manager told it of the others can still find its cluster."""
    authority = Authority()
    joined, kek = await identities.join_cluster(
        state, Join("192.0.2.1:4242", authority.token), CLOCK, RNG, authority
    )
    assert (joined.node_id, kek) == ("n1", None)
    assert identities.load(state, CLOCK) == joined
    assert state.read_remotes() == [Peer(addr="192.0.2.1:4242")]


async def test_joining_nobody(state: StateDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A manager that is not there ends the join with its address, and nothing is written."""
    monkeypatch.setattr("swarm_core.client.certificates.PAUSE_S", 0.0)
    token = tokens.generate(RootCa.create(CLOCK.wall_ns()).certificate)
    with pytest.raises(NodeError, match=r"cannot join the cluster at 127\.0\.0\.1:1"):
        await identities.join_cluster(state, Join("127.0.0.1:1", token), CLOCK, RNG, SystemDial())
    assert not state.certificates.exists()


def test_the_state_directory_is_closed(tmp_path: Path) -> None:
    """A directory that others could read is closed, and one that they may only pass through stays so; a key that others could read is refused."""
    (tmp_path / "open").mkdir(mode=0o755)
    state = open_state(tmp_path / "open")
    assert state.path.stat().st_mode & 0o777 == 0o700
    state.path.chmod(0o711)
    assert open_state(state.path).path.stat().st_mode & 0o777 == 0o711
    identities.found_cluster(state, CLOCK, RNG)
    (state.certificates / "swarm-node.key").chmod(0o644)
    with pytest.raises(NodeError, match="open to other users"):
        open_state(tmp_path / "open")


def test_a_file_is_no_state_directory(tmp_path: Path) -> None:
    """A file in its place is one sentence."""
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(NodeError, match="cannot be used"):
            open_state(path)


def test_one_daemon_at_a_time(state: StateDirectory) -> None:
    """The second daemon is refused and told whose it is; afterwards it can be seen that the first ended politely."""
    with state.locked():
        with pytest.raises(NodeError, match="in use by process"), state.locked():
            pass
    assert node_directory.ended(state.path) is node_directory.Ended.POLITELY
    with state.locked():
        pass


def test_known_managers_are_kept(state: StateDirectory) -> None:
    """state.json: sorted, without empty members, 0600; damage is refused."""
    assert state.read_remotes() == []
    state.write_remotes([Peer(node_id="b", addr="x:2"), Peer(addr="x:1")])
    assert state.remotes_file.read_text() == '[{"addr": "x:1"}, {"node_id": "b", "addr": "x:2"}]'
    assert state.remotes_file.stat().st_mode & 0o777 == 0o600
    assert state.read_remotes() == [Peer(addr="x:1"), Peer(node_id="b", addr="x:2")]
    for damage in ("{", "5", "[5]"):
        state.remotes_file.write_text(damage)
        with pytest.raises(NodeError, match="not a list of managers"):
            state.read_remotes()
