"""A service as a text of its own, and back (terminal.md 11.21)."""

import pytest
from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.compose import alone
from swarm_core.compose.alone import WrongText
from swarm_core.compose.changes.held import Held


def _named(kind: type, id_: str, name: str) -> object:
    found = kind(id=id_)
    found.spec.annotations.name = name
    return found


HELD = Held.of(
    "",
    [
        _named(objects_pb2.Network, "n1", "front"),
        _named(objects_pb2.Secret, "s1", "db"),
        _named(objects_pb2.Config, "c1", "conf"),
    ],
)
WHOLE = """\
services:
  cache:
    image: redis:7
    command:
    - redis-server
    - --save
    - ""
    environment:
      A: "1"
      B: two $words
    ports:
    - 53:53/udp
    - 6379:6379
    - target: 80
      published: 8080
      protocol: tcp
      mode: host
    networks:
    - front
    volumes:
    - data:/data
    - /etc/x:/x:ro
    secrets:
    - db
    configs:
    - source: conf
      target: /etc/conf
      mode: 256
    healthcheck:
      test:
      - CMD-SHELL
      - "true"
      interval: 5s
    user: "1000"
    deploy:
      replicas: 3
      labels:
        team: web
      update_config:
        parallelism: 2
        failure_action: rollback
        order: start-first
      resources:
        reservations:
          cpus: "0.5"
          memory: 1g
      placement:
        constraints:
        - node.labels.disk == ssd
"""


def test_a_whole_service_reads_back_as_it_is_written() -> None:
    """Text to spec to text, and the spec has the swarm's ids."""
    spec = alone.read(WHOLE, HELD).spec
    assert alone.write(spec, HELD) == WHOLE
    assert alone.read(alone.write(spec, HELD), HELD).spec == spec
    assert [one.target for one in spec.task.networks] == ["n1"]
    assert not spec.task.networks[0].aliases
    assert spec.task.container.secrets[0].secret_id == "s1"
    assert spec.task.container.configs[0].config_id == "c1"
    assert dict(spec.annotations.labels) == {"team": "web"}
    assert spec.task.container.mounts[0].source == "data"
    assert list(spec.task.container.env) == ["A=1", "B=two $words"]


def test_a_process() -> None:
    """It has its own key."""
    text = "services:\n  web:\n    x-process:\n      command:\n      - python3\n      args:\n      - -m\n      - http.server\n    deploy:\n      replicas: 1\n"
    assert alone.write(alone.read(text, HELD).spec, HELD) == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("services:\n  a:\n    image: x\n    networks:\n    - nope\n", "line 5: there is no network nope"),
        (
            "services:\n  a:\n    image: x\n    secrets:\n    - db\n    - nope\n",
            "line 6: there is no secret nope",
        ),
        (
            "services:\n  a:\n    imag: x\n",
            "line 3: services.a Additional property imag is not allowed",
        ),
        (
            "services:\n  a:\n    image: x\n    deploy: {replicas: many}\n    q: 1\n",
            "line 4: services.a.deploy.replicas must be an integer",
        ),
        ("services: {}\n", "line 1: there is no service in it"),
        ("", "line 1: top-level object must be a mapping: the file is empty"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, told: str) -> None:
    """The first of several faults."""
    with pytest.raises(WrongText) as caught:
        alone.read(text, HELD)
    assert str(caught.value) == told


def test_what_a_text_cannot_say_is_named() -> None:
    """And left out."""
    spec = specs_pb2.ServiceSpec()
    spec.CopyFrom(alone.read(WHOLE, HELD).spec)
    spec.task.container.privileges.no_new_privileges = True
    assert alone.write(spec, HELD) == WHOLE
    assert alone.lost(spec, HELD) == ["cache: no-new-privileges cannot be said in a compose file"]


def test_a_service_of_a_stack_keeps_its_name() -> None:
    """Its labels of the stack are not part of the text."""
    spec = alone.read(WHOLE, HELD).spec
    spec.annotations.name = "shop_cache"
    spec.annotations.labels["com.docker.stack.namespace"] = "shop"
    text = alone.write(spec, HELD)
    assert text == WHOLE.replace("  cache:", "  shop_cache:")


def test_variables_are_put_in_on_demand() -> None:
    """A text from elsewhere may have them; what the form shows has none."""
    text = "services:\n  a:\n    image: redis:${TAG}\n"
    assert alone.read(text, HELD, variables={"TAG": "7"}).spec.task.container.image == "redis:7"


def test_what_a_text_would_make_is_named() -> None:
    """Here it has to be there already; further services are passed over."""
    text = (
        "services:\n  a:\n    image: x\n    networks: [front]\n  b:\n    image: y\nnetworks:\n  front: {}\n"
    )
    found = alone.read(text, HELD)
    assert found.made_here == ("network front",)
    assert found.others == ("b",)
