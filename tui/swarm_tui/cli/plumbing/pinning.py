"""When registries are asked for the digests of images, and what is said where one does not answer (docs/design/terminal.md 11.11).

Nothing here stops a command: as docker's command does, an image without a digest goes as it is named, with a warning.
"""

import base64
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import Final

from swarm_core.api.json_text import json_of
from swarm_core.specs.checks import is_image
from swarm_core.specs.images import Pinned

from swarm_tui.cli.plumbing.say import say
from swarm_tui.cli.plumbing.session import USAGE, Failure

VARIABLE: Final = "SWARM_RESOLVE_IMAGE"
_ASKED_AT_ONCE: Final = 8


class ResolveImage(StrEnum):
    ALWAYS = "always"
    CHANGED = "changed"
    NEVER = "never"


def by_default(environ: Mapping[str, str] = os.environ) -> ResolveImage:
    """What the environment says, where no flag does; docker's `always` where it says nothing. Raises Failure."""
    word = environ.get(VARIABLE) or ResolveImage.ALWAYS
    try:
        return ResolveImage(word)
    except ValueError:
        raise Failure(f"{VARIABLE}: {word!r} is none of {', '.join(ResolveImage)}.", USAGE) from None


def pinned(credentials: Mapping[str, str]) -> dict[str, Pinned]:
    """The images that a registry answered for, by what was given; a warning for each other. The values given are credentials in the
    form of a container's spec, empty for none. Blocks."""
    asked = {image: encoded for image, encoded in credentials.items() if is_image(image)}
    with ThreadPoolExecutor(_ASKED_AT_ONCE) as pool:
        answers = dict(zip(asked, pool.map(_ask, asked, asked.values()), strict=True))
    for image, answer in answers.items():
        if isinstance(answer, str):
            say(
                f"Warning: the digest of {image} is not known ({answer}): each node pulls the image by its name, and they may come to "
                "run different ones.",
                err=True,
            )
    return {image: answer for image, answer in answers.items() if isinstance(answer, Pinned)}


def _ask(image: str, encoded: str) -> Pinned | str:
    from swarm_tui.cli.plumbing.image_digests import RegistryFailure, pin

    try:
        return pin(image, json_of(base64.urlsafe_b64decode(encoded)) if encoded else {})
    except RegistryFailure as failure:
        return str(failure)
