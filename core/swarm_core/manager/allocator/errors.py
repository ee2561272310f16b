"""Why something cannot be allocated now."""


class CannotAllocate(Exception):
    """The text says why, without an end: it is shown to people as the reason of what waits for it. Empty: what is
    missing is being made just now."""
