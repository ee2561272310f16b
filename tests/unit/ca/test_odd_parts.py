"""Certificates, keys and requests of which the frame is sound and a part is not: found by `benchmarks/fuzz.py certificates`."""

from pathlib import Path

import pytest
from swarm_core.ca import certificates, csr, keys, pem, tokens
from swarm_core.ca.errors import InvalidCertificate, InvalidKey, InvalidRequest, NoLocalIdentity
from swarm_core.ca.key_file import KeyFile, NodeCredentials
from swarm_core.ca.root_ca import RootCa

NOW_NS = 1_760_000_000 * 10**9
_P256 = bytes.fromhex("06082a8648ce3d030107")
_NO_CURVE = bytes.fromhex("06082a8648ce3d03017f")
_VERSION = bytes.fromhex("020100")


def changed(text: bytes, old: bytes, new: bytes) -> bytes:
    """The first block of a PEM text with a part replaced."""
    block = pem.decode(text)[0]
    assert old in block.body
    return pem.encode(pem.Block(block.kind, block.body.replace(old, new), block.headers))


def signed() -> tuple[RootCa, bytes, bytes]:
    root, key = RootCa.create(NOW_NS), keys.generate()
    chain = root.sign(csr.create(key), node_id="n", role="swarm-worker", organization="c", wall_ns=NOW_NS)
    return root, chain, keys.pkcs8(key)


def test_a_request_of_another_version() -> None:
    """Anybody may send one: it is refused, and no mistake of ours."""
    request = csr.create(keys.generate())
    with pytest.raises(InvalidRequest, match="unreadable"):
        csr.public_key(changed(request, _VERSION, bytes.fromhex("02017f")))


def test_a_key_on_no_curve(tmp_path: Path) -> None:
    """It belongs to no certificate, and a certificate with it to no key."""
    root, chain, key = signed()
    with pytest.raises(InvalidKey):
        keys.load(changed(key, _P256, _NO_CURVE))
    odd = changed(chain, _P256, _NO_CURVE)
    with pytest.raises(InvalidCertificate, match="key cannot be used"):
        certificates.public_der(certificates.parse(odd)[0])
    files = KeyFile(tmp_path / "certificates")
    files.write(NodeCredentials(chain, key))
    files.certificate_path.write_bytes(odd)
    with pytest.raises((NoLocalIdentity, InvalidKey, InvalidCertificate)):
        files.read()
    with pytest.raises(InvalidCertificate):
        certificates.issuer(odd, root.certificate)


def test_a_name_that_cannot_be_read() -> None:
    """It is found out when the certificate is read, not when somebody asks for the name."""
    _, chain, _ = signed()
    with pytest.raises(InvalidCertificate, match="unreadable"):
        certificates.identity(changed(chain, b"\x0c\x01n", b"\x0c\x01\xff"))


def test_a_token_that_is_no_text() -> None:
    """It matches nothing."""
    assert not tokens.matches("SWMTKN-1-\udcff", "SWMTKN-1-a")
