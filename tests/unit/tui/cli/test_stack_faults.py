"""A deploy that is cut at any write goes on where it stopped (docs/design/stacks.md 12.8)."""

from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2
from swarm_core.client.errors import Unreachable
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.command_line import CommandLine
from swarm_testkit.factories import make_cluster, make_network, make_node

_WRITES = ("Control.Create", "Control.Update", "Control.Remove")
_TEXT = """
name: shop
services:
  db: {image: "db:1", networks: [inner], secrets: [key]}
  api: {image: "api:1", networks: [inner], configs: [conf], depends_on: [db], deploy: {replicas: 2}}
  web: {image: "web:1", networks: [inner], ports: ["8080:80"], depends_on: [api]}
networks: {inner: {internal: true}}
secrets: {key: {file: ./key}}
configs: {conf: {content: a}}
"""
_STEPS = 7
"""The state, a network, a secret, a config, and three services."""


class CutCluster(FakeCluster):
    """The connection is lost at one write: before the manager has it, or after, so that only the answer is lost."""

    def __init__(self) -> None:
        ingress = make_network(name="ingress")
        ingress.spec.ingress = True
        super().__init__([make_cluster(), make_node("n1"), ingress], orchestrate=True)
        self.left = -1
        self.is_done_first = False

    async def call(self, method: str, request: Message, *, timeout: float | None = None) -> Any:
        if not method.startswith(_WRITES):
            return await super().call(method, request, timeout=timeout)
        self.left -= 1
        if self.left == -1:
            if self.is_done_first:
                await super().call(method, request, timeout=timeout)
            raise Unreachable("the connection was lost")
        return await super().call(method, request, timeout=timeout)


@pytest.mark.parametrize("is_done_first", [False, True])
@pytest.mark.parametrize("cut", range(_STEPS))
def test_cut_anywhere(
    cut: int, is_done_first: bool, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Whatever write is lost, nothing of a later wave is there, the next deploy finishes, makes nothing twice, and is the last."""
    fake = CutCluster()
    run = CommandLine(fake, capsys)
    (tmp_path / "key").write_text("one")
    file = tmp_path / "compose.yml"
    file.write_text(_TEXT)
    fake.left, fake.is_done_first = cut, is_done_first
    first = run("stack", "deploy", "--yes", "--wait", "-c", str(file))
    assert first.code == 1, first.out
    waves = ["shop_db", "shop_api", "shop_web"]
    there = {one.spec.annotations.name for one in fake.all(objects_pb2.Service)}
    assert there == set(waves[: len(there)])
    fake.left = -1
    again = run("stack", "deploy", "--yes", "--wait", "-c", str(file))
    assert again.code == 0, again.err
    assert sorted(one.spec.annotations.name for one in fake.all(objects_pb2.Service)) == sorted(waves)
    assert len(fake.all(objects_pb2.Secret)) == 1
    assert len(fake.all(objects_pb2.Config)) == 2
    assert [one.spec.annotations.name for one in fake.all(objects_pb2.Network)].count("shop_inner") == 1
    assert (
        run("stack", "deploy", "--yes", "--wait", "-c", str(file)).out
        == "Nothing to do: the stack is as the files say.\n"
    )
    removed = run("stack", "rm", "shop")
    assert removed.code == 0, removed.err
    assert [one.spec.annotations.name for one in fake.all(objects_pb2.Network)] == ["ingress"]


def test_all_writes_are_cut(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The deploy above has as many writes as are cut there."""
    fake = CutCluster()
    (tmp_path / "key").write_text("one")
    (tmp_path / "compose.yml").write_text(_TEXT)
    assert (
        CommandLine(fake, capsys)("stack", "deploy", "--yes", "-c", str(tmp_path / "compose.yml")).code == 0
    )
    assert sum(method.startswith(_WRITES) for method, _ in fake.calls) == _STEPS
