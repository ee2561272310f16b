"""TOML that people write, read with the same care as JSON (`json_text`)."""

import tomllib
from typing import Any


def toml_of(text: str) -> dict[str, Any]:
    """The table that a TOML text stands for. Raises tomllib.TOMLDecodeError for every other text."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise tomllib.TOMLDecodeError("it is nested too deep") from None
