"""How a node gets its certificate (docs/design/certificates.md 3.7): root download, request, and waiting for the answer.

Rules: a whole exchange is tried five times, two seconds apart for a node that has none yet; each call may take five
seconds. While the answer is pending the same manager is asked again after a random pause that grows; a manager that
fails is given up for another one, which `connect` chooses. Only an answer to our own request counts.
"""

import asyncio
import os
import random
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from google.protobuf.message import DecodeError

from swarm_core.api.names import CA_ROLE
from swarm_core.api.proto import ca_pb2, types_pb2
from swarm_core.api.proto.own_certificate_pb2 import SignOwnCertificateRequest, SignOwnCertificateResponse
from swarm_core.ca import tokens
from swarm_core.ca.tokens import JoinToken
from swarm_core.client import trust as trusting
from swarm_core.client.calls import Calls
from swarm_core.client.dial import Dial, ManagerConnection
from swarm_core.client.errors import (
    CallFailed,
    CertificateRefused,
    ClientError,
    Unreachable,
    WrongRoot,
)
from swarm_core.client.trust import Trust
from swarm_core.rpc.grpcio import grpc
from swarm_core.runtime.clock import Clock

TRIES_MAX = 5
PAUSE_S = 2.0
CALL_S = 5.0
_PAUSE_MAX_S = 30.0
_State = types_pb2.IssuanceStatus
# Answers that another manager or a later moment will not change.
_FINAL_CODES = frozenset({"INVALID_ARGUMENT", "NOT_FOUND", "PERMISSION_DENIED"})

Connect = Callable[[], Awaitable[ManagerConnection]]
"""Opens a connection to some manager; asked again after a failure, it should choose another. Raises Unreachable."""


class FetchRoot(Protocol):
    """The root bundle that whoever answers at an address claims. Raises OSError, grpc.aio.AioRpcError."""

    async def __call__(self, address: str, /, *, timeout: float) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate chain (PEM) for our request, and the id of the node it names."""

    node_id: str
    certificate: bytes


@dataclass(frozen=True, slots=True)
class UnlockKey:
    """The cluster's KEK (None: not locked) and the version that set it."""

    key: bytes | None
    version: int

    @property
    def text(self) -> str:
        """The form that people keep and type; empty without a key."""
        return "" if self.key is None else tokens.format_unlock_key(self.key)


async def download_root(
    address: str, *, token: JoinToken | None, clock: Clock, fetch: FetchRoot = trusting.fetch_root
) -> bytes:
    """The root bundle of the cluster at `address`, checked against the token's digest. Without a token the first
    answer is believed. Raises Unreachable, WrongRoot."""
    failure = ""
    for tries_left in reversed(range(TRIES_MAX)):
        try:
            async with asyncio.timeout(CALL_S):
                root = await fetch(address, timeout=CALL_S)
        except (OSError, DecodeError, grpc.aio.AioRpcError) as error:
            failure = _reason(error)
            if tries_left:
                await clock.sleep(PAUSE_S)
            continue
        if token is not None and not token.trusts(root):
            raise WrongRoot(
                f"the root certificate of the manager at {address} is not the one this join token was made for"
            )
        return root
    raise Unreachable(f"no root certificate from the manager at {address}: {failure}")


async def connect_to_join(dial: Dial, address: str, roots: bytes) -> ManagerConnection:
    """A connection of a node without a certificate. Raises Unreachable, UntrustedManager."""
    return await dial.open(address, Trust(roots, None, CA_ROLE), timeout=CALL_S)


async def request(
    connect: Connect,
    csr: bytes,
    *,
    clock: Clock,
    rng: random.Random,
    token: str = "",
    availability: int = 0,
    pause_s: float = PAUSE_S,
) -> Issued:
    """A certificate for the key of `csr`: of a new node when `token` admits one, else of the node that `connect`
    identifies itself as (then with no pause between tries). Raises Unreachable, CallFailed, CertificateRefused."""
    failure: ClientError = Unreachable("no manager was tried")
    for attempt in range(TRIES_MAX):
        if attempt:
            await clock.sleep(pause_s)
        try:
            return await _exchange(connect, csr, token, availability, clock, rng)
        except CertificateRefused:
            raise
        except CallFailed as error:
            if error.code in _FINAL_CODES:
                raise
            failure = error
        except Unreachable as error:
            failure = error
    raise failure


async def unlock_key(connection: Calls) -> UnlockKey:
    """The KEK that a manager must put its key file under. Raises CallFailed, Unreachable."""
    try:
        answer = await connection.call("CA.GetUnlockKey", ca_pb2.GetUnlockKeyRequest(), timeout=CALL_S)
    except CallFailed as error:
        if error.code != "UNIMPLEMENTED":
            raise
        return UnlockKey(None, 0)
    return UnlockKey(answer.unlock_key or None, answer.version.index)


async def sign_own(connection: Calls, csr: bytes) -> bytes:
    """A chain for the node whose own manager this is. Raises CallFailed, Unreachable."""
    answer: SignOwnCertificateResponse = await connection.call(
        "OwnCertificate.SignOwnCertificate", SignOwnCertificateRequest(csr=csr), timeout=CALL_S
    )
    return answer.certificate


def root_digest(root: bytes) -> str:
    """How a root bundle is named in short: sha256:…"""
    return tokens.root_hash(root)


async def _exchange(
    connect: Connect, csr: bytes, token: str, availability: int, clock: Clock, rng: random.Random
) -> Issued:
    message = ca_pb2.IssueNodeCertificateRequest(csr=csr, token=token)
    message.availability = availability  # type: ignore[assignment]
    pauses = _Pauses(rng)
    async with await connect() as connection:
        answer = await connection.call("NodeCA.IssueNodeCertificate", message, timeout=CALL_S)
        certificate = await _poll(connection, answer.node_id, csr, clock, pauses)
    while certificate is None:
        await clock.sleep(pauses.failed())
        async with await connect() as connection:
            certificate = await _poll(connection, answer.node_id, csr, clock, pauses)
    return Issued(answer.node_id, certificate)


async def _poll(
    connection: ManagerConnection, node_id: str, csr: bytes, clock: Clock, pauses: "_Pauses"
) -> bytes | None:
    """The certificate once it is there; None when this manager cannot be asked any longer."""
    query = ca_pb2.NodeCertificateStatusRequest(node_id=node_id)
    while True:
        try:
            answer = await connection.call("NodeCA.NodeCertificateStatus", query, timeout=CALL_S)
        except Unreachable:
            return None
        except CallFailed as error:
            if error.code in _FINAL_CODES:
                raise
            if error.code != "DEADLINE_EXCEEDED":
                return None
            await clock.sleep(pauses.failed())
            continue
        if answer.status.state == _State.FAILED:
            raise CertificateRefused(f"the certificate was refused: {answer.status.err or 'no reason given'}")
        is_ours = answer.certificate.csr == csr
        if (
            is_ours
            and answer.status.state in (_State.ISSUED, _State.ROTATE)
            and answer.certificate.certificate
        ):
            return bytes(answer.certificate.certificate)
        await clock.sleep(pauses.failed())


@dataclass(slots=True)
class _Pauses:
    """Waits between polls: uniform below 1 s + 1 s * 2^(failures - 1), at most 30 s."""

    rng: random.Random
    _failures: int = 0

    def failed(self) -> float:
        self._failures += 1
        return self.rng.random() * min(_PAUSE_MAX_S, 1.0 + 2.0 ** (self._failures - 1))


def _reason(error: Exception) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return trusting.failure_text(error)
    if isinstance(error, TimeoutError):
        return f"no answer within {CALL_S:g} s"
    if isinstance(error, ssl.SSLError | DecodeError):
        return "it does not speak as a swarm manager does"
    if isinstance(error, OSError) and error.errno and error.errno > 0:
        return os.strerror(error.errno)
    return getattr(error, "strerror", None) or str(error)
