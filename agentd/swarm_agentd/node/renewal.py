"""Keeps the node's certificate fresh (docs/design/certificates.md 3.7, 3.8).

Rules
1. A certificate is renewed at a random minute between half and four fifths of its life, and half a second after
   somebody asks for it: a role that changed, a root CA that is rotated, an unlock key that came. The calendar decides, not
   the time that was waited: a machine that slept, or whose clock was set, renews at once. So does one whose certificate
   is not valid yet: it was issued by a wrong clock, and nobody believes it.
2. When a role is expected, a certificate of the other role is no success: it is not kept, and asked for again.
3. After a failure the next try comes after a random wait that grows to an hour, and goes to a manager elsewhere.
4. The new certificate is on disk, under the unlock key in force, before anybody uses it. A worker's key is in the clear and
   keeps nothing of raft.
5. A root bundle that managers offer is tried again until it is taken: a clock or a disk may have been in the way.
6. A manager whose certificate nobody believes, for it is out of its time, has its own manager process sign another; a leader's signs as
   for any node.
7. A certificate that is due again as soon as it has come is no success either: this node's clock or the signer's is wrong.
8. A worker whose new certificate has an unknown signer asks for the root anew, and believes one that vouches for its old
   certificate too; a manager does not.
"""

import asyncio
import logging
import random
from typing import Protocol

from swarm_core.api.proto.types_pb2 import Peer
from swarm_core.ca import certificates, csr, keys
from swarm_core.ca.certificates import NodeIdentity
from swarm_core.ca.errors import CaError, InvalidCertificate, WrongKek
from swarm_core.ca.key_file import Kek, KeyFile, NodeCredentials
from swarm_core.ca.tls import TlsIdentity
from swarm_core.client import certificates as issuing
from swarm_core.client.dial import ManagerConnection
from swarm_core.client.errors import ClientError
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.waiting import event_or_time

from swarm_agentd.node import identity as identities
from swarm_agentd.node.errors import NodeError
from swarm_agentd.node.identity import Identity
from swarm_agentd.node.live import LiveIdentity
from swarm_agentd.node.unlock import UnlockKeys

FORCED_WAIT_S = 0.5
CALENDAR_S = 10.0
BACKOFF_S, BACKOFF_MAX_S = 5.0, 3600.0
RAFT_HEADERS = "raft-"
_EARLIEST, _LATEST = 0.5, 0.8
_KEY_WAIT_S, _KEY_TRIES = 0.1, 50
_MINUTE_NS, _S_NS = 60_000_000_000, 1_000_000_000
_FAILURES = (ClientError, CaError, NodeError, OSError)
_log = logging.getLogger(__name__)


class RenewingManagers(Protocol):
    """Port: managers to ask for a certificate."""

    async def open(self, identity: TlsIdentity, *, elsewhere: bool) -> ManagerConnection:
        """A connection that shows `identity`; to a manager `elsewhere` if there is one. Raises Unreachable."""

    async def open_own(self) -> ManagerConnection:
        """A connection to this node's own manager. Raises Unreachable when it does not serve."""

    def elsewhere(self) -> Peer | None:
        """A manager that is not this node's own."""

    async def fetch_root(self, address: str, *, timeout: float) -> bytes:
        """The root bundle that the manager at an address claims. Raises OSError or what grpcio raises."""


class _WrongRole(NodeError):
    """The certificate is not of the role that is expected."""


class _DueAgain(NodeError):
    """The certificate is there, and is to be renewed at once."""


class Renewer:
    """The component; also the only writer of the node's identity while the node runs."""

    def __init__(
        self,
        live: LiveIdentity,
        key_file: KeyFile,
        unlock: UnlockKeys,
        managers: RenewingManagers,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self._live, self._key_file, self._unlock = live, key_file, unlock
        self._managers, self._clock, self._rng = managers, clock, rng
        self._is_asked = asyncio.Event()
        self._expected: bool | None = None
        self._is_rotation_asked = False
        self._failures = 0
        self._offered = b""
        self._drawn: tuple[NodeIdentity, int] | None = None

    def force(self, *, is_manager: bool | None = None) -> None:
        """Renew soon; until a certificate of that role is there, if one is named."""
        if is_manager is not None:
            self._expected = None if is_manager == self._live.now.is_manager else is_manager
            if self._expected is None:
                return
        else:
            self._is_rotation_asked = True
        self._is_asked.set()

    def trust(self, roots: bytes) -> None:
        """Believe another root bundle from now on, if it vouches for this node's own certificate; else as soon as it does."""
        self._offered = roots
        if why_not := self._take_offered():
            _log.warning("the cluster's new root certificate is not taken over: %s", why_not)

    def _take_offered(self) -> str:
        """Believe the roots that were offered last; why not, if that must wait."""
        roots, tls = self._offered, self._live.now.tls
        if not roots or roots == tls.roots:
            return ""
        try:
            certificates.verify_chain(tls.certificate, roots, self._clock.wall_ns())
            self._key_file.write_root(roots)
        except (CaError, OSError) as error:
            return str(error)
        _log.info("the cluster's root certificate has changed")
        self._live.adopt(identities.from_credentials(NodeCredentials(tls.certificate, tls.key), roots))
        return ""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if await self._is_asked_or_due():
                await self._clock.sleep(FORCED_WAIT_S)
            # Requests up to here are answered by what follows.
            self._is_asked.clear()
            self._is_rotation_asked = False
            try:
                await self._renew()
            except _FAILURES as error:
                self._failures += 1
                _log.warning("the node's certificate was not renewed: %s", error)
            else:
                self._failures = 0
                if not self._is_rotation_asked:
                    self._is_asked.clear()  # the role that was asked for meanwhile is there

    async def _is_asked_or_due(self) -> bool:
        """Return when somebody asks, or it is time for the next renewal or the next try; whether somebody asks."""
        if self._failures:
            bound = min(BACKOFF_MAX_S, BACKOFF_S + BACKOFF_S * 2.0 ** (self._failures - 1))
            return await event_or_time(self._clock, self._is_asked, self._rng.random() * bound)
        while (left_s := self._left_s()) > 0:
            self._take_offered()
            if await event_or_time(self._clock, self._is_asked, min(left_s, CALENDAR_S)):
                return True
        return self._is_asked.is_set()

    def _left_s(self) -> float:
        """How long the certificate is left as it is."""
        found = certificates.identity(self._live.now.tls.certificate)
        now_ns = self._clock.wall_ns()
        if now_ns < found.not_before_ns:
            return 0.0
        if self._drawn is None or self._drawn[0] != found:
            life = found.not_after_ns - found.not_before_ns
            first, last = int(life * _EARLIEST) // _MINUTE_NS, int(life * _LATEST) // _MINUTE_NS
            minute = self._rng.randrange(first, max(last, first + 1))
            self._drawn = found, found.not_before_ns + minute * _MINUTE_NS
        return (self._drawn[1] - now_ns) / _S_NS

    async def _renew(self) -> None:
        old = self._live.now
        key = keys.generate(self._rng.randbytes)
        is_retry = self._failures > 0

        async def connect() -> ManagerConnection:
            nonlocal is_retry
            elsewhere, is_retry = is_retry, True
            return await self._managers.open(old.tls, elsewhere=elsewhere)

        request = csr.create(key)
        chain = await self._signed_by_own_manager(old, request)
        if chain is None:
            issued = await issuing.request(connect, request, clock=self._clock, rng=self._rng, pause_s=0.0)
            chain = issued.certificate
        credentials = NodeCredentials(chain, keys.pkcs8(key))
        roots = await self._trusted(old, chain)
        identity = identities.from_credentials(credentials, roots)
        if self._expected is not None and identity.is_manager != self._expected:
            wanted = "manager" if self._expected else "worker"
            raise _WrongRole(f"it is not a {wanted}'s yet")
        await self._keep(identity, credentials)
        self._live.adopt(identity)
        self._expected = None
        _log.info("the node has a new certificate (%s)", "manager" if identity.is_manager else "worker")
        if self._left_s() <= 0:
            raise _DueAgain("the new one is due again at once; is this machine's clock right?")

    async def _signed_by_own_manager(self, old: Identity, request: bytes) -> bytes | None:
        """Another certificate of this manager, where the present one is out of its time and it does not lead; else None."""
        if not old.is_manager or old.is_in_its_time(self._clock.wall_ns()):
            return None
        try:
            async with await self._managers.open_own() as connection:
                return await issuing.sign_own(connection, request)
        except ClientError as error:
            _log.info("this node's own manager signs no certificate: %s", error)
            return None

    async def _trusted(self, old: Identity, chain: bytes) -> bytes:
        """The roots that vouch for the new certificate. Raises InvalidCertificate, Unreachable."""
        now_ns = self._clock.wall_ns()
        try:
            certificates.verify_chain(chain, old.tls.roots, now_ns)
        except InvalidCertificate:
            peer = self._managers.elsewhere()
            if old.is_manager or peer is None:
                raise
        else:
            return old.tls.roots
        roots = await issuing.download_root(
            peer.addr, token=None, clock=self._clock, fetch=self._managers.fetch_root
        )
        certificates.verify_chain(old.tls.certificate, roots, now_ns)
        certificates.verify_chain(chain, roots, now_ns)
        self._key_file.write_root(roots)
        return roots

    async def _keep(self, identity: Identity, credentials: NodeCredentials) -> None:
        """Write the certificate and its key as the node's role asks for."""
        if not identity.is_manager:
            self._key_file.write(credentials, Kek(), forget_raft)
        elif any(name.startswith(RAFT_HEADERS) for name in self._key_file.headers()):
            await self._replace(credentials)
        else:
            async with await self._managers.open(identity.tls, elsewhere=True) as connection:
                found = await issuing.unlock_key(connection)
            if found.key is not None:
                self._unlock.learn(found.key)
            self._key_file.write(credentials, Kek(found.key, found.version))

    async def _replace(self, credentials: NodeCredentials) -> None:
        """Put the certificate in the place of the running manager's, which alone decides on the unlock key. The manager may
        be changing that key at this moment."""
        for tries_left in reversed(range(_KEY_TRIES)):
            try:
                kek = self._unlock.opening(self._key_file)
                self._key_file.replace(credentials, kek)
                return
            except WrongKek:
                if not tries_left:
                    raise
            await self._clock.sleep(_KEY_WAIT_S)


def forget_raft(headers: dict[str, str]) -> None:
    """Drop what a manager kept in the headers of the key file."""
    for name in [name for name in headers if name.startswith(RAFT_HEADERS)]:
        del headers[name]
