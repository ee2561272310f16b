"""Malformed requests for the Engine API, each drawn from its seed: wrong shapes by a schema, and wrong bytes.

`request_of(seed)` draws one; `hunt` sends them to a face in front of a cluster in memory and says which of them broke a promise:

1. Whatever comes, what answers is HTTP with a status that the API has, and never a mistake of ours (`internal error`).
   Nothing is logged with a traceback.
2. No request makes the next one wait: a good one is answered after it.
3. What nobody asked to be changed stays as it is, byte by byte.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from swarm_core.api.proto.objects_pb2 import Config, Network, Node, Secret, Service, Volume

from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.engine_clients import api_at
from swarm_testkit.factories import (
    make_cluster,
    make_config,
    make_network,
    make_node,
    make_secret,
    make_service,
    make_task,
    make_volume,
)
from swarm_testkit.http_face import ask, connected
from swarm_testkit.log_mistakes import mistakes
from swarm_testkit.openapi.promises import MEANT_FAILURES, MISTAKES
from swarm_testkit.trust import make_authority

WAIT_S = 60.0
ANSWERED = ("/_ping", "/services", "/nodes", "/nodes/kept-n", "/secrets/kept-x")
"""Whatever came before."""
_MOMENT_S = 0.02
_STATUSES = frozenset(
    (200, 201, 204, 301, 304, 400, 401, 403, 404, 405, 406, 408, 409, 413, 414, 431, 500, 501, 503, 505)
)
_WORDS = (
    "",
    "a",
    "web",
    "0",
    "-1",
    "true",
    "[]",
    "{}",
    "%00",
    "ü",
    "\x00",
    "x" * 300,
    "../..",
    "1e400",
    "null",
)
_NUMBERS = (0, 1, -1, 2**31, 2**63, 2**64, -(2**63) - 1, 1.5, 1e308)
_KIND_OF_CONTAINER = {
    "Image": "nginx", "Command": ["a"], "Env": ["A=1"], "Labels": {"a": "b"}, "User": "0", "Hosts": ["10.0.0.1 a"],
    "StopGracePeriod": 1, "Init": True, "TTY": True, "Isolation": "default",
    "Healthcheck": {"Test": ["CMD", "a"], "Interval": 1, "Retries": 1},
    "DNSConfig": {"Nameservers": ["10.0.0.1"], "Options": ["a"]},
    "Secrets": [{"File": {"Name": "a", "UID": "0", "GID": "0", "Mode": 292}, "SecretID": "s1", "SecretName": "s1"}],
    "Mounts": [{"Type": "volume", "Source": "a", "Target": "/a", "VolumeOptions": {"DriverConfig": {"Name": "x"}}}],
    "Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 2}], "Privileges": {"SELinuxContext": {"Disable": True}},
}  # fmt: skip
_SERVICE = {
    "Name": "made", "Labels": {"a": "b"}, "Mode": {"Replicated": {"Replicas": 1}},
    "TaskTemplate": {
        "ContainerSpec": _KIND_OF_CONTAINER, "ForceUpdate": 0, "Runtime": "container",
        "Resources": {"Limits": {"NanoCPUs": 1, "MemoryBytes": 1, "Pids": 1}, "Reservations": {
            "GenericResources": [{"DiscreteResourceSpec": {"Kind": "gpu", "Value": 1}}]}},
        "RestartPolicy": {"Condition": "any", "Delay": 1, "MaxAttempts": 1, "Window": 1},
        "Placement": {"Constraints": ["node.role==worker"], "Preferences": [{"Spread": {"SpreadDescriptor": "a"}}]},
        "LogDriver": {"Name": "a", "Options": {"a": "b"}}, "Networks": [{"Target": "n1", "Aliases": ["a"]}],
    },
    "UpdateConfig": {"Parallelism": 1, "Delay": 1, "FailureAction": "pause", "MaxFailureRatio": 0.5, "Order": "stop-first"},
    "EndpointSpec": {"Mode": "vip", "Ports": [{"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 80}]},
}  # fmt: skip
_PAYLOAD = {
    "Name": "made",
    "Labels": {"a": "b"},
    "Data": "eA==",
    "Templating": {"Name": "golang", "Options": {}},
}
_NETWORK = {
    "Name": "made", "Driver": "overlay", "Attachable": True, "Labels": {"a": "b"}, "Options": {"a": "b"},
    "IPAM": {"Driver": "default", "Config": [{"Subnet": "10.1.0.0/24", "Gateway": "10.1.0.1", "AuxiliaryAddresses": {"a": "10.1.0.2"}}]},
}  # fmt: skip
_VOLUME = {
    "Name": "made", "Driver": "csi", "ClusterVolumeSpec": {
        "AccessMode": {"Scope": "single", "Sharing": "none", "MountVolume": {"FsType": "a", "MountFlags": ["b"]}},
        "AccessibilityRequirements": {"Requisite": [{"Segments": {"a": "b"}}]}, "CapacityRange": {"RequiredBytes": 1},
        "Secrets": [{"Key": "a", "Secret": "s1"}], "Availability": "active"},
}  # fmt: skip
_NODE = {"Name": "a", "Labels": {"a": "b"}, "Role": "worker", "Availability": "active"}
_SWARM = {
    "Name": "default", "Orchestration": {"TaskHistoryRetentionLimit": 5}, "Raft": {"SnapshotInterval": 1},
    "Dispatcher": {"HeartbeatPeriod": 5_000_000_000}, "EncryptionConfig": {"AutoLockManagers": False},
    "CAConfig": {"NodeCertExpiry": 7_776_000_000_000_000, "ExternalCAs": [{"Protocol": "cfssl", "URL": "https://a"}]},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Operation:
    """One route: what stands for `{id}` in its path is drawn, `query` are its parameters and `body` is a good one."""

    method: str
    path: str
    query: tuple[str, ...] = ()
    body: Any = None


OPERATIONS = (
    *(Operation("GET", f"/{noun}", ("filters", "status")) for noun in
      ("services", "nodes", "tasks", "secrets", "configs", "networks", "volumes")),
    *(Operation("GET", f"/{noun}/{{id}}", ("insertDefaults", "verbose", "scope")) for noun in
      ("services", "nodes", "tasks", "secrets", "configs", "networks", "volumes")),
    *(Operation("DELETE", f"/{noun}/{{id}}", ("force",)) for noun in
      ("services", "nodes", "secrets", "configs", "networks", "volumes")),
    Operation("POST", "/services/create", (), _SERVICE),
    Operation("POST", "/services/{id}/update", ("version", "registryAuthFrom", "rollback"), _SERVICE),
    Operation("POST", "/nodes/{id}/update", ("version",), _NODE),
    Operation("POST", "/secrets/create", (), _PAYLOAD),
    Operation("POST", "/secrets/{id}/update", ("version",), _PAYLOAD),
    Operation("POST", "/configs/create", (), _PAYLOAD),
    Operation("POST", "/configs/{id}/update", ("version",), _PAYLOAD),
    Operation("POST", "/networks/create", (), _NETWORK),
    Operation("POST", "/volumes/create", (), _VOLUME),
    Operation("PUT", "/volumes/{id}", ("version",), {"Spec": _VOLUME["ClusterVolumeSpec"]}),
    Operation("GET", "/swarm"), Operation("GET", "/swarm/unlockkey"), Operation("GET", "/info"),
    Operation("GET", "/version"), Operation("GET", "/_ping"), Operation("HEAD", "/_ping"),
    Operation("POST", "/swarm/update", ("version", "rotateWorkerToken", "rotateManagerUnlockKey"), _SWARM),
    Operation("POST", "/swarm/unlock", (), {"UnlockKey": "x"}),
    Operation("GET", "/events", ("since", "until", "filters")),
    Operation("GET", "/containers/json", ("filters", "all")), Operation("GET", "/containers/{id}/json"),
    Operation("POST", "/containers/create", ("name",), {"Image": "a"}),
)  # fmt: skip
_IDS = ("web", "s1", "n1", "v1", "nobody", "a/b", "%2e%2e", "%", "%ff", "ü", "*", "a" * 500, "mine", "keep")


def request_of(seed: int) -> bytes:
    """The bytes of one request. Even seeds are wrong in shape, odd ones in their bytes."""
    rng = random.Random(seed)
    whole = _shaped(rng)
    return whole if seed % 2 == 0 else _mangled(rng, whole)


def _shaped(rng: random.Random) -> bytes:
    """HTTP as it should be, about what should not be."""
    one = rng.choice(OPERATIONS)
    path = one.path.replace("{id}", quote(rng.choice(_IDS), safe="%*"))
    version = rng.choice(("", "", "/v1.24", "/v1.41", "/v1.47", "/v1.99", "/v0", "/v1.41.5.6"))
    body = b"" if one.body is None else json.dumps(_bent(rng, one.body)).encode()
    if one.path == "/events":
        query = [("until", rng.choice(("1", "0", "x")))]  # else it would stay open
    else:
        query = [(name, _value(rng)) for name in one.query if rng.random() < 0.6]
    text = "&".join(f"{name}={quote(value, safe='')}" for name, value in query)
    lines = [
        f"{one.method} {version}{path}{'?' + text if text else ''} HTTP/1.1",
        "Host: x",
        "Connection: close",
        f"Content-Type: {rng.choice(('application/json',) * 9 + ('text/plain',))}",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _value(rng: random.Random) -> str:
    if rng.random() < 0.4:
        key = rng.choice(("name", "id", "label", "node", "service", "desired-state", "mode", "role", "x"))
        inner: Any = rng.choice(({"a": True}, ["a"], "a", 1, None, {"(" * 40: True}, ["\ud800"], {"a": 1}))
        return json.dumps({key: inner})
    return rng.choice(_WORDS)


def _bent(rng: random.Random, value: Any) -> Any:
    """A good body with some of its values replaced, left out or put elsewhere."""
    if rng.random() < 0.06:
        return _anything(rng, 3)
    match value:
        case dict():
            bent = {name: _bent(rng, each) for name, each in value.items() if rng.random() > 0.05}
            if rng.random() < 0.05:
                bent[rng.choice(("x", "NAME", "Name", ""))] = _anything(rng, 2)
            return bent
        case list():
            return [_bent(rng, each) for each in value for _ in range(rng.choice((1, 1, 1, 0, 2)))]
        case _:
            return value


def _anything(rng: random.Random, depth: int) -> Any:
    match rng.randrange(7 if depth else 4):
        case 0:
            return rng.choice(_WORDS)
        case 1:
            return rng.choice(_NUMBERS)
        case 2:
            return rng.choice((None, True, False))
        case 3:
            return "\ud800"
        case 4:
            return [_anything(rng, depth - 1) for _ in range(rng.randrange(4))]
        case 5:
            return {rng.choice(_WORDS): _anything(rng, depth - 1) for _ in range(rng.randrange(4))}
        case _:
            deep: Any = []
            for _ in range(rng.choice((5, 200))):
                deep = [deep]
            return deep


_BYTES = (
    b"\r\n", b"\n", b"\x00", b" ", b":", b"\xff\xfe", b"Transfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n",
    b"Content-Length: -1\r\n", b"Content-Length: 99999999999999999999\r\n", b"Expect: 100-continue\r\n", b"HTTP/2.0", b"\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n", b"Upgrade: tcp\r\nConnection: Upgrade\r\n", b"0\r\n\r\n", b"ffffffffffffffff\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"Content-Encoding: gzip\r\n", b"X: " + b"y" * 5000 + b"\r\n",
)  # fmt: skip


def _mangled(rng: random.Random, whole: bytes) -> bytes:
    """The bytes with some lost, doubled, changed or put in."""
    data = bytearray(whole)
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0:
                data[at:at] = rng.choice(_BYTES)
            case 1:
                del data[at : at + rng.randrange(1, 20)]
            case 2:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 3:
                data[at:at] = data[at : at + rng.randrange(1, 40)]
            case _:
                line = data.find(b"\r\n") + 2
                data[line:line] = rng.choice(_BYTES)
    return bytes(data)


def hunted_cluster() -> FakeCluster:
    """Objects that requests name, and such that none does: these are called `kept`."""
    founded, root = make_cluster(), make_authority().root
    founded.root_ca.ca_cert, founded.root_ca.ca_key = root.certificate, root.key or b""
    return FakeCluster(
        [
            founded,
            make_node("n1", hostname="n1"),
            make_node("kept-n", hostname="kept"),
            *(make_service(id_, name=name) for id_, name in (("w1", "web"), ("kept-s", "kept"))),
            make_task("t1", service=make_service("w1", name="web"), node_id="n1"),
            *(make_secret(id_, name=id_) for id_ in ("s1", "kept-x")),
            *(make_config(id_, name=id_) for id_ in ("s1", "kept-c")),
            *(make_network(id_, name=id_) for id_ in ("n1", "kept-w")),
            *(make_volume(id_, name=id_) for id_ in ("v1", "kept-v")),
        ]
    )


_KEPT = (
    (Node, "kept-n"), (Service, "kept-s"), (Secret, "kept-x"), (Config, "kept-c"), (Network, "kept-w"), (Volume, "kept-v"),
)  # fmt: skip


def kept(cluster: FakeCluster) -> list[bytes]:
    """What no request may change."""
    return [cluster.get(kind, id_).SerializeToString(deterministic=True) for kind, id_ in _KEPT]


@dataclass(slots=True)
class Report:
    """`broken` are seeds with what became of them; `statuses` counts what was answered, 0 where nothing was."""

    broken: list[tuple[int, str]] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)


_AT_ONCE = 8
_ANEW_AFTER = 2000


async def hunt(path: Path, seeds: Iterable[int]) -> Report:
    """Send the requests of these seeds. The cluster is made anew now and then: services that are made stay."""
    report, left = Report(), list(seeds)
    while left:
        some, left = left[:_ANEW_AFTER], left[_ANEW_AFTER:]
        cluster = hunted_cluster()
        before = kept(cluster)
        with mistakes() as log:
            async with api_at(path, cluster):
                await _send_all(path, some, report)
        report.broken += [(some[-1], f"a mistake of ours in the log: {text}") for text in log.seen]
        if kept(cluster) != before:
            report.broken.append((some[-1], "what nobody asked to be changed has changed"))
    return report


async def _send_all(path: Path, seeds: list[int], report: Report) -> None:
    """Some at a time, then what must be answered whatever came before."""
    waiting = iter(seeds)
    await asyncio.gather(*(_send(path, waiting, report) for _ in range(_AT_ONCE)))
    for target in ANSWERED:
        if (await ask(path, "GET", target)).status != 200:
            report.broken.append((seeds[-1], f"afterwards {target} is not answered"))


async def _send(path: Path, waiting: Iterable[int], report: Report) -> None:
    for seed in waiting:
        try:
            answer = await play(path, request_of(seed), is_whole=seed % 2 == 0)
        except TimeoutError:
            report.broken.append((seed, f"no end within {WAIT_S:g} s"))
            continue
        report.statuses[status_of(answer)] += 1
        if said := judge(answer, is_whole=seed % 2 == 0):
            report.broken.append((seed, said))


async def play(path: Path, request: bytes, *, is_whole: bool) -> bytes:
    """What answers a request. One that may not be whole ends its stream when nothing comes for a moment. Raises TimeoutError."""
    async with asyncio.timeout(WAIT_S), connected(path) as (reader, writer):
        try:
            writer.write(request)
            answer = b"" if is_whole else await _soon(reader)
            if not is_whole:
                writer.write_eof()
            return answer + await reader.read()
        except ConnectionError:
            return b""


async def _soon(reader: asyncio.StreamReader) -> bytes:
    """What comes at once; the server may as well wait for the rest of the request."""
    try:
        async with asyncio.timeout(_MOMENT_S):
            return await reader.read(1)
    except TimeoutError:
        return b""


def status_of(answer: bytes) -> int:
    """The first status of an answer; 0 where there is none."""
    words = answer.partition(b"\r\n")[0].split(b" ", 2)
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


def judge(answer: bytes, *, is_whole: bool) -> str:
    """What is wrong with an answer; nothing when it keeps the promises."""
    if not answer:
        return "no answer" if is_whole else ""
    first, _, rest = answer.partition(b"\r\n")
    if not first.startswith((b"HTTP/1.1 ", b"HTTP/1.0 ")):
        return f"no HTTP: {first[:80]!r}"
    if status_of(answer) not in {*_STATUSES, 100}:
        return f"status {status_of(answer)}"
    if any(word in rest for word in MISTAKES):
        return "a mistake of ours"
    if status_of(answer) == 500 and not any(each in rest for each in MEANT_FAILURES):
        return f"a failure that nobody means: {rest[-200:]!r}"
    return ""
