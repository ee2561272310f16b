"""JSON from outside: files, clients, engines, registries.

Python's parser calls itself for each level, and ends a text of some thousand brackets with RecursionError, which no reader expects. To whoever reads, such a
text is one more that is no JSON.
"""

import json
from typing import Any


def json_of(text: str | bytes | bytearray) -> Any:
    """The value that a JSON text stands for. Raises ValueError for every other text."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
