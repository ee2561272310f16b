"""Lists of engines as classic Swarm's discovery takes them: addresses with ranges, on a line each or between commas.

    10.0.0.[11:13]:2375        # three engines
    unix:///run/docker.sock

An address without a scheme is `tcp://`. Everything behind a `#` is a comment.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from swarm_core.engines.records import EngineEntry
from swarm_core.engines.ways import problem_of

_RANGE: Final = re.compile(r"\[([0-9]{1,9}):([0-9]{1,9})\]")
RANGE_MAX: Final = 10_000


def expanded(text: str) -> list[str]:
    """The addresses that `text` means: its first pair of brackets with two numbers is a range. Raises ValueError."""
    found = _RANGE.search(text)
    if found is None:
        return [text]
    first, last = int(found[1]), int(found[2])
    if not first <= last < first + RANGE_MAX:
        raise ValueError(f"{text} is no range of at most {RANGE_MAX} addresses")
    return [f"{text[: found.start()]}{number}{text[found.end() :]}" for number in range(first, last + 1)]


def entries_of(texts: Iterable[str], source: str) -> list[EngineEntry]:
    """The engines of a list, each once. Raises ValueError with a sentence."""
    entries: dict[str, EngineEntry] = {}
    for text in texts:
        text = text.partition("#")[0].strip()
        for address in expanded(text) if text else ():
            url = address if "://" in address else f"tcp://{address}"
            if problem := problem_of(url):
                raise ValueError(f"{source}: the address {url} {problem}")
            entries[url] = EngineEntry(url, source=source)
    return list(entries.values())


def read_list(path: Path) -> list[EngineEntry]:
    """The engines of a file of addresses. Raises OSError, ValueError."""
    try:
        text = path.read_text()
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no UTF-8 text") from None
    return entries_of(text.splitlines(), str(path))
