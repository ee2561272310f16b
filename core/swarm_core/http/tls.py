"""TLS of an HTTP face: whose certificate it shows, and whose it asks for (docs/design/engine-api.md E1).

Rule: verifying clients means that a client without a certificate of this one CA gets no further than the handshake; the system's
own list of CAs plays no part.
"""

import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# ECDHE with AES in GCM alone: what today's clients have, with forward secrecy and no older modes.
_CIPHERS = (
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
)


class InvalidTls(ValueError):
    """The files cannot be used; the text is a sentence for people."""


class RenewableContext(ssl.SSLContext):
    """What a port that stays open shakes hands by: each connection is made by the `newest` context. One of OpenSSL's own cannot forget a CA, and
    would take up sessions of clients that the former one let in."""

    def __new__(cls, newest: ssl.SSLContext) -> "RenewableContext":
        return super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)

    def __init__(self, newest: ssl.SSLContext) -> None:
        self.newest = newest

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """A connection, as event loops make them."""
        return self.newest.wrap_bio(*arguments, **options)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """`ca` is there when clients are verified, and then they must show a certificate of it."""

    certificate: Path
    key: Path
    ca: Path | None

    @property
    def verifies_clients(self) -> bool:
        return self.ca is not None

    def server_context(self) -> "RenewableContext":
        """What a listener shows and asks for, read now. Raises InvalidTls."""
        return RenewableContext(self._read())

    def renewal(self, contexts: Iterable["RenewableContext"]) -> Callable[[], None]:
        """Read the files again. What is given makes these contexts show the certificate, and take the clients, that they say now, from the next
        connection on; connections that are open go on. Raises InvalidTls."""
        newest, renewed = self._read(), list(contexts)

        def renew() -> None:
            for context in renewed:
                context.newest = newest

        return renew

    def _read(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(_CIPHERS)
        context.set_alpn_protocols(["http/1.1"])
        self._show_certificate(context)
        if self.ca is not None:
            self._verify_clients(context, self.ca)
        return context

    def _show_certificate(self, context: ssl.SSLContext) -> None:
        def no_password() -> str:
            raise InvalidTls(
                f"invalid TLS configuration: error reading X509 key pair - make sure the key is not encrypted "
                f'(cert: "{self.certificate}", key: "{self.key}")'
            )

        try:
            # Opened by hand first: the library does not say which of the two is missing.
            for path in (self.certificate, self.key):
                path.read_bytes()
            context.load_cert_chain(self.certificate, self.key, no_password)
        except (OSError, ssl.SSLError) as error:
            raise InvalidTls(
                f'invalid TLS configuration: could not load X509 key pair (cert: "{self.certificate}", key: "{self.key}"): '
                f"{_reason(error)}"
            ) from None

    def _verify_clients(self, context: ssl.SSLContext, ca: Path) -> None:
        try:
            context.load_verify_locations(cadata=ca.read_text())
        except (OSError, ssl.SSLError, ValueError) as error:
            raise InvalidTls(
                f'invalid TLS configuration: could not read CA certificate "{ca}": {_reason(error)}'
            ) from None
        context.verify_mode = ssl.CERT_REQUIRED


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or str(error)
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return "it is no certificate in PEM form"
