"""Failures as one sentence for a person. Pure."""

from swarm_core.client.errors import CallFailed, Unreachable


def sentence(error: CallFailed | Unreachable, doing: str) -> str:
    """What went wrong while `doing` something, e.g. "scale api"."""
    text = str(error).strip().rstrip(".")
    if isinstance(error, Unreachable):
        return f"Could not {doing}: no manager answers ({text})."
    return f"Could not {doing}: {text}."
