"""What ends a node for good; the text is one sentence for a person."""


class NodeError(Exception):
    """The node cannot run as it was asked to; trying again changes nothing."""
