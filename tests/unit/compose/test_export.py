"""From a cluster back to a file: exported and planned again, nothing changes (docs/design/stacks.md 12.10)."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from swarm_core.api.proto import objects_pb2
from swarm_core.compose.changes import binding
from swarm_core.compose.changes.held import Held
from swarm_core.compose.changes.plan import plan
from swarm_core.compose.changes.state import State
from swarm_core.compose.convert.names import PayloadNames, Style
from swarm_core.compose.convert.payloads import Content
from swarm_core.compose.convert.stack import Desired, convert
from swarm_core.compose.dump import dump, escaped
from swarm_core.compose.export import Exported, export
from swarm_core.compose.project import Options, Project, Source, load
from swarm_testkit import compose_files
from swarm_testkit.compose_files import Case

CASES = compose_files.cases()
EVERYTHING = next(case for case in CASES if case.folder.name == "07-long-forms")


def converted(project: Project, read: Any, style: Style = Style.DOCKER) -> Desired:
    return convert(project, "s", PayloadNames(style, b"salt"), Content(read, {}))


def applied(desired: Desired) -> Held:
    """A cluster that holds the stack, and what it takes for external."""
    objects: list[Any] = [
        objects_pb2.Network(id=f"n-{name}", spec=spec) for name, spec in desired.networks.owned.items()
    ]
    for noun, payloads in ((objects_pb2.Secret, desired.secrets), (objects_pb2.Config, desired.configs)):
        objects += [noun(id=f"p-{one.name}", spec=one.spec) for one in payloads.owned.values()]
        for name in payloads.external.values():
            item: Any = noun(id=f"p-{name}")
            item.spec.annotations.name = name
            objects.append(item)
    for name in desired.networks.external:
        network = objects_pb2.Network(id=f"n-{name}")
        network.spec.annotations.name = name
        objects.append(network)
    held = Held.of("s", objects)
    for spec in desired.services.values():
        held.services[spec.annotations.name] = objects_pb2.Service(
            id=f"i-{spec.annotations.name}", spec=binding.bound(spec, held)
        )
    return held


def changes_after(held: Held, exported: Exported, style: Style = Style.DOCKER) -> list[str]:
    """What a plan of the exported file would do."""

    def read(path: str) -> bytes:
        return exported.files[path.removeprefix("/at/")]

    text = dump(escaped(exported.document))
    project = load([Source("exported", text.encode())], Options("/at", {}, read))
    desired = converted(project, read, style)
    state = State(1, b"salt", {}, {one.name: "" for one in desired.secrets.owned.values()})
    made = plan(desired, held, state, state)
    assert not made.refusals
    return [
        f"{step.do} {step.name}: {'; '.join(map(str, step.differences))}"
        for step in made.steps
        if step.is_change
    ]


@pytest.mark.parametrize("style", [Style.DOCKER, Style.GENERATIONS])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.folder.name)
def test_round_trip(case: Case, style: Style) -> None:
    """Every file comes back as one that changes nothing, with docker's names and with generations."""
    held = applied(converted(case.load(), compose_files.read, style))
    assert changes_after(held, export(held, has_files=True), style) == []
    assert changes_after(held, export(held), style) == []


def _parts() -> tuple[list[str], list[str]]:
    service = EVERYTHING.load().plain["services"]["everything"]
    return sorted(service.keys() - {"image"}), sorted(service["deploy"])


@settings(max_examples=40)
@given(st.sets(st.sampled_from(_parts()[0])), st.sets(st.sampled_from(_parts()[1])))
def test_any_part_comes_back(keys: set[str], within_deploy: set[str]) -> None:
    """Whatever a service has and lacks, the way back loses none of it."""
    document = EVERYTHING.load().plain
    service = document["services"]["everything"]
    kept = {key: value for key, value in service.items() if key in keys or key == "image"}
    if "deploy" in kept:
        kept["deploy"] = {key: value for key, value in kept["deploy"].items() if key in within_deploy}
        if "endpoint_mode" in within_deploy:
            kept["ports"] = [port for port in kept.get("ports", []) if port.get("mode") == "host"]
    document["services"] = {"everything": kept}
    text = dump(escaped(document))
    project = load([Source("part", text.encode())], Options("/", {}, compose_files.read))
    held = applied(converted(project, compose_files.read))
    assert changes_after(held, export(held, has_files=True)) == []


def test_what_is_said() -> None:
    """Names without the stack, the image as it was written or pinned, no labels of stacks, dollars doubled on the way out."""
    text = "services: {w: {image: web, command: echo $$HOME, labels: {a: b}, networks: {default: {aliases: [x]}}}}"
    project = load([Source("f", text.encode())], Options("/", {}, compose_files.read))
    held = applied(converted(project, compose_files.read))
    held.services["s_w"].spec.task.container.image = "web:latest@sha256:" + "0" * 64
    document = export(held).document
    assert document["services"]["w"] == {
        "image": "web",
        "command": ["echo", "$HOME"],
        "labels": {"a": "b"},
        "networks": {"default": {"aliases": ["x"]}},
        "deploy": {"mode": "replicated", "replicas": 1},
    }
    assert export(held, is_pinned=True).document["services"]["w"]["image"].endswith("0" * 64)
    assert "$$HOME" in dump(escaped(document))


def test_processes_come_back() -> None:
    """A service of processes is exported as one."""
    text = "services: {w: {x-process: {command: [a, b], args: [c], dir: /d, user: u}, environment: {A: '1'}, deploy: {replicas: 2}}}"
    project = load([Source("f", text.encode())], Options("/", {}, compose_files.read))
    held = applied(converted(project, compose_files.read))
    exported = export(held)
    assert exported.document["services"]["w"]["x-process"] == {
        "command": ["a", "b"],
        "args": ["c"],
        "dir": "/d",
        "user": "u",
    }
    assert changes_after(held, exported) == []


def test_what_cannot_be_said_is_named() -> None:
    """What a file has no word for is told."""
    project = load([Source("f", b"services: {w: {image: x}}")], Options("/", {}, compose_files.read))
    held = applied(converted(project, compose_files.read))
    held.services["s_w"].spec.task.container.privileges.no_new_privileges = True
    assert export(held).lost == ["s_w: no-new-privileges cannot be said in a compose file"]
