"""Node daemons with bad flags, and on state directories that are damaged, foreign, open, shared or full.

A start that cannot go well ends with one sentence and an exit code, and leaves what is there as it is; damage that a
crash explains is mended.
"""

import asyncio
import errno
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.client.connection import Connection
from swarm_core.client.control import Control
from swarm_core.client.errors import ClientError
from swarm_testkit.daemons import Daemon, private_directory, wait_until
from swarm_testkit.free_ports import free_port
from swarm_testkit.programs import AGENTD, MANAGERD, TUI, Case, as_nobody, faults, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("bad-state")]
NAMES = [f"c{number}" for number in range(8)]
Damage = Callable[[Path], object]


def names_of(node: Daemon) -> list[str]:
    """The configs that the node's cluster holds; none while it does not answer."""

    async def ask() -> list[str]:
        async with await Connection.open(node.socket) as connection:
            found = await Control(connection).find(objects_pb2.Config)
            return sorted(item.spec.annotations.name for item in found)

    try:
        return asyncio.run(ask())
    except ClientError:
        return []


def create(node: Daemon, *names: str) -> None:
    async def ask() -> None:
        async with await Connection.open(node.socket) as connection:
            for name in names:
                spec = specs_pb2.ConfigSpec(data=b"content")
                spec.annotations.name = name
                await Control(connection).create(objects_pb2.Config, spec)

    asyncio.run(ask())


def ready(node: Daemon) -> None:
    wait_until(lambda: "the node is ready" in node.log.read_text(), what="the node")


def copied(template: Path, target: Path) -> Path:
    """A copy with owners and modes; the log's file keeps its holes."""
    subprocess.run(["cp", "-a", "--sparse=always", str(template), str(target)], check=True)
    return target


def make(state: Path) -> Path:
    """The state directory of a cluster with a few configs whose daemon has ended."""
    node = Daemon(state)
    node.start()
    try:
        ready(node)
        create(node, *NAMES)
        assert node.stop() == 0
    finally:
        node.destroy()
    node.log.unlink()
    return state


@pytest.fixture(scope="module")
def workshop() -> Iterator[Path]:
    with private_directory() as path:
        path.chmod(0o755)
        yield path


@pytest.fixture(scope="module")
def template(workshop: Path) -> Path:
    return make(workshop / "t")


@pytest.fixture(scope="module")
def stranger(workshop: Path) -> Path:
    """The state directory of another cluster."""
    return make(workshop / "u")


@pytest.fixture
def state(template: Path, workshop: Path) -> Iterator[Path]:
    path = copied(template, workshop / "s")
    try:
        yield path
    finally:
        shutil.rmtree(path)


def wal(state: Path) -> Path:
    (found,) = (state / "raft" / "wal-v3-encrypted").glob("*.wal")
    return found


def flip(file: Path, at: int, count: int = 1) -> None:
    """Turn the bits of some bytes over, in place."""
    with file.open("r+b") as open_file:
        open_file.seek(at)
        content = open_file.read(count)
        open_file.seek(at)
        open_file.write(bytes(byte ^ 0xFF for byte in content))


def written(file: Path) -> bytes:
    """What was written into a file, without the room behind it. A log has 64 MB of room, which is a hole in a copy: holes are not read."""
    found = bytearray()
    with file.open("rb", buffering=0) as open_file:
        end = os.fstat(open_file.fileno()).st_size
        while len(found) < end:
            try:
                start = os.lseek(open_file.fileno(), len(found), os.SEEK_DATA)
            except OSError as nothing_more:
                assert nothing_more.errno == errno.ENXIO
                break
            stop = os.lseek(open_file.fileno(), start, os.SEEK_HOLE)
            found += bytes(start - len(found)) + os.pread(open_file.fileno(), stop - start, start)
    return bytes(found.rstrip(b"\0"))


def used(file: Path) -> int:
    return len(written(file))


def flags(state: Path, port: int = 0) -> list[str]:
    return ["--state-dir", str(state), "--listen-remote-api", f"127.0.0.1:{port}", "--executor", "process"]


def snapshot_of(state: Path) -> dict[str, bytes]:
    """What must not change by a refused start: identity and log."""
    kept = [*(state / "certificates").glob("*"), *(state / "raft").rglob("*.wal")]
    return {str(path): written(path) for path in kept if path.is_file()}


def refused(state: Path, text: str, *, name: str = "swarm-agentd", more: tuple[str, ...] = ()) -> None:
    """The daemon does not start on `state`, says `text`, and changes nothing that matters there."""
    before = snapshot_of(state)
    found = faults(AGENTD, name, [Case([*flags(state), *more], 1, text)])
    assert not found, found[0]
    after = snapshot_of(state)
    assert after.keys() == before.keys()
    # A manager that led for a moment has added to its log; what was there stays.
    assert all(after[file].startswith(content) for file, content in before.items())


BAD_FLAGS = [
    (["--nosuch"], 2, "unrecognized arguments: --nosuch; see"),
    (["extra"], 2, "extra"),
    (["--state-dir"], 2, "expected one argument"),
    (["--log-level", "loud"], 2, "invalid choice: 'loud'"),
    (["--listen-remote-api", "nonsense"], 2, "host:port"),
    (["--listen-remote-api", "127.0.0.1:99999"], 2, "host:port"),
    (["--advertise-remote-api", "nonsense"], 2, "host:port"),
    (["--executor", "vm"], 2, "docker, process, simulated"),
    (["--executor", ","], 2, "docker, process or both"),
    (["--engine-addr", "nonsense"], 2, "no URL such as"),
    (["--heartbeat-tick", "x"], 2, "invalid int value"),
    (["--heartbeat-tick", "0"], 2, "larger than"),
    (["--election-tick", "1"], 2, "larger than"),
    (["--generic-node-resources", "nonsense"], 2, "kind=value"),
    (["--availability", "sleepy"], 2, "invalid choice"),
    (["--unlock-key", "nonsense"], 2, "SWMKEY-1-"),
    (["--join-addr", "127.0.0.1:1"], 2, "belong together"),
    (["--join-token", "x"], 2, "belong together"),
    (["--join-addr", "nonsense", "--join-token", "x"], 2, "host:port"),
    (["--join-addr", "127.0.0.1:1", "--join-token", "x"], 1, "SWMTKN-1-"),
    (["--state-dir", "/etc/hostname"], 1, "not a directory"),
    (["--state-dir", "/etc/hostname/below"], 1, "not a directory"),
    (["--state-dir", "/proc/nosuch"], 1, "No such file"),
]


def test_bad_flags(workshop: Path) -> None:
    """Each unusable flag is a sentence that names the way to all flags, and nothing is made."""
    plain = flags(workshop / "never")
    found = faults(
        AGENTD, "swarm-agentd", [Case([*plain, *words], code, text) for words, code, text in BAD_FLAGS]
    )
    found += faults(MANAGERD, "swarm-managerd", [Case(["--nosuch"], 2, "see swarm-managerd --help")])
    assert not found, "\n".join(found)
    assert not [file for file in (workshop / "never").rglob("*") if file.suffix in (".key", ".crt", ".wal")]


def test_places_to_listen(state: Path, tmp_path: Path) -> None:
    """A port in use, an address that is not ours, a file where the socket should be: said once, by the manager."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for more, text in (
            (["--listen-remote-api", f"127.0.0.1:{port}"], "Address already in use"),
            (["--listen-remote-api", "192.0.2.1:4242"], "Cannot assign requested address"),
            (["--listen-control-api", "/etc/hostname"], "a file is in its place"),
            (["--listen-control-api", "/proc/nosuch.sock"], "No such file"),
            (["--listen-control-api", f"/{'x' * 300}"], "File name too long"),
        ):
            refused(state, text, name="swarm-managerd", more=tuple(more))


def write_garbage(file: Path) -> None:
    file.write_bytes(bytes(range(1, 256)) * 40)


IDENTITY = ("certificates/swarm-node.key", "certificates/swarm-node.crt", "certificates/swarm-root-ca.crt")
REFUSED: dict[str, tuple[str, str, Damage]] = {
    "no key": ("swarm-agentd", "lacks the node's key or certificate", lambda s: (s / IDENTITY[0]).unlink()),
    "no certificate": ("swarm-agentd", "lacks the node's key", lambda s: (s / IDENTITY[1]).unlink()),
    "no root": ("swarm-agentd", "no root certificate; restore it", lambda s: (s / IDENTITY[2]).unlink()),
    "no identity": ("swarm-agentd", "lacks the node's key", lambda s: shutil.rmtree(s / "certificates")),
    "empty key": ("swarm-agentd", "no private key", lambda s: (s / IDENTITY[0]).write_bytes(b"")),
    "garbage for a key": ("swarm-agentd", "no private key", lambda s: write_garbage(s / IDENTITY[0])),
    "flipped key": ("swarm-agentd", "not text", lambda s: flip(s / IDENTITY[0], 150, 3)),
    "empty certificate": ("swarm-agentd", "does not belong", lambda s: (s / IDENTITY[1]).write_bytes(b"")),
    "flipped certificate": ("swarm-agentd", "does not belong", lambda s: flip(s / IDENTITY[1], 300, 3)),
    "empty root": ("swarm-agentd", "no certificate in PEM form", lambda s: (s / IDENTITY[2]).write_bytes(b"")),
    "flipped root": ("swarm-agentd", "not text", lambda s: flip(s / IDENTITY[2], 250, 3)),
    "no log": ("swarm-managerd", "has lost its write-ahead log; restore it", lambda s: wal(s).unlink()),
    "no raft": ("swarm-managerd", "has lost its write-ahead log", lambda s: shutil.rmtree(s / "raft")),
    "flipped log": ("swarm-managerd", "checksum mismatch", lambda s: flip(wal(s), used(wal(s)) // 2)),
    "flipped start": ("swarm-managerd", "corrupt at byte 0", lambda s: flip(wal(s), 9)),
    "empty log": ("swarm-managerd", "lacks its metadata", lambda s: wal(s).write_bytes(b"")),
    "garbage for a log": ("swarm-managerd", "write-ahead log", lambda s: write_garbage(wal(s))),
    "open raft": ("swarm-managerd", "it must be 0700", lambda s: (s / "raft").chmod(0o777)),
    "garbage for tasks": ("swarm-agentd", "not a database", lambda s: write_garbage(s / "worker/tasks.db")),
    "flipped tasks": ("swarm-agentd", "move it away", lambda s: flip(s / "worker/tasks.db", 4096, 600)),
    "garbage for managers": ("swarm-agentd", "state.json is not a list", lambda s: write_garbage(s / "state.json")),
    "open key": ("swarm-agentd", "make it 0600", lambda s: (s / IDENTITY[0]).chmod(0o644)),
    "open directory": ("swarm-agentd", "make it 0700", lambda s: s.chmod(0o777)),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_damage_is_refused(state: Path, case: str) -> None:
    """What no crash explains is refused with the file in question, and left as it is for whoever mends it."""
    name, text, damage = REFUSED[case]
    damage(state)
    refused(state, text, name=name)


def damages(file: Path) -> dict[str, Callable[[], object]]:
    """What can happen to a file: bytes that changed (in text they stay text), half of it lost, all of it, or its name."""
    if not used(file):
        return {"missing": file.unlink}
    half = max(used(file) // 2, 1)

    def change(part: float) -> None:
        with file.open("r+b") as open_file:
            open_file.seek(int(used(file) * part))
            byte = open_file.read(1)
            open_file.seek(-1, 1)
            open_file.write(bytes((byte[0] ^ 1,)))

    def cut() -> None:
        with file.open("r+b") as open_file:
            open_file.truncate(half)

    return {
        "changed at a third": lambda: change(1 / 3),
        "changed at three quarters": lambda: change(3 / 4),
        "cut": cut,
        "emptied": lambda: file.write_bytes(b""),
        "missing": file.unlink,
    }


_PARTS = 4


def files_of(state: Path) -> list[str]:
    found = (path for path in state.rglob("*") if path.is_file() and path.name != "test.log")
    return sorted(str(path.relative_to(state)) for path in found)


def outcome(state: Path) -> str:
    """What became of a start: "whole", "held N of the configs", or the one sentence of a refusal. Fails for anything else."""
    node = Daemon(state)
    try:
        node.start()
        process = node.process
        assert process is not None

        def settled() -> bool:
            return process.poll() is not None or "the node is ready" in node.log.read_text()

        wait_until(settled, what="the node to be ready or to end", seconds=60)
        text = node.log.read_text()
        assert "Traceback" not in text, text[-3000:]
        if (code := process.poll()) is None:
            held = names_of(node)
            assert held == NAMES[: len(held)]
            assert node.stop() == 0
            assert "Traceback" not in node.log.read_text()
            return "whole" if held == NAMES else f"held {len(held)} of the configs"
        said = [line for line in text.splitlines() if line.startswith(("swarm-agentd: ", "swarm-managerd: "))]
        assert code != 0 and len(said) == 1, text[-3000:]
        return said[0]
    finally:
        node.destroy()


@pytest.mark.parametrize(
    "part", [pytest.param(part, marks=pytest.mark.xdist_group(f"part-{part}")) for part in range(_PARTS)]
)
def test_every_file_with_every_damage(template: Path, workshop: Path, part: int) -> None:
    """Each file of a manager's state directory, changed, cut, emptied and missing: the node is whole again, or refuses with one
    sentence and an exit code. Only a log whose end is gone may have lost its newest entries, as after a crash."""
    wrong = []
    for name in files_of(template)[part::_PARTS]:
        for damage in damages(template / name):
            state = copied(template, workshop / "d")
            try:
                damages(state / name)[damage]()
                try:
                    came = outcome(state)
                except (AssertionError, TimeoutError) as error:
                    wrong.append(f"{name} {damage}: {error}")
                else:
                    if came.startswith("held") and not (name.endswith(".wal") and damage == "cut"):
                        wrong.append(f"{name} {damage}: {came}")
            finally:
                shutil.rmtree(state)
    assert not wrong, "\n\n".join(wrong)


def tear(state: Path) -> None:
    """The last record was half written when the power went."""
    end = used(wal(state))
    with wal(state).open("r+b") as file:
        file.seek(end - 7)
        file.write(bytes(7))


def remove(*names: str) -> Damage:
    def damage(state: Path) -> None:
        for name in names:
            (state / name).unlink()

    return damage


MENDED: dict[str, Damage] = {
    "torn log": tear,
    "no tasks": remove("worker/tasks.db"),
    "no list of managers": remove("state.json"),
    "no pid files": remove("agentd.pid", "managerd.pid"),
    "garbage for a pid": lambda s: write_garbage(s / "managerd.pid"),
    "a directory that others can read": lambda s: s.chmod(0o755),
}


@pytest.mark.parametrize("case", MENDED)
def test_damage_is_mended(state: Path, case: str) -> None:
    """What a crash leaves behind, and what can be made anew, does not keep a node from starting with all it had."""
    MENDED[case](state)
    node = Daemon(state)
    try:
        node.start()
        ready(node)
        held = names_of(node)
        # The record that was torn may be the newest write, which then was never acknowledged.
        assert held in ([*NAMES], NAMES[:-1]) if case == "torn log" else held == NAMES
        assert node.stop() == 0
        assert state.stat().st_mode & 0o777 == 0o700
        assert "Traceback" not in node.log.read_text()
    finally:
        node.destroy()


def shorten_snapshot_interval(node: Daemon) -> None:
    def edit(spec: specs_pb2.ClusterSpec) -> None:
        spec.raft.snapshot_interval = 5

    async def ask() -> None:
        async with await Connection.open(node.socket) as connection:
            control = Control(connection)
            await control.change(objects_pb2.Cluster, (await control.cluster()).id, edit)

    asyncio.run(ask())


def test_a_truncated_snapshot(state: Path) -> None:
    """A snapshot that cannot be read is put aside, and the log that still reaches back makes up for it."""
    node = Daemon(state)
    try:
        node.start()
        ready(node)
        shorten_snapshot_interval(node)
        more = [f"d{number}" for number in range(10)]
        create(node, *more)
        # One is stored beside the log's work, some time after the write that made it due.
        snapshots = state / "raft" / "snap-v3-encrypted"
        wait_until(lambda: any(snapshots.glob("*.snap")), what="a snapshot")
        assert node.stop() == 0
        # Stopped between storing a new one and removing the one before it, the node leaves both. Names sort by age.
        snapshot = max(snapshots.glob("*.snap"))
        snapshot.write_bytes(snapshot.read_bytes()[:-20])
        node.log.unlink()
        node.start()
        ready(node)
        assert names_of(node) == [*NAMES, *more]
        assert snapshot.with_name(snapshot.name + ".broken").exists()
    finally:
        node.destroy()


def test_parts_of_another_cluster(state: Path, stranger: Path) -> None:
    """Log, root, certificate or key of another cluster are told apart, whatever comes together."""
    own = copied(state, state.with_name("own"))
    try:
        for part, name, text in (
            ("raft", "swarm-managerd", "belongs to node"),
            ("certificates", "swarm-managerd", "belongs to node"),
            (IDENTITY[0], "swarm-agentd", "does not belong to"),
            (IDENTITY[1], "swarm-agentd", "does not belong to"),
            (IDENTITY[2], "swarm-agentd", "unknown authority"),
        ):
            subprocess.run(["rm", "-rf", str(state / part)], check=True)
            copied(stranger / part, state / part)
            refused(state, text, name=name)
            subprocess.run(["rm", "-rf", str(state / part)], check=True)
            copied(own / part, state / part)
    finally:
        shutil.rmtree(own)


def test_join_refusals(state: Path, stranger: Path, tmp_path: Path) -> None:
    """A token with another digest or secret, nobody there, nobody who is a manager, a node of another cluster."""
    node = Daemon(state)
    other = Daemon(copied(stranger, state.with_name("o")))
    try:
        for one in (node, other):
            one.start()
        for one in (node, other):
            ready(one)
        token, foreign = worker_token(node), worker_token(other)
        head, digest, secret = token.rsplit("-", 2)
        with http_server() as http:
            cases = [
                (node.address, "SWMTKN-1-x-y", "it must look like"),
                (node.address, foreign, node.address),
                (node.address, f"{head}-{digest}-{'0' * len(secret)}", "token"),
                (f"127.0.0.1:{free_port()}", token, "Connection refused"),
                (http, token, http),
                ("nosuch.invalid:4242", token, "nosuch.invalid:4242"),
            ]
            words = [
                Case([*flags(tmp_path / f"w{at}"), "--join-addr", address, "--join-token", given], 1, text)
                for at, (address, given, text) in enumerate(cases)
            ]
            found = faults(AGENTD, "swarm-agentd", words)
        assert not found, "\n".join(found)
        assert not list(tmp_path.glob("w*/certificates/swarm-node.*"))
        assert node.stop() == 0
        refused(
            state, "belongs to another cluster", more=("--join-addr", other.address, "--join-token", foreign)
        )
    finally:
        for one in (node, other):
            one.destroy()
        shutil.rmtree(other.state)


def worker_token(node: Daemon) -> str:
    async def ask() -> str:
        async with await Connection.open(node.socket) as connection:
            return (await Control(connection).cluster()).root_ca.join_tokens.worker

    return asyncio.run(ask())


class http_server:
    """Something that answers, but not as a manager: its host:port."""

    def __enter__(self) -> str:
        import http.server
        import threading

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"127.0.0.1:{self._server.server_address[1]}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_two_daemons(state: Path) -> None:
    """A second daemon on the directory, or on the socket, of a living one is refused, and the first goes on."""
    node = Daemon(state)
    try:
        node.start()
        ready(node)
        found = faults(AGENTD, "swarm-agentd", [Case(flags(state), 1, f"in use by process {node.pid}")])
        apart = ["--listen-control-api", str(node.socket)]
        with private_directory() as elsewhere:
            words = [*flags(elsewhere / "s"), *apart]
            found += faults(AGENTD, "swarm-managerd", [Case(words, 1, "in use by a running daemon")])
        assert not found, "\n".join(found)
        create(node, "later")
        assert names_of(node) == [*NAMES, "later"]
    finally:
        node.destroy()


@pytest.mark.root
def test_directories_of_other_users(state: Path) -> None:
    """A directory that is not ours, or that we cannot read or write, is refused with the reason."""
    before = snapshot_of(state)
    found = faults(
        AGENTD, "swarm-agentd", [Case(flags(state), 1, "belongs to another user", before=as_nobody())]
    )
    (state.parent / "closed").mkdir(mode=0o700, exist_ok=True)
    words = flags(state.parent / "closed" / "s")
    found += faults(AGENTD, "swarm-agentd", [Case(words, 1, "Permission denied", before=as_nobody())])
    assert not found, "\n".join(found)
    assert snapshot_of(state) == before
    (state / "certificates").chmod(0o755)
    state.chmod(0o700)
    subprocess.run(["chown", "nobody", str(state)], check=True)
    refused(state, "belongs to another user")


def test_up_tells_what_the_daemon_said(state: Path) -> None:
    """At three in the morning: `up` on a damaged directory gives the daemon's own sentence, and works once it is mended."""
    middle = used(wal(state)) // 2
    flip(wal(state), middle)
    port = f"127.0.0.1:{free_port()}"
    up = ["up", "--detach", "--state-dir", str(state), "--executor", "process", "--listen-remote-api", port]
    found = faults(TUI, "Error", [Case(up, 1, "The node could not start: write-ahead log")])
    assert not found, found[0]
    flip(wal(state), middle)
    try:
        again = run((*TUI, *up))
        assert again.code == 0, again
        assert names_of(Daemon(state)) == NAMES
    finally:
        assert run((*TUI, "down", "--state-dir", str(state))).code == 0
        Daemon(state).destroy()
