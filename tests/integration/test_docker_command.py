"""The distribution's `docker` command at a node of ours: over a socket, over TLS, and through to a real engine."""

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from swarm_testkit.authz_plugin import REQUEST, AuthzPlugin, plugin_thread
from swarm_testkit.daemons import Daemon, daemon, private_directory, wait_until
from swarm_testkit.docker_command import START_S, Docker, until_it_answers
from swarm_testkit.engines import IMAGE, Engine
from swarm_testkit.free_ports import free_port
from swarm_testkit.programs import TUI
from swarm_testkit.web_certificates import WebCa

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("docker-command")]


@pytest.fixture(scope="module")
def node() -> Iterator[tuple[Daemon, Docker]]:
    """A manager of ours without an engine that listens on its default socket."""
    with daemon("-H", "unix://") as node:
        docker = Docker("-H", f"unix://{node.state}/docker.sock")
        until_it_answers(docker, node)
        yield node, docker


def test_the_command_finds_a_swarm_manager(node: tuple[Daemon, Docker]) -> None:
    """`docker version` and `docker info` show an engine in swarm mode (docs/design/engine-api.md E5.2, E5.3)."""
    daemon, docker = node
    assert (
        docker.output("version", "--format", "{{.Server.APIVersion}} {{.Server.MinAPIVersion}}")
        == "1.47 1.24"
    )
    swarm = docker.output(
        "info", "--format", "{{.Swarm.LocalNodeState}} {{.Swarm.NodeAddr}} {{.Swarm.Managers}}"
    )
    assert swarm == "active 127.0.0.1 1"
    assert "ClusterID:" in docker.output("info")
    assert (daemon.state / "docker.sock").stat().st_mode & 0o777 == 0o600


def test_without_an_engine_containers_are_not_pretended(node: tuple[Daemon, Docker]) -> None:
    """Lists are empty, and a container is refused in a sentence (docs/design/engine-api.md E8.4)."""
    _, docker = node
    assert docker.output("ps", "-aq") == ""
    assert docker.output("images", "-q") == ""
    assert "This node has no container engine." in docker.refusal("run", "busybox")
    assert "No such container: x" in docker.refusal("logs", "x")


def test_the_command_runs_a_swarm() -> None:
    """Nodes, secrets, configs, services, tasks and the swarm's settings are read and changed by docker's own commands
    (docs/design/engine-api.md E10.1, E10.2, E11.1, E12.1, E12.2)."""
    with daemon("-H", "unix://", executors="simulated") as node:
        docker = Docker("-H", f"unix://{node.state}/docker.sock")
        until_it_answers(docker, node)
        _walk_nodes(docker)
        _walk_payloads(docker)
        _walk_services(docker)
        _walk_settings(docker)


_STACK = b"""
services:
  web:
    image: nginx:1
    networks: [inner]
    secrets: [word]
    deploy: {replicas: 2}
networks:
  inner: {driver: overlay}
secrets:
  word: {external: true}
"""


def test_the_command_deploys_stacks_and_makes_networks() -> None:
    """Overlay networks are the swarm's, and a stack is deployed, deployed again without a change, and removed
    (docs/design/engine-api.md E11.3, E13.1, E13.4)."""
    with daemon("-H", "unix://", executors="simulated") as node:
        docker = Docker("-H", f"unix://{node.state}/docker.sock")
        until_it_answers(docker, node)
        id_ = docker.output("network", "create", "-d", "overlay", "--attachable", "--label", "a=1", "back")
        shown = ("--no-trunc", "--filter", "label=a", "--format", "{{.ID}} {{.Driver}} {{.Scope}}")

        def is_allocated() -> bool:
            """A network has its driver and subnet when the allocator has been at it, soon after it was made."""
            return docker.output("network", "ls", *shown) == f"{id_} overlay swarm"

        wait_until(is_allocated, seconds=120, what="the network is allocated")
        assert docker.output(
            "network", "inspect", "--format", "{{.Attachable}} {{(index .IPAM.Config 0).Subnet}}", "back"
        ).startswith("true 10.")
        assert "already exists" in docker.refusal("network", "create", "-d", "overlay", "back")
        assert "This node has no container engine." in docker.refusal("network", "create", "mine")
        docker.output("network", "rm", "back")
        docker.output("secret", "create", "word", "-", stdin=b"x")
        for _ in range(2):
            docker.change("stack", "deploy", "--detach=true", "-c", "-", "shop", stdin=_STACK)
        assert docker.output("stack", "ls", "--format", "{{.Name}} {{.Services}}") == "shop 1"
        assert (
            docker.output(
                "network", "ls", "--filter", "label=com.docker.stack.namespace=shop", "--format", "{{.Name}}"
            )
            == "shop_inner"
        )
        wait_until(
            lambda: docker.output("stack", "services", "--format", "{{.Name}} {{.Replicas}}", "shop") == "shop_web 2/2",
            seconds=120, what="the stack runs",
        )  # fmt: skip
        # Its network stays in use while its tasks end, and the command says so.
        wait_until(
            lambda: docker.run("stack", "rm", "--detach=true", "shop").returncode == 0,
            seconds=120,
            what="the stack is removed",
        )
        assert docker.output("service", "ls", "-q") == ""


def _walk_nodes(docker: Docker) -> None:
    shown = ("node", "ls", "--format", "{{.Self}} {{.Status}} {{.ManagerStatus}}")
    wait_until(
        lambda: docker.output(*shown) == "true Ready Leader", seconds=120, what="the node is ready and leads"
    )
    own = docker.output("node", "ls", "-q")
    docker.change("node", "update", "--label-add", "zone=a", own)
    assert (
        docker.output("node", "inspect", "--format", "{{.Spec.Labels.zone}} {{.Spec.Role}}", "self")
        == "a manager"
    )
    assert "node nobody not found" in docker.refusal("node", "inspect", "nobody").lower()
    assert "attempting to demote the last manager" in docker.refusal("node", "demote", own)


def _walk_payloads(docker: Docker) -> None:
    for noun in ("secret", "config"):
        id_ = docker.output(noun, "create", "--label", "a=1", f"my-{noun}", "-", stdin=b"content")
        assert (
            docker.output(noun, "ls", "--filter", "name=my-", "--format", "{{.ID}} {{.Name}}")
            == f"{id_} my-{noun}"
        )
        assert docker.output(noun, "inspect", "--format", "{{.Spec.Labels.a}}", f"my-{noun}") == "1"
        done = docker.run(noun, "create", f"my-{noun}", "-", stdin=b"again")
        assert f"{noun} my-{noun} already exists".encode() in done.stderr


def _walk_services(docker: Docker) -> None:
    docker.output(
        "service", "create", "-d", "--name", "web", "--replicas", "2", "--secret", "my-secret", "nginx:1"
    )

    def counted(wanted: str) -> bool:
        return docker.output("service", "ls", "--format", "{{.Name}} {{.Replicas}}") == f"web {wanted}"

    wait_until(lambda: counted("2/2"), seconds=120, what="two tasks run")
    tasks = docker.output(
        "service", "ps", "--filter", "desired-state=running", "--format", "{{.Name}} {{.Node}}", "web"
    )
    assert sorted(line.split()[0] for line in tasks.splitlines()) == ["web.1", "web.2"]
    assert docker.output("node", "ps", "-q", "self").count("\n") == 1
    assert "is in use by the following service: web" in docker.refusal("secret", "rm", "my-secret")
    docker.change("service", "update", "-d", "--label-add", "a=b", "web")
    assert docker.output("service", "inspect", "--format", "{{.Spec.Labels.a}}", "web") == "b"
    docker.change("service", "rollback", "-d", "web")
    assert docker.output("service", "inspect", "--format", "{{json .Spec.Labels}}", "web") == "{}"
    docker.change("service", "scale", "-d", "web=3")
    wait_until(lambda: counted("3/3"), seconds=120, what="three tasks run")
    assert "no such service: nobody" in docker.refusal("service", "ps", "nobody")
    docker.output("service", "rm", "web")
    assert docker.output("service", "ls", "-q") == ""
    docker.output("secret", "rm", "my-secret")


def _walk_settings(docker: Docker) -> None:
    before = docker.output("swarm", "join-token", "-q", "worker")
    assert before.startswith("SWMTKN-1-")
    assert docker.change("swarm", "join-token", "-q", "--rotate", "worker") != before
    docker.change("swarm", "update", "--task-history-limit", "3")
    assert "Task History Retention Limit: 3" in docker.output("info")
    assert docker.output("swarm", "ca").startswith("-----BEGIN CERTIFICATE-----")
    assert "already part of a swarm" in docker.refusal("swarm", "init")
    assert "participating as a manager" in docker.refusal("swarm", "leave")


def test_over_tls_only_those_with_a_certificate_are_answered(tmp_path: Path) -> None:
    """A port with --tlsverify is for clients of one CA (docs/design/engine-api.md E1.8)."""
    ours, theirs = WebCa(tmp_path / "ours"), WebCa(tmp_path / "theirs")
    certificate, key = ours.issue("server")
    port = free_port()
    flags = (
        "--tlsverify",
        "--tlscacert",
        str(ours.certificate),
        "--tlscert",
        str(certificate),
        "--tlskey",
        str(key),
    )

    def client(signer: WebCa) -> Docker:
        own, own_key = signer.issue("client")
        return Docker(
            "-H", f"tcp://127.0.0.1:{port}", "--tlsverify", "--tlscacert", str(ours.certificate),
            "--tlscert", str(own), "--tlskey", str(own_key),
        )  # fmt: skip

    with daemon("-H", f"tcp://127.0.0.1:{port}", "-H", "unix://", *flags) as node:
        until_it_answers(client(ours), node)
        refused = client(theirs).run("version")
        assert refused.returncode == 1
        assert (
            b"error during connect" in refused.stderr
        )  # when the refusal is read depends on the version of TLS
        assert b"swarm-agentd" not in refused.stdout


def test_a_host_that_is_taken_is_told_before_anything_begins() -> None:
    """The start ends in one sentence, and there is no cluster (docs/design/engine-api.md E9.6)."""
    with socket.socket() as taken, private_directory() as state:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        node = Daemon(state / "s", "-H", f"tcp://127.0.0.1:{port}", executors="simulated").start()
        try:
            assert node.process is not None
            assert node.process.wait(START_S) == 1
            assert f"swarm-agentd: failed to load listeners: cannot listen on 127.0.0.1:{port}" in node.tail()
            assert {path.name for path in node.state.iterdir()} <= {"agentd.pid", "test.log", "worker"}
        finally:
            node.destroy()


def test_a_node_comes_back_where_docker_put_it() -> None:
    """Not where the daemon's flags say: others know it there (docs/design/engine-api.md E12.8)."""
    with private_directory() as state:
        node, port = Daemon(state / "s", "-H", "unix://", executors="simulated", waits=True), free_port()
        docker = Docker("-H", f"unix://{node.state}/docker.sock")
        try:
            node.start()
            wait_until(
                lambda: docker.run("version").returncode == 0, seconds=START_S, what="docker is answered"
            )
            docker.output("swarm", "init", "--listen-addr", f"127.0.0.1:{port}")
            assert node.stop() == 0
            node.start()
            shown = ("node", "inspect", "--format", "{{.Status.State}} {{.ManagerStatus.Leader}}", "self")
            wait_until(
                lambda: docker.run(*shown).stdout.strip() == b"ready true",
                seconds=START_S,
                what="the node is back",
            )
            with socket.create_connection(("127.0.0.1", port)):
                pass
            assert f"127.0.0.1:{port}" in docker.output("swarm", "join-token", "worker")
        finally:
            node.destroy()


def test_the_configuration_file_is_read_again(tmp_path: Path) -> None:
    """On SIGHUP labels, level, certificate and CA change, which an event tells, and nothing does when the file is wrong
    (docs/design/engine-api.md E17.3, E17.4, E17.6)."""
    ca, other, port = WebCa(tmp_path / "ca"), WebCa(tmp_path / "other"), free_port()
    (certificate, key), (own, own_key) = ca.issue("server"), ca.issue("client")
    config = tmp_path / "daemon.json"

    def configure(**more: object) -> None:
        files = {"tlscacert": str(ca.certificate), "tlscert": str(certificate), "tlskey": str(key)}
        hosts = {"hosts": [f"tcp://127.0.0.1:{port}"], "tlsverify": True}
        config.write_text(json.dumps({**hosts, **files, **more}))

    def shown(context: ssl.SSLContext) -> bytes | None:
        """The certificate that a client is shown; nothing where it is not answered."""
        with (
            contextlib.suppress(ssl.SSLError, ConnectionError),
            socket.create_connection(("127.0.0.1", port)) as raw,
        ):
            with context.wrap_socket(raw, server_hostname="127.0.0.1") as connection:
                connection.sendall(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
                if connection.recv(4) == b"HTTP":
                    return connection.getpeercert(binary_form=True)
        return None

    configure(labels=["zone=a"])
    flags = ("--config-file", str(config), "--begin-cluster")
    with daemon(*flags, executors="simulated") as node:
        docker = Docker(
            "-H", f"tcp://127.0.0.1:{port}", "--tlsverify", "--tlscacert", str(ca.certificate),
            "--tlscert", str(own), "--tlskey", str(own_key),
        )  # fmt: skip
        until_it_answers(docker, node)
        label = ("node", "inspect", "--format", "{{.Description.Engine.Labels.zone}}", "self")
        wait_until(lambda: docker.output(*label) == "a", seconds=START_S, what="the label is there")
        before = ssl.create_default_context(cafile=ca.certificate)
        before.load_cert_chain(own, own_key)
        former = shown(before)
        assert former is not None
        before.check_hostname, before.verify_mode = False, ssl.CERT_NONE
        newer = (other.certificate, *other.issue("server"), *other.issue("client"))
        for path, now in zip((ca.certificate, certificate, key, own, own_key), newer, strict=True):
            path.write_bytes(now.read_bytes())
        configure(labels=["zone=b"], **{"log-level": "debug"})
        os.kill(node.pid, signal.SIGHUP)
        # Until the daemon has read them, a client with the new certificates is refused.
        wait_until(
            lambda: docker.run(*label).stdout.strip() == b"b", seconds=START_S, what="the label has changed"
        )
        now = ssl.create_default_context(cafile=ca.certificate)
        now.load_cert_chain(own, own_key)
        assert shown(now) not in (None, former)
        assert shown(before) is None
        told = ("events", "--since", "0", "--until", str(int(time.time()) + 1), "--filter", "type=daemon")
        assert 'labels=["zone=b"]' in docker.output(*told)
        configure(labels=["zone=c"], nonsense=1)
        os.kill(node.pid, signal.SIGHUP)
        wait_until(
            lambda: "nothing was reloaded: unable to configure" in node.tail(10_000),
            seconds=START_S, what="the refusal is logged",
        )  # fmt: skip
        assert docker.output(*label) == "b"


def test_up_passes_hosts_and_their_terms_on_and_keeps_them(tmp_path: Path) -> None:
    """`swarm-tui up -H` answers docker's clients, over TLS too, and so does the node when it comes back (docs/design/engine-api.md E9.5)."""
    ours, port = WebCa(tmp_path / "ours"), free_port()
    certificate, key = ours.issue("server")
    own_certificate, own_key = ours.issue("client")
    with private_directory() as state:
        docker = Docker(
            "-H", f"tcp://127.0.0.1:{port}", "--tlsverify", "--tlscacert", str(ours.certificate),
            "--tlscert", str(own_certificate), "--tlskey", str(own_key),
        )  # fmt: skip

        def command(*words: str) -> None:
            done = subprocess.run(
                [*TUI, *words, "--state-dir", str(state)], capture_output=True, check=False, timeout=150
            )
            assert done.returncode == 0, done.stderr.decode()

        try:
            own = (
                "-H", f"unix://{state}/d.sock", "-H", f"tcp://127.0.0.1:{port}", "--tlsverify",
                "--tlscacert", str(ours.certificate), "--tlscert", str(certificate), "--tlskey", str(key),
                "--listen-remote-api", f"127.0.0.1:{free_port()}",
            )  # fmt: skip
            for asked in (own, ()):
                command("up", "-d", "--executor", "process", *asked)
                wait_until(
                    lambda: docker.run("version").returncode == 0, seconds=START_S, what="docker is answered"
                )
                command("down")
                assert not (state / "d.sock").exists()
        finally:
            subprocess.run(
                [*TUI, "down", "--state-dir", str(state)], capture_output=True, check=False, timeout=150
            )


@pytest.mark.docker
def test_what_is_the_engines_passes_through(engine: Engine, tmp_path: Path) -> None:
    """Containers run, attach, execute, copy and log by way of our node, from this machine and over ssh, and images are built with BuildKit, which makes
    connections of bytes of its own (docs/design/engine-api.md E8.1, E8.2, E8.5, E8.6, E19.3)."""
    name = f"passed-{os.getpid()}"
    with daemon("-H", "unix://", "--engine-addr", engine.url, executors="docker,process") as node:
        docker = Docker("-H", f"unix://{node.state}/docker.sock")
        until_it_answers(docker, node)
        own = Docker("-H", engine.url)
        _reach_by_ssh(node, tmp_path)
        _build_with_buildkit(docker, node, tmp_path)
        assert docker.output("info", "--format", "{{.Driver}}") == own.output(
            "info", "--format", "{{.Driver}}"
        )
        word = docker.output("run", "--rm", "-i", IMAGE, "cat", stdin=b"through stdin\n" * 20_000)
        assert word.splitlines() == ["through stdin"] * 20_000
        try:
            docker.output(
                "run",
                "-d",
                "--name",
                name,
                IMAGE,
                "sh",
                "-c",
                "echo made > /made; echo from inside; exec sleep 1000",
            )
            assert own.output("ps", "-q", "--filter", f"name={name}") != ""
            assert docker.output("exec", "-i", name, "cat", stdin=b"executed") == "executed"
            assert docker.run("exec", name, "sh", "-c", "exit 7").returncode == 7
            wait_until(lambda: docker.output("logs", name) == "from inside", seconds=60, what="its log")
            docker.output("cp", f"{name}:/made", str(node.state / "copied"))
            assert (node.state / "copied").read_text() == "made\n"
            assert "is not running" not in docker.output("inspect", "--format", "{{.State.Status}}", name)
            assert "No such container: nobody" in docker.refusal("logs", "nobody")
        finally:
            docker.run("rm", "-f", name)
        assert own.output("ps", "-aq", "--filter", f"name={name}") == ""


def _reach_by_ssh(node: Daemon, directory: Path) -> None:
    """`-H ssh://`: what docker's helper on the other machine, `docker system dial-stdio`, is told goes to our socket. Its ssh logs in to this one."""
    ssh = directory / "ssh"
    ssh.write_text(
        f"""#!/bin/sh
while [ "$1" != there ]; do shift; done
shift
exec env DOCKER_HOST=unix://{node.state}/docker.sock "$@"
"""
    )
    ssh.chmod(0o755)
    there = Docker(f"PATH={directory}:{os.environ['PATH']}", "docker", "-H", "ssh://there", program="env")
    assert there.output("node", "ls", "--format", "{{.Status}} {{.ManagerStatus}}") == "Ready Leader"
    assert there.output("run", "--rm", "-i", IMAGE, "cat", stdin=b"by ssh") == "by ssh"
    assert there.run("run", "--rm", IMAGE, "sh", "-c", "exit 7").returncode == 7


def _build_with_buildkit(docker: Docker, node: Daemon, directory: Path) -> None:
    """A session of the builder asks the client for its files and its secret, over a connection that becomes one of bytes."""
    image, distributions = f"built-{os.getpid()}", "/usr/bin/docker"  # which needs no plugin for it
    (directory / "Dockerfile").write_text(
        f"FROM {IMAGE}\nCOPY word /word\nRUN --mount=type=secret,id=hidden cat /run/secrets/hidden >> /word\n"
    )
    (directory / "word").write_text("from a file, ")
    (directory / "hidden").write_text("and a secret")
    kit = Docker("DOCKER_BUILDKIT=1", distributions, "-H", f"unix://{node.state}/docker.sock", program="env")
    secret = f"id=hidden,src={directory / 'hidden'}"
    try:
        kit.output("build", "--quiet", "--no-cache", "--secret", secret, "--tag", image, str(directory))
        assert docker.output("run", "--rm", image, "cat", "/word") == "from a file, and a secret"
    finally:
        docker.run("rmi", "--force", image)


def test_a_plugin_says_what_the_command_may(tmp_path: Path) -> None:
    """What it denies the command is told, and nothing of it is done; one that is not there ends the start
    (docs/design/engine-api.md E16.1, E16.2, E16.3)."""
    plugin = AuthzPlugin()
    plugin.deny(REQUEST, "DELETE", "nothing is removed here")
    with (
        private_directory() as directory,
        plugin_thread(directory / "p.sock", plugin) as address,
        daemon("-H", "unix://", "--authorization-plugin", address) as node,
    ):
        docker = Docker("-H", f"unix://{node.state}/docker.sock")
        until_it_answers(docker, node)
        docker.output("secret", "create", "word", "-", stdin=b"x")
        said = docker.refusal("secret", "rm", "word")
        assert f"authorization denied by plugin {address}: nothing is removed here" in said
        assert docker.output("secret", "ls", "--format", "{{.Name}}") == "word"
        lost = Daemon(directory / "other", "-H", "unix://", "--authorization-plugin", "nobody").start()
        try:
            assert lost.process is not None
            assert lost.process.wait(START_S) == 1
            assert 'failed to validate authorization plugin: plugin "nobody": ' in lost.tail()
        finally:
            lost.destroy()
