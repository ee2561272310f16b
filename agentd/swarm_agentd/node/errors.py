"""What ends a node for good; the text is one sentence for a person."""


class NodeError(Exception):
    """The node cannot run as it was asked to; trying again changes nothing."""


class ManagerGaveUp(NodeError):
    """The manager process ended; why, it has said itself on the standard error that it shares with us."""
