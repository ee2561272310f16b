"""What ends a node for good; the text is one sentence for a person.

NodeError
├── NodeLocked          its key file does not open without an unlock key, or with this one
├── CertificateOver     its certificate is out of its time
├── CannotJoin          managers do not let it in, or do not answer; the cause says which
├── NoJoinToken         what was given for a join token is none
└── ManagerGaveUp       its manager ended before it ever served
"""


class NodeError(Exception):
    """The node cannot run as it was asked to; trying again changes nothing."""


class NodeLocked(NodeError):
    """An unlock key is needed, or another one."""


class CertificateOver(NodeError):
    """The node's certificate is out of its time."""


class CannotJoin(NodeError):
    """Its cause is what the client of managers met."""


class NoJoinToken(NodeError):
    """The text that was given for a join token is none, or not one for this node."""


class ManagerGaveUp(NodeError):
    """The manager process ended; why, it has said itself on the standard error that it shares with us. `said` is that sentence, empty
    where it could not say one."""

    def __init__(self, text: str, said: str = "") -> None:
        super().__init__(text)
        self.said = said
