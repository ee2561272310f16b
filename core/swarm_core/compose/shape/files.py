"""A whole file, and its version."""

from typing import Final

from swarm_core.compose.reading.errors import WrongShape
from swarm_core.compose.reading.values import Map, Seq
from swarm_core.compose.shape.parts import (
    BOOLEAN,
    NAMES,
    NEWEST,
    NULL,
    OPTIONS,
    OURS,
    PAIRS,
    TEXT,
    TEXTS,
    Either,
    Fields,
    Key,
    ListOf,
    MapOf,
    fields,
)
from swarm_core.compose.shape.services import SERVICE, SERVICE_KEYS

_EXTERNAL: Final = Either((BOOLEAN, fields(name=TEXT)))
_SUBNET: Final = fields(
    subnet=TEXT,
    gateway=Key(TEXT, OURS),
    ip_range=Key(TEXT, OURS),
    aux_addresses=Key(MapOf(TEXT), OURS),
)
_NETWORK: Final = Either(
    (
        NULL,
        fields(
            has_extensions=True,
            name=Key(TEXT, 5),
            driver=TEXT,
            driver_opts=OPTIONS,
            ipam=fields(driver=TEXT, config=ListOf(_SUBNET)),
            external=_EXTERNAL,
            internal=BOOLEAN,
            attachable=Key(BOOLEAN, 2),
            enable_ipv6=Key(BOOLEAN, OURS),
            labels=PAIRS,
        ),
    )
)
_VOLUME: Final = Either(
    (
        NULL,
        fields(
            has_extensions=True,
            name=Key(TEXT, 4),
            driver=TEXT,
            driver_opts=OPTIONS,
            external=_EXTERNAL,
            labels=PAIRS,
        ),
    )
)
_SECRET: Final = fields(
    has_extensions=True,
    name=Key(TEXT, 5),
    file=TEXT,
    external=_EXTERNAL,
    labels=PAIRS,
    driver=Key(TEXT, 8),
    driver_opts=Key(OPTIONS, 8),
    template_driver=Key(TEXT, 8),
    environment=Key(TEXT, OURS),
)
_CONFIG: Final = fields(
    has_extensions=True,
    name=Key(TEXT, 5),
    file=TEXT,
    external=_EXTERNAL,
    labels=PAIRS,
    template_driver=Key(TEXT, 8),
    content=Key(TEXT, OURS),
    environment=Key(TEXT, OURS),
)
_PATHS: Final = Either((TEXT, TEXTS))
_INCLUDE: Final = ListOf(
    Either((TEXT, fields(path=_PATHS, project_directory=TEXT, env_file=_PATHS, needs=("path",))))
)

FILE: Final = fields(
    has_extensions=True,
    version=TEXT,
    name=Key(TEXT, OURS),
    include=Key(_INCLUDE, OURS),
    services=MapOf(Fields(SERVICE_KEYS, has_extensions=SERVICE.has_extensions), NAMES),
    networks=MapOf(_NETWORK, NAMES),
    volumes=MapOf(_VOLUME, NAMES),
    secrets=Key(MapOf(_SECRET, NAMES), 1),
    configs=Key(MapOf(_CONFIG, NAMES), 3),
)
_VERSIONS: Final = {"": NEWEST, "3": NEWEST} | {f"3.{minor}": minor for minor in range(NEWEST + 1)}


def version_of(document: Map) -> int:
    """The minor version of a file: 13 for "3.13". Raises WrongShape."""
    given = document.get("version", "")
    if given is None or isinstance(given, Map | Seq) or not isinstance(given, str):
        raise WrongShape("version must be a string: write it in quotes", document.at("version"))
    if given not in _VERSIONS:
        raise WrongShape(f"unsupported Compose file version: {given}", document.at("version"))
    return _VERSIONS[given]
