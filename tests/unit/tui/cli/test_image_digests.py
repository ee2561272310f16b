"""Digests and platforms of images from a registry on the loopback address (docs/design/terminal.md 11.11)."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from swarm_core.api.proto import control_pb2, objects_pb2
from swarm_testkit.cluster_fake import FakeCluster, lively_cluster
from swarm_testkit.command_line import CommandLine
from swarm_testkit.token_registry import IDENTITY, TOKEN, USER, TokenRegistry, digest_of
from swarm_tui.cli.plumbing import image_digests, pinning
from swarm_tui.cli.plumbing.image_digests import RegistryFailure, pin
from swarm_tui.cli.plumbing.session import Failure

PASSWORD = "hunter2"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenRegistry]:
    monkeypatch.delenv(pinning.VARIABLE, raising=False)
    with TokenRegistry().serving() as found:
        yield found


@pytest.fixture
def fake() -> FakeCluster:
    return lively_cluster()


@pytest.fixture
def tui(fake: FakeCluster, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(fake, capsys)


def platforms(found: image_digests.Pinned) -> list[tuple[str, str]]:
    return [(one.os, one.architecture) for one in found.platforms]


def test_a_list_of_manifests(registry: TokenRegistry) -> None:
    """The digest is that of the list, and the platforms are all of its, those of arm without the architecture, as docker writes them."""
    digest = registry.add("1", ("linux", "amd64"), ("linux", "arm"), ("windows", "amd64"))
    found = pin(f"{registry.host}/a/b:1", {})
    assert found.image == f"{registry.host}/a/b:1@{digest}"
    assert platforms(found) == [("linux", "amd64"), ("linux", ""), ("windows", "amd64")]


def test_one_manifest(registry: TokenRegistry) -> None:
    """The platform stands in the configuration, to which no authorization is carried along."""
    digest = registry.add("latest", ("linux", "arm64"))
    found = pin(f"{registry.host}/a/b", {})
    assert found.image == f"{registry.host}/a/b:latest@{digest}"
    assert platforms(found) == [("linux", "arm64")]
    elsewhere = [shown for path, shown in registry.asked if path.startswith("/elsewhere/")]
    assert elsewhere == [""]


def test_a_digest_that_is_given(registry: TokenRegistry) -> None:
    """It is asked for and kept, with the tag beside it or without; another answer is a failure."""
    digest = registry.add("1", ("linux", "amd64"))
    for named in ("a/b", "a/b:1"):
        found = pin(f"{registry.host}/{named}@{digest}", {})
        assert found.image == f"{registry.host}/{named}@{digest}"
        assert platforms(found) == [("linux", "amd64")]
    other = digest_of(b"")
    registry.manifests[other] = registry.manifests[digest]
    with pytest.raises(RegistryFailure, match="another digest"):
        pin(f"{registry.host}/a/b@{other}", {})


def test_a_password(registry: TokenRegistry) -> None:
    """It is shown to the server of tokens alone, or to the registry where that asks for it; a wrong one is a failure without it."""
    registry.password = PASSWORD
    registry.add("1", ("linux", "amd64"))
    right = {"username": USER, "password": PASSWORD}
    for scheme in ("Bearer", "Basic"):
        registry.scheme = scheme
        assert pin(f"{registry.host}/a/b:1", right).platforms
        with pytest.raises(RegistryFailure) as failure:
            pin(f"{registry.host}/a/b:1", {"username": USER, "password": "wrong"})
        assert "wrong" not in str(failure.value)
        with pytest.raises(RegistryFailure):
            pin(f"{registry.host}/a/b:1", {})


def test_tokens(registry: TokenRegistry) -> None:
    """An identity token buys a token, by a form; a token of the registry is shown as it is."""
    registry.password = PASSWORD
    registry.add("1", ("linux", "amd64"), ("linux", "arm64"))
    assert pin(f"{registry.host}/a/b:1", {"identitytoken": IDENTITY}).platforms
    assert ("/token", "refresh_token") in registry.asked
    registry.asked.clear()
    assert pin(f"{registry.host}/a/b:1", {"registrytoken": TOKEN}).platforms
    assert not [path for path, _ in registry.asked if path.startswith("/token")]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[]", "no JSON object"),
        (b"{", "Expecting property name"),
        (b'{"schemaVersion": 1}', "no manifest"),
        (b'{"schemaVersion": 2}', "config"),
        (b'{"schemaVersion": 2, "config": {"digest": "../x"}}', "names no configuration"),
        (b'{"schemaVersion": 2, "manifests": 7}', "not iterable"),
    ],
)
def test_answers_that_are_none(registry: TokenRegistry, body: bytes, said: str) -> None:
    """Whatever a registry answers ends in a failure with a cause."""
    registry.put("1", body)
    with pytest.raises(RegistryFailure, match=said):
        pin(f"{registry.host}/a/b:1", {})


def test_what_cannot_be_had(registry: TokenRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image that is not there, an answer without end, and a registry that is not there are failures."""
    with pytest.raises(RegistryFailure, match="answers 404"):
        pin(f"{registry.host}/a/b:none", {})
    registry.add("1", ("linux", "amd64"))
    with monkeypatch.context() as smaller:
        smaller.setattr(image_digests, "ANSWER_BYTES_MAX", 10)
        with pytest.raises(RegistryFailure, match="too large"):
            pin(f"{registry.host}/a/b:1", {})
    with pytest.raises(RegistryFailure):
        pin("127.0.0.1:1/a/b:1", {})


def created(fake: FakeCluster) -> objects_pb2.Service:
    (found,) = [one for method, one in fake.calls if method == "Control.CreateService"]
    assert isinstance(found, control_pb2.CreateServiceRequest)
    return found.spec  # type: ignore[return-value]


def test_service_create(registry: TokenRegistry, fake: FakeCluster, tui: CommandLine) -> None:
    """The image goes with its digest, the platforms into the placement."""
    digest = registry.add("1", ("linux", "amd64"))
    assert tui("service", "create", "--detach", "--name", "new", f"{registry.host}/a/b:1").code == 0
    spec = created(fake)
    assert spec.task.container.image == f"{registry.host}/a/b:1@{digest}"
    assert [(one.os, one.architecture) for one in spec.task.placement.platforms] == [("linux", "amd64")]


def test_a_registry_that_does_not_know(registry: TokenRegistry, fake: FakeCluster, tui: CommandLine) -> None:
    """The service is made all the same, and a warning says the cause."""
    done = tui("service", "create", "--detach", "--name", "new", f"{registry.host}/a/b:1")
    assert done.code == 0
    assert f"Warning: the digest of {registry.host}/a/b:1 is not known (its registry answers 404)" in done.err
    assert created(fake).task.container.image == f"{registry.host}/a/b:1"


@pytest.mark.parametrize("how", ["flag", "variable"])
def test_no_registry_is_asked(
    registry: TokenRegistry, fake: FakeCluster, tui: CommandLine, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not with --no-resolve-image, and not where the environment says so."""
    registry.add("1", ("linux", "amd64"))
    flags = ["--no-resolve-image"] if how == "flag" else []
    if how == "variable":
        monkeypatch.setenv(pinning.VARIABLE, "never")
    assert tui("service", "create", "--detach", "--name", "new", *flags, f"{registry.host}/a/b:1").code == 0
    assert (created(fake).task.container.image, registry.asked) == (f"{registry.host}/a/b:1", [])


def test_credentials_are_shown_with_the_flag_alone(
    registry: TokenRegistry,
    fake: FakeCluster,
    tui: CommandLine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """--with-registry-auth asks with the docker command's credentials; without it the registry is asked as nobody."""
    registry.password = PASSWORD
    digest = registry.add("1", ("linux", "amd64"))
    packed = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {registry.host: {"auth": packed}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    image = f"{registry.host}/a/b:1"
    assert "is not known" in tui("service", "create", "--detach", "--name", "one", image).err
    assert tui("service", "create", "--detach", "--name", "two", "--with-registry-auth", image).err == ""
    specs = [one.spec for method, one in fake.calls if method == "Control.CreateService"]
    assert [spec.task.container.image for spec in specs] == [image, f"{image}@{digest}"]


def test_service_update(registry: TokenRegistry, fake: FakeCluster, tui: CommandLine) -> None:
    """--image asks the registry; an update without it asks nobody, and leaves the digest."""
    digest = registry.add("1", ("linux", "amd64"))
    assert tui("service", "create", "--detach", "--name", "new", f"{registry.host}/a/b:0").code == 0
    assert tui("service", "update", "--detach", "--image", f"{registry.host}/a/b:1", "new").code == 0
    registry.asked.clear()
    assert tui("service", "update", "--detach", "--env-add", "A=1", "new").code == 0
    assert registry.asked == []
    specs = [one.spec for method, one in fake.calls if method == "Control.UpdateService"]
    assert [spec.task.container.image for spec in specs] == [f"{registry.host}/a/b:1@{digest}"] * 2
    assert [len(spec.task.placement.platforms) for spec in specs] == [1, 1]


def test_a_wrong_word_in_the_environment() -> None:
    """It is named, with those that are right."""
    with pytest.raises(Failure, match="'often' is none of always, changed, never"):
        pinning.by_default({pinning.VARIABLE: "often"})


def deploy(tui: CommandLine, path: Path, image: str, *flags: str) -> tuple[int, str]:
    path.write_text(f"services: {{web: {{image: '{image}'}}}}")
    done = tui("stack", "deploy", "--detach", "-c", str(path), *flags, "fresh")
    return done.code, done.err


def web(fake: FakeCluster) -> str:
    specs = [
        one.spec for method, one in fake.calls if method in ("Control.CreateService", "Control.UpdateService")
    ]
    return specs[-1].task.container.image


def test_stack_deploy(registry: TokenRegistry, fake: FakeCluster, tui: CommandLine, tmp_path: Path) -> None:
    """Always asks each time, and follows a tag that moved; changed asks for new names alone; never keeps what is there. The label has the
    name as the file has it, and a plan sees what a deploy would do (docs/design/stacks.md 12.7.6)."""
    image, path = f"{registry.host}/a/b:1", tmp_path / "compose.yml"
    first = registry.add("1", ("linux", "amd64"))
    assert deploy(tui, path, image) == (0, "")
    assert web(fake) == f"{image}@{first}"
    (made,) = [one.spec for method, one in fake.calls if method == "Control.CreateService"]
    assert made.annotations.labels["com.docker.stack.image"] == image
    assert [(one.os, one.architecture) for one in made.task.placement.platforms] == [("linux", "amd64")]
    second = registry.add("1", ("linux", "arm64"))
    registry.asked.clear()
    for word in ("changed", "never"):
        assert tui("stack", "plan", "-c", str(path), "--resolve-image", word, "fresh").code == 0
        assert deploy(tui, path, image, "--resolve-image", word)[0] == 0
    assert (web(fake), registry.asked) == (f"{image}@{first}", [])
    assert tui("stack", "plan", "-c", str(path), "fresh").code == 2
    assert deploy(tui, path, image)[0] == 0
    assert web(fake) == f"{image}@{second}"
    assert tui("stack", "plan", "-c", str(path), "fresh").code == 0
    third = registry.add("2", ("linux", "amd64"))
    assert deploy(tui, path, image.replace(":1", ":2"), "--resolve-image", "changed")[0] == 0
    assert web(fake) == f"{image.replace(':1', ':2')}@{third}"


def test_a_deploy_without_its_registry(
    registry: TokenRegistry, fake: FakeCluster, tui: CommandLine, tmp_path: Path
) -> None:
    """An image whose registry does not answer keeps its digest while it is named as before, and goes as it is named otherwise."""
    image, path = f"{registry.host}/a/b:1", tmp_path / "compose.yml"
    digest = registry.add("1", ("linux", "amd64"))
    assert deploy(tui, path, image)[0] == 0
    registry.manifests.clear()
    code, said = deploy(tui, path, image)
    assert (code, web(fake)) == (0, f"{image}@{digest}")
    assert "its registry answers 404" in said
    assert deploy(tui, path, f"{registry.host}/a/c:1")[0] == 0
    assert web(fake) == f"{registry.host}/a/c:1"
