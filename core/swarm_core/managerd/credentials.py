"""The node's certificate, key and trusted roots as the files hold them now.

Rules: the node daemon renews them; this process reads them again when a file was replaced, and tells whoever serves or
dials with them. Files that cannot be used, or whose certificate is not a manager's, leave the old ones in force: the
daemon ends this process when the node is no manager any more.
"""

import logging
from collections.abc import Callable

from swarm_core.ca import certificates
from swarm_core.ca.errors import CaError
from swarm_core.ca.key_file import KeyFile
from swarm_core.ca.tls import TlsIdentity
from swarm_core.runtime.clock import Clock

POLL_S = 0.5
_log = logging.getLogger(__name__)


class LiveCredentials:
    """`tls` and `identity` are those in force; `kek` is the unlock key that the key file is under. Raises CaError when
    they cannot be read at first."""

    def __init__(self, key_file: KeyFile, kek: bytes | None, clock: Clock) -> None:
        self._key_file = key_file
        self._clock = clock
        self.kek = kek
        self._listeners: list[Callable[[TlsIdentity], None]] = []
        self._seen = self._key_file.stamp()
        self.tls = self._read()
        self.identity = certificates.identity(self.tls.certificate)

    def listen(self, listener: Callable[[TlsIdentity], None]) -> None:
        """Call `listener` with new credentials."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Watch the files until cancelled."""
        while True:
            await self._clock.sleep(POLL_S)
            stamp = self._key_file.stamp()
            if stamp != self._seen and self._reload():
                self._seen = stamp

    def _reload(self) -> bool:
        """Read the files anew; False when that must be tried again."""
        try:
            found = self._read()
            identity = certificates.identity(found.certificate)
        except (CaError, OSError) as error:
            _log.warning("the node's new certificate cannot be used: %s", error)
            return False
        if found != self.tls and identity.is_manager:
            self.tls, self.identity = found, identity
            _log.info("the node's certificate or its trusted roots have changed")
            for listener in self._listeners:
                listener(found)
        return True

    def _read(self) -> TlsIdentity:
        credentials = self._key_file.read(self.kek)
        return TlsIdentity(self._key_file.read_root(), credentials.certificate, credentials.key)
