"""What can go wrong with identities. Only ExternalCaUnavailable is worth a blind retry.

CaError
├── InvalidToken          a join token or unlock key that cannot be parsed
├── InvalidCertificate    a certificate, chain or root bundle that cannot be accepted
│   └── OutOfTime         one that is expired, or not valid yet
├── InvalidRequest        a certificate signing request that cannot be signed
├── InvalidKey            a private key of an unknown kind, or one that does not belong to its certificate
│   └── WrongKek          a private key that does not open with this unlock key: the node is locked
├── ExternalCaRefused     an external CA's final no
├── ExternalCaUnavailable an external CA that cannot be reached or understood: try again later
├── NoLocalIdentity       key or certificate file missing: the node has not been set up yet
└── NoLocalRoot           root certificate file missing
"""


class CaError(Exception):
    """Root of the tree."""


class InvalidToken(CaError):
    """Not a join token (or unlock key) of this form."""


class InvalidCertificate(CaError):
    """A certificate that cannot be accepted; the text says why."""


class OutOfTime(InvalidCertificate):
    """Expired, or not valid yet; the text says which, and since or until when."""


class InvalidRequest(CaError):
    """A certificate signing request that cannot be signed; the text says why."""


class InvalidKey(CaError):
    """A private key that cannot be used; the text says why."""


class WrongKek(InvalidKey):
    """The key file does not open with this unlock key (or with none)."""

    def __init__(self) -> None:
        super().__init__("invalid KEK: the key file does not open with this unlock key")


class ExternalCaRefused(CaError):
    """An external CA decided not to sign; the text says why."""


class ExternalCaUnavailable(CaError):
    """An external CA did not answer, or not in a way that can be understood; later it may."""


class NoLocalIdentity(CaError):
    """The key or certificate file does not exist."""


class NoLocalRoot(CaError):
    """The root certificate file does not exist."""
