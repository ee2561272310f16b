"""Credentials of registries as the docker command keeps them, for `--with-registry-auth`.

They stand in `config.json` below $DOCKER_CONFIG or ~/.docker: in `auths`, or in a program that `credHelpers` names for the registry
or `credsStore` for all. $DOCKER_AUTH_CONFIG comes before both.

Rules: no text of ours ever holds a credential, failures included. Whoever has no credentials for a registry sends an empty
set, as docker does: then nodes pull without.
"""

import base64
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from swarm_core.api.json_text import json_of
from swarm_core.specs.images import registry

from swarm_tui.cli.plumbing.session import Failure

_OFFICIAL: Final = "https://index.docker.io/v1/"
"""Under this name the docker command keeps what belongs to the registry without a name."""
_USER_OF_TOKENS: Final = "<token>"
"""A helper's user name when its secret is an identity token."""
_NOT_FOUND: Final = "credentials not found in native keychain"
_HELPER_S: Final = 60
_FIELDS: Final = ("username", "password", "auth", "email", "serveraddress", "identitytoken", "registrytoken")
_Auth = dict[str, str]


def encoded(image: str, environ: Mapping[str, str] = os.environ) -> str:
    """The credentials for the image's registry, in the form that the spec of a container takes. Raises Failure."""
    key = _key(registry(image))
    found = _from_environment(key, environ)
    if found is None:
        found = _from_config(key, environ)
    ordered = {field: found[field] for field in _FIELDS if found.get(field)}
    text = json.dumps(ordered, ensure_ascii=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return base64.urlsafe_b64encode(text.encode()).decode()


def _key(host: str) -> str:
    return _OFFICIAL if host == "docker.io" else host


def _from_environment(key: str, environ: Mapping[str, str]) -> _Auth | None:
    text = environ.get("DOCKER_AUTH_CONFIG", "")
    if not text:
        return None
    auths = _object(_parsed(text, "DOCKER_AUTH_CONFIG").get("auths"))
    return _of_entry(key, auths[key]) if key in auths else None


def _from_config(key: str, environ: Mapping[str, str]) -> _Auth:
    directory = environ.get("DOCKER_CONFIG") or Path(environ.get("HOME", "~")).expanduser() / ".docker"
    path = Path(directory) / "config.json"
    try:
        config = _parsed(path.read_text("utf-8"), str(path))
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        raise Failure(f"{path} is no UTF-8 text.") from None
    helper = _object(config.get("credHelpers")).get(key) or config.get("credsStore")
    return _from_helper(str(helper), key) if helper else _from_auths(_object(config.get("auths")), key)


def _from_auths(auths: dict[str, Any], key: str) -> _Auth:
    if key in auths:
        return _of_entry(key, auths[key])
    # Older versions kept whole addresses.
    return next((_of_entry(name, entry) for name, entry in auths.items() if _hostname(name) == key), {})


def _hostname(address: str) -> str:
    return address.removeprefix("https://").removeprefix("http://").partition("/")[0]


def _of_entry(name: str, entry: Any) -> _Auth:
    found = {field: str(value) for field, value in _object(entry).items() if field in _FIELDS and value}
    if packed := found.pop("auth", ""):
        try:
            user, separator, password = base64.b64decode(packed, validate=True).decode().partition(":")
        except ValueError:
            user, separator, password = "", "", ""
        if not separator or not user:
            raise Failure(f"The docker command's credentials for {name} cannot be read.")
        found |= {"username": user, "password": password.strip("\0")}
    return {**found, "serveraddress": name}


def _from_helper(suffix: str, key: str) -> _Auth:
    program = f"docker-credential-{suffix}"
    try:
        command = [program, "get"]
        done = subprocess.run(  # noqa: S603 - the user's own configuration names it
            command, input=key.encode(), capture_output=True, timeout=_HELPER_S, check=False
        )
    except OSError as error:
        raise Failure(f"The credential helper {program} cannot be run: {error.strerror}.") from None
    except subprocess.TimeoutExpired:
        raise Failure(f"The credential helper {program} has not answered for {_HELPER_S} s.") from None
    said = done.stdout.decode("utf-8", "replace").strip()
    if done.returncode:
        if said == _NOT_FOUND:
            return {}
        # What it printed may hold anything: it is not repeated.
        raise Failure(f"The credential helper {program} failed for {key} with exit code {done.returncode}.")
    answer = _parsed(said, program)
    user, secret = str(answer.get("Username", "")), str(answer.get("Secret", ""))
    known = {"identitytoken": secret} if user == _USER_OF_TOKENS else {"username": user, "password": secret}
    return {**known, "serveraddress": key}


def _parsed(text: str, where: str) -> dict[str, Any]:
    try:
        found = json_of(text) if text.strip() else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Failure(f"{where} is no JSON object.")
    return found


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
