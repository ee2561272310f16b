"""The daemon's configuration file, `daemon.json` in docker's form (docs/design/engine-api.md E17).

Rules
1. A key says what the flag of its name says. One that is unknown, or whose flag was given too, is refused; nothing is ignored.
2. The file is read whole before anything of it counts.

Loaded only where there is such a file.
"""

import argparse
from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from swarm_core.api.json_text import json_of
from swarm_core.runtime.log import FORMATS, LEVELS

from swarm_agentd.node.errors import NodeError

_TEXTS, _TEXT, _FLAG, _FILE = "a list of strings", "a string", "true or false", "a path"
KEYS: Final = {
    "hosts": ("host", _TEXTS),
    "group": ("group", _TEXT),
    "tls": ("tls", _FLAG),
    "tlsverify": ("tlsverify", _FLAG),
    "tlscacert": ("tlscacert", _FILE),
    "tlscert": ("tlscert", _FILE),
    "tlskey": ("tlskey", _FILE),
    "authorization-plugins": ("authorization_plugin", _TEXTS),
    "experimental": ("experimental", _FLAG),
    "labels": ("label", _TEXTS),
    "log-level": ("log_level", _TEXT),
    "log-format": ("log_format", _TEXT),
    "metrics-addr": ("metrics_addr", _TEXT),
    "node-generic-resources": ("generic_node_resources", _TEXTS),
    "swarm-default-advertise-addr": ("swarm_default_advertise_addr", _TEXT),
}
"""Each key with the place of its flag, and what its value must be."""
_DEBUG: Final = "debug"


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """`said` is what all flags say, `flags` are those that were given, by their places."""

    path: Path
    said: argparse.Namespace
    flags: Mapping[str, Any]

    def read(self) -> argparse.Namespace:
        """What flags and file say now. Raises NodeError."""
        given = copy(self.said)
        _apply(self.path, given, self.flags)
        return given


def _apply(path: Path, given: argparse.Namespace, flags: Mapping[str, Any]) -> None:
    found = _read(path)
    if unknown := sorted(found.keys() - KEYS.keys() - {_DEBUG}):
        raise _refused(
            path, f"the following directives don't match any configuration option: {', '.join(unknown)}"
        )
    both = [
        f"{key}: (from flag: {_shown(flags[KEYS[key][0]])}, from file: {_shown(value)})"
        for key, value in found.items()
        if key in KEYS and KEYS[key][0] in flags
    ]
    if both:
        raise _refused(
            path,
            "the following directives are specified both as a flag and in the configuration file: "
            + ", ".join(both),
        )
    for key, value in found.items():
        if key != _DEBUG:
            setattr(given, KEYS[key][0], _value(path, key, value))
    if found.get(_DEBUG) is True and "log-level" not in found and "log_level" not in flags:
        given.log_level = "debug"


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json_of(path.read_text())
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from None
    except ValueError as error:
        raise _refused(path, f"it is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise _refused(path, "it must be one object")
    if not isinstance(found.get(_DEBUG, False), bool):
        raise _refused(path, f"{_DEBUG}: must be {_FLAG}")
    return found


def _value(path: Path, key: str, value: object) -> Any:
    """As the flag's value would be."""
    kind = KEYS[key][1]
    if kind == _TEXTS and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ",".join(value) if key == "node-generic-resources" else list(value)
    if kind == _FLAG and isinstance(value, bool):
        return str(value).lower()
    if kind == _FILE and isinstance(value, str):
        return Path(value)
    if kind == _TEXT and isinstance(value, str):
        if key == "log-level" and value not in LEVELS:
            raise _refused(path, f"invalid logging level: {value}")
        if key == "log-format" and value not in FORMATS:
            raise _refused(path, f"invalid log format: {value}")
        return value
    raise _refused(path, f"{key}: must be {kind}")


def _shown(value: object) -> str:
    """As docker shows it."""
    if isinstance(value, list):
        return f"[{' '.join(str(one) for one in value)}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _refused(path: Path, why: str) -> NodeError:
    return NodeError(f"unable to configure the Docker daemon with file {path}: {why}")


def labels_of(texts: Iterable[str]) -> dict[str, str]:
    """Labels as they are written: key=value, or a key alone. Raises ValueError."""
    found: dict[str, str] = {}
    for text in texts:
        key, _, value = text.partition("=")
        if not key.strip():
            raise ValueError(f"--label: {text!r} has no key")
        if found.setdefault(key, value) != value:
            raise ValueError(f"conflict labels for {key}={value} and {key}={found[key]}")
    return found
