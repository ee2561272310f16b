"""What was made through us and how: one file for each container, as long as it is there.

Rules
1. A file is called by the container's id and holds id, name, the body that made it, and its engine's id. It is whole or not there.
2. Directory and files are their owner's alone: a body may have secrets in its environment.
3. An id that cannot be one is never a file's name.
4. A file that cannot be read is told, and is as if it were not there.
"""

import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from swarm_core.api.json_text import json_of

_log = logging.getLogger(__name__)
_ID: Final = re.compile(r"[0-9a-f]{12,64}")
_SUFFIX: Final = ".json"


@dataclass(frozen=True, slots=True)
class Deployment:
    """A container that was made through us."""

    id: str
    name: str
    body: Mapping[str, Any]
    """What made it, with the labels that say what was asked."""
    engine_id: str = ""


class DeployedFiles:
    """The deployments in a directory, which is made when the first is saved."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def save(self, deployment: Deployment) -> None:
        """Remember it. Raises OSError, and ValueError for an id that is none."""
        path = self._path(deployment.id)
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        content = {
            "ID": deployment.id,
            "Name": deployment.name,
            "Config": deployment.body,
            "Engine": deployment.engine_id,
        }
        beside = path.with_suffix(".new")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(content, file)
        beside.replace(path)

    def forget(self, id_: str) -> bool:
        """Have it no more; whether it was there. Raises OSError."""
        if _ID.fullmatch(id_) is None:
            return False
        path = self._path(id_)
        is_there = path.exists()
        path.unlink(missing_ok=True)
        return is_there

    def get(self, id_: str) -> Deployment | None:
        """How this container was made; None when it was not made through us."""
        return _read(self._path(id_)) if _ID.fullmatch(id_) is not None else None

    def __iter__(self) -> Iterator[Deployment]:
        for path in sorted(self._directory.glob(f"*{_SUFFIX}")):
            found = _read(path)
            if found is not None:
                yield found

    def _path(self, id_: str) -> Path:
        if _ID.fullmatch(id_) is None:
            raise ValueError(f"{id_!r} is no container's id")
        return self._directory / f"{id_}{_SUFFIX}"


def _read(path: Path) -> Deployment | None:
    try:
        content = json_of(path.read_text())
        return Deployment(
            str(content["ID"]), str(content["Name"]), dict(content["Config"]), str(content.get("Engine", ""))
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("%s cannot be read: %s", path, error)
        return None
