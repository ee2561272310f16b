"""Differences of specs in words (docs/design/terminal.md 11.7)."""

from collections.abc import Callable

import pytest
from swarm_core.api.proto.process_pb2 import ProcessSpec
from swarm_core.api.proto.specs_pb2 import ServiceSpec
from swarm_core.api.runtimes import set_process
from swarm_testkit.factories import make_service, make_task_spec
from swarm_tui.resources.spec_changes import differences


def spec() -> ServiceSpec:
    made = make_service(name="web", replicas=2, task=make_task_spec(image="nginx:1")).spec
    made.task.container.env.extend(["A=1", "B=2"])
    return made


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda s: setattr(s.task.container, "image", "nginx:2"), ["image 1 → 2"]),
        (lambda s: setattr(s.task.container, "image", "caddy:2"), ["nginx:1 → caddy:2"]),
        (lambda s: setattr(s.replicated, "replicas", 5), ["scaled 2 → 5"]),
        (lambda s: s.task.container.env.append("C=3"), ["env +C"]),
        (lambda s: s.task.container.env.__setitem__(0, "A=9"), ["env ~A"]),
        (lambda s: s.task.container.env.pop(), ["env −B"]),
        (
            lambda s: s.task.container.env.extend(f"X{n}=" for n in range(6)),
            ["env +X0 +X1 +X2 +X3 and 2 more"],
        ),
        (lambda s: s.task.container.args.append("-v"), ["command"]),
        (lambda s: setattr(s.task.container.pull_options, "registry_auth", "x"), ["credentials"]),
        (lambda s: s.task.container.mounts.add(), ["mounts"]),
        (lambda s: setattr(s.task.resources.limits, "nano_cpus", 1), ["resources"]),
        (lambda s: s.task.placement.constraints.append("node.role==worker"), ["placement"]),
        (lambda s: s.annotations.labels.update({"a": "b"}), ["labels"]),
        (lambda s: setattr(s.update, "parallelism", 3), ["update settings"]),
        (lambda s: s.endpoint.ports.add(), ["ports"]),
        (lambda s: setattr(s.task, "force_update", 1), ["restarted"]),
        (lambda s: None, []),
    ],
)
def test_words(edit: Callable[[ServiceSpec], object], words: list[str]) -> None:
    """11.7: each difference has its words; values of variables are never among them."""
    after = spec()
    edit(after)
    assert differences(spec(), after) == words


def test_processes() -> None:
    """11.7: of a process the whole command line is told, once."""
    before, after = spec(), spec()
    set_process(before.task, ProcessSpec(command=["sleep"], args=["1"]))
    set_process(after.task, ProcessSpec(command=["sleep"], args=["2"], dir="/tmp"))
    assert differences(before, after) == ["sleep 1 → sleep 2", "directory"]
    assert differences(before, spec())[0] == "sleep 1 → nginx:1"
