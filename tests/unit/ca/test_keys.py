"""Private keys: forms, encryption under a KEK, and what is refused."""

import os
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from swarm_core.ca import keys, pem
from swarm_core.ca.errors import InvalidKey, WrongKek

KEK = bytes(range(32))


def numbers(key: keys.PrivateKey) -> bytes:
    return keys.pkcs8(key)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("kek", [None, KEK, os.urandom(32)], ids=["no kek", "a kek", "random kek"])
def test_round_trip(kek: bytes | None, legacy: bool) -> None:
    """A key written with or without a KEK, in the new form or the old one, reads back the same."""
    key = keys.generate()
    block = keys.to_block(key, kek, legacy=legacy)
    assert numbers(keys.load(pem.encode(block), kek)) == numbers(key)
    assert keys.is_encrypted(block) == (kek is not None)
    assert block.kind == (keys.LEGACY if legacy else keys.ENCRYPTED if kek else keys.PLAIN)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("wrong", [None, b"", bytes(32), KEK[:-1]], ids=["none", "empty", "zeros", "short"])
def test_wrong_kek(wrong: bytes | None, legacy: bool) -> None:
    """Every key but the right one is told apart as the wrong KEK."""
    block = keys.to_block(keys.generate(), KEK, legacy=legacy)
    with pytest.raises(WrongKek):
        keys.from_block(block, wrong)


def test_encryption_is_the_one_other_members_read(tmp_path: Path) -> None:
    """PBES2 with PBKDF2-HMAC-SHA1, 8 bytes of salt, 2048 rounds, AES-256-CBC; OpenSSL opens it."""
    kek = b"0123456789abcdef0123456789abcdef"
    key = keys.generate()
    path = tmp_path / "key.pem"
    path.write_bytes(pem.encode(keys.to_block(key, kek)))
    shown = subprocess.run(
        ["openssl", "asn1parse", "-in", path], capture_output=True, text=True, check=True
    ).stdout
    assert all(word in shown for word in ("PBES2", "PBKDF2", "aes-256-cbc", ":0800", "l=   8 prim: OCTET"))
    assert "hmacWith" not in shown  # SHA-1 is the default
    opened = subprocess.run(
        ["openssl", "pkey", "-in", path, "-passin", f"pass:{kek.decode()}"], capture_output=True, check=True
    ).stdout
    assert numbers(keys.load(opened)) == numbers(key)


def test_private_headers_are_left_aside() -> None:
    """A key block with headers of ours is still a key."""
    block = keys.to_block(keys.generate())
    with_headers = pem.Block(block.kind, block.body, {"kek-version": "0", "raft-dek": "abc"})
    assert numbers(keys.load(pem.encode(with_headers))) == numbers(keys.from_block(block))


def test_refused_kinds() -> None:
    """Small RSA keys, other curves and other algorithms are refused; larger NIST curves and RSA 2048 are not."""
    no_encryption = serialization.NoEncryption()
    for key in (
        rsa.generate_private_key(65537, 1024),
        ec.generate_private_key(ec.SECP256K1()),
        ed25519.Ed25519PrivateKey.generate(),
    ):
        data = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, no_encryption)
        with pytest.raises(InvalidKey):
            keys.load(data)
    accepted: list[keys.PrivateKey] = [
        ec.generate_private_key(ec.SECP521R1()),
        rsa.generate_private_key(65537, 2048),
    ]
    for good in accepted:
        assert numbers(keys.load(keys.pkcs8(good))) == numbers(good)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"garbage",
        b"-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ],
)
def test_garbage(data: bytes) -> None:
    """What is no key is refused as such."""
    with pytest.raises(InvalidKey):
        keys.load(data)
