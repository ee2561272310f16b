"""Data of secrets and configs that is a template (docs/design/engine-api-json.md 14.7.2)."""

from typing import Final

from swarm_core.engine_json.given import Given
from swarm_core.http.errors import BadRequest
from swarm_core.http.version import Version

_SINCE: Final = Version(1, 37)


def check_templating(noun: str, given: Given) -> None:
    """Refuse it from a client of a version that did not have it: dropped, the data would be taken literally. Raises BadRequest."""
    if given.version < _SINCE and given.part("Templating") is not None:
        raise BadRequest(f"{noun} templating is not supported on the specified API version: {given.version}")
