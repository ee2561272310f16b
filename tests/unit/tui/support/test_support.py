"""`swarm-tui support`: two hundred secrets are planted wherever one may be, and none is in the bundle (docs/design/support.md 18)."""

import base64
import json
import random
import socket
import stat
import string
import tarfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.proto.raft_status_pb2 import GetRaftStatusResponse
from swarm_core.client.cluster import Cluster
from swarm_core.client.errors import Unreachable
from swarm_tui.cli import main
from swarm_tui.cli.plumbing.session import Globals
from swarm_tui.support.scrubbing import MASK, Scrubber
from swarm_tui.support.shown import SHOWN, hidden, shown

KINDS = (
    objects_pb2.Cluster,
    objects_pb2.Node,
    objects_pb2.Service,
    objects_pb2.Task,
    objects_pb2.Network,
    objects_pb2.Secret,
    objects_pb2.Config,
    objects_pb2.Volume,
)
VARIANTS = 3
# Each is a line of a log with a secret in it whose value stands nowhere else.
LINES = (
    "password={}", 'msg="login" Password: "{}"', "{{'db_password': '{}'}}", "token={}&x=1", "Authorization: Bearer {}",
    "authorization: Basic {}", "Cookie: sid={}", "https://user:{}@registry.example/v2/", "postgres://{}@db/x", "api_key={}",
    "AWS_SECRET_ACCESS_KEY={}", "--password {}", "--unlock-key={}", "SWMTKN-1-{}-{}", "SWMKEY-1-{}", "secret: {}", "X-Registry-Auth: {}",
    "-----BEGIN EC PRIVATE KEY-----\n{}\n{}\n-----END EC PRIVATE KEY-----", "MYSQL_PWD={}", "passphrase = {}", "sessionid={}; x",
    "eyJhbGciOi.{}.{}", "private-key: {}", "credentials={}",
)  # fmt: skip


class Planter:
    """Makes secrets and remembers them."""

    def __init__(self) -> None:
        self._rng = random.Random(13)
        self.planted: list[str] = []
        self.told: list[str] = []

    def __call__(self) -> str:
        secret = "".join(self._rng.choices(string.ascii_letters + string.digits, k=20))
        self.planted.append(secret)
        return secret


def fill(item: Message, plant: Planter, variant: int, depth: int = 0) -> None:
    """A secret in every text and every bytes field that is not shown, and behind every key of a map, of every message below. Of alternatives in
    a message one is filled."""
    for field in item.DESCRIPTOR.fields:
        if (choice := field.containing_oneof) is not None and field != choice.fields[
            variant % len(choice.fields)
        ]:
            continue
        nested = field.message_type
        if nested is not None and nested.GetOptions().map_entry:
            if nested.fields_by_name["value"].message_type is None:
                getattr(item, field.name)["key"] = plant()
        elif nested is not None:
            if depth < 6 and not nested.full_name.startswith("google."):
                holder = getattr(item, field.name)
                below = holder.add() if field.is_repeated else holder
                below.SetInParent()
                fill(below, plant, variant, depth + 1)
        elif field.type in (field.TYPE_STRING, field.TYPE_BYTES):
            _put(item, field, plant)


def _put(item: Message, field: Any, plant: Planter) -> None:
    if field.type == field.TYPE_BYTES:
        value: Any = plant().encode()
        plant.told.append(plant.planted[-1])
    elif field.name in SHOWN:
        value = f"web-SWMTKN-1-{plant()}-{plant()}" if field.name == "hostname" else f"a {field.name}"
    else:
        value = f"NAME={plant()}" if field.name == "env" else plant()
        plant.told.append(plant.planted[-1])
    if field.is_repeated:
        getattr(item, field.name).append(value)
    else:
        setattr(item, field.name, value)


class Told:
    """A manager that tells everything there is to tell."""

    def __init__(self, plant: Planter) -> None:
        self.objects: dict[str, list[Message]] = {}
        for kind in KINDS:
            self.objects[kind.__name__] = [kind() for _ in range(VARIANTS)]
            for variant, item in enumerate(self.objects[kind.__name__]):
                fill(item, plant, variant)

    async def call(self, method: str, request: Message, *, timeout: float | None = None) -> Any:
        if method == "RaftStatus.GetRaftStatus":
            return GetRaftStatusResponse(term=4, commit_index=9)
        from swarm_core.api.proto import control_pb2

        noun = method.removeprefix("Control.List")
        answer = getattr(control_pb2, f"List{noun}Response")()
        getattr(answer, noun.lower()).extend(self.objects[noun.removesuffix("s")])
        return answer

    async def stream(self, method: str, request: Message) -> AsyncIterator[Any]:
        raise AssertionError(method)
        yield

    async def close(self) -> None: ...


@pytest.fixture
def plant() -> Planter:
    return Planter()


@pytest.fixture
def state(tmp_path: Path, plant: Planter, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state directory and a home with a secret in each file, and variables with some."""
    found = tmp_path / "state"
    for name in (
        "certificates/swarm-node.key", "certificates/swarm-root-ca.key", "raft/wal-v3-encrypted/0.wal", "worker/tasks.db",
        "up.json", "state.json", "docker-state.json", "daemon.json", "contexts.toml", "engines.toml", "config.json", "worker/secret",
    ):  # fmt: skip
        (found / name).parent.mkdir(parents=True, exist_ok=True)
        (found / name).write_text(
            json.dumps({"x": plant(), "metrics_address": f"unix:{tmp_path / 'metrics.sock'}"})
        )
    config = tmp_path / "config" / "swarm-tui"
    config.mkdir(parents=True)
    (config / "contexts.toml").write_text(f'[contexts]\nlab = "/run/{plant()}"\n')
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("SWARM_JOIN_TOKEN", "DB_PASSWORD", "PLAIN"):
        monkeypatch.setenv(name, plant())
    yield found


PAGE = """# HELP swarm_a_figure_whose_name_is_as_long_as_a_key_2_seconds That.
swarm_a_figure_whose_name_is_as_long_as_a_key_2_seconds{{le="0.5",node="{}"}} 4.0
"""


@contextmanager
def answering(path: Path, page: str) -> Iterator[None]:
    """A node's page of figures at a socket, for one question."""
    with socket.create_server(str(path), family=socket.AF_UNIX) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(page)}\r\n\r\n{page}".encode())

        thread = threading.Thread(target=answer)
        thread.start()
        yield
        thread.join()


def bundled(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        return {
            name.removeprefix("support/"): file.read().decode()
            for name in archive.getnames()
            if (file := archive.extractfile(name)) is not None
        }


def write(manager: Any, path: Path, state: Path) -> int:
    async def connect() -> Cluster:
        return Cluster(manager)

    return main.run(["support", str(path), "--state-dir", str(state)], given=Globals(connect=connect))


def test_no_secret_is_in_the_bundle(
    state: Path, plant: Planter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """18.1 to 18.3: not in a name, not in a figure, not in the log, as it is or encoded; and what helps is there."""
    manager = Told(plant)
    lines = [line.format(*(plant() for _ in range(line.count("{}")))) for line in LINES]
    # A daemon that quotes what it was given: known from the objects, without a word before it.
    lines += [f"could not start it with {secret} in it" for secret in plant.told[::3]]
    (state / "agentd.log").write_text(
        "".join(f"2026-01-01 {line}\n" for line in lines) + "raft leader elected\n"
    )
    path = tmp_path / "bundle.tar.gz"
    with answering(tmp_path / "metrics.sock", PAGE.format(plant.told[0])):
        assert write(manager, path, state) == 0
    assert "Look through it" in capsys.readouterr().out
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(plant.planted) >= 200
    files = bundled(path)
    content = "\n".join((*files, *files.values()))
    for secret in plant.planted:
        for form in (secret, base64.b64encode(secret.encode()).decode().rstrip("="), secret.encode().hex()):
            assert form not in content, (form, [name for name, text in files.items() if form in text])
    service = next(
        one for one in json.loads(files["cluster/services.json"]) if "container" in one["spec"]["task"]
    )
    assert service["spec"]["annotations"]["name"] == "a name"
    assert service["spec"]["task"]["container"]["env"] == [f"NAME={MASK}"]
    assert service["spec"]["annotations"]["labels"] == {"key": MASK}
    assert "raft leader elected" in files["agentd.log"]
    assert json.loads(files["cluster/raft.json"]) == {"term": 4, "commit_index": 9}
    assert files["metrics.txt"] == PAGE.format(MASK)
    assert json.loads(files["cluster/figures.json"])["objects"]["tasks"] == VARIANTS
    assert {"about.json", "processes.json", "files.json", "README.txt"} <= files.keys()
    assert any(file["path"] == "certificates/swarm-node.key" for file in json.loads(files["files.json"]))


def test_without_a_cluster(state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """18.3: it is written all the same, and says what is missing."""

    class Nobody:
        async def call(self, *_: Any, **__: Any) -> Any:
            raise Unreachable("nobody answers")

        async def close(self) -> None: ...

    path = tmp_path / "bundle.tar.gz"
    assert write(Nobody(), path, state) == 0
    assert "The cluster is not in it: nobody answers." in capsys.readouterr().err
    assert json.loads(bundled(path)["cluster/failure.json"]) == "nobody answers"
    assert write(Nobody(), path, state) == 2
    assert "not written over" in capsys.readouterr().err
    assert write(Nobody(), tmp_path / "nowhere" / "b", state) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_what_is_no_secret_stays() -> None:
    """18.2: an ordinary line of the daemon's log is as it was."""
    scrub = Scrubber(["a-known-secret"])
    for line in (
        "2026-11-29T20:00:00Z INFO term 4: leader 5f3c1a9d, leader 5f3c1a9d",
        "node z06s387lia0e08pxzvjsxmwc0 of cluster txy1q6yxfhqmqnycga7g1fnwt (manager)",
        "image nginx@sha256:017a2c7025d4898de240518257b876f5f9dd5d100bdf7161720559c0a2f2f98d",
        "the remote API is on 10.0.0.1:4242, 3 tasks, 0.5 s",
        "a secret was removed; the token was rotated",
    ):
        assert scrub.text(line) == line
    assert scrub.text("it said a-known-secret twice: a-known-secret") == f"it said {MASK} twice: {MASK}"


@pytest.mark.parametrize(
    "part", ["x", "x.", "-x", "token", "auth-", "--secret", "eyJa-", "://", "-----BEGIN A", "ab ", " "]
)
def test_a_line_of_any_length_is_looked_through(part: str) -> None:
    """A log may hold a word of a megabyte: with two looks at each of its letters for each of them this would take hours. What stands
    behind it is found."""
    text = part * (1_000_000 // len(part))
    assert "hunter2" not in Scrubber().text(f"{text} password=hunter2")


def test_values_that_begin_alike() -> None:
    """18.2.2: the longest of the known values is taken out whole."""
    assert (
        Scrubber(["12345678", "12345678abc"]).text("12345678abcd 12345678 1234567")
        == f"{MASK}d {MASK} 1234567"
    )


def test_a_field_that_nobody_knows_is_hidden() -> None:
    """18.1.1: texts are hidden unless they are named; numbers, times and words stay."""
    task = objects_pb2.Task(id="t", slot=3, desired_state=types_pb2.RUNNING)
    task.spec.container.command.append("a-command-line")
    found = shown(task, Scrubber())
    assert found["slot"] == 3 and found["desired_state"] == "RUNNING" and found["id"] == "t"
    assert found["spec"]["container"]["command"] == [MASK]
    other = objects_pb2.Task(id="a-command-line")
    assert hidden([task]) == {"a-command-line"} and hidden([task, other]) == set()
