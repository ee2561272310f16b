"""Who this node is: read from disk, made with a new cluster, or issued by the managers of one it joins.

Rules (docs/design/node.md 6.3)
1. An identity on disk is the identity; a join token is then only checked to be of the same cluster. A certificate must be valid, but for
   a manager's: it can make itself another (renewal).
2. With neither identity nor join address a new cluster begins: a root CA, and this node's own manager certificate. The CA's
   key waits in `swarm-root-ca.key` until the manager has committed it. Each step can be interrupted and is gone on with.
3. A joining node believes a root certificate by the token's digest alone, and writes nothing before it has a certificate.
   With its identity it keeps the address that it joined through: until managers tell of others it knows no way but that.
"""

import logging
import random
from dataclasses import dataclass
from functools import lru_cache

from swarm_core.api.ids import new_id
from swarm_core.api.names import CA_ROLE, MANAGER_ROLE
from swarm_core.api.proto.types_pb2 import NodeTLSInfo, Peer
from swarm_core.ca import certificates, csr, keys, tokens
from swarm_core.ca.errors import CaError, InvalidToken, NoLocalIdentity, NoLocalRoot, OutOfTime, WrongKek
from swarm_core.ca.files import write_atomic
from swarm_core.ca.key_file import Kek, KeyFile, NodeCredentials
from swarm_core.ca.root_ca import RootCa
from swarm_core.ca.tls import TlsIdentity
from swarm_core.client import certificates as issuing
from swarm_core.client.dial import Dial, ManagerConnection
from swarm_core.client.errors import ClientError
from swarm_core.client.trust import Trust
from swarm_core.runtime.clock import Clock

from swarm_agentd.node.config import Join
from swarm_agentd.node.errors import CannotJoin, CertificateOver, NodeError, NodeLocked, NoJoinToken
from swarm_agentd.node.ports import NodeState
from swarm_agentd.node.state_dir import ROOT_KEY_NAME

_log = logging.getLogger(__name__)
FIPS_PREFIX = "FIPS."


@dataclass(frozen=True, slots=True)
class Identity:
    node_id: str
    organization: str
    is_manager: bool
    tls: TlsIdentity

    def is_in_its_time(self, now_ns: int) -> bool:
        """Whether the certificate is neither expired nor of the future."""
        found = certificates.identity(self.tls.certificate)
        return found.not_before_ns <= now_ns <= found.not_after_ns

    @property
    def expires_ns(self) -> int:
        """When the certificate expires, in nanoseconds since the epoch."""
        return certificates.identity(self.tls.certificate).not_after_ns

    def tls_info(self) -> NodeTLSInfo:
        """What the node tells about its certificate."""
        issuer = _issuer(self.tls.certificate, self.tls.roots)
        return NodeTLSInfo(
            trust_root=self.tls.roots,
            cert_issuer_subject=issuer.subject,
            cert_issuer_public_key=issuer.public_key,
        )


@lru_cache(maxsize=2048)
def _issuer(certificate: bytes, roots: bytes) -> certificates.Issuer:
    """Kept: a node tells it with each description, and a process may have a thousand nodes."""
    return certificates.issuer(certificate, roots)


def load(state: NodeState, clock: Clock, *, kek: bytes | None = None) -> Identity | None:
    """The identity on disk, None when there is none yet. Raises NodeError."""
    key_file = state.key_file
    try:
        credentials = key_file.read(kek)
        roots = key_file.read_root()
        identity = from_credentials(credentials, roots)
        _verify(identity, clock.wall_ns(), may_renew_itself=state.has_log or state.has_root_key)
        return identity
    except NoLocalIdentity:
        if state.has_log:
            raise NodeError(
                f"{state.path} holds the log of a cluster, but {state.certificates} lacks the node's key or "
                "certificate; restore them from a backup, or use another state directory"
            ) from None
        return None
    except NoLocalRoot:
        raise NodeError(
            f"{state.certificates} holds a node certificate but no root certificate; restore it from a backup"
        ) from None
    except WrongKek:
        reason = (
            "does not open with this unlock key"
            if kek
            else "needs an unlock key ('swarm-tui cluster unlock', or --unlock-key)"
        )
        raise NodeLocked(f"the node is locked: its key file {key_file.key_path} {reason}") from None
    except OutOfTime as error:
        raise CertificateOver(
            f"the node's identity in {state.certificates} cannot be used: {error}; if the clock is right, "
            "let the node leave and join its cluster anew"
        ) from None
    except (CaError, OSError) as error:
        raise NodeError(f"the node's identity in {state.certificates} cannot be used: {error}") from None


def _verify(identity: Identity, now_ns: int, *, may_renew_itself: bool) -> None:
    """Raise InvalidCertificate unless this identity can be used: now, or by a manager that can make itself another, for which it
    must have been valid once, and its root still be."""
    certificate, roots = identity.tls.certificate, identity.tls.roots
    try:
        certificates.verify_chain(certificate, roots, now_ns)
    except OutOfTime as error:
        if not (identity.is_manager and may_renew_itself):
            raise
        certificates.verify_once_valid(certificate, roots)
        certificates.verify_roots(roots, now_ns)
        _log.warning("%s; this manager makes itself another", error)


def check_join(state: NodeState, join: Join) -> None:
    """Raise NodeError when the identity on disk is not of the cluster that `join` names. A token of an older root CA is
    none of another cluster when the address is one of the managers this node knows."""
    if not join.token or parse_token(join.token).trusts(state.key_file.read_root()):
        return
    if join.address not in {peer.addr for peer in state.read_remotes()}:
        raise NodeError(f"state directory {state.path} belongs to another cluster than the join token")


def found_cluster(
    state: NodeState, clock: Clock, rng: random.Random, *, kek: bytes | None = None
) -> Identity:
    """A new cluster with this node as its first manager, its key under `kek` if there is one. Raises NodeError."""
    key_file = state.key_file
    try:
        root = _founding_root(state, key_file, clock, rng)
        key = keys.generate(rng.randbytes)
        chain = root.sign(
            csr.create(key),
            node_id=new_id(rng),
            role=MANAGER_ROLE,
            organization=new_id(rng),
            wall_ns=clock.wall_ns(),
            chance=rng.randbytes,
        )
        credentials = NodeCredentials(chain, keys.pkcs8(key))
        key_file.write(credentials, Kek(kek))
    except OSError as error:
        raise NodeError(f"cannot write to {state.certificates}: {error.strerror}") from None
    except CaError as error:
        raise NodeError(f"{state.certificates} holds half of a cluster's identity: {error}") from None
    return from_credentials(credentials, root.certificate)


async def join_cluster(
    state: NodeState, join: Join, clock: Clock, rng: random.Random, dial: Dial
) -> tuple[Identity, bytes | None]:
    """A certificate of the cluster that `join` names, kept in `state`; and the unlock key that a manager's is under.
    Raises NodeError."""
    identity = await obtain(join, clock, rng, dial)
    kek = await _kek_for(identity, join, dial) if identity.is_manager else Kek()
    key_file = state.key_file
    try:
        # Of a founding that never came to its end; it would make this node a founder when it becomes a manager.
        state.remove_root_key()
        key_file.write_root(identity.tls.roots)
        state.write_remotes([Peer(addr=join.address)])
        key_file.write(NodeCredentials(identity.tls.certificate, identity.tls.key), kek)
    except OSError as error:
        raise NodeError(f"cannot write to {state.path}: {error.strerror}") from None
    return identity, kek.key


async def _kek_for(identity: Identity, join: Join, dial: Dial) -> Kek:
    trust = Trust(identity.tls.roots, identity.tls, CA_ROLE)
    try:
        async with await dial.open(join.address, trust) as connection:
            found = await issuing.unlock_key(connection)
    except ClientError as error:
        raise CannotJoin(f"cannot join the cluster at {join.address} as a manager: {error}") from error
    return Kek(found.key, found.version)


async def obtain(join: Join, clock: Clock, rng: random.Random, dial: Dial, *, roots: bytes = b"") -> Identity:
    """A new certificate of the cluster, kept nowhere. `roots` saves fetching the root again. Raises NodeError."""
    token = parse_token(join.token)
    key = keys.generate(rng.randbytes)
    try:
        trusted = roots or await issuing.download_root(
            join.address, token=token, clock=clock, fetch=dial.fetch_root
        )

        async def connect() -> ManagerConnection:
            return await issuing.connect_to_join(dial, join.address, trusted)

        issued = await issuing.request(
            connect,
            csr.create(key),
            clock=clock,
            rng=rng,
            token=join.token,
            availability=join.availability,
        )
        certificates.verify_chain(issued.certificate, trusted, clock.wall_ns())
    except ClientError as error:
        raise CannotJoin(f"cannot join the cluster at {join.address}: {error}") from error
    except CaError as error:
        raise NodeError(f"the cluster at {join.address} issued an unusable certificate: {error}") from None
    return from_credentials(NodeCredentials(issued.certificate, keys.pkcs8(key)), trusted)


def parse_token(text: str) -> tokens.JoinToken:
    """Raises NodeError."""
    try:
        token = tokens.parse(text)
    except InvalidToken:
        raise NoJoinToken("the join token is not one: it must look like SWMTKN-1-…-…") from None
    if token.fips:
        raise NoJoinToken("this join token demands FIPS mode, which this node does not offer")
    return token


def _founding_root(state: NodeState, key_file: KeyFile, clock: Clock, rng: random.Random) -> RootCa:
    """The root of an interrupted founding, or a new one, on disk with its key."""
    key_path = state.certificates / ROOT_KEY_NAME
    if key_file.root_path.exists() or key_path.exists():
        if key_file.root_path.exists() and key_path.exists():
            return RootCa.load(key_file.read_root(), key_path.read_bytes())
        if key_file.root_path.exists():
            raise CaError("there is a root certificate without a node certificate; join that cluster anew")
    root = RootCa.create(clock.wall_ns(), rng.randbytes)
    assert root.key is not None
    state.certificates.mkdir(mode=0o755, parents=True, exist_ok=True)
    write_atomic(key_path, root.key, 0o600)
    key_file.write_root(root.certificate)
    return root


def from_credentials(credentials: NodeCredentials, roots: bytes) -> Identity:
    """The identity that these files make. Raises NodeError, InvalidCertificate."""
    found = certificates.identity(credentials.certificate)
    if found.organization.startswith(FIPS_PREFIX):
        raise NodeError(
            "this node belongs to a cluster that demands FIPS mode, which this node does not offer"
        )
    return Identity(
        node_id=found.node_id,
        organization=found.organization,
        is_manager=found.is_manager,
        tls=TlsIdentity(roots, credentials.certificate, credentials.key),
    )
