"""How nodes get certificates: the whole exchange against a real CA server, and its failures one by one."""

import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from swarm_core.api.proto import ca_pb2, types_pb2
from swarm_core.ca import csr, keys, tokens
from swarm_core.client import certificates
from swarm_core.client.certificates import PAUSE_S, TRIES_MAX, Issued, UnlockKey
from swarm_core.client.connection import Connection
from swarm_core.client.dial import ManagerConnection, SystemDial
from swarm_core.client.errors import CallFailed, CertificateRefused, Unreachable, UntrustedManager
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import Aborted, InvalidArgument, PermissionDenied
from swarm_core.rpc.server import RemoteServer, Services
from swarm_testkit.free_ports import free_port
from swarm_testkit.refusing import Refusing
from swarm_testkit.trust import (
    Authority,
    EagerClock,
    EchoServices,
    echo_services,
    make_authority,
    remote_server,
)

AUTHORITY = make_authority()
ROOT = AUTHORITY.root.certificate
REQUEST = csr.create(keys.generate())
State = types_pb2.IssuanceStatus


async def test_root_download_is_checked_against_the_token() -> None:
    """With a token only the root it was made for is accepted; without one the first answer is."""
    async with remote_server(AUTHORITY, echo_services(EchoServices(ROOT))) as server:
        clock = EagerClock()
        token = tokens.parse(tokens.generate(ROOT))
        assert await certificates.download_root(server.address, token=token, clock=clock) == ROOT
        assert await certificates.download_root(server.address, token=None, clock=clock) == ROOT
        foreign = tokens.parse(tokens.generate(make_authority().root.certificate))
        with pytest.raises(UntrustedManager, match="not the one this join token was made for"):
            await certificates.download_root(server.address, token=foreign, clock=clock)
        assert clock.waits == []


async def test_root_download_is_tried_five_times() -> None:
    """Nobody there: five attempts, two seconds apart, then one sentence."""
    address, clock = f"127.0.0.1:{free_port()}", EagerClock()
    with pytest.raises(
        Unreachable, match=r"no root certificate from the manager at [0-9.:]+: Connection refused$"
    ):
        await certificates.download_root(address, token=None, clock=clock)
    assert clock.waits == [PAUSE_S] * (TRIES_MAX - 1)


class ScriptedCa:
    """Answers NodeCA calls from scripts; the last line of a script repeats."""

    def __init__(self, issue: list[Any], status: list[Any]) -> None:
        self.issue, self.status = issue, status
        self.requests: list[ca_pb2.IssueNodeCertificateRequest] = []
        self.polls = 0

    async def issue_node_certificate(
        self, request: ca_pb2.IssueNodeCertificateRequest, caller: Caller
    ) -> ca_pb2.IssueNodeCertificateResponse:
        self.requests.append(request)
        return self._next(self.issue)  # type: ignore[no-any-return]

    async def node_certificate_status(
        self, request: ca_pb2.NodeCertificateStatusRequest, caller: Caller
    ) -> ca_pb2.NodeCertificateStatusResponse:
        self.polls += 1
        return self._next(self.status)  # type: ignore[no-any-return]

    def _next(self, script: list[Any]) -> Any:
        line = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(line, Exception):
            raise line
        return line


NODE = ca_pb2.IssueNodeCertificateResponse(node_id="n1")


def status(
    state: types_pb2.IssuanceStatus.State, csr_: bytes = REQUEST, certificate: bytes = b"chain", err: str = ""
) -> ca_pb2.NodeCertificateStatusResponse:
    answer = ca_pb2.NodeCertificateStatusResponse()
    answer.status.state = state  # type: ignore[assignment]
    answer.status.err = err
    answer.certificate.csr = csr_
    answer.certificate.certificate = certificate
    return answer


def connector(
    server: RemoteServer, opened: list[ManagerConnection] | None = None
) -> Callable[[], Awaitable[ManagerConnection]]:
    async def connect() -> ManagerConnection:
        connection = await certificates.connect_to_join(SystemDial(), server.address, ROOT)
        if opened is not None:
            opened.append(connection)
        return connection

    return connect


async def exchange(
    ca: ScriptedCa, clock: EagerClock, opened: list[ManagerConnection] | None = None
) -> Issued:
    services = Services()
    services.add(ca_pb2.DESCRIPTOR.services_by_name["NodeCA"], ca)
    async with remote_server(AUTHORITY, services) as server:
        return await certificates.request(
            connector(server, opened),
            REQUEST,
            clock=clock,
            rng=random.Random(1),
            token="token",
            availability=2,
        )


@pytest.mark.parametrize("state", [State.ISSUED, State.ROTATE])
async def test_a_request_and_its_answer(state: types_pb2.IssuanceStatus.State) -> None:
    """Request, token and availability go out; an answer to our request ends it, also when it is to rotate again."""
    ca, clock = ScriptedCa([NODE], [status(state)]), EagerClock()
    assert await exchange(ca, clock) == Issued("n1", b"chain")
    (request,) = ca.requests
    assert (request.csr, request.token, request.availability) == (REQUEST, "token", 2)
    assert clock.waits == []


async def test_an_older_certificate_is_not_ours() -> None:
    """Answers for another request, or not final ones, are asked again after growing random pauses."""
    ca = ScriptedCa([NODE], [status(State.ISSUED, b"old"), status(State.PENDING), status(State.ISSUED)])
    clock = EagerClock()
    assert await exchange(ca, clock) == Issued("n1", b"chain")
    assert ca.polls == 3
    assert 0 <= clock.waits[0] < 2 and 0 <= clock.waits[1] < 3


async def test_refusal_is_final() -> None:
    """FAILED is not tried again; its reason is told."""
    ca = ScriptedCa([NODE], [status(State.FAILED, err="bad key")])
    with pytest.raises(CertificateRefused, match="bad key"):
        await exchange(ca, EagerClock())
    assert len(ca.requests) == 1


@pytest.mark.parametrize("error", [InvalidArgument("a valid token is necessary"), PermissionDenied("no")])
async def test_a_wrong_token_is_final(error: Exception) -> None:
    """What no retry changes is raised at once."""
    ca = ScriptedCa([error], [NODE])
    with pytest.raises(CallFailed, match=str(error)):
        await exchange(ca, EagerClock())
    assert len(ca.requests) == 1


async def test_another_manager_is_asked_when_one_fails() -> None:
    """While polling, a failing manager is left for another connection; the request is not made again."""
    ca, opened = ScriptedCa([NODE], [Aborted("not running"), status(State.ISSUED)]), []
    assert await exchange(ca, EagerClock(), opened) == Issued("n1", b"chain")
    assert (len(opened), len(ca.requests)) == (2, 1)


async def test_five_attempts() -> None:
    """A certificate authority that does not run is asked five times, two seconds apart."""
    ca, clock = ScriptedCa([Aborted("not running")], [NODE]), EagerClock()
    with pytest.raises(CallFailed, match="not running"):
        await exchange(ca, clock)
    assert (len(ca.requests), clock.waits) == (TRIES_MAX, [PAUSE_S] * (TRIES_MAX - 1))


class Keeper:
    def __init__(self, key: bytes) -> None:
        self.key = key

    async def get_unlock_key(
        self, request: ca_pb2.GetUnlockKeyRequest, caller: Caller
    ) -> ca_pb2.GetUnlockKeyResponse:
        answer = ca_pb2.GetUnlockKeyResponse(unlock_key=self.key)
        answer.version.index = 9
        return answer


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (Keeper(b"k"), UnlockKey(b"k", 9)),
        (Keeper(b""), UnlockKey(None, 9)),
        (EchoServices(ROOT), UnlockKey(None, 0)),
    ],
    ids=["locked", "not locked", "unknown call"],
)
async def test_unlock_key(handler: object, expected: UnlockKey) -> None:
    """The key in force, none without autolock, and none from a manager that does not know the call."""
    services = Services()
    service = ca_pb2.DESCRIPTOR.services_by_name["CA"]
    services.add(service, handler, Refusing(service, handler))
    manager = AUTHORITY.manager()
    async with (
        remote_server(AUTHORITY, services) as server,
        await Connection.open(server.address, trust=AUTHORITY.trust(manager)) as connection,
    ):
        assert await certificates.unlock_key(connection) == expected


def test_authority_is_a_value() -> None:
    """Authorities of different clusters never trust each other by accident."""
    assert Authority(AUTHORITY.root) == AUTHORITY != make_authority()
