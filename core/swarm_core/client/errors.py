"""What a client meets; each text is a sentence for people.

ClientError
├── CallFailed            the manager answered with a failure: `code` is the status's name ("NOT_FOUND")
│   └── NotTaken          it ended the call before it took what was sent: the reason is lost, asking again may tell it
├── Unreachable           no manager answered: try again later, or another one
│   └── UntrustedManager  somebody answered who cannot be believed: only another address or CA helps
│       └── WrongRoot     its root certificate is not the one that a join token was made for
├── IncompleteLogs        the end of logs of which some node or task gave nothing
└── CertificateRefused    the certificate authority will not issue: retrying does not help
"""

from typing import Final

NO_LEADER: Final = "UNKNOWN"
"""The code of a manager's answer that nobody leads, which is so of other programs' managers too."""


class ClientError(Exception):
    """Root of the tree."""


class CallFailed(ClientError):
    """A call that the manager refused or could not carry out."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class NotTaken(CallFailed):
    """The manager ended a call before it took what was sent; why, is not known."""


class Unreachable(ClientError):
    """Nobody there, or nobody who speaks our language."""


class UntrustedManager(Unreachable):
    """A manager whose certificate, or root certificate, is not the expected one."""


class WrongRoot(UntrustedManager):
    """A root certificate that a join token was not made for."""


class CertificateRefused(ClientError):
    """The certificate authority's final no."""


class IncompleteLogs(ClientError):
    """The end of logs of which some node or task gave nothing; the text says which. What came is valid."""
