"""The same compose files deployed by docker on a real engine and by this program: the same specs, field by field."""

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from swarm_core.api.proto import specs_pb2
from swarm_core.client.cluster import Cluster
from swarm_core.client.sockets import Candidate
from swarm_core.compose.changes.held import KINDS, Held, stack_of
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.command_line import CommandLine, Outcome
from swarm_testkit.compose_files import Case, cases
from swarm_testkit.daemons import wait_until
from swarm_testkit.engines import IMAGE, Engine
from swarm_testkit.factories import make_cluster, make_network, make_node
from swarm_tui.cli import main
from swarm_tui.cli.plumbing.session import Globals

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]
CASES = cases()
EXTERNALS = {
    "network": ["shared", "their-net"],
    "secret": ["theirs", "other-secret"],
    "config": ["their-policy"],
}


@pytest.fixture(scope="module")
def docker_swarm(swarm_engine: Engine) -> Engine:
    """The engine, with what the files call external."""
    for name in EXTERNALS["network"]:
        swarm_engine.docker("network", "create", "--driver", "overlay", name)
    for noun in ("secret", "config"):
        for name in EXTERNALS[noun]:
            swarm_engine.docker(noun, "create", name, "-", stdin=b"theirs")
    return swarm_engine


def deploy_by_docker(engine: Engine, case: Case, stack: str) -> None:
    arguments = [word for path in case.files for word in ("-c", str(path))]
    environment = {**case.variables, "PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    subprocess.run(
        ["docker", "-H", engine.url, "stack", "deploy", "--detach=true", "--resolve-image", "never", *arguments, stack],
        env=environment, check=True, capture_output=True, text=True,
    )  # fmt: skip


def held_by(engine: Engine, stack: str) -> Held:
    """What the engine's manager holds, seen through its control socket."""

    async def look() -> list[Any]:
        cluster = await Cluster.open(Candidate(engine.control_socket, "test"))
        try:
            return [item for kind in KINDS for item in await cluster.control.find(kind)]
        finally:
            await cluster.close()

    return Held.of(stack, asyncio.run(look()))


def shown(held: Held) -> dict[str, Any]:
    """The stack's specs with names in place of ids, ready to be compared."""
    names = held.network_names
    found: dict[str, Any] = {}
    for noun, items in (("network", held.networks), ("secret", held.secrets), ("config", held.configs)):
        for name, item in items.items():
            if stack_of(item) == held.stack and not name.startswith(f"{held.stack}.swarmtui."):
                found[f"{noun} {name}"] = _payload(item.spec)
    for name, service in held.services.items():
        if stack_of(service) != held.stack:
            continue
        spec = specs_pb2.ServiceSpec()
        spec.CopyFrom(service.spec)
        for attachment in spec.task.networks:
            attachment.target = names[attachment.target]
        for secret in spec.task.container.secrets:
            secret.secret_id = ""
        for config in spec.task.container.configs:
            config.config_id = ""
        # Docker 28.2 accepts this key and loses it.
        spec.task.container.ClearField("oom_score_adj")
        if spec.task.container.HasField("healthcheck"):
            # Engines before 25 do not know it.
            spec.task.container.healthcheck.ClearField("start_interval")
        found[f"service {name}"] = MessageToDict(spec)
    return found


def _payload(spec: Any) -> dict[str, Any]:
    """A network's, secret's or config's spec without what cannot be compared: a secret's data is never shown, and docker's manager
    writes the gateway that it chose for a network into the spec."""
    shown: dict[str, Any] = MessageToDict(spec)
    if isinstance(spec, specs_pb2.SecretSpec):
        shown.pop("data", None)
    for config in shown.get("ipam", {}).get("configs", []):
        config.pop("gateway", None)
    return shown


def ours(case: Case, stack: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Held:
    """The stack on a manager of ours."""
    networks = [make_network(name=name) for name in EXTERNALS["network"]]
    ingress = make_network(name="ingress")
    ingress.spec.ingress = True
    fake = FakeCluster([make_cluster(), make_node("n1"), ingress, *networks])
    run = CommandLine(fake, capsys)
    _call(case, monkeypatch)
    for noun in ("secret", "config"):
        for name in EXTERNALS[noun]:
            assert run(noun, "create", name, __file__).code == 0
    files = [word for path in case.files for word in ("-c", str(path))]
    done = run("stack", "deploy", "--detach", "--yes", "--names", "docker", *files, stack)
    assert done.code == 0, done.err
    return Held.of(stack, [item for kind in KINDS for item in fake.all(kind)])


def _call(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in case.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", "/nonexistent")


def _removed(engine: Engine, stack: str) -> bool:
    """Docker's command does not wait for tasks that are still on a network: then it is given again."""
    try:
        engine.docker("stack", "rm", stack)
    except subprocess.CalledProcessError as failed:
        if b"in use by task" in failed.stderr:
            return False
        raise
    return True


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.folder.name)
def test_the_specs_are_dockers(
    case: Case, docker_swarm: Engine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`stack deploy --names docker` makes what `docker stack deploy` makes: services, networks, secrets, configs; and a plan of the
    same file on docker's own manager finds nothing to change in them."""
    stack = f"s{case.folder.name[:2]}"
    deploy_by_docker(docker_swarm, case, stack)
    try:
        theirs = shown(held_by(docker_swarm, stack))
    finally:
        wait_until(lambda: _removed(docker_swarm, stack), seconds=60, what=f"the end of {stack}")
    mine = shown(ours(case, stack, capsys, monkeypatch))
    assert mine.keys() == theirs.keys()
    for name, spec in theirs.items():
        assert mine[name] == spec, name


class OnDocker:
    """The command line on the control socket of a Docker Engine."""

    def __init__(self, engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
        self._engine = engine
        self._capture = capsys

    async def _connect(self) -> Cluster:
        return await Cluster.open(Candidate(self._engine.control_socket, "test"))

    def __call__(self, *arguments: str) -> Outcome:
        self._capture.readouterr()
        code = main.run(arguments, given=Globals(connect=self._connect))
        captured = self._capture.readouterr()
        return Outcome(code, captured.out, captured.err)


@pytest.mark.parametrize("number", [0, 7, 11])
def test_a_stack_of_docker_is_taken_over(
    number: int, docker_swarm: Engine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What docker deployed is planned to nothing but the state of this program, deployed so, and removed, all on docker's manager."""
    case, stack = CASES[number], f"taken{number}"
    run = OnDocker(docker_swarm, capsys)
    deploy_by_docker(docker_swarm, case, stack)
    _call(case, monkeypatch)
    files = ["--names", "docker", *(word for path in case.files for word in ("-c", str(path))), stack]
    planned = run("stack", "plan", "--format", "json", *files)
    assert planned.code in (0, 2), planned.err
    steps = json.loads(planned.out)["steps"]
    assert {step["do"] for step in steps if step["noun"] in ("service", "network", "config")} == {"keep"}
    # What a secret of docker's holds nobody can read: the manager compares.
    assert {step["do"] for step in steps if step["noun"] == "secret"} <= {"change"}
    # Each service is on a network by a virtual address, and is written once more when it gets it.
    wait_until(
        lambda: all(one.endpoint.virtual_ips for one in held_by(docker_swarm, stack).services.values()),
        what="the addresses of the services",
    )
    versions = {name: one.meta.version.index for name, one in held_by(docker_swarm, stack).services.items()}
    assert run("stack", "deploy", "--yes", *files).code == 0
    held = held_by(docker_swarm, stack)
    assert {name: one.meta.version.index for name, one in held.services.items()} == versions
    assert run("stack", "deploy", "--yes", *files).out == "Nothing to do: the stack is as the files say.\n"
    assert f"{stack} " in run("stack", "ls").out
    assert len(run("stack", "services", stack).lines) == len(held.own(held.services)) + 1
    assert run("stack", "ps", stack).code == 0
    assert run("stack", "status", stack).code == 0
    removed = run("stack", "rm", stack)
    assert removed.code == 0, removed.err
    assert not any(stack_of(one) == stack for one in held_by(docker_swarm, stack).networks.values())
    assert run("stack", "ps", stack).err == f"Error: nothing found in stack: {stack}\n"


@pytest.mark.slow
def test_a_stack_in_waves_on_dockers_manager(
    docker_swarm: Engine, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Real containers: a service begins once the one it depends on is healthy, a job once it has completed; a changed secret is a
    new generation that the container gets."""
    (tmp_path / "key").write_text("one\n")
    file = tmp_path / "compose.yml"
    file.write_text(
        f"""
services:
  base:
    image: {IMAGE}
    command: sh -c "sleep 1; touch /ready; sleep 1000"
    healthcheck: {{test: "test -e /ready", interval: 500ms, retries: 20}}
    stop_grace_period: 0s
  prepare:
    image: {IMAGE}
    command: "true"
    depends_on: {{base: {{condition: service_healthy}}}}
    deploy: {{mode: replicated-job, restart_policy: {{condition: none}}}}
  web:
    image: {IMAGE}
    command: sh -c "cat /run/secrets/key; exec sleep 1000"
    secrets: [key]
    depends_on: {{prepare: {{condition: service_completed_successfully}}}}
    stop_grace_period: 0s
secrets: {{key: {{file: key}}}}
"""
    )
    run = OnDocker(docker_swarm, capsys)
    try:
        done = run("stack", "deploy", "--yes", "--wait", "--wave-timeout", "60s", "-c", str(file), "waves")
        assert done.code == 0, done.err
        said = [line for line in done.lines if "service" in line]
        assert said == [f"Creating service waves_{name}" for name in ("base", "prepare", "web")]
        wait_until(
            lambda: "one" in docker_swarm.docker("service", "logs", "waves_web"),
            what="the log of what came last",
        )
        (tmp_path / "key").write_text("two\n")
        again = run("stack", "deploy", "--yes", "--wait", "--wave-timeout", "60s", "-c", str(file), "waves")
        assert again.code == 0, again.err
        assert [line.split()[0] + " " + line.split()[1] for line in again.lines] == [
            "Creating config", "Creating secret", "Updating service",
        ]  # fmt: skip
        wait_until(
            lambda: "two" in docker_swarm.docker("service", "logs", "waves_web"),
            what="the log with the changed secret",
        )
    finally:
        assert run("stack", "rm", "waves").code == 0
