"""A node's files below `<state>/certificates`: root certificate, node certificate, and the key file.

Rules: the key file is replaced whole, 0600, under a lock that other processes honour (node daemon and manager both
write it). A new certificate waits in a dot file until its key is in place; a reader that finds certificate and key
apart takes the waiting one. The key block's headers belong to raft (`raft-dek…`) and survive every rewrite unless
the writer changes them in the same step.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from swarm_core.ca import certificates, keys, pem
from swarm_core.ca.errors import InvalidCertificate, InvalidKey, NoLocalIdentity, NoLocalRoot, WrongKek
from swarm_core.ca.files import Files, Stamp, SystemFiles

KEK_VERSION = "kek-version"
_OPENSSL_HEADERS = ("Proc-Type", "DEK-Info")

HeaderChange = Callable[[dict[str, str]], None]
"""Edits the private headers in place; runs inside the rewrite that stores them."""


@dataclass(frozen=True, slots=True)
class Kek:
    """The unlock key in force (None: not locked) and the cluster version that set it."""

    key: bytes | None = None
    version: int = 0


NO_KEK = Kek()


@dataclass(frozen=True, slots=True)
class NodeCredentials:
    """A certificate chain and its key, both PEM, the key in the clear."""

    certificate: bytes
    key: bytes


@lru_cache(maxsize=8)
def _verify_roots(bundle: bytes) -> None:
    """Raises InvalidCertificate. The same few bundles are read again and again."""
    for root in certificates.parse(bundle):
        certificates.verify_root(root)


class KeyFile:
    """The files of one node. All methods are synchronous and durable when they return; all may raise OSError."""

    def __init__(self, directory: Path, disk: Files | None = None) -> None:
        """`disk` is this machine's file system when none is given."""
        self.directory = directory
        self._disk = disk or SystemFiles()
        self.root_path = directory / "swarm-root-ca.crt"
        self.certificate_path = directory / "swarm-node.crt"
        self.key_path = directory / "swarm-node.key"
        self._waiting_certificate = directory / ".swarm-node.crt"
        self._legacy_key = directory / ".swarm-node.key"

    def read_root(self) -> bytes:
        """The trust bundle, of which each certificate vouches for itself: a damaged one would be found out only when a leader takes
        over with it. Raises NoLocalRoot, InvalidCertificate."""
        try:
            bundle = self._disk.read(self.root_path)
        except FileNotFoundError:
            raise NoLocalRoot(f"no root certificate at {self.root_path}") from None
        try:
            _verify_roots(bundle)
        except InvalidCertificate as error:
            raise InvalidCertificate(f"{self.root_path} is damaged: {error}") from None
        return bundle

    def write_root(self, certificate: bytes) -> None:
        self._make_directory()
        self._disk.write_atomic(self.root_path, certificate, 0o644)

    def read(self, kek: bytes | None = None) -> NodeCredentials:
        """Certificate and key that belong together. Raises NoLocalIdentity, WrongKek, InvalidKey, InvalidCertificate."""
        if not self._disk.exists(self.directory):
            raise NoLocalIdentity(f"no node key at {self.key_path}")
        with self._disk.locked(self.directory):
            key = self._key(kek)
            certificate = self._certificate_of(key)
        return NodeCredentials(certificate, keys.pkcs8(key))

    def write(
        self, credentials: NodeCredentials, kek: Kek = NO_KEK, change: HeaderChange | None = None
    ) -> None:
        """Replace certificate and key together; private headers stay, but for what `change` edits."""
        self._make_directory()
        key = keys.load(credentials.key)
        certificate = certificates.normalise(credentials.certificate)
        if not _belong_together(certificate, key):
            raise InvalidKey("the node key does not belong to the node certificate")
        with self._disk.locked(self.directory):
            headers = self._private_headers() if self._disk.exists(self.key_path) else {}
            self._disk.write_atomic(self._waiting_certificate, certificate, 0o644)
            self._write_key(key, kek, headers, change)
            self._promote()

    def replace(self, credentials: NodeCredentials, kek: bytes | None) -> None:
        """Replace certificate and key together, under the unlock key in force, which must be `kek`. Raises WrongKek."""
        key = keys.load(credentials.key)
        certificate = certificates.normalise(credentials.certificate)
        if not _belong_together(certificate, key):
            raise InvalidKey("the node key does not belong to the node certificate")
        with self._disk.locked(self.directory):
            block = self._block()
            if not _is_under(block, kek):
                raise WrongKek
            self._disk.write_atomic(self._waiting_certificate, certificate, 0o644)
            self._write_key(key, Kek(kek, self.kek_version()), _private(block), None)
            self._promote()

    def is_under(self, kek: bytes | None) -> bool:
        """Whether the key file is in the clear (None), or opens with this key. Raises NoLocalIdentity, InvalidKey."""
        return _is_under(self._block(), kek)

    def headers(self) -> dict[str, str]:
        """The private headers of the key block. Raises NoLocalIdentity, InvalidKey."""
        return self._private_headers()

    def update_headers(self, change: HeaderChange) -> None:
        """Edit the private headers in one durable step; the key itself is not touched and needs no KEK."""
        with self._disk.locked(self.directory):
            block = self._block()
            headers = _private(block)
            change(headers)
            kept = {name: block.headers[name] for name in _OPENSSL_HEADERS if name in block.headers}
            self._store(pem.Block(block.kind, block.body, {**headers, **kept}))

    def rekey(self, old: bytes | None, new: Kek, change: HeaderChange | None = None) -> None:
        """Put the key under another KEK; `change` re-encrypts the headers in the same step. Raises WrongKek."""
        with self._disk.locked(self.directory):
            block = self._block()
            key = keys.from_block(block, old)
            self._write_key(key, new, _private(block), change, legacy=block.kind == keys.LEGACY)

    def kek_version(self) -> int:
        """The version of the KEK in force; 0 when the file does not say."""
        text = self._private_headers().get(KEK_VERSION, "0")
        if not text.isdecimal():
            raise InvalidKey(f"{self.key_path}: header {KEK_VERSION} is not a number")
        return int(text)

    def stamp(self) -> tuple[Stamp, ...]:
        """Changes whenever certificate, key or root is replaced."""
        return tuple(map(self._disk.stamp, (self.key_path, self.certificate_path, self.root_path)))

    def _make_directory(self) -> None:
        self._disk.make_directory(self.directory)

    def _block(self) -> pem.Block:
        try:
            return keys.first_block(self._disk.read(self.key_path))
        except FileNotFoundError:
            raise NoLocalIdentity(f"no node key at {self.key_path}") from None

    def _private_headers(self) -> dict[str, str]:
        return _private(self._block())

    def _key(self, kek: bytes | None) -> keys.PrivateKey:
        if not self._disk.exists(self.key_path) and self._disk.exists(self._legacy_key):
            self._migrate_legacy_key(kek)
        return keys.from_block(self._block(), kek)

    def _migrate_legacy_key(self, kek: bytes | None) -> None:
        key = keys.from_block(keys.first_block(self._disk.read(self._legacy_key)), kek)
        if self._disk.exists(self.certificate_path) and _belong_together(
            self._disk.read(self.certificate_path), key
        ):
            self._disk.move(self._legacy_key, self.key_path)

    def _certificate_of(self, key: keys.PrivateKey) -> bytes:
        if self._disk.exists(self.certificate_path):
            certificate = self._disk.read(self.certificate_path)
            if _belong_together(certificate, key):
                return certificates.normalise(certificate)
        if self._disk.exists(self._waiting_certificate):
            certificate = self._disk.read(self._waiting_certificate)
            if _belong_together(certificate, key):
                self._promote()
                return certificates.normalise(certificate)
        if not self._disk.exists(self.certificate_path):
            raise NoLocalIdentity(f"no node certificate at {self.certificate_path}")
        raise InvalidKey(f"{self.key_path} does not belong to {self.certificate_path}")

    def _write_key(
        self,
        key: keys.PrivateKey,
        kek: Kek,
        headers: dict[str, str],
        change: HeaderChange | None,
        *,
        legacy: bool = False,
    ) -> None:
        headers[KEK_VERSION] = str(kek.version)
        if change is not None:
            change(headers)
        block = keys.to_block(key, kek.key, legacy=legacy)
        self._store(pem.Block(block.kind, block.body, {**headers, **block.headers}))

    def _store(self, block: pem.Block) -> None:
        self._disk.write_atomic(self.key_path, pem.encode(block), 0o600)

    def _promote(self) -> None:
        self._disk.move(self._waiting_certificate, self.certificate_path)


def _is_under(block: pem.Block, kek: bytes | None) -> bool:
    if keys.is_encrypted(block) != (kek is not None):
        return False
    try:
        keys.from_block(block, kek)
    except WrongKek:
        return False
    return True


def _private(block: pem.Block) -> dict[str, str]:
    return {name: value for name, value in block.headers.items() if name not in _OPENSSL_HEADERS}


def _belong_together(certificate: bytes, key: keys.PrivateKey) -> bool:
    try:
        return certificates.public_der(certificates.parse(certificate)[0]) == keys.public_der(key)
    except InvalidCertificate:
        return False
