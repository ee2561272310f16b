"""Compose files read from this machine, for whoever makes a stack of them."""

import gc
import os
from collections.abc import Collection, Sequence
from pathlib import Path

from swarm_core.compose.convert.payloads import Content
from swarm_core.compose.project import Options, Project, Source, load


def project_of(
    sources: Sequence[Source], folder: str, profiles: Collection[str] = (), *, is_interpolated: bool = True
) -> Project:
    """The sources as one project, with this program's variables and its profiles. Raises ComposeError."""
    chosen = [*profiles, *filter(None, os.environ.get("COMPOSE_PROFILES", "").split(","))]
    options = Options(folder, os.environ, read_file, chosen, is_interpolated)
    # Files are bounded, and make many values that all live: looking for garbage among them doubles the time.
    was_on = gc.isenabled()
    gc.disable()
    try:
        return load(sources, options)
    finally:
        if was_on:
            gc.enable()


def content() -> Content:
    """Where the bytes of secrets and configs come from."""
    return Content(read_file, os.environ)


def read_file(path: str) -> bytes:
    """The content of a file. Raises OSError."""
    return Path(path).read_bytes()
