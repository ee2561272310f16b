"""The list of engines that a person keeps: `engines.toml`, read whole or refused with a sentence.

    [engines.web-1]
    url = "tcp://10.0.0.1:2376"
    ca = "~/certs/ca.pem"
    certificate = "~/certs/cert.pem"
    key = "~/certs/key.pem"
    labels = { rack = "a" }
    maintenance = true

A line such as `web-2 = "ssh://ana@web-2"` below `[engines]` names an engine that needs no more than its address.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from swarm_core.api.toml_text import toml_of
from swarm_core.engines.records import EngineEntry, EngineKey
from swarm_core.engines.ways import problem_of

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_TEXTS: Final = {"url": "url", "ca": "ca", "certificate": "certificate", "key": "key_file"}
_SWITCHES: Final = ("verify", "maintenance")
_KNOWN: Final = (*_TEXTS, *_SWITCHES, "labels")


@dataclass(frozen=True, slots=True)
class Listed:
    """What the file says, in its order."""

    path: Path
    entries: tuple[EngineEntry, ...] = ()
    in_maintenance: frozenset[EngineKey] = field(default_factory=frozenset)

    def named(self, name: str) -> EngineEntry:
        """The engine of this name. Raises LookupError with a sentence."""
        for entry in self.entries:
            if entry.name == name:
                return entry
        known = ", ".join(sorted(entry.name for entry in self.entries)) or "none"
        raise LookupError(f"There is no engine {name!r} in {self.path}; known are: {known}.")


def engines_file() -> Path:
    """Where this user's list is kept."""
    import platformdirs

    return Path(platformdirs.user_config_dir("swarm-tui", appauthor=False)) / "engines.toml"


def read_listed(path: Path) -> Listed:
    """What the file says; without one there are no engines. Raises ValueError with a sentence."""
    try:
        content = toml_of(path.read_text())
    except FileNotFoundError:
        return Listed(path)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no valid TOML: {error}.") from None
    if unknown := sorted(set(content) - {"engines"}):
        raise ValueError(f"{path} says {unknown[0]!r}, which is not known; there is engines.")
    table = content.get("engines", {})
    if not isinstance(table, dict):
        raise ValueError(f"{path}: 'engines' is no table; write [engines] on a line of its own.")
    held = {name: _normal(path, name, given) for name, given in table.items()}
    entries = tuple(_entry(path, name, given) for name, given in held.items())
    return Listed(
        path, entries, frozenset(EngineKey(name) for name, given in held.items() if given["maintenance"])
    )


def problem_of_entry(entry: EngineEntry) -> str:
    """What is wrong with an engine of a list, as the end of a sentence; empty when nothing is."""
    if NAME.fullmatch(entry.name) is None:
        return "has a name with other signs than letters, digits, '_', '.' and '-'"
    if not entry.url:
        return "has no url"
    if problem := problem_of(entry.url):
        return f"has an address that {problem}: {entry.url}"
    if bool(entry.certificate) != bool(entry.key_file):
        return "needs both a certificate and its key, or none"
    if entry.is_encrypted and not entry.url.startswith(("tcp://", "https://")):
        return "has certificates, and an address that is reached without TLS"
    return ""


def _normal(path: Path, name: str, given: Any) -> dict[str, Any]:
    """The settings of one engine, each of its type."""
    if isinstance(given, str):
        given = {"url": given}
    if not isinstance(given, dict):
        raise ValueError(f"{path}: the engine {name!r} is neither an address nor a table.")
    if unknown := sorted(set(given) - set(_KNOWN)):
        raise ValueError(
            f"{path}: the engine {name!r} says {unknown[0]!r}, which is not known; there are {', '.join(_KNOWN)}."
        )
    held: dict[str, Any] = {
        **dict.fromkeys(_TEXTS, ""),
        "verify": True,
        "maintenance": False,
        "labels": {},
        **given,
    }
    for key in _TEXTS:
        if not isinstance(held[key], str):
            raise ValueError(f"{path}: {key} of the engine {name!r} is no text.")
    for key in _SWITCHES:
        if not isinstance(held[key], bool):
            raise ValueError(f"{path}: {key} of the engine {name!r} is neither true nor false.")
    labels = held["labels"]
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise ValueError(f"{path}: labels of the engine {name!r} are no table of texts.")
    return held


def _entry(path: Path, name: str, held: Mapping[str, Any]) -> EngineEntry:
    texts = {field_: held[key] for key, field_ in _TEXTS.items()}
    entry = EngineEntry(
        **texts, name=name, labels=tuple(held["labels"].items()), verifies=held["verify"], source=str(path)
    )
    if problem := problem_of_entry(entry):
        raise ValueError(f"{path}: the engine {name!r} {problem}.")
    return entry
