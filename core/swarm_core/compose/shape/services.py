"""One service, and what it refers to."""

from typing import Final

from swarm_core.compose.shape.deploy import DEPLOY, DURATION
from swarm_core.compose.shape.parts import (
    BOOLEAN,
    COMMAND,
    INTEGER,
    NAMES,
    NULL,
    OPTIONS,
    OURS,
    PAIRS,
    SMALL_COUNT,
    TEXT,
    TEXT_OR_NULL,
    TEXT_OR_TEXTS,
    TEXTS,
    UNIQUE_NAMES,
    UNIQUE_TEXTS,
    Either,
    Fields,
    Key,
    ListOf,
    MapOf,
    fields,
    integer,
    scalar,
)

_SIZE: Final = scalar("string", "integer", "number")

_BUILD: Final = Either((TEXT, Fields({}, is_open=True)))
_CREDENTIALS: Final = fields(config=Key(TEXT, 8), file=TEXT, registry=TEXT)
_HEALTH: Final = fields(
    disable=BOOLEAN,
    interval=DURATION,
    retries=integer(-(1 << 31), (1 << 31) - 1),
    test=Either((TEXT, TEXTS)),
    timeout=DURATION,
    start_period=Key(DURATION, 4),
    start_interval=Key(DURATION, 12),
)
_NETWORK: Final = fields(
    aliases=UNIQUE_TEXTS, driver_opts=Key(OPTIONS, 13), ipv4_address=TEXT, ipv6_address=TEXT
)
_PORT: Final = fields(mode=TEXT, target=SMALL_COUNT, published=SMALL_COUNT, protocol=TEXT)
_PAYLOAD: Final = fields(
    source=TEXT, target=TEXT, uid=TEXT, gid=TEXT, mode=SMALL_COUNT, is_open=True, needs=("source",)
)
_MOUNT: Final = fields(
    needs=("type",),
    type=TEXT,
    source=TEXT,
    target=TEXT,
    read_only=BOOLEAN,
    consistency=TEXT,
    bind=fields(propagation=TEXT, is_open=True),
    volume=fields(nocopy=BOOLEAN, subpath=TEXT, is_open=True),
    tmpfs=Key(fields(size=INTEGER, is_open=True), 0),
)
_ULIMIT: Final = Either((INTEGER, fields(hard=INTEGER, soft=INTEGER, needs=("soft", "hard"))))
_DEPENDENCY: Final = fields(condition=TEXT, required=BOOLEAN, restart=BOOLEAN)
_ENV_FILE: Final = fields(path=TEXT, required=BOOLEAN, format=TEXT, is_open=False)
_EXTENDS: Final = fields(service=TEXT, file=TEXT, needs=("service",))
_PROCESS: Final = fields(command=Either((TEXT, TEXTS)), args=TEXTS, dir=TEXT, user=TEXT, needs=("command",))

SERVICE: Final = fields(
    has_extensions=True,
    deploy=DEPLOY,
    build=_BUILD,
    cap_add=UNIQUE_TEXTS,
    cap_drop=UNIQUE_TEXTS,
    cgroupns_mode=Key(TEXT, 9),
    cgroup_parent=TEXT,
    command=COMMAND,
    configs=Key(ListOf(Either((TEXT, _PAYLOAD))), 3),
    container_name=TEXT,
    credential_spec=Key(_CREDENTIALS, 3),
    depends_on=Either((UNIQUE_NAMES, MapOf(_DEPENDENCY, NAMES)), ours=frozenset({"mapping"})),
    devices=UNIQUE_TEXTS,
    dns=TEXT_OR_TEXTS,
    dns_search=TEXT_OR_TEXTS,
    domainname=TEXT,
    entrypoint=COMMAND,
    env_file=Either((TEXT, ListOf(Either((TEXT, _ENV_FILE), ours=frozenset({"mapping"}))))),
    environment=PAIRS,
    expose=ListOf(scalar("string", "integer", "number"), is_unique=True),
    extends=Key(Either((TEXT, _EXTENDS)), OURS),
    external_links=UNIQUE_TEXTS,
    extra_hosts=PAIRS,
    group_add=Key(ListOf(scalar("string", "integer"), is_unique=True), OURS),
    healthcheck=_HEALTH,
    hostname=TEXT,
    image=TEXT,
    init=Key(BOOLEAN, 7),
    ipc=TEXT,
    isolation=Key(TEXT, 5),
    labels=PAIRS,
    links=UNIQUE_TEXTS,
    logging=fields(driver=TEXT, options=MapOf(scalar("string", "integer", "number", "null"))),
    mac_address=TEXT,
    network_mode=TEXT,
    networks=Either((UNIQUE_NAMES, MapOf(Either((NULL, _NETWORK)), NAMES))),
    oom_score_adj=Key(INTEGER, 13),
    pid=TEXT_OR_NULL,
    platform=Key(TEXT, OURS),
    ports=ListOf(
        Either((scalar("string", "integer", "number"), _PORT), since={"mapping": 2}), is_unique=True
    ),
    privileged=BOOLEAN,
    profiles=Key(UNIQUE_TEXTS, OURS),
    read_only=BOOLEAN,
    restart=TEXT,
    secrets=Key(ListOf(Either((TEXT, _PAYLOAD))), 1),
    security_opt=UNIQUE_TEXTS,
    shm_size=_SIZE,
    stdin_open=BOOLEAN,
    stop_grace_period=DURATION,
    stop_signal=TEXT,
    sysctls=PAIRS,
    tmpfs=TEXT_OR_TEXTS,
    tty=BOOLEAN,
    ulimits=MapOf(_ULIMIT),
    user=TEXT,
    userns_mode=TEXT,
    volumes=ListOf(Either((TEXT, _MOUNT), since={"mapping": 2})),
    working_dir=TEXT,
)
SERVICE_KEYS: Final = {**SERVICE.keys, "x-process": Key(_PROCESS, OURS)}
"""With the key whose name no keyword argument can have."""
