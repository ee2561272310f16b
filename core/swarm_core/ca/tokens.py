"""Join tokens, unlock keys and the like: the strings that people copy from one machine to another.

`SWMTKN-1-<digest>-<secret>`: the digest names the root CA that the joiner must see, the secret proves that it may
join. `SWMTKN-2-<fips>-<digest>-<secret>` says also whether the cluster demands FIPS. `SWMKEY-1-<key>` opens a
locked manager's key file.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

from swarm_core.api.ids import base36
from swarm_core.ca.chance import SYSTEM, Chance
from swarm_core.ca.errors import InvalidToken

DIGEST_LENGTH = 50
SECRET_LENGTH = 25
UNLOCK_KEY_BYTES = 32
_SECRET_BYTES = 16
_DIGEST_BYTES = 32
_BASE36 = frozenset("0123456789abcdefghijklmnopqrstuvwxyz")
_KEY_PREFIX = "SWMKEY-1-"


@dataclass(frozen=True, slots=True)
class JoinToken:
    """A parsed token: SHA-256 of the root bundle, the secret's text, and whether FIPS is demanded."""

    digest: bytes
    secret: str
    fips: bool = False

    def trusts(self, root_certificate: bytes) -> bool:
        """True when these are the very bytes of the root bundle that the token was made for."""
        return hmac.compare_digest(self.digest, root_digest(root_certificate))


def generate(root_certificate: bytes, *, fips: bool = False, chance: Chance = SYSTEM) -> str:
    """A fresh token for a cluster with this root bundle."""
    digest = base36(int.from_bytes(root_digest(root_certificate), "big"), DIGEST_LENGTH)
    secret = base36(int.from_bytes(chance(_SECRET_BYTES), "big"), SECRET_LENGTH)
    return f"SWMTKN-2-1-{digest}-{secret}" if fips else f"SWMTKN-1-{digest}-{secret}"


def parse(token: str) -> JoinToken:
    """The parts of a token. Raises InvalidToken."""
    match token.split("-"):
        case ["SWMTKN", "1", digest, secret]:
            fips = False
        case ["SWMTKN", "2", ("0" | "1") as flag, digest, secret]:
            fips = flag == "1"
        case _:
            raise InvalidToken("invalid join token")
    if len(digest) != DIGEST_LENGTH or len(secret) != SECRET_LENGTH:
        raise InvalidToken("invalid join token")
    return JoinToken(_digest_bytes(digest), secret, fips)


def matches(given: str, expected: str) -> bool:
    """Whole-string comparison in constant time; an empty expectation matches nothing."""
    return bool(expected) and hmac.compare_digest(given.encode(errors="surrogatepass"), expected.encode())


def root_digest(root_certificate: bytes) -> bytes:
    """SHA-256 over the exact bytes of a root bundle."""
    return hashlib.sha256(root_certificate).digest()


def root_hash(root_certificate: bytes) -> str:
    """The digest as the cluster object writes it."""
    return f"sha256:{root_digest(root_certificate).hex()}"


def generate_unlock_key(chance: Chance = SYSTEM) -> bytes:
    """A fresh KEK."""
    return chance(UNLOCK_KEY_BYTES)


def format_unlock_key(key: bytes) -> str:
    """The form people type."""
    return _KEY_PREFIX + base64.b64encode(key).decode("ascii").rstrip("=")


def parse_unlock_key(text: str) -> bytes:
    """The KEK in `SWMKEY-1-…`. Raises InvalidToken."""
    body = text.removeprefix(_KEY_PREFIX)
    try:
        key = base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if body == text or len(key) != UNLOCK_KEY_BYTES:
        raise InvalidToken("invalid unlock key")
    return key


def _digest_bytes(text: str) -> bytes:
    # int() would also take capitals, signs, blanks and underscores.
    if not set(text) <= _BASE36:
        raise InvalidToken("invalid join token")
    value = int(text, 36)
    if value >> (8 * _DIGEST_BYTES):
        raise InvalidToken("invalid join token")
    return value.to_bytes(_DIGEST_BYTES, "big")
