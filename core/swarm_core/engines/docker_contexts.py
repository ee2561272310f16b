"""Docker's contexts as engines: what `docker context create` wrote, read and never changed.

A context is a directory below `contexts/meta` that is called by the SHA-256 of its name; its certificates are below `contexts/tls`. The
one that is called `default` is written nowhere: it is `$DOCKER_HOST`, or docker's own socket.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from swarm_core.api.json_text import json_of
from swarm_core.engines.records import EngineEntry
from swarm_core.engines.ways import problem_of

DEFAULT: Final = "default"
_DEFAULT_URL: Final = "unix:///var/run/docker.sock"
_TLS_FILES: Final = ("ca.pem", "cert.pem", "key.pem")


def docker_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """Where docker keeps a person's settings."""
    return Path(environment.get("DOCKER_CONFIG") or Path.home() / ".docker")


def current_context(environment: Mapping[str, str] = os.environ) -> str:
    """The context that docker's own commands mean now: `$DOCKER_HOST` is the default one, and goes before `$DOCKER_CONTEXT` and `docker context use`."""
    if environment.get("DOCKER_HOST"):
        return DEFAULT
    if name := environment.get("DOCKER_CONTEXT"):
        return name
    try:
        return str(
            json_of((docker_directory(environment) / "config.json").read_text()).get("currentContext")
            or DEFAULT
        )
    except (OSError, ValueError, AttributeError):
        return DEFAULT  # docker takes what it cannot read for nothing


def is_pointed_elsewhere(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a person has docker talk to another engine than this machine's."""
    return bool(environment.get("DOCKER_HOST")) or current_context(environment) != DEFAULT


def context_named(name: str, environment: Mapping[str, str] = os.environ) -> EngineEntry:
    """The engine of a context. Raises LookupError or ValueError, each with a sentence."""
    if name == DEFAULT:
        return EngineEntry(environment.get("DOCKER_HOST") or _DEFAULT_URL, name, source="docker's contexts")
    contexts = docker_directory(environment) / "contexts"
    digest = hashlib.sha256(name.encode()).hexdigest()
    path = contexts / "meta" / digest / "meta.json"
    try:
        content = json_of(path.read_text())
    except FileNotFoundError:
        known = ", ".join(context_names(environment))
        raise LookupError(f"Docker has no context {name!r}; known are: {known}.") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}, docker's context {name!r}, cannot be read: {error}.") from None
    return _entry(name, content, contexts / "tls" / digest / "docker", path)


def context_names(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The names of all that can be read, `default` first."""
    names = []
    for path in sorted((docker_directory(environment) / "contexts" / "meta").glob("*/meta.json")):
        try:
            names.append(str(json_of(path.read_text())["Name"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # docker lists the others too
    return [DEFAULT, *sorted(names)]


def _entry(name: str, content: Any, tls: Path, path: Path) -> EngineEntry:
    try:
        endpoint = content["Endpoints"]["docker"]
        url, skips = str(endpoint["Host"]), bool(endpoint.get("SkipTLSVerify"))
    except (KeyError, TypeError, AttributeError):
        raise ValueError(f"{path}, docker's context {name!r}, names no engine.") from None
    if problem := problem_of(url):
        raise ValueError(f"Docker's context {name!r} has an address that {problem}: {url}.")
    ca, certificate, key = (str(tls / file) if (tls / file).exists() else "" for file in _TLS_FILES)
    return EngineEntry(url, name, (), ca, certificate, key, not skips, "docker's contexts")
