"""Join tokens and unlock keys: form, parsing, digest (docs/design/raft-node.md 2.12; docs/design/certificates.md 3.5)."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_core.ca import tokens
from swarm_core.ca.errors import InvalidToken

ROOT = b"-----BEGIN CERTIFICATE-----\n"
DIGEST, SECRET = "0" * 49 + "z", "1" * 25


@given(root=st.binary(max_size=64), fips=st.booleans())
def test_round_trip(root: bytes, fips: bool) -> None:
    """A token parses back to the digest of the exact root bytes, and trusts no others."""
    text = tokens.generate(root, fips=fips)
    token = tokens.parse(text)
    assert (token.digest, token.fips) == (hashlib.sha256(root).digest(), fips)
    assert token.trusts(root) and not token.trusts(root + b"\n")
    assert text.startswith("SWMTKN-2-1-" if fips else "SWMTKN-1-")
    assert [len(part) for part in text.split("-")[-2:]] == [50, 25]


def test_two_tokens_differ() -> None:
    """Secrets are fresh."""
    assert tokens.generate(ROOT) != tokens.generate(ROOT)


def test_accepted_forms() -> None:
    """Version 1, and version 2 with either flag."""
    assert tokens.parse(f"SWMTKN-1-{DIGEST}-{SECRET}").digest == bytes(31) + b"\x23"
    assert tokens.parse(f"SWMTKN-2-0-{DIGEST}-{SECRET}").fips is False


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SWMTKN",
        f"SWMTKN-1-{DIGEST}",
        f"SWMTKN-1-{DIGEST}-{SECRET}-",
        f"SWMTKN-2-{DIGEST}-{SECRET}",
        f"SWMTKN-2-2-{DIGEST}-{SECRET}",
        f"SWMTKN-3-{DIGEST}-{SECRET}",
        f"swmtkn-1-{DIGEST}-{SECRET}",
        f"SWMTKN-1-{DIGEST[1:]}-{SECRET}",
        f"SWMTKN-1-{DIGEST}-{SECRET}1",
        f"SWMTKN-1-{'z' * 50}-{SECRET}",
        f"SWMTKN-1-{'0' * 49}Z-{SECRET}",
        f"SWMTKN-1-{'0' * 48}_1-{SECRET}",
        f"SWMTKN-1-{'0' * 49}é-{SECRET}",
    ],
)
def test_refused_forms(text: str) -> None:
    """Anything else is no token."""
    with pytest.raises(InvalidToken):
        tokens.parse(text)


def test_comparison_is_of_the_whole_string() -> None:
    """Beginnings, nothing at all and other scripts never match."""
    token = tokens.generate(ROOT)
    assert tokens.matches(token, token)
    assert not tokens.matches(token[:-1], token)
    assert not tokens.matches("", "")
    assert not tokens.matches("é", token)


@given(st.binary(min_size=32, max_size=32))
def test_unlock_key_round_trip(key: bytes) -> None:
    """The form people type has no padding and reads back."""
    text = tokens.format_unlock_key(key)
    assert text.startswith("SWMKEY-1-") and "=" not in text
    assert tokens.parse_unlock_key(text) == key


@pytest.mark.parametrize(
    "text", ["", "SWMKEY-1-", "SWMKEY-1-AAAA", "SWMKEY-2-" + "A" * 43, "A" * 43, "SWMKEY-1-" + "!" * 43]
)
def test_refused_unlock_keys(text: str) -> None:
    """Wrong prefix, length or alphabet."""
    with pytest.raises(InvalidToken):
        tokens.parse_unlock_key(text)
