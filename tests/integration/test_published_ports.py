"""Published ports of process services with real daemons, processes and clients (docs/design/ports.md)."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from swarm_testkit.daemons import Daemon, private_directory, wait_until
from swarm_testkit.free_ports import free_port
from swarm_testkit.host import lacking
from swarm_testkit.hosts import hosts, missing_parts
from swarm_testkit.looks import look, rows
from swarm_testkit.pollers import Polled, ask_or_none, datagram, polling
from swarm_testkit.programs import TUI, run

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]
PROGRAMS = Path(__file__).parent.parent / "data" / "programs"
SERVER, CHECK = str(PROGRAMS / "web_server.py"), str(PROGRAMS / "web_check.py")
DNS = (
    "import os,socket\n"
    "s=socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', int(os.environ['PORT_53_UDP'])))\n"
    "while True:\n"
    "    data, who = s.recvfrom(65536); s.sendto(b'%d ' % os.getpid() + data, who)\n"
)
ADDRESSES = ("127.0.0.11", "127.0.0.12")


class Swarm:
    """Daemons of ours; the first is the manager."""

    def __init__(self, nodes: list[Daemon]) -> None:
        self.nodes = nodes
        self.port = free_port()

    @classmethod
    def on_loopback(cls, directory: Path) -> "Swarm":
        """Two nodes, each with an address of its own for published ports."""
        return cls(
            [
                Daemon(directory / f"n{number}", "--ingress-address", address, "--hostname", f"n{number}")
                for number, address in enumerate(ADDRESSES)
            ]
        )

    def start(self) -> None:
        first, *others = self.nodes
        first.start()
        wait_until(first.socket.exists, what="the control socket")
        wait_until(lambda: look(first.socket, "node", "ls").code == 0, what="a leader")
        token = self.do("cluster", "join-token", "-q", "worker").strip()
        for node in others:
            node.flags += ("--join-addr", first.address, "--join-token", token)
            node.start()
        wait_until(
            lambda: look(first.socket, "node", "ls").out.count("Ready") == len(self.nodes), what="ready nodes"
        )

    def do(self, *words: str) -> str:
        outcome = run((*TUI, "--socket", str(self.nodes[0].socket), *words))
        assert outcome.code == 0, (words, outcome.out, outcome.err)
        return outcome.out

    def create(self, *flags: str, replicas: int, command: tuple[str, ...] = (sys.executable, SERVER)) -> None:
        """Service `web`: healthy when it answers, replaced by new tasks that begin first."""
        self.do(
            "service", "create", "--detach", "--name", "web", "--runtime", "process",
            "--replicas", str(replicas), "--update-order", "start-first", "--update-parallelism", "1",
            # Half of it is for connections that are under way: more than a busy machine needs, and no longer than they take.
            "--stop-grace-period", "80s", *flags, "--", *command,
        )  # fmt: skip

    def serve(self, *flags: str, replicas: int) -> None:
        check = f"{sys.executable} {CHECK}"
        self.create(
            "--publish", f"published={self.port},target=80", "--health-cmd", check,
            "--health-interval", "300ms", "--health-start-interval", "100ms", "--health-start-period", "20s",
            *flags, replicas=replicas,
        )  # fmt: skip
        wait_until(lambda: self.running() == replicas, what="running tasks", seconds=60)

    def tasks(self) -> list[dict[str, str]]:
        return rows(self.nodes[0].socket, "service", "ps", "web", "--no-trunc")

    def running(self) -> int:
        return sum(task["CurrentState"].startswith("Running") for task in self.tasks())

    def is_updated(self) -> bool:
        (service,) = json.loads(look(self.nodes[0].socket, "service", "inspect", "web").out)
        return service.get("update_status", {}).get("state") in ("COMPLETED", "ROLLBACK_COMPLETED")


@pytest.fixture
def swarm() -> Iterator[Swarm]:
    with private_directory() as directory:
        made = Swarm.on_loopback(directory)
        try:
            made.start()
            yield made
        finally:
            for node in reversed(made.nodes):
                node.destroy()


def is_hearing(polled: Polled, more: int = 40) -> None:
    """Return when that many more requests were answered."""
    before = polled.count
    wait_until(lambda: polled.count >= before + more, what="answers")


def test_no_request_fails(swarm: Swarm) -> None:
    """While clients ask both nodes with a new connection each time, no request fails through an update that starts first, scaling up
    and down, and the drain of a node; each time the answers come from whom they should."""
    swarm.serve(replicas=3)
    for address in ADDRESSES:
        await_all(swarm, address, 3)
    with polling(ADDRESSES, swarm.port) as polled:
        is_hearing(polled)
        swarm.do("service", "update", "--detach", "--env-add", "VERSION=2", "web")
        wait_until(lambda: swarm.is_updated() and swarm.running() == 3, what="the update", seconds=90)
        before = polled.answers["1"]
        is_hearing(polled)
        assert polled.answers["1"] <= before + 4 and polled.answers["2"]  # four may have been under way
        swarm.do("service", "scale", "--detach", "web=1")
        wait_until(lambda: swarm.running() == 1, what="one task", seconds=60)
        is_hearing(polled)
        swarm.do("service", "scale", "--detach", "web=4")
        wait_until(lambda: swarm.running() == 4, what="four tasks", seconds=60)
        is_hearing(polled)
        swarm.do("node", "update", "--availability", "drain", "n1")
        wait_until(
            lambda: swarm.running() == 4 and on_nodes(swarm) == {"n0"}, what="a drained node", seconds=60
        )
        is_hearing(polled)
    assert polled.failures == []
    assert polled.count > 200


def await_all(swarm: Swarm, address: str, count: int) -> None:
    """Return when requests at one address were answered by that many tasks, taking turns."""
    wait_until(
        lambda: len({answer.split()[1] for answer in answers(swarm, address, count)}) == count,
        what=f"answers of {count} tasks",
    )


def on_nodes(swarm: Swarm) -> set[str]:
    return {task["Node"] for task in swarm.tasks() if task["CurrentState"].startswith("Running")}


def test_failing_update_is_not_noticed(swarm: Swarm) -> None:
    """An update whose new tasks never become healthy is rolled back, and no request fails meanwhile."""
    swarm.serve("--update-failure-action", "rollback", "--update-monitor", "1s", replicas=2)
    with polling(ADDRESSES, swarm.port) as polled:
        is_hearing(polled)
        swarm.do(
            "service", "update", "--detach", "--env-add", "BROKEN=1", "--env-add", "VERSION=2",
            "--health-start-period", "100ms", "--health-retries", "1", "web",
        )  # fmt: skip
        wait_until(swarm.is_updated, what="the rollback", seconds=120)
        is_hearing(polled)
    assert polled.failures == []
    assert set(polled.answers) == {"1"}


def test_killed_task(swarm: Swarm) -> None:
    """The kill of a task's process costs the requests that it had taken, and no other: every new connection is led to another task."""
    swarm.serve("--restart-delay", "1s", replicas=3)
    with polling(ADDRESSES, swarm.port, clients=4) as polled:
        is_hearing(polled)
        answered = ask_or_none(ADDRESSES[0], swarm.port)
        assert answered is not None
        os.kill(int(answered.split()[1]), signal.SIGKILL)
        is_hearing(polled, 100)
        wait_until(lambda: swarm.running() == 3, what="a new task", seconds=60)
    assert len(polled.failures) <= 4, polled.failures  # one under way for each client


def test_daemons_restart(swarm: Swarm) -> None:
    """After kill -9 of a node's daemon its tasks go on with the ports that they have, and the published port answers again."""
    swarm.serve(replicas=2)
    await_all(swarm, ADDRESSES[1], 2)
    pids = {answer.split()[1] for answer in answers(swarm, ADDRESSES[1], 8)}
    swarm.nodes[1].kill()
    swarm.nodes[1].start()
    wait_until(lambda: ask_or_none(ADDRESSES[1], swarm.port), what="an answer after the restart", seconds=60)
    wait_until(
        lambda: {answer.split()[1] for answer in answers(swarm, ADDRESSES[1], 8)} == pids,
        what="the same processes",
        seconds=60,
    )


def answers(swarm: Swarm, address: str, count: int) -> list[str]:
    found = [ask_or_none(address, swarm.port) for _ in range(count)]
    return [answer for answer in found if answer]


def test_udp(swarm: Swarm) -> None:
    """A UDP port answers on both nodes, and leads to the tasks of both."""
    published = f"published={swarm.port},target=53,protocol=udp"
    swarm.create("--publish", published, replicas=2, command=(sys.executable, "-c", DNS))
    wait_until(lambda: swarm.running() == 2, what="running tasks", seconds=60)
    for address in ADDRESSES:
        wait_until(
            lambda address=address: (
                len({datagram(address, swarm.port, b"x" * 3000).split()[0] for _ in range(8)}) == 2
            ),
            what=f"answers of both at {address}",
        )


def test_host_mode(swarm: Swarm) -> None:
    """A host port is reserved on its node and told to the process: one task for each node, a third waits and says for what; a port that
    a stranger has fails the task with a sentence that names him."""
    published = f"published={swarm.port},target=80,mode=host"
    swarm.create("--publish", published, "--constraint", "node.hostname==n1", replicas=2)
    wait_until(lambda: swarm.running() == 1, what="a running task", seconds=60)
    wait_until(lambda: ask_or_none("127.0.0.1", swarm.port), what="an answer at the host port")
    wait_until(
        lambda: any(
            "port" in task["Error"] for task in swarm.tasks() if not task["CurrentState"].startswith("Run")
        ),
        what="a task that waits for the port",
    )
    swarm.do("service", "rm", "web")
    with socket.create_server(("", 0)) as stranger:
        number = stranger.getsockname()[1]
        swarm.create("--publish", f"published={number},target=80,mode=host", replicas=1)
        sentence = (
            f"port {number}/tcp of this node is taken by {psutil.Process().name()} (process {os.getpid()})"
        )
        wait_until(
            lambda: any(sentence in task["Error"] for task in swarm.tasks()),
            what=f"the sentence {sentence!r}",
            seconds=60,
        )


SLOW = (
    "import os,socketserver,time\n"
    "class Answer(socketserver.BaseRequestHandler):\n"
    "    def handle(self):\n"
    "        self.request.sendall(b'begun '); self.request.recv(1); self.request.sendall(os.environ['V'].encode())\n"
    "socketserver.ThreadingTCPServer(('127.0.0.1', int(os.environ['PORT'])), Answer).serve_forever()\n"
)


def test_long_connection_outlives_the_update(swarm: Swarm) -> None:
    """A request that the old task has taken is answered whole by it while new ones go to its successor; the old task waits for it."""
    swarm.create(
        "--publish", f"published={swarm.port},target=80", "--env", "V=old", replicas=1,
        command=(sys.executable, "-c", SLOW),
    )  # fmt: skip
    held = wait_until(lambda: _begun(swarm.port), what="an answering task")
    with held:
        swarm.do("service", "update", "--detach", "--env-add", "V=new", "web")
        wait_until(lambda: _version(swarm.port) == b"new", what="an answer of the new task")
        assert _rest(held) == b"old"
    wait_until(lambda: swarm.running() == 1, what="the end of the old task", seconds=60)


def _begun(port: int) -> socket.socket | None:
    """A connection that a task has taken, and which waits for a byte."""
    try:
        sock = socket.create_connection((ADDRESSES[1], port), 60)
    except ConnectionRefusedError:
        return None
    try:
        if sock.recv(6) == b"begun ":
            return sock
    except OSError:
        pass
    sock.close()
    return None


def _rest(sock: socket.socket) -> bytes:
    sock.sendall(b"!")
    rest = b""
    while data := sock.recv(100):
        rest += data
    return rest


def _version(port: int) -> bytes:
    sock = _begun(port)
    if sock is None:
        return b""
    with sock:
        return _rest(sock)


ASK = "import sys; from swarm_testkit.pollers import ask; print(ask(sys.argv[1], int(sys.argv[2])))"


@pytest.mark.root
def test_lost_node_costs_no_client() -> None:
    """When a node is cut off in silence, clients of another node are answered by the tasks that are left: none of them fails."""
    if lack := missing_parts():
        lacking(lack)
    with hosts(2) as found, private_directory() as directory:
        swarm = Swarm([
            Daemon(
                directory / f"n{number}", "--hostname", f"n{number}",
                host=found.address(number), enter=found.enter(number),
            )
            for number in range(2)
        ])  # fmt: skip

        def asked() -> str:
            command = [*found.enter(0), sys.executable, "-c", ASK, found.address(0), str(swarm.port)]
            env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
            done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
            assert done.returncode == 0, done.stderr
            return done.stdout.split()[1]

        try:
            swarm.start()
            swarm.serve(replicas=4)
            wait_until(lambda: len({asked() for _ in range(4)}) == 4, what="answers of all tasks")
            found.cut(1)
            assert len({asked() for _ in range(12)}) >= 2
        finally:
            for node in reversed(swarm.nodes):
                node.destroy()
