"""Whom a TLS context believes while roots follow one another."""

import ssl

from swarm_core.api.names import MANAGER_ROLE
from swarm_core.ca import csr, keys, tls
from swarm_core.ca.root_ca import RootCa
from swarm_core.ca.tls import TlsIdentity
from swarm_testkit.trust import now_ns

FIRST, SECOND, THIRD = (RootCa.create(now_ns()) for _ in range(3))


def identity(roots: bytes, signer: RootCa) -> TlsIdentity:
    """A manager that trusts `roots`, with a certificate of `signer`."""
    key = keys.generate()
    chain = signer.sign(csr.create(key), node_id="n", role=MANAGER_ROLE, organization="o", wall_ns=now_ns())
    return TlsIdentity(roots, chain, keys.pkcs8(key))


def rotating(old: RootCa, new: RootCa) -> RootCa:
    """How certificates are signed while `new` takes the place of `old`."""
    return RootCa(old.certificate, new.key, old.cross_sign(new.certificate))


def shake_hands(client: TlsIdentity, server: TlsIdentity) -> None:
    """Both ends verify each other. Raises ssl.SSLError."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = tls.client_context(client.anchors, client)
    ends = [
        context.wrap_bio(to_client, to_server, server_hostname=MANAGER_ROLE),
        tls.server_context(server).wrap_bio(to_server, to_client, server_side=True),
    ]
    done: set[int] = set()
    while len(done) < len(ends):
        for number, end in enumerate(ends):
            try:
                end.do_handshake()
                done.add(number)
            except ssl.SSLWantReadError:
                continue
    # Only now the client has sent its certificate, and the server has judged it.
    ends[0].write(b"x")
    assert ends[1].read(1) == b"x"
    assert ends[1].getpeercert()


def test_who_missed_the_end_of_a_rotation_is_still_understood() -> None:
    """A node that trusts the old root alone, with a certificate from the rotation, believes those that moved on, and is believed;
    also when the next rotation has begun."""
    late = identity(FIRST.certificate, rotating(FIRST, SECOND))
    for other in (
        identity(SECOND.certificate, SECOND),
        identity(SECOND.certificate, rotating(SECOND, THIRD)),
    ):
        shake_hands(late, other)
        shake_hands(other, late)
