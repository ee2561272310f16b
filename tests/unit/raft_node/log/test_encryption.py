"""Encryption at rest and the keys in the key file's headers (docs/design/raft-node.md 2.12)."""

import base64

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from nacl.secret import SecretBox
from swarm_core.api.proto.types_pb2 import MaybeEncryptedRecord
from swarm_core.raft_node.errors import CannotDecrypt
from swarm_core.raft_node.log.encryption import Cipher, new_key
from swarm_core.raft_node.log.keyring import DEK_HEADER, PENDING_HEADER, ROTATION_HEADER, Keyring
from swarm_testkit.raft_shell import MemoryKeyStore


@given(st.binary(max_size=2000), st.booleans())
def test_round_trip(data: bytes, fips: bool) -> None:
    """What is sealed opens to the same bytes, the empty ones included."""
    cipher = Cipher(new_key(), fips=fips)
    assert cipher.open(cipher.seal(data)) == data


def test_secretbox_is_nacls() -> None:
    """Another NaCl opens our record, and we open its."""
    key = new_key()
    record = MaybeEncryptedRecord.FromString(Cipher(key).seal(b"hello"))
    assert record.algorithm == 1
    assert len(record.nonce) == 24
    assert SecretBox(key).decrypt(record.data, record.nonce) == b"hello"
    theirs = SecretBox(key).encrypt(b"yours")
    sealed = MaybeEncryptedRecord(algorithm=1, data=theirs.ciphertext, nonce=theirs.nonce).SerializeToString()
    assert Cipher(key).open(sealed) == b"yours"


def test_fernet_is_the_standards() -> None:
    """The token in the record is one that any Fernet reads; the first half of the key signs."""
    key = new_key()
    record = MaybeEncryptedRecord.FromString(Cipher(key, fips=True).seal(b"hello"))
    assert record.algorithm == 2
    assert Fernet(base64.urlsafe_b64encode(key)).decrypt(record.data) == b"hello"


def test_known_secretbox_answer() -> None:
    """The published test vector of crypto_secretbox opens."""
    key = bytes.fromhex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389")
    nonce = bytes.fromhex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37")
    box = bytes.fromhex(
        "f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186a"
        "c0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae"
        "90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74"
        "e355a5"
    )
    plain = Cipher(key).open(MaybeEncryptedRecord(algorithm=1, data=box, nonce=nonce).SerializeToString())
    assert plain.hex().startswith("be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffc")
    assert len(plain) == 131


def test_which_algorithms_are_accepted() -> None:
    """Plain data never passes; FIPS readers take Fernet alone, others both."""
    key = new_key()
    plain = MaybeEncryptedRecord(algorithm=0, data=b"x").SerializeToString()
    for fips in (False, True):
        with pytest.raises(CannotDecrypt):
            Cipher(key, fips=fips).open(plain)
    assert Cipher(key).open(Cipher(key, fips=True).seal(b"x")) == b"x"
    with pytest.raises(CannotDecrypt):
        Cipher(key, fips=True).open(Cipher(key).seal(b"x"))


@pytest.mark.parametrize(
    "sealed", [b"\xff\xff\xff", b"", b"\x08\x01", b"\x08\x01\x12\x02ab\x1a\x18" + b"n" * 24]
)
def test_garbage_cannot_be_decrypted(sealed: bytes) -> None:
    """Whatever is no record of ours is CannotDecrypt."""
    with pytest.raises(CannotDecrypt):
        Cipher(new_key()).open(sealed)


def test_a_wrong_key_and_a_changed_byte() -> None:
    """Both are found out."""
    sealed = Cipher(new_key()).seal(b"secret")
    with pytest.raises(CannotDecrypt):
        Cipher(new_key()).open(sealed)
    key = new_key()
    changed = bytearray(Cipher(key).seal(b"secret"))
    changed[10] ^= 1
    with pytest.raises(CannotDecrypt):
        Cipher(key).open(bytes(changed))


def test_short_keys_are_extended_with_zeros() -> None:
    """A short key and its zero-extended form are one."""
    assert Cipher(b"abc".ljust(32, b"\0")).open(Cipher(b"abc").seal(b"x")) == b"x"


def _loaded(store: MemoryKeyStore, kek: bytes | None = None, *, fips: bool = False) -> Keyring:
    keyring = Keyring(store, kek=kek, fips=fips)
    keyring.load()
    return keyring


@pytest.mark.parametrize("kek", [None, b"k" * 32])
@pytest.mark.parametrize("fips", [False, True])
def test_first_load_makes_a_key_that_stays(kek: bytes | None, fips: bool) -> None:
    """The data key is made once and read back, wrapped or not."""
    store = MemoryKeyStore({"kek-version": "4"})
    keys = _loaded(store, kek, fips=fips).keys
    assert len(keys.current) == 32
    assert _loaded(store, kek, fips=fips).keys == keys
    record = MaybeEncryptedRecord.FromString(base64.b64decode(store.values[DEK_HEADER]))
    assert record.algorithm == (0 if kek is None else 2 if fips else 1)
    assert (record.data == keys.current) == (kek is None)
    assert store.values["kek-version"] == "4"


def test_a_wrong_or_missing_unlock_key() -> None:
    """A locked key opens with its unlock key alone."""
    store = MemoryKeyStore()
    _loaded(store, b"a" * 32)
    with pytest.raises(CannotDecrypt, match="invalid KEK"):
        _loaded(store, b"b" * 32)
    with pytest.raises(CannotDecrypt, match="no unlock key"):
        _loaded(store)


def test_pending_without_current_is_refused() -> None:
    """Such a key file is damaged."""
    with pytest.raises(CannotDecrypt, match="pending"):
        _loaded(MemoryKeyStore({PENDING_HEADER: "x"}))


@pytest.mark.parametrize("header", ["?", "AAAA", ""])
def test_malformed_headers(header: str) -> None:
    """A header that holds no key is refused."""
    with pytest.raises(CannotDecrypt):
        _loaded(MemoryKeyStore({DEK_HEADER: header}))


def test_rotation_steps() -> None:
    """Request, begin and finish each survive a restart, and old data stays readable until the end."""
    store = MemoryKeyStore()
    keyring = _loaded(store)
    old = keyring.keys.current
    sealed_before = keyring.cipher().seal(b"x")
    keyring.request_rotation()
    assert store.values[ROTATION_HEADER] == "true"
    _loaded(store).begin_rotation()
    keyring = _loaded(store)
    assert keyring.keys.current == old
    assert not keyring.keys.needs_rotation
    sealed_between = keyring.cipher().seal(b"y")
    assert keyring.cipher().open(sealed_before) == b"x"
    keyring.finish_rotation()
    after = _loaded(store)
    assert PENDING_HEADER not in store.values
    assert after.cipher().open(sealed_between) == b"y"
    with pytest.raises(CannotDecrypt):
        after.cipher().open(sealed_before)


def test_rewrap_and_forget() -> None:
    """Another unlock key wraps the same data key; a node that is demoted forgets it."""
    store = MemoryKeyStore({"kek-version": "1"})
    keyring = _loaded(store)
    store.update_headers(keyring.rewrap(b"k" * 32, request_rotation=True))
    assert _loaded(store, b"k" * 32).keys == keyring.keys
    assert keyring.keys.needs_rotation
    keyring.forget()
    assert store.values == {"kek-version": "1"}
