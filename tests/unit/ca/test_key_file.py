"""The files of a node: written whole, read back, recovered after a crash between two writes."""

import os
import stat
from pathlib import Path

import pytest
from swarm_core.ca import certificates, keys, pem
from swarm_core.ca.certificates import identity
from swarm_core.ca.errors import InvalidCertificate, InvalidKey, NoLocalIdentity, NoLocalRoot, WrongKek
from swarm_core.ca.key_file import Kek, KeyFile, NodeCredentials
from swarm_core.ca.root_ca import RootCa
from swarm_testkit.trust import make_authority, now_ns

KEK = Kek(b"k" * 32, 7)
AUTHORITY = make_authority()


def credentials(node_id: str = "n1") -> NodeCredentials:
    made = AUTHORITY.worker(node_id)
    return NodeCredentials(made.certificate, made.key)


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "certificates")


def set_dek(headers: dict[str, str]) -> None:
    headers["raft-dek"] = "c2VjcmV0"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_round_trip_and_permissions(file: KeyFile) -> None:
    """What was written is read; the key is for its owner alone, nothing else is left behind."""
    written = credentials()
    file.write(written)
    file.write_root(AUTHORITY.root.certificate)
    assert file.read() == written
    assert file.read_root() == AUTHORITY.root.certificate
    assert (mode(file.directory), mode(file.key_path)) == (0o755, 0o600)
    assert (mode(file.certificate_path), mode(file.root_path)) == (0o644, 0o644)
    assert sorted(os.listdir(file.directory)) == ["swarm-node.crt", "swarm-node.key", "swarm-root-ca.crt"]


def test_missing_files(file: KeyFile) -> None:
    """A node that was never set up is told apart from a broken one."""
    with pytest.raises(NoLocalRoot):
        file.read_root()
    with pytest.raises(NoLocalIdentity):
        file.read()
    file.write(credentials())
    file.certificate_path.unlink()
    with pytest.raises(NoLocalIdentity):
        file.read()


def test_kek_locks_the_key_and_its_version_is_written(file: KeyFile) -> None:
    """With a KEK the file opens with that KEK only; the header names the version in any case."""
    file.write(credentials())
    assert file.kek_version() == 0
    file.write(credentials(), KEK)
    assert file.kek_version() == 7
    with pytest.raises(WrongKek):
        file.read()
    with pytest.raises(WrongKek):
        file.read(b"other")
    assert identity(file.read(KEK.key).certificate).node_id == "n1"


def test_headers_survive_renewal_and_rekeying(file: KeyFile) -> None:
    """Raft's keys stay in the file when certificate, key or KEK change."""
    file.write(credentials())
    file.update_headers(set_dek)
    file.write(credentials("n2"))
    assert file.headers() == {"raft-dek": "c2VjcmV0", "kek-version": "0"}
    file.rekey(None, KEK, lambda headers: headers.update({"raft-dek": "sealed"}))
    assert file.headers() == {"raft-dek": "sealed", "kek-version": "7"}
    assert identity(file.read(KEK.key).certificate).node_id == "n2"
    assert mode(file.key_path) == 0o600


def test_headers_change_without_the_kek(file: KeyFile) -> None:
    """A locked key's headers can be edited; the sealed key is not touched."""
    file.write(credentials(), KEK)
    before = keys.first_block(file.key_path.read_bytes())
    file.update_headers(set_dek)
    after = keys.first_block(file.key_path.read_bytes())
    assert (after.kind, after.body) == (before.kind, before.body)
    assert after.headers == {"kek-version": "7", "raft-dek": "c2VjcmV0"}


def test_rekey_with_the_wrong_kek_changes_nothing(file: KeyFile) -> None:
    """The file stays as it was."""
    file.write(credentials(), KEK)
    before = file.key_path.read_bytes()
    with pytest.raises(WrongKek):
        file.rekey(b"wrong", Kek())
    assert file.key_path.read_bytes() == before


def test_a_failing_change_leaves_the_file(file: KeyFile) -> None:
    """An exception of the editing function aborts the rewrite, and the lock is free again."""
    file.write(credentials())
    before = file.key_path.read_bytes()

    def fail(_: dict[str, str]) -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        file.update_headers(fail)
    assert file.key_path.read_bytes() == before
    file.update_headers(set_dek)


@pytest.mark.parametrize("certificate_was_there", [True, False])
def test_crash_between_key_and_certificate(file: KeyFile, certificate_was_there: bool) -> None:
    """When the new key is in place and the new certificate still waits, the waiting one is taken."""
    old, new = credentials("old"), credentials("new")
    file.write(new)
    file.certificate_path.replace(file.directory / ".swarm-node.crt")
    if certificate_was_there:
        file.certificate_path.write_bytes(old.certificate)
    assert file.read() == new
    assert file.certificate_path.read_bytes() == new.certificate
    assert not (file.directory / ".swarm-node.crt").exists()


def test_crash_before_the_key(file: KeyFile) -> None:
    """When only the waiting certificate was written, the old pair still holds."""
    old, new = credentials("old"), credentials("new")
    file.write(old)
    (file.directory / ".swarm-node.crt").write_bytes(new.certificate)
    assert file.read() == old


def test_foreign_certificate(file: KeyFile) -> None:
    """A certificate of another key is refused, on writing and on reading."""
    mine, other = credentials("a"), credentials("b")
    with pytest.raises(InvalidKey):
        file.write(NodeCredentials(other.certificate, mine.key))
    file.write(mine)
    file.certificate_path.write_bytes(other.certificate)
    with pytest.raises(InvalidKey):
        file.read()


def test_legacy_temporary_key_is_migrated(file: KeyFile) -> None:
    """A key under the old temporary name is taken when it fits the certificate."""
    mine = credentials()
    file.write(mine)
    file.key_path.replace(file.directory / ".swarm-node.key")
    assert file.read() == mine
    assert file.key_path.exists()


def test_legacy_form_stays_when_rekeyed(file: KeyFile) -> None:
    """An `EC PRIVATE KEY` keeps its form, under a KEK too, and its private headers."""
    mine = credentials()
    file.write(mine)
    block = keys.to_block(keys.load(mine.key), legacy=True)
    file.key_path.write_bytes(pem.encode(pem.Block(block.kind, block.body, {"raft-dek": "x"})))
    file.rekey(None, KEK)
    assert keys.first_block(file.key_path.read_bytes()).kind == keys.LEGACY
    assert file.headers() == {"raft-dek": "x", "kek-version": "7"}
    assert file.read(KEK.key) == mine


def test_garbage_in_the_key_file(file: KeyFile) -> None:
    """A torn or foreign file is an error of its own, not a missing identity."""
    file.write(credentials())
    file.key_path.write_bytes(b"\0" * 64)
    with pytest.raises(InvalidKey):
        file.read()


def test_replacing_under_the_key_in_force(file: KeyFile) -> None:
    """A new certificate keeps lock, version and raft's headers; whoever has the wrong key changes nothing."""
    file.write(credentials(), KEK, set_dek)
    renewed = credentials()
    for wrong in (None, b"x" * 32):
        with pytest.raises(WrongKek):
            file.replace(renewed, wrong)
    file.replace(renewed, KEK.key)
    assert file.read(KEK.key) == renewed
    assert file.headers() == {"raft-dek": "c2VjcmV0", "kek-version": "7"}
    assert (file.is_under(KEK.key), file.is_under(None), file.is_under(b"x" * 32)) == (True, False, False)
    stranger = credentials()
    with pytest.raises(InvalidKey, match="does not belong"):
        file.replace(NodeCredentials(renewed.certificate, stranger.key), KEK.key)
    assert file.read(KEK.key) == renewed


def test_a_root_bundle_with_one_byte_changed(tmp_path: Path) -> None:
    """Each byte of it: it is refused, or says the same; never another root."""
    key_file = KeyFile(tmp_path)
    root = RootCa.create(now_ns())
    key_file.write_root(root.certificate)
    assert key_file.read_root() == root.certificate
    same = certificates.normalise(root.certificate)
    refused = 0
    for at in range(len(root.certificate)):
        flipped = bytearray(root.certificate)
        flipped[at] ^= 1
        key_file.write_root(bytes(flipped))
        try:
            assert certificates.normalise(key_file.read_root()) == same
        except InvalidCertificate as error:
            refused += 1
            assert "is damaged" in str(error)
    assert refused > 0.9 * len(root.certificate)
