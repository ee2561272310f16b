"""What can go wrong with identities. None of these is worth a blind retry.

CaError
├── InvalidToken          a join token or unlock key that cannot be parsed
├── InvalidCertificate    a certificate, chain or root bundle that cannot be accepted
├── InvalidRequest        a certificate signing request that cannot be signed
├── InvalidKey            a private key of an unknown kind, or one that does not belong to its certificate
│   └── WrongKek          a private key that does not open with this unlock key: the node is locked
├── NoLocalIdentity       key or certificate file missing: the node has not been set up yet
└── NoLocalRoot           root certificate file missing
"""


class CaError(Exception):
    """Root of the tree."""


class InvalidToken(CaError):
    """Not a join token (or unlock key) of this form."""


class InvalidCertificate(CaError):
    """A certificate that cannot be accepted; the text says why."""


class InvalidRequest(CaError):
    """A certificate signing request that cannot be signed; the text says why."""


class InvalidKey(CaError):
    """A private key that cannot be used; the text says why."""


class WrongKek(InvalidKey):
    """The key file does not open with this unlock key (or with none)."""

    def __init__(self) -> None:
        super().__init__("invalid KEK: the key file does not open with this unlock key")


class NoLocalIdentity(CaError):
    """The key or certificate file does not exist."""


class NoLocalRoot(CaError):
    """The root certificate file does not exist."""
