"""The small files that programs read at their start: settings of people, records of a node, its certificate and key.

What must hold: a file is taken, or refused with the one class of errors that its reader's callers make a sentence of, and the sentence names the file
or says what is wrong in words of its own. A kind of file is one line of the table below.
"""

import argparse
import base64
import hashlib
import io
import json
import os
import random
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from swarm_agentd.agent.storage import StorageUnusable
from swarm_agentd.agent.volume_records import FileRecords
from swarm_agentd.engine_api.membership import record
from swarm_agentd.node.config_file import ConfigFile
from swarm_agentd.node.errors import NodeError
from swarm_agentd.node.state_dir import open_state
from swarm_core.api.names import MANAGER_ROLE
from swarm_core.api.proto.types_pb2 import VolumeAssignment
from swarm_core.ca import csr, keys, tokens
from swarm_core.ca.errors import CaError
from swarm_core.ca.key_file import Kek, KeyFile, NodeCredentials
from swarm_core.ca.root_ca import RootCa
from swarm_core.client import backup_file, node_directory
from swarm_core.client.backup_file import BackupUnusable, Cost
from swarm_core.client.contexts import read_contexts
from swarm_core.engines import deployed, docker_contexts
from swarm_core.engines.addresses import read_list
from swarm_core.engines.listed import read_listed
from swarm_core.raft_node.errors import StateUnusable
from swarm_core.raft_node.log.disk import SystemDisk
from swarm_core.raft_node.log.storage import note_raft_id, noted_raft_ids
from swarm_core.runtime.clock import SystemClock
from swarm_tui.cli.plumbing import registry_auth, start_options
from swarm_tui.cli.plumbing.session import Failure
from swarm_tui.preferences import saved_filters
from swarm_tui.preferences.file import WrongPreferences, load, parsed

from swarm_testkit.fuzz.frame import Kind, Player, must
from swarm_testkit.fuzz.mutations import bent, bent_bytes, deep

_UNLOCK: Final = bytes(range(32))
_CONTEXTS: Final = b"""current = "prod"

[contexts]
lab = "/run/lab/control.sock"

[contexts.prod]
ssh = "ana@m1.example"
socket = "/var/lib/swarm-tui/control.sock"

[contexts.edge]
address = "m1.example:4242"
certificates = "~/edge"
"""
_ENGINES: Final = b"""[engines]
box1 = "ssh://me@box1"

[engines.box2]
url = "tcp://10.0.0.2:2376"
ca = "/etc/ca.pem"
certificate = "/etc/cert.pem"
key = "/etc/key.pem"
verify = true
maintenance = false
labels = {disk = "ssd"}
"""
_PREFERENCES: Final = b"""theme = "dusk"
keymap = "k9s"
plain = false
notify = ["bell", "desktop"]

[keys]
"list.scale" = "A"
"list.logs" = ["l", "f7"]

[themes.dusk]
primary = "#ff8800"
dark = false

[themes.dusk.roles]
muted = "#9aa5b1"
"""
_FILTERS: Final = b"""[filters.failed]
list = "task"
filter = "state:failed age<5m"
"""
_DAEMON: Final = {
    "hosts": ["unix:///run/a.sock", "tcp://127.0.0.1:2375"], "group": "docker", "tls": True, "tlsverify": False, "tlscacert": "/a.pem", "labels": ["a=b"],
    "log-level": "info", "log-format": "text", "debug": True, "metrics-addr": "127.0.0.1:9323", "node-generic-resources": ["gpu=2"],
    "authorization-plugins": ["a"],
}  # fmt: skip
_RECORD: Final = {
    "ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": "10.0.0.1:2377", "DefaultAddressPool": ["10.0.0.0/8"], "SubnetSize": 24, "DataPathPort": 4789, "JoinInProgress": False,
}  # fmt: skip
_DOCKER_CONFIG: Final = {
    "auths": {"https://index.docker.io/v1/": {"auth": base64.b64encode(b"me:secret").decode()}, "r.example": {"username": "a", "password": "b"}},
}  # fmt: skip
_DOCKER_CONTEXT: Final = {
    "Name": "far",
    "Metadata": {},
    "Endpoints": {"docker": {"Host": "tcp://10.0.0.2:2375", "SkipTLSVerify": False}},
}
_DEPLOYMENT: Final = {"ID": "a" * 64, "Name": "web", "Config": {"Image": "nginx"}, "Engine": "box1"}


@dataclass(frozen=True, slots=True)
class File:
    """One kind of file. `read` is handed its path; `good` are contents that are taken, `refusal` what it may raise besides."""

    path: str
    good: tuple[bytes, ...]
    read: Callable[[Path], object]
    refusal: tuple[type[Exception], ...] = ()


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1).encode()


def _identity() -> tuple[bytes, bytes, bytes, bytes]:
    """Root, certificate and key of a node as files, and the key under an unlock key."""
    now_ns = SystemClock().wall_ns()
    ca, key = RootCa.create(now_ns), keys.generate()
    issued = ca.sign(
        csr.create(key), node_id="node", role=MANAGER_ROLE, organization="cluster", wall_ns=now_ns
    )
    with tempfile.TemporaryDirectory() as directory:
        files = KeyFile(Path(directory) / "c")
        files.write_root(ca.certificate)
        files.write(NodeCredentials(issued, keys.pkcs8(key)))
        plain = files.key_path.read_bytes()
        files.rekey(None, Kek(_UNLOCK, 1))
        locked = files.key_path.read_bytes()
        return files.root_path.read_bytes(), files.certificate_path.read_bytes(), plain, locked


def _backup(passphrase: str | None) -> bytes:
    out = io.BytesIO()
    writer = backup_file.Writer(out, passphrase, cost=Cost(10, 1, 1))
    writer.write(b"state" * 2_000)
    writer.finish()
    return out.getvalue()


def _read_backup(path: Path) -> int:
    with path.open("rb") as file:
        return sum(map(len, backup_file.read(file, lambda: "pass")))


def _raft_ids(directory: Path) -> bytes:
    path = directory / "raft-ids"
    for one in (7, 0x5DEECE66D1234567):
        note_raft_id(SystemDisk(), path, one)
    content = path.read_bytes()
    path.unlink()
    return content


def _read_state(path: Path) -> object:
    return open_state(path.parent).read_remotes()


def _read_key(path: Path) -> object:
    files = KeyFile(path.parent)
    try:
        files.read(None)
    except CaError:
        files.read(_UNLOCK)
    return files.headers(), files.kek_version(), node_directory.role(path.parent.parent)


def _read_docker_context(path: Path) -> object:
    environment = {"DOCKER_CONFIG": str(path.parents[3])}
    docker_contexts.context_names(environment)
    return docker_contexts.context_named("far", environment)


def _text(read: Callable[[str], object]) -> Callable[[Path], object]:
    return lambda path: read(path.read_text("utf-8", "surrogateescape"))


def _table(directory: Path) -> list[File]:
    root, certificate, key, locked_key = _identity()
    volume = VolumeAssignment(id="volume", volume_id="v1").SerializeToString()
    digest = hashlib.sha256(b"far").hexdigest()
    return [
        File("contexts.toml", (_CONTEXTS,), read_contexts, (ValueError,)),
        File("engines.toml", (_ENGINES,), read_listed, (ValueError,)),
        File("engines.txt", (b"10.0.0.[1:4]:2375\n# a\ntcp://b:1\n",), read_list, (ValueError,)),
        File("config.toml", (_PREFERENCES,), load, (WrongPreferences,)),
        File("filters.toml", (_FILTERS,), lambda path: parsed(path, saved_filters.read), (WrongPreferences,)),
        File("daemon.json", (_json(_DAEMON),), lambda path: ConfigFile(path, argparse.Namespace(), {}).read(), (NodeError,)),
        File("docker-state.json", (_json(_RECORD),), lambda path: record.read(path.parent), (NodeError,)),
        File("state/state.json", (_json([{"node_id": "a", "addr": "10.0.0.1:4242"}]),), _read_state, (NodeError,)),
        File("state/format", (_json({"format": 1, "version": "0.1"}),), _read_state, (NodeError,)),
        File("managerd.pid", (_json({"pid": 1, "ticks": 2, "boot_id": "x"}),), lambda path: node_directory.left_over_manager(path.parent)),
        File("up.json", (_json({"executors": "process", "docker_hosts": "a"}),), lambda path: start_options.read(path.parent), (Failure,)),
        File("docker/config.json", (_json(_DOCKER_CONFIG),), lambda path: registry_auth.encoded("r.example/a", {"DOCKER_CONFIG": str(path.parent)}), (Failure,)),
        File(f"contexts/meta/{digest}/meta.json", (_json(_DOCKER_CONTEXT),), _read_docker_context, (ValueError, LookupError)),
        File(f"deployed/{_DEPLOYMENT['ID']}.json", (_json(_DEPLOYMENT),), lambda path: list(deployed.DeployedFiles(path.parent))),
        File("volumes/volume", (volume,), lambda path: FileRecords(path.parent).load(), (StorageUnusable,)),
        File("raft-ids", (_raft_ids(directory),), lambda path: noted_raft_ids(SystemDisk(), path), (StateUnusable,)),
        File("backup", (_backup(None), _backup("pass")), _read_backup, (BackupUnusable,)),
        File("certificates/swarm-root-ca.crt", (root, root * 2), lambda path: KeyFile(path.parent).read_root(), (CaError,)),
        File("certificates/swarm-node.crt", (certificate,), _read_key, (CaError,)),
        File("certificates/swarm-node.key", (key, locked_key), _read_key, (CaError,)),
        File("token", (tokens.generate(root).encode(),), _text(tokens.parse), (CaError,)),
        File("unlock-key", (tokens.format_unlock_key(_UNLOCK).encode(),), _text(tokens.parse_unlock_key), (CaError,)),
    ]  # fmt: skip


@contextmanager
def _opened() -> Iterator[Player]:
    # In memory where there is such a file system: half of the work is writing.
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="st-", dir=shared if shared.is_dir() else None) as directory:
        table = _table(Path(directory))
        for file in table:
            path = Path(directory) / file.path
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _written(path, file.good[0])
        for file in table:
            for good in reversed(file.good):
                _written(Path(directory) / file.path, good)
                file.read(Path(directory) / file.path)
        yield lambda seed: _play(Path(directory), table, random.Random(seed))


def _written(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)


def _play(directory: Path, table: list[File], rng: random.Random) -> str:
    file = rng.choice(table)
    path = directory / file.path
    good = rng.choice(file.good)
    _written(path, _drawn(file, good, rng))
    try:
        file.read(path)
    except file.refusal as error:
        must(str(error).strip(), f"a refusal of {file.path} says why")
        must(
            type(error) in file.refusal or not isinstance(error, UnicodeError | json.JSONDecodeError),
            f"{file.path}: a sentence of ours, not {error!r}",
        )
        return "refused"
    finally:
        # What stands beside it is read as well.
        _written(path, file.good[0])
    return "taken"


def _drawn(file: File, good: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.01:
        if file.path.endswith(".toml"):
            return deep(rng, "current = ", "[", "]")
        return deep(rng, "", "[", "]") if rng.random() < 0.5 else deep(rng, "", '{"a":', "}")
    if rng.random() < 0.5:
        if file.path.endswith("json") or file.path in _JSON:
            tree = json.loads(good)
            for _ in range(rng.choice((1, 1, 2, 3))):
                tree = bent(rng, tree)
            return json.dumps(tree).encode("utf-8", "surrogatepass")
        if file.path.endswith(".toml"):
            return _bent_toml(rng, tomllib.loads(good.decode()))
    return bent_bytes(rng, good, file.good)


_JSON: Final = ("state/format", "managerd.pid")


def _bent_toml(rng: random.Random, tree: Any) -> bytes:
    for _ in range(rng.choice((1, 1, 2))):
        tree = bent(rng, tree)
    if not isinstance(tree, dict):
        tree = {"contexts": tree}
    return "".join(f"{json.dumps(str(key))} = {_toml(value)}\n" for key, value in tree.items()).encode(
        "utf-8", "replace"
    )


def _toml(value: Any) -> str:
    match value:
        case dict():
            return (
                "{"
                + ", ".join(f"{json.dumps(str(key))} = {_toml(inner)}" for key, inner in value.items())
                + "}"
            )
        case list():
            return f"[{', '.join(map(_toml, value))}]"
        case None:
            return "1979-05-27"
        case bool():
            return str(value).lower()
        case float():
            return repr(value)
        case _:
            return json.dumps(value)


KIND = Kind(
    "files",
    "settings, records and credentials that programs read at their start",
    _opened,
    (
        "swarm_core.client.contexts", "swarm_core.client.backup_file", "swarm_core.engines.listed", "swarm_core.engines.addresses",
        "swarm_core.engines.docker_contexts", "swarm_core.engines.deployed", "swarm_core.ca.key_file", "swarm_core.ca.keys", "swarm_core.ca.pem",
        "swarm_core.ca.tokens", "swarm_agentd.node.config_file", "swarm_agentd.node.state_dir", "swarm_agentd.engine_api.membership.record",
        "swarm_tui.preferences", "swarm_tui.cli.plumbing.start_options", "swarm_tui.cli.plumbing.registry_auth",
    ),
)  # fmt: skip
