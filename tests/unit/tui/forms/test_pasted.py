"""What is pasted becomes the form: docker lines and compose files (docs/design/terminal.md 11.23)."""

import pytest
from swarm_core.api.proto import types_pb2
from swarm_core.specs import notation
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.operations.forms import pasted
from swarm_tui.operations.forms.pasted import CannotPaste

VIEW = Snapshot([])
RUN = r"""
docker run -d --name kv -p 127.0.0.1:6379:6379 -p 80 -e A=1 --env 'B=two words' \
    -v data:/data -v /etc/x:/x:ro --restart on-failure:3 -m 512m --cpus=1.5 -it --rm \
    --network front --network-alias cache --gpus all --health-cmd 'redis-cli ping' --health-interval=5s \
    --label team=web --tmpfs /tmp:size=64m -u1000 --stop-timeout 20 redis:7 redis-server --save ''
"""


def test_blank_lines_of_any_number() -> None:
    """They are passed over once: with a look from each of them to the last a megabyte would take hours."""
    assert pasted.is_service("web:\n" + "\n" * 1_000_000 + "  image: a\n")


def test_a_docker_run_line() -> None:
    """11.23.1: its options are those of the service; what a service does not have is named."""
    found = pasted.read(RUN, VIEW)
    assert found.lost == ("the address 127.0.0.1 of -p 127.0.0.1:6379:6379", "-i", "--rm", "--gpus all")
    assert found.told.startswith("Filled from docker run. No counterpart: the address 127.0.0.1")
    spec, container = found.spec, found.spec.task.container
    assert (spec.annotations.name, container.image) == ("kv", "redis:7")
    assert list(container.args) == ["redis-server", "--save", ""]
    assert [(one.published_port, one.target_port) for one in spec.endpoint.ports] == [(6379, 6379), (0, 80)]
    assert list(container.env) == ["A=1", "B=two words"]
    assert [(one.source, one.target, one.readonly) for one in container.mounts] == [
        ("data", "/data", False),
        ("/etc/x", "/x", True),
        ("", "/tmp", False),
    ]
    assert container.mounts[2].tmpfs_options.size_bytes == 64 << 20
    assert spec.task.restart.condition == types_pb2.RestartPolicy.ON_FAILURE
    assert spec.task.restart.max_attempts == 3
    assert spec.task.resources.limits.memory_bytes == 512 << 20
    assert spec.task.resources.limits.nano_cpus == 3 * notation.NANOS // 2
    assert container.tty
    assert [(one.target, list(one.aliases)) for one in spec.task.networks] == [("front", ["cache"])]
    assert list(container.healthcheck.test) == ["CMD-SHELL", "redis-cli ping"]
    assert dict(container.labels) == {"team": "web"}
    assert container.user == "1000"
    assert container.stop_grace_period.seconds == 20


def test_options_of_mounts_that_services_do_not_have() -> None:
    """11.23.1: they are named, and the mount is made without them."""
    found = pasted.read(
        "docker run -v /etc/x:/x:ro,z -v data:/data:Z -v logs:/logs:nocopy --tmpfs /run:rw,noexec,size=64m,mode=1770 redis:7",
        Snapshot([]),
    )
    assert found.lost == (
        "z of -v /etc/x:/x:ro,z",
        "Z of -v data:/data:Z",
        "noexec of --tmpfs /run:rw,noexec,size=64m,mode=1770",
    )
    etc, data, logs, run = found.spec.task.container.mounts
    assert (etc.source, etc.target, etc.readonly) == ("/etc/x", "/x", True)
    assert (data.source, data.target, data.readonly) == ("data", "/data", False)
    assert logs.volume_options.nocopy
    assert (run.tmpfs_options.size_bytes, run.tmpfs_options.mode) == (64 << 20, 0o1770)


def test_a_docker_service_create_line() -> None:
    """11.23.2: by the table of our own command's flags."""
    text = "$ sudo docker service create --name web --replicas 3 --publish published=80,target=8080,mode=host --constraint 'node.role == worker' --secret db --update-order start-first --no-resolve-image nginx:1 -g 'daemon off;'"
    found = pasted.read(text, VIEW)
    assert found.lost == ()
    spec = found.spec
    assert spec.replicated.replicas == 3
    assert spec.endpoint.ports[0].publish_mode == types_pb2.PortConfig.HOST
    assert list(spec.task.placement.constraints) == ["node.role == worker"]
    assert spec.task.container.secrets[0].secret_name == "db"
    assert spec.update.order == types_pb2.UpdateConfig.START_FIRST
    assert list(spec.task.container.args) == ["-g", "daemon off;"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("docker run --frobnicate x", "docker run has no option --frobnicate."),
        ("docker run -e", "-e needs a value."),
        ("docker run -d", "docker run names no image."),
        ("docker ps -a", "this is neither docker run nor docker service create."),
        ("docker run -m soon x", "--limit-memory: 'soon' is no size (write 512m, 2g)."),
        (
            "docker run --restart sometimes x",
            "--restart: 'sometimes' is none of no, always, unless-stopped, on-failure[:N].",
        ),
        ("docker run 'x", '"docker run \'x" cannot be split into words (No closing quotation).'),
    ],
)
def test_what_is_no_line_is_told(text: str, told: str) -> None:
    """11.23.3: in a sentence, and the form stays as it is."""
    with pytest.raises(CannotPaste) as caught:
        pasted.read(text, VIEW)
    assert str(caught.value) == told


WHOLE = """\
services:
  web:
    image: nginx:${TAG:-1}
    build: .
    ports: ["80:80"]
    networks: [front]
  db:
    image: postgres
networks:
  front: {}
"""


def test_a_compose_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """11.23.4: its first service; the others, what it would make, and what means nothing to a swarm are named."""
    monkeypatch.setenv("TAG", "2")
    found = pasted.read(WHOLE, VIEW)
    assert found.spec.task.container.image == "nginx:2"
    assert found.spec.annotations.name == "web"
    assert [one.target for one in found.spec.task.networks] == ["front"]
    assert found.lost[:2] == ("service db", "network front is not made here")
    assert any("build" in one for one in found.lost)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("web:\n  image: nginx:1\n  deploy: {replicas: 2}\n", "web"),
        ("image: nginx:1\ndeploy:\n  replicas: 2\n", ""),
    ],
)
def test_a_service_of_a_compose_file(text: str, name: str) -> None:
    """11.23.4: with its name, or what stands below it."""
    found = pasted.read(text, VIEW)
    assert found.spec.annotations.name == name
    assert found.spec.replicated.replicas == 2


def test_what_is_no_compose_file_is_told() -> None:
    """11.23.3: with its line."""
    with pytest.raises(CannotPaste, match=r"^line 4: services.web.deploy.replicas must be an integer\.$"):
        pasted.read("services:\n  web:\n    image: x\n    deploy: {replicas: many}\n", VIEW)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (RUN, True),
        ("docker service create nginx", True),
        (WHOLE, True),
        ("image: x\n", False),
        ("two words", False),
        ("docker", False),
        ("A=1\nB=2", False),
    ],
)
def test_only_what_looks_like_a_service_fills_the_form(text: str, is_one: bool) -> None:
    """11.23.5: everything else is typed where the cursor is."""
    assert pasted.is_service(text) is is_one
