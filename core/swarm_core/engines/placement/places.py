"""ENGINE/NAME in the body of a container: networks, volumes and containers of one engine, as lists over all engines show them. Pure.

Rules
1. What begins with an engine's name and a slash is of that engine, which knows it without. The container goes there.
2. A path is no name: a directory that is mounted begins with a slash.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any


def placed_names(body: Mapping[str, Any], engines: Collection[str]) -> tuple[dict[str, Any], list[str]]:
    """The body with names as an engine knows them, and the engines that they were of."""
    named: dict[str, None] = {}

    def bare(text: str) -> str:
        engine, slash, name = text.removeprefix("/").partition("/")
        if (text.startswith("/") and text.count("/") == 1) or not slash or engine not in engines:
            return text
        named[engine] = None
        return name

    def source(text: str) -> str:
        return text if text.startswith("/") else bare(text)

    found = dict(body)
    if host := body.get("HostConfig"):
        found["HostConfig"] = _host(host, bare, source)
    endpoints = (body.get("NetworkingConfig") or {}).get("EndpointsConfig")
    if endpoints:
        config = {bare(name): settings for name, settings in endpoints.items()}
        found["NetworkingConfig"] = {**body["NetworkingConfig"], "EndpointsConfig": config}
    return found, list(named)


def _host(
    host: Mapping[str, Any], bare: Callable[[str], str], source: Callable[[str], str]
) -> dict[str, Any]:
    found = dict(host)
    mode = str(host.get("NetworkMode") or "")
    if mode.startswith("container:"):
        found["NetworkMode"] = f"container:{bare(mode.removeprefix('container:'))}"
    elif mode:
        found["NetworkMode"] = bare(mode)
    if binds := host.get("Binds"):
        found["Binds"] = [
            ":".join((source(first), *rest)) for first, *rest in (one.split(":") for one in binds)
        ]
    if mounts := host.get("Mounts"):
        found["Mounts"] = [
            {**one, "Source": bare(str(one["Source"]))}
            if one.get("Type") == "volume" and one.get("Source")
            else one
            for one in mounts
        ]
    for key in ("Links", "VolumesFrom"):
        if names := host.get(key):
            found[key] = [
                ":".join((bare(first), *rest)) for first, *rest in (one.split(":") for one in names)
            ]
    return found
