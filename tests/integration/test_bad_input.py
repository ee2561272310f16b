"""Bad input to the command line: one clear sentence and an exit code, and the running node does not notice.

One daemon serves all cases; after each group it must be the same process with the same objects. Where the words alone make the case the
command line runs in this process; where its input or bytes do, in one of its own.
"""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.client.connection import Connection
from swarm_core.client.control import Control
from swarm_testkit.daemons import Daemon, daemon, wait_until
from swarm_testkit.programs import TUI, Case, Outcome, faults, faults_here, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("bad-input")]
SMALL = "/etc/hostname"
NOWHERE = "/nonexistent/control.sock"


def tui(node: Daemon, *words: str) -> Outcome:
    """A command that must succeed."""
    done = run((*TUI, "--socket", str(node.socket), *words))
    assert done.code == 0, done
    return done


def words(line: str) -> list[str]:
    return line.split()


@pytest.fixture(scope="module")
def filled() -> Iterator[Daemon]:
    """A node with a service, a secret and configs, among whose ids every first letter that matters is taken twice."""
    with daemon() as node:
        wait_until(lambda: "the node is ready" in node.log.read_text(), what="the node")
        tui(node, "service", "create", "-d", "--name", "web", "--runtime", "process", "--", "sleep", "86399")
        tui(node, "secret", "create", "key", SMALL)
        tui(node, "config", "create", "settings", SMALL)
        yield node


KINDS: tuple[type[Message], ...] = (
    objects_pb2.Service,
    objects_pb2.Secret,
    objects_pb2.Config,
    objects_pb2.Cluster,
)


def holdings(node: Daemon) -> list[Message]:
    """Everything that must be the same after bad input."""

    async def ask() -> list[Message]:
        async with await Connection.open(node.socket) as connection:
            return [item for kind in KINDS for item in await Control(connection).find(kind)]

    return asyncio.run(ask())


@pytest.fixture
def unharmed(filled: Daemon) -> Iterator[Daemon]:
    """The node, which must be the same processes with the same objects afterwards."""
    before = (filled.pid, filled.manager_pid(), holdings(filled))
    yield filled
    assert (filled.pid, filled.manager_pid(), holdings(filled)) == before
    assert "Traceback" not in filled.log.read_text()


Refused = Callable[[list[Case]], None]


@pytest.fixture
def refused(filled: Daemon, capfd: pytest.CaptureFixture[str]) -> Refused:
    """Each case is refused by the command line, here."""

    def judge(cases: list[Case]) -> None:
        found = faults_here(("--socket", str(filled.socket)), cases, capfd)
        assert not found, "\n".join(found)

    return judge


def refused_by_programs(node: Daemon, cases: list[Case]) -> None:
    """Each case is refused by a process of its own."""
    found = faults((*TUI, "--socket", str(node.socket)), "Error", cases)
    assert not found, "\n".join(found)


USAGE = [
    ("", "nosuch", "No such command 'nosuch'"),
    ("", "--nosuch status", "No such option: --nosuch"),
    ("", "--socket", "requires an argument"),
    ("node", "nosuch", "No such command"),
    ("node ls", "--nosuch", "--nosuch"),
    ("node ls", "extra", "extra"),
    ("node ls", "--format xml", "'xml' is neither table, json nor yaml"),
    ("node ls", "--filter nonsense", "key=value"),
    ("node ls", "--filter colour=red", "one of id, name"),
    ("node inspect", "", "NODE"),
    ("node update", "", "NODE"),
    ("node update", "--availability sleepy x", "active, pause, drain"),
    ("node update", "--role king x", "worker, manager"),
    ("node update", "--label-add =x x", "no name before"),
    ("node rm", "", "NODE"),
    ("service ls", "--filter", "requires an argument"),
    ("service create", "", "needs an image"),
    ("service create", "--runtime process", "needs a command, after --"),
    ("service create", "--runtime vm x", "neither container nor process"),
    ("service create", "--nosuch x", "--nosuch"),
    ("service ps", "", "SERVICE"),
    ("service inspect", "", "SERVICE"),
    ("service scale", "", "SERVICE=REPLICAS"),
    ("service scale", "web", "SERVICE=REPLICAS"),
    ("service scale", "web=", "SERVICE=REPLICAS"),
    ("service scale", "web=-1", "SERVICE=REPLICAS"),
    ("service scale", "web=1.5", "SERVICE=REPLICAS"),
    ("service scale", "=3", "SERVICE=REPLICAS"),
    ("service scale", "web=99999999999999999999999", "more tasks than"),
    ("service update", "web --nosuch", "--nosuch"),
    ("service update", "web --replicas -3", "--replicas"),
    ("service update", "web --image x", "is for containers"),
    ("service rm", "", "SERVICE"),
    ("service logs", "web --tail x", "--tail"),
    ("service logs", "web --since yesterday", "--since"),
    ("task ls", "extra", "extra"),
    ("task ls", "--filter desired-state=x", "running, shutdown"),
    ("task inspect", "", "TASK"),
    ("secret create", "", "SECRET"),
    ("config create", "", "CONFIG"),
    ("config rm", "", "CONFIG"),
    ("cluster", "nosuch", "No such command"),
    ("cluster inspect", "extra", "extra"),
    ("watch", "nosuch", "no kind of object"),
    ("status", "--format nosuch", "'nosuch'"),
    ("demo", "--nodes 0", "--nodes"),
    ("demo", "--nodes x", "--nodes"),
    ("demo", "--nodes 100000", "--nodes"),
    ("version", "extra", "extra"),
    ("up", "--join 1.2.3.4:1", "go together"),
    ("up", "--token x", "go together"),
    ("down", "--state-dir", "requires an argument"),
]  # fmt: skip

SPECS = [
    ("--replicas -1", "--replicas"),
    ("--replicas 1e9", "whole number"),
    ("--replicas 18446744073709551616", "too large"),
    ("--mode nosuch", "replicated, global"),
    ("--mode global --replicas 2", "only a replicated service"),
    ("--env =1", "NAME=value"),
    ("--label =x", "--label"),
    ("--limit-memory 12q", "512m"),
    ("--limit-memory -1", "512m"),
    ("--limit-memory 99999999999999999p", "too large"),
    ("--limit-cpu abc", "0.5"),
    ("--generic-resource gpu", "--generic-resource"),
    ("--restart-condition sometimes", "none, on-failure, any"),
    ("--restart-delay 5parsecs", "500ms"),
    ("--restart-delay -5s", "500ms"),
    ("--restart-delay 99999999999999999999s", "too large"),
    ("--restart-max-attempts x", "whole number"),
    ("--stop-grace-period soon", "500ms"),
    ("--health-retries 99999999999", "too large"),
    ("--secret source=key,mode=999", "0440"),
    ("--secret source=key,colour=red", "colour"),
    ("--secret target=a", "names no source"),
    ("--endpoint-mode foo", "vip"),
    ("--update-order sideways", "stop-first"),
    ("--update-parallelism x", "whole number"),
    ("--rollback-monitor 3x", "500ms"),
    ("--placement-pref nonsense", "spread="),
    ("--replicas-max-per-node x", "whole number"),
    ("--ulimit x", "nofile="),
    ("--publish abc", "port number"),
    ("--publish 99999:80", "port number"),
    ("--mount nonsense", "no target"),
    ("--mount type=bind,target=/b", "no source"),
    ("--mount type=bind,source=/a", "no target"),
    ("--mount type=bind,source=/a,target=/b,nosuch=1", "nosuch"),
    ("--mount type=tmpfs,target=/b,tmpfs-size=huge", "512m"),
    ("--mount type=hologram,target=/b", "bind, volume, tmpfs"),
    ("--mount type=bind,source=/a,target=/b,bind-propagation=foo", "propagation"),
    ("--read-only=maybe", "neither true nor false"),
]  # fmt: skip

REFUSED = [
    ("--replicas 18446744073709551615", "must not be negative"),
    ("--replicas 1000001", "at most 1000000"),
    ("--mode replicated-job --update-delay 1s", "a job cannot have an update configuration"),
    ("--mode global-job --update-delay 1s", "a job cannot have an update configuration"),
    ("--publish 80:80 --endpoint-mode dnsrr", "cannot publish ports"),
    ("--network foo", "no network named 'foo'"),
    ("--constraint nonsense", "expected one operator from ==, !="),
    ("--constraint node.role===x", "is invalid"),
    ("--limit-memory 1k", "at least 4MiB"),
    ("--limit-cpu 0.0000001", "at least 0.001"),
    ("--secret nosuch", "no secret named 'nosuch'"),
    ("--secret key --secret key", "two secret references"),
    ("--config nosuch", "no config named 'nosuch'"),
    ("--update-max-failure-ratio 7", "cannot be less than 0 or bigger than 1"),
    ("--mount type=bind,source=/a,target=/b --mount type=bind,source=/a,target=/b", "two mounts"),
]  # fmt: skip


def test_wrong_usage(unharmed: Daemon, refused: Refused) -> None:
    """Every command with unknown flags, missing or surplus arguments or bad words: exit code 2 and how to do it."""
    refused([Case([*words(command), *words(rest)], 2, text) for command, rest, text in USAGE])


def test_malformed_specs(unharmed: Daemon, refused: Refused) -> None:
    """A value that cannot be read is named together with its flag, before the cluster hears of it."""
    create = words("service create -d --name x")
    refused([Case([*create, *words(flags), "img"], 2, text) for flags, text in SPECS])


def test_refused_specs(unharmed: Daemon, refused: Refused) -> None:
    """What the cluster will not, or cannot yet do is refused with its reason, and nothing is created."""
    create = words("service create -d --name x")
    refused(
        [
            *(Case([*create, *words(flags), "img"], 1, text) for flags, text in REFUSED),
            Case([*create, ""], 1, "an image is required"),
            Case([*create, "bad image!!"], 1, "not a valid repository/tag"),
            Case(words("service create -d --name web img"), 1, "already exists"),
            Case([*words("service create -d --name"), "a b", "img"], 1, "must start and end"),
            Case([*words("service create -d --name"), "", "img"], 1, "name"),
            Case([*words("service create -d --name"), "x" * 200, "img"], 1, "at most 63"),
            Case([*words("service create -d --name big img"), *["y" * 120_000] * 14], 1, "1.5 MiB"),
            Case(words("service update web --publish-add 80:80 --publish-add 80:81"), 1, "published twice"),
            Case(words("service update web --rollback"), 1, "does not have a previous spec"),
            Case(words("service update web --mode global"), 2, "--mode"),
            Case(words("service scale web=1000001"), 1, "at most 1000000"),
        ],
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["node", "service", "task", "secret", "config"])
def test_unknown_objects(unharmed: Daemon, refused: Refused, kind: str) -> None:
    """A name that nothing has is said to be unknown, whatever it is made of."""
    text = f"There is no {kind} named"
    wanted = [
        Case([kind, "inspect", "nosuch"], 1, text),
        Case([kind, "inspect", "x" * 100_000], 1, text),
        Case([kind, "inspect", "\n\x1b[31mred"], 1, "\\n\\x1b[31mred"),
        Case([kind, "inspect", ""], 1, "not an empty word"),
    ]
    if kind != "task":
        wanted.append(Case([kind, "rm", "nosuch"], 1, text))
    refused(wanted)


def test_ambiguous_prefixes(filled: Daemon, refused: Refused) -> None:
    """The beginning of several ids is refused: it names none of them."""
    ids = asyncio.run(_configs_of_one_letter(filled))
    first = ids[-1][0]
    try:
        refused([Case(["config", "inspect", first], 1, first), Case(["config", "rm", first], 1, first)])
    finally:
        tui(filled, "config", "rm", *ids)


async def _configs_of_one_letter(node: Daemon) -> list[str]:
    """The ids of new configs, of which the last begins as another does."""
    ids: list[str] = []
    async with await Connection.open(node.socket) as connection:
        while len({word[0] for word in ids}) == len(ids):
            spec = specs_pb2.ConfigSpec(data=b"content")
            spec.annotations.name = f"many{len(ids)}"
            ids.append((await Control(connection).create(objects_pb2.Config, spec)).id)
    return ids


def test_payloads(unharmed: Daemon, refused: Refused, tmp_path: Path) -> None:
    """Secrets and configs that are empty, too large, unreadable, misnamed or there already are not created."""
    large = {}
    for size in (512_000, 1_024_000, 3 << 20, 40 << 20):
        large[size] = tmp_path / str(size)
        large[size].write_bytes(b"x" * size)
    refused(
        [
            Case(words("secret create s /nonexistent/file"), 1, "No such file"),
            Case(words("secret create s /tmp"), 1, "Is a directory"),
            Case(words("secret create s /dev/null"), 1, "larger than 0"),
            Case(["secret", "create", "s", str(large[512_000])], 1, "less than 512000"),
            Case(["config", "create", "c", str(large[1_024_000])], 1, "less than 1024000"),
            Case(["secret", "create", "s", str(large[3 << 20])], 1, "less than 512000"),
            Case(["config", "create", "c", str(large[40 << 20])], 1, "larger than a manager takes"),
            Case(["secret", "create", "key", SMALL], 1, "already exists"),
            Case(["secret", "create", "bad name", SMALL], 1, "only 64"),
            Case(["config", "create", "x" * 100_000, SMALL], 1, "only 64"),
            Case(["secret", "create", "", SMALL], 1, "only 64"),
            Case(["secret", "create", "s", SMALL, "--label", "=x"], 2, "no name before"),
            Case(["secret", "create", "s", SMALL, "--driver", "vault"], 1, "not supported yet"),
        ],
    )  # fmt: skip
    refused_by_programs(
        unharmed,
        [
            Case(words("config create c -"), 1, "larger than 0"),
            Case(["secret", "create", "s", "-"], 1, "larger than a manager takes", stdin=b"x" * (5 << 20)),
        ],
    )


def test_bytes_that_are_no_text(unharmed: Daemon) -> None:
    """Arguments that are no UTF-8 end in a sentence, wherever they stand."""
    refused_by_programs(
        unharmed,
        [
            Case([b"service", b"inspect", b"\xff\xfe"], 2, "not valid UTF-8"),
            Case([b"service", b"create", b"-d", b"--name", b"\xff", b"img"], 2, "not valid UTF-8"),
            Case([b"service", b"create", b"-d", b"-e", b"A=\xff", b"img"], 2, "not valid UTF-8"),
            Case([b"config", b"create", b"--label", b"\xff=1", b"c", SMALL.encode()], 2, "not valid UTF-8"),
            Case([b"config", b"create", b"c", b"/tmp/\xff\xfe"], 1, "No such file"),
            Case([b"\xff"], 2, "No such command"),
            Case([b"node", b"ls", b"--\xff"], 2, "No such option"),
        ],
    )
