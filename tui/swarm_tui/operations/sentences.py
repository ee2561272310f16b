"""Failures as one sentence for a person. Pure."""

from swarm_core.client.errors import CallFailed, Unreachable


def refusal(reason: str, doing: str) -> str:
    """Why there is no `doing` something, e.g. "scale api"."""
    return f"Could not {doing}: {reason.strip().rstrip('.')}."


def unanswered(reason: str, doing: str) -> str:
    """What is said where `doing` something was asked for and nobody told what came of it: that it could not be done is not known either."""
    return f"{doing[:1].upper()}{doing[1:]}: {reason.strip().rstrip('.')}."


def sentence(error: CallFailed | Unreachable, doing: str) -> str:
    """What went wrong while `doing` something."""
    text = str(error).strip().rstrip(".")
    if isinstance(error, Unreachable):
        return refusal(f"no manager answers ({text})", doing)
    if error.code == "UNIMPLEMENTED":
        return refusal(f"this cluster cannot do that ({text})", doing)
    return refusal(text or error.code, doing)
