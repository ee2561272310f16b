"""Private keys: ECDSA P-256 by default, PKCS#8 on disk, encrypted under an unlock key (KEK) on demand.

The encrypted form is fixed by what other members read: PBES2 with PBKDF2-HMAC-SHA1, 8 bytes of salt, 2048 rounds
and AES-256-CBC; the password is the KEK's raw bytes. Keys of the older `EC PRIVATE KEY` form are read and keep
their form when they are written again.
"""

import hashlib
import os

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from swarm_core.ca import pem
from swarm_core.ca.chance import SYSTEM, Chance
from swarm_core.ca.errors import InvalidKey, WrongKek

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PLAIN, ENCRYPTED, LEGACY = "PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "EC PRIVATE KEY"
_KDF_ROUNDS = 2048
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_P256_BYTES, _SPARE_BYTES = 32, 16
_SALT_BYTES = 8
_RSA_BITS_MIN = 2048
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_LEGACY_HEADERS = ("Proc-Type", "DEK-Info")
# The object identifiers of PBES2, PBKDF2 and AES-256-CBC, as DER values. HMAC-SHA1 is PBKDF2's default and is not
# written.
_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_PBKDF2 = bytes.fromhex("06092a864886f70d01050c")
_AES_256_CBC = bytes.fromhex("060960864801650304012a")


def generate(chance: Chance = SYSTEM) -> ec.EllipticCurvePrivateKey:
    """A fresh P-256 key."""
    # So many bits more than the order has that no key is noticeably likelier than another (FIPS 186-5, A.2.1).
    value = int.from_bytes(chance(_P256_BYTES + _SPARE_BYTES), "big")
    return ec.derive_private_key(value % (_P256_ORDER - 1) + 1, ec.SECP256R1())


def deterministic(key: PrivateKey) -> bool | None:
    """Whether a signature of this key follows from what is signed alone (RFC 6979): with all keys that allow the choice."""
    return True if isinstance(key, ec.EllipticCurvePrivateKey) else None


def pkcs8(key: PrivateKey) -> bytes:
    """The key as a plain PKCS#8 PEM block."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def sec1(key: PrivateKey) -> bytes:
    """The key in its traditional PEM form (`EC PRIVATE KEY`), as the cluster object keeps the root's."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def load(data: bytes, kek: bytes | None = None) -> PrivateKey:
    """The first key of a PEM file, of any form. Raises InvalidKey, WrongKek."""
    return from_block(first_block(data), kek)


def first_block(data: bytes) -> pem.Block:
    """The first private key block of a PEM file. Raises InvalidKey."""
    try:
        blocks = [block for block in pem.decode(data) if block.kind.endswith("PRIVATE KEY")]
    except ValueError as error:
        raise InvalidKey(str(error)) from None
    if not blocks:
        raise InvalidKey("no private key in PEM form")
    return blocks[0]


def is_encrypted(block: pem.Block) -> bool:
    """True when the block opens with a KEK only."""
    return block.kind == ENCRYPTED or "ENCRYPTED" in block.headers.get("Proc-Type", "")


def from_block(block: pem.Block, kek: bytes | None = None) -> PrivateKey:
    """The key of a block, its private headers left aside. Raises InvalidKey, WrongKek."""
    encrypted = is_encrypted(block)
    if encrypted and not kek:
        raise WrongKek
    known = {name: block.headers[name] for name in _LEGACY_HEADERS if name in block.headers}
    text = pem.encode(pem.Block(block.kind, block.body, known))
    try:
        key = serialization.load_pem_private_key(text, kek if encrypted else None)
    except ValueError as error:
        if encrypted:
            # A wrong password shows as a key that makes no sense, or as broken padding.
            raise WrongKek from None
        raise InvalidKey(f"unreadable private key: {error}") from None
    except (TypeError, UnsupportedAlgorithm) as error:
        raise InvalidKey(str(error)) from None
    return _accepted(key)


def to_block(key: PrivateKey, kek: bytes | None = None, *, legacy: bool = False) -> pem.Block:
    """The key as a PEM block: PKCS#8, or the older form when `legacy`; encrypted when there is a KEK."""
    if legacy:
        protection = serialization.BestAvailableEncryption(kek) if kek else serialization.NoEncryption()
        form = serialization.PrivateFormat.TraditionalOpenSSL
        return pem.decode(key.private_bytes(serialization.Encoding.PEM, form, protection))[0]
    der = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.Block(ENCRYPTED, _encrypt(der, kek)) if kek else pem.Block(PLAIN, der)


def public_der(key: PrivateKey) -> bytes:
    """The public half (SubjectPublicKeyInfo, DER): what a certificate of this key holds."""
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _accepted(key: object) -> PrivateKey:
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, _CURVES):
        return key
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _RSA_BITS_MIN:
        return key
    raise InvalidKey("only ECDSA keys on P-256, P-384, P-521 and RSA keys of 2048 bits or more are accepted")


def _encrypt(der: bytes, kek: bytes) -> bytes:
    salt, start = os.urandom(_SALT_BYTES), os.urandom(16)
    secret = hashlib.pbkdf2_hmac("sha1", kek, salt, _KDF_ROUNDS, 32)
    padder = PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(secret), modes.CBC(start)).encryptor()
    sealed = encryptor.update(padder.update(der) + padder.finalize()) + encryptor.finalize()
    rounds = _der(0x02, _KDF_ROUNDS.to_bytes(2, "big"))
    derive = _sequence(_PBKDF2, _sequence(_der(0x04, salt), rounds))
    cipher = _sequence(_AES_256_CBC, _der(0x04, start))
    return _sequence(_sequence(_PBES2, _sequence(derive, cipher)), _der(0x04, sealed))


def _sequence(*parts: bytes) -> bytes:
    return _der(0x30, b"".join(parts))


def _der(tag: int, value: bytes) -> bytes:
    size = len(value)
    if size < 0x80:
        return bytes((tag, size)) + value
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(digits))) + digits + value
