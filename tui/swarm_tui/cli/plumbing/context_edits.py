"""Changes of `contexts.toml` that leave everything else in it as the person wrote it, comments too."""

from swarm_core.api.toml_text import toml_of
from swarm_core.client.contexts import Context

from swarm_tui.preferences.edits import added, change, quoted, without

__all__ = ["change", "with_context", "with_current", "without_context"]


def with_context(text: str, context: Context) -> str:
    """The text with one more context at its end."""
    lines = [f'[contexts."{context.name}"]']
    lines += [
        f"{name} = {quoted(value)}"
        for name, value in (
            ("ssh", context.ssh),
            ("socket", context.socket),
            ("address", context.address),
            ("certificates", context.certificates),
        )
        if value
    ]
    return added(text, lines)


def without_context(text: str, name: str) -> str:
    """The text without the context, and without its being current."""
    if toml_of(text).get("current") == name:
        text = without(text, ("current",))
    return without(text, ("contexts", name))


def with_current(text: str, name: str) -> str:
    """The text with another current context, which stands before every table."""
    if "current" in toml_of(text):
        text = without(text, ("current",))
    return f"current = {quoted(name)}\n{text}"
