"""When and how a node renews its certificate (docs/design/certificates.md 3.7, 3.8)."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from swarm_agentd.node import identity as identities
from swarm_agentd.node.live import LiveIdentity
from swarm_agentd.node.renewal import CALENDAR_S, FORCED_WAIT_S, Renewer
from swarm_agentd.node.role import RoleWatch
from swarm_agentd.node.unlock import UnlockKeys
from swarm_core.api.names import MANAGER_ROLE, WORKER_ROLE
from swarm_core.api.proto import ca_pb2, types_pb2
from swarm_core.api.proto.dispatcher_pb2 import SessionMessage
from swarm_core.api.proto.own_certificate_pb2 import SignOwnCertificateResponse
from swarm_core.ca import certificates, csr, keys
from swarm_core.ca.errors import WrongKek
from swarm_core.ca.key_file import Kek, KeyFile, NodeCredentials
from swarm_core.ca.root_ca import RootCa
from swarm_core.ca.tls import TlsIdentity
from swarm_core.client.errors import Unreachable
from swarm_core.runtime.tasks import Group
from swarm_testkit.manual_clock import START_WALL_NS, ManualClock

DAY_S = 24 * 3600.0
LIFE_S = 90 * DAY_S + 3600
YEAR_NS = 365 * 24 * 3600 * 1_000_000_000
ROOT = RootCa.create(START_WALL_NS - YEAR_NS)
K1, K2 = bytes([1]) * 32, bytes([2]) * 32


class Managers:
    """Managers that sign with `root` for the role of the moment; unreachable while `is_down`. A connection is itself."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock, self.root, self.role = clock, ROOT, WORKER_ROLE
        self.is_down = False
        self.unlock = ca_pb2.GetUnlockKeyResponse()
        self.opened: list[tuple[str, bool]] = []
        self.own: RootCa | None = None  # what the node's own manager signs with, if it does
        self.behind_ns = 0
        self.issued = 0
        self._answer = types_pb2.Certificate()

    async def open(self, identity: TlsIdentity, *, elsewhere: bool) -> Any:
        self.opened.append((certificates.identity(identity.certificate).role, elsewhere))
        if self.is_down:
            raise Unreachable("nobody is listening")
        return self

    async def open_own(self) -> Any:
        if self.own is None:
            raise Unreachable("this node's own manager does not serve")
        return self

    def elsewhere(self) -> types_pb2.Peer | None:
        return None

    async def __aenter__(self) -> "Managers":
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def call(self, method: str, request: Any, *, timeout: float) -> Any:
        match method:
            case "NodeCA.IssueNodeCertificate":
                self.issued += 1
                chain = sign(self.root, request.csr, self.role, self.clock.wall_ns() - self.behind_ns)
                self._answer = types_pb2.Certificate(csr=request.csr, certificate=chain)
                return ca_pb2.IssueNodeCertificateResponse(node_id="n1")
            case "NodeCA.NodeCertificateStatus":
                status = types_pb2.IssuanceStatus(state=types_pb2.IssuanceStatus.ISSUED)
                return ca_pb2.NodeCertificateStatusResponse(status=status, certificate=self._answer)
            case "OwnCertificate.SignOwnCertificate":
                assert self.own is not None
                chain = sign(self.own, request.csr, MANAGER_ROLE, self.clock.wall_ns())
                return SignOwnCertificateResponse(certificate=chain)
            case "CA.GetUnlockKey":
                return self.unlock
        raise AssertionError(method)


def sign(root: RootCa, request: bytes, role: str, wall_ns: int) -> bytes:
    return root.sign(request, node_id="n1", role=role, organization="org", wall_ns=wall_ns)


class Node:
    """A node whose certificate is fresh, and what renews it."""

    def __init__(self, directory: Path, role: str = WORKER_ROLE, *, kek: bytes | None = None) -> None:
        self.clock = ManualClock()
        self.managers = Managers(self.clock)
        self.managers.role = role
        self.key_file, self.unlock = KeyFile(directory / "certificates"), UnlockKeys(kek)
        key = keys.generate()
        credentials = NodeCredentials(
            sign(ROOT, csr.create(key), role, self.clock.wall_ns()), keys.pkcs8(key)
        )
        self.key_file.write_root(ROOT.certificate)
        self.key_file.write(credentials, Kek(kek, 1))
        self.live = LiveIdentity(identities.from_credentials(credentials, ROOT.certificate))
        self.first = self.live.now
        self.renewer = Renewer(
            self.live, self.key_file, self.unlock, self.managers, self.clock, random.Random(4)
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Node"]:
        async with Group() as group:
            group.spawn(self.renewer.run(), name="renewal")
            await self.clock.advance(0)
            yield self
            group.cancel_all()

    def stored(self, kek: bytes | None = None) -> bytes:
        return self.key_file.read(kek).certificate


async def test_a_manager_whose_certificate_expired_asks_its_own_manager(tmp_path: Path) -> None:
    """Nobody else would believe it. A worker has no such way."""
    node = Node(tmp_path, MANAGER_ROLE)
    node.key_file.update_headers(lambda headers: headers.update({"raft-dek": "x"}))
    node.managers.is_down, node.managers.own = True, ROOT
    node.clock.skip(2 * LIFE_S)
    async with node.running():
        await node.clock.advance(0)
        assert node.live.now != node.first and node.live.now.is_in_its_time(node.clock.wall_ns())
        assert node.managers.opened == []
    worker = Node(tmp_path / "w")
    worker.managers.is_down, worker.managers.own = True, ROOT
    worker.clock.skip(2 * LIFE_S)
    async with worker.running():
        await worker.clock.advance(0)
        assert worker.live.now == worker.first and len(worker.managers.opened) == 5


async def test_a_certificate_that_is_due_again_at_once(tmp_path: Path) -> None:
    """Its signer's clock is far behind, or ours ahead: it is used, and the next one is asked for after a pause that grows."""
    node = Node(tmp_path)
    node.managers.behind_ns = round(0.9 * LIFE_S * 1e9)
    node.renewer.force()
    async with node.running():
        await node.clock.advance(FORCED_WAIT_S)
        assert node.live.now != node.first and node.managers.issued == 1
        await node.clock.advance(600.0)
        assert 1 < node.managers.issued < 12


async def test_the_time_of_renewal(tmp_path: Path) -> None:
    """Between half and four fifths of the certificate's life it is renewed, once; all lives differ."""
    ages = set()
    for seed in range(5):
        node = Node(tmp_path / str(seed))
        node.renewer = Renewer(
            node.live, node.key_file, node.unlock, node.managers, node.clock, random.Random(seed)
        )
        async with node.running():
            node.clock.skip(LIFE_S * 0.5 - 3600 - 120)
            await node.clock.advance(CALENDAR_S)
            assert node.managers.issued == 0
            while not node.managers.issued:
                node.clock.skip(DAY_S / 4)
                await node.clock.advance(CALENDAR_S)
            found = certificates.identity(node.first.tls.certificate)
            age = (node.clock.wall_ns() - found.not_before_ns) / (found.not_after_ns - found.not_before_ns)
            assert 0.5 <= age <= 0.81
            ages.add(age)
            assert node.managers.issued == 1
            assert node.stored() == node.live.now.tls.certificate != node.first.tls.certificate
    assert len(ages) > 1


async def test_an_offered_root_is_tried_again(tmp_path: Path) -> None:
    """A root that a wrong clock keeps from being believed is taken over once the clock is right."""
    node = Node(tmp_path)
    new = RootCa.create(node.clock.wall_ns() - YEAR_NS)
    bundle = ROOT.certificate + new.certificate
    node.clock.skip(LIFE_S)
    node.renewer.trust(bundle)
    assert node.live.now.tls.roots == ROOT.certificate
    node.clock.skip(-LIFE_S)
    async with node.running():
        await node.clock.advance(CALENDAR_S)
    assert node.live.now.tls.roots == node.key_file.read_root() == bundle


async def test_a_machine_that_slept_renews_at_once(tmp_path: Path) -> None:
    """The calendar went on while nothing else did: the certificate is renewed at the next look, not after the old wait."""
    node = Node(tmp_path)
    async with node.running():
        node.clock.skip(LIFE_S * 0.9)
        await node.clock.advance(CALENDAR_S)
        assert node.managers.issued == 1


async def test_a_certificate_of_the_future_is_renewed(tmp_path: Path) -> None:
    """A certificate that is not valid yet was issued by a wrong clock: nobody believes it, so it is replaced."""
    node = Node(tmp_path)
    node.clock.skip(-YEAR_NS / 2e9)
    async with node.running():
        await node.clock.advance(1)
        assert node.managers.issued >= 1


async def test_an_old_certificate_is_renewed_at_once(tmp_path: Path) -> None:
    """What is past its time does not wait."""
    node = Node(tmp_path)
    await node.clock.advance(LIFE_S * 0.85)
    async with node.running():
        assert node.managers.issued == 1


async def test_a_failure_is_tried_again_elsewhere(tmp_path: Path) -> None:
    """After failures the waits grow, the old certificate stays, and the next manager is one elsewhere."""
    node = Node(tmp_path)
    node.managers.is_down = True
    node.renewer.force()
    async with node.running():
        await node.clock.advance(FORCED_WAIT_S)
        tries = len(node.managers.opened)
        assert tries > 0 and node.managers.opened[0] == (WORKER_ROLE, False)
        assert all(elsewhere for _, elsewhere in node.managers.opened[1:])
        await node.clock.advance(10)
        assert len(node.managers.opened) > tries
        assert node.live.now is node.first and node.stored() == node.first.tls.certificate
        node.managers.is_down = False
        await node.clock.advance(3600)
        assert node.managers.issued == 1 and node.live.now is not node.first


async def test_a_forced_renewal_waits_half_a_second(tmp_path: Path) -> None:
    """Requests that come together are one renewal."""
    node = Node(tmp_path)
    async with node.running():
        node.renewer.force()
        await node.clock.advance(FORCED_WAIT_S - 0.1)
        node.renewer.force()
        assert node.managers.issued == 0
        await node.clock.advance(0.1)
        assert node.managers.issued == 1
        await node.clock.advance(60)
        assert node.managers.issued == 1


async def test_an_expected_role_is_insisted_on(tmp_path: Path) -> None:
    """A certificate of the old role is not kept; the next one is, with the cluster's unlock key over it."""
    node = Node(tmp_path)
    async with node.running():
        node.renewer.force(is_manager=True)
        await node.clock.advance(FORCED_WAIT_S)
        assert node.managers.issued == 1 and node.live.now is node.first
        node.managers.role = MANAGER_ROLE
        node.managers.unlock.unlock_key, node.managers.unlock.version.index = K1, 7
        await node.clock.advance(30)
        assert node.managers.issued == 2 and node.live.now.is_manager
        # The key was asked for with the new certificate.
        assert node.managers.opened[-1] == (MANAGER_ROLE, True)
    assert node.stored(K1) == node.live.now.tls.certificate
    assert (node.key_file.is_under(K1), node.key_file.kek_version()) == (True, 7)
    assert node.unlock.opening(node.key_file) == K1


async def test_a_withdrawn_role_is_not_waited_for(tmp_path: Path) -> None:
    """Promoted and demoted again before it happened: no further certificates are asked for."""
    node = Node(tmp_path)
    async with node.running():
        node.renewer.force(is_manager=True)
        node.renewer.force(is_manager=False)
        await node.clock.advance(60)
        assert node.managers.issued == 1 and not node.live.now.is_manager


async def test_a_manager_keeps_its_unlock_key(tmp_path: Path) -> None:
    """A running manager's file stays under the key that the manager has put it under, with raft's headers."""
    node = Node(tmp_path, MANAGER_ROLE, kek=K1)
    node.key_file.update_headers(lambda headers: headers.update({"raft-dek": "x"}))
    node.unlock.learn(K2)
    async with node.running():
        node.renewer.force()
        await node.clock.advance(FORCED_WAIT_S)
        assert node.stored(K1) == node.live.now.tls.certificate != node.first.tls.certificate
        assert node.key_file.headers() == {"raft-dek": "x", "kek-version": "1"}
        node.key_file.rekey(K1, Kek(K2, 9))
        node.renewer.force()
        await node.clock.advance(FORCED_WAIT_S)
        assert node.stored(K2) == node.live.now.tls.certificate
        assert node.key_file.kek_version() == 9


async def test_an_unknown_unlock_key_is_waited_for(tmp_path: Path) -> None:
    """While nobody has said the key that the file is under, it is not touched; once somebody does, it is renewed."""
    node = Node(tmp_path, MANAGER_ROLE)
    node.key_file.update_headers(lambda headers: headers.update({"raft-dek": "x"}))
    node.key_file.rekey(None, Kek(K1, 2))
    async with node.running():
        node.renewer.force()
        await node.clock.advance(FORCED_WAIT_S + 1)
        assert node.live.now is node.first and node.stored(K1) == node.first.tls.certificate
        node.unlock.learn(K1)
        await node.clock.advance(1)
        assert node.stored(K1) == node.live.now.tls.certificate != node.first.tls.certificate


async def test_a_demoted_node_forgets_raft(tmp_path: Path) -> None:
    """A worker's key is in the clear, and the key file keeps nothing of raft."""
    node = Node(tmp_path, MANAGER_ROLE, kek=K1)
    node.key_file.update_headers(lambda headers: headers.update({"raft-dek": "x", "raft-dek-pending": "y"}))
    node.managers.role = WORKER_ROLE
    async with node.running():
        node.renewer.force(is_manager=False)
        await node.clock.advance(FORCED_WAIT_S)
    assert not node.live.now.is_manager
    assert node.stored() == node.live.now.tls.certificate
    assert node.key_file.headers() == {"kek-version": "0"}


async def test_a_certificate_of_a_stranger_is_refused(tmp_path: Path) -> None:
    """A chain that our root does not vouch for changes nothing."""
    node = Node(tmp_path)
    node.managers.root = RootCa.create(START_WALL_NS - YEAR_NS)
    async with node.running():
        node.renewer.force()
        await node.clock.advance(FORCED_WAIT_S)
        assert node.managers.issued == 1
        assert node.live.now is node.first and node.stored() == node.first.tls.certificate


async def test_trust_moves_to_a_root_that_vouches_for_us(tmp_path: Path) -> None:
    """A new bundle is taken over and kept when our certificate holds under it, and refused otherwise."""
    node = Node(tmp_path)
    stranger = RootCa.create(START_WALL_NS - YEAR_NS)
    node.renewer.trust(stranger.certificate)
    node.renewer.trust(b"not a certificate")
    node.renewer.trust(b"")
    assert node.live.now is node.first and node.key_file.read_root() == ROOT.certificate
    both = ROOT.certificate + stranger.certificate
    node.renewer.trust(both)
    assert node.live.now.tls.roots == node.key_file.read_root() == both
    assert node.live.now.tls.certificate == node.first.tls.certificate


class Renewals:
    """Notes what is asked of it."""

    def __init__(self) -> None:
        self.forced: list[bool | None] = []
        self.roots: list[bytes] = []

    def force(self, *, is_manager: bool | None = None) -> None:
        self.forced.append(is_manager)

    def trust(self, roots: bytes) -> None:
        self.roots.append(roots)


def message(desired: int, observed: int, state: int = 0, root: bytes = b"") -> SessionMessage:
    made = SessionMessage(RootCA=root)
    made.node.id = "n1"
    made.node.spec.desired_role = desired  # type: ignore[assignment]
    made.node.role = observed  # type: ignore[assignment]
    made.node.certificate.status.state = state  # type: ignore[assignment]
    return made


W, M = types_pb2.WORKER, types_pb2.MANAGER


@pytest.mark.parametrize(
    ("messages", "forced"),
    [
        ([message(W, W), message(W, W)], []),
        ([message(M, W), message(M, W)], [True]),
        ([message(W, W), message(M, W), message(M, M)], [True, True]),
        ([message(W, W), message(M, W), message(M, M), message(M, M)], [True, True]),
        ([message(W, W), message(M, W), message(W, W)], [True, False]),
        ([message(W, M)], []),
        ([message(W, W, types_pb2.IssuanceStatus.ROTATE)], [None]),
        ([message(W, W, types_pb2.IssuanceStatus.RENEW)], []),
        ([SessionMessage()], []),
    ],
    ids=[
        "nothing",
        "wish at first",
        "wish, then role",
        "the role once more",
        "changed mind",
        "lagging",
        "rotate",
        "renew",
        "empty",
    ],
)
def test_what_session_messages_ask_for(
    tmp_path: Path, messages: list[SessionMessage], forced: list[bool | None]
) -> None:
    """A wish for another role counts once, a role that was granted counts once more; what is repeated asks for nothing."""
    renewals = Renewals()
    watch = RoleWatch(Node(tmp_path).live, renewals)
    for one in messages:
        watch.observe(one)
    assert renewals.forced == forced
    watch.observe(SessionMessage(RootCA=b"root"))
    assert renewals.roots == [b"root"]


def test_unlock_keys_are_tried_newest_first(tmp_path: Path) -> None:
    """The key that opens the file is found among all that were told; none is one error; few are remembered."""
    node, told = Node(tmp_path, MANAGER_ROLE, kek=K1), UnlockKeys()
    with pytest.raises(WrongKek):
        told.opening(node.key_file)
    told.learn(K1)
    told.learn(K2)
    assert told.opening(node.key_file) == K1
    node.key_file.rekey(K1, Kek(None, 3))
    assert told.opening(node.key_file) is None
    for number in range(20):
        told.learn(bytes([number]) * 32)
    node.key_file.rekey(None, Kek(K1, 4))
    with pytest.raises(WrongKek):
        told.opening(node.key_file)


async def test_a_manager_that_is_wanted_is_heard_of(tmp_path: Path) -> None:
    """When wish and role are both a manager's, whoever waits for the node's demotion waits no longer; one of them is not enough."""
    node = Node(tmp_path, MANAGER_ROLE)
    watch = RoleWatch(node.live, Renewals())
    async with Group() as group:
        waiting = group.spawn(node.live.until_settled(node.clock, 1000.0), name="waiting")
        await node.clock.advance(0)
        for desired, observed in ((W, M), (M, W)):
            watch.observe(message(desired, observed))
            await node.clock.advance(0)
            assert not waiting.done()
        watch.observe(message(M, M))
        await node.clock.advance(0)
        assert waiting.done() and waiting.result() is True
