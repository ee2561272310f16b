"""Credentials of registries, read as the docker command keeps them."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_testkit.cluster_fake import lively_cluster
from swarm_testkit.command_line import CommandLine
from swarm_tui.cli.plumbing import registry_auth
from swarm_tui.cli.plumbing.session import Failure

PASSWORD = "hunter<2>&é"
Ask = Callable[..., Any]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Write a configuration, ask for an image's credentials, unpack them."""

    def work(image: str, config: object = None, **environ: str) -> Any:
        if config is not None:
            text = config if isinstance(config, str) else json.dumps(config)
            (tmp_path / "config.json").write_text(text)
        found = registry_auth.encoded(image, {"DOCKER_CONFIG": str(tmp_path), **environ})
        return json.loads(base64.urlsafe_b64decode(found))

    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return work


def helper(directory: Path, name: str, script: str) -> None:
    """A program that keeps credentials."""
    program = directory / f"docker-credential-{name}"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def entry(user: str = "me", password: str = PASSWORD) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize(
    ("image", "server"),
    [
        ("busybox", "https://index.docker.io/v1/"),
        ("somebody/thing:1", "https://index.docker.io/v1/"),
        ("docker.io/library/busybox", "https://index.docker.io/v1/"),
        ("index.docker.io/library/busybox", "https://index.docker.io/v1/"),
        ("registry.example/a/b@sha256:" + "0" * 64, "registry.example"),
        ("localhost/a", "localhost"),
        ("host:5000/a:tag", "host:5000"),
    ],
)
def test_the_registry_of_an_image(ask: Ask, image: str, server: str) -> None:
    """The entry of the registry that the image's name begins with; without one the official registry's."""
    config = {"auths": {name: entry() for name in (server, "other.example")}}
    assert ask(image, config) == {"username": "me", "password": PASSWORD, "serveraddress": server}


def test_entries_of_older_versions(ask: Ask) -> None:
    """A whole address counts as its host; tokens are passed on."""
    assert ask("r.example/a", {"auths": {"https://r.example/v1/": {"identitytoken": "t"}}}) == {
        "serveraddress": "https://r.example/v1/",
        "identitytoken": "t",
    }


def test_no_credentials(ask: Ask) -> None:
    """Without a file, an entry, or anything in it: an empty set."""
    assert ask("busybox") == {}
    assert ask("busybox", {"auths": {"other.example": entry()}}) == {}
    assert ask("busybox", "") == {}


def test_helpers(ask: Ask, tmp_path: Path) -> None:
    """A registry's own helper comes before the store for all; one that has nothing gives an empty set; a token is told as one."""
    helper(tmp_path, "own", f"""read -r url; echo '{{"Username": "u", "Secret": "{PASSWORD}"}}'""")
    helper(tmp_path, "all", """echo '{"Username": "<token>", "Secret": "t"}'""")
    helper(tmp_path, "none", "echo credentials not found in native keychain; exit 1")
    config = {"credsStore": "all", "credHelpers": {"a.example": "own", "n.example": "none"}, "auths": {}}
    assert ask("a.example/x", config) == {
        "username": "u",
        "password": PASSWORD,
        "serveraddress": "a.example",
    }
    assert ask("b.example/x") == {"identitytoken": "t", "serveraddress": "b.example"}
    assert ask("n.example/x") == {}


def test_the_environment_comes_first(ask: Ask) -> None:
    """$DOCKER_AUTH_CONFIG has the registry's entry, or the file has it."""
    given = json.dumps({"auths": {"a.example": entry("env")}})
    config = {"auths": {"a.example": entry("file"), "b.example": entry("file")}}
    assert ask("a.example/x", config, DOCKER_AUTH_CONFIG=given)["username"] == "env"
    assert ask("b.example/x", config, DOCKER_AUTH_CONFIG=given)["username"] == "file"


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ("[" + PASSWORD, "config.json is no JSON object"),
        ({"auths": {"r.example": {"auth": "bm9jb2xvbg=="}}}, "credentials for r.example cannot be read"),
        ({"auths": {"r.example": {"auth": PASSWORD}}}, "credentials for r.example cannot be read"),
        ({"credsStore": "absent"}, "docker-credential-absent cannot be run"),
        ({"credsStore": "bad"}, "docker-credential-bad failed for r.example with exit code 3"),
        ({"credsStore": "odd"}, "docker-credential-odd is no JSON object"),
    ],
)
def test_failures_tell_no_secret(ask: Ask, tmp_path: Path, config: object, sentence: str) -> None:
    """What cannot be read is one sentence that repeats nothing of what was found."""
    helper(tmp_path, "bad", f"echo '{PASSWORD}'; exit 3")
    helper(tmp_path, "odd", f"echo '{PASSWORD}'")
    with pytest.raises(Failure, match=sentence) as failed:
        ask("r.example/x", config)
    assert "hunter" not in str(failed.value)


def test_commands_send_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """create and update put the credentials of the image's registry into the spec; an update without the flag keeps them."""
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"r.example": entry()}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    fake = lively_cluster()
    tui = CommandLine(fake, capsys)

    def sent() -> str:
        (found,) = (s for s in fake.all(objects_pb2.Service) if s.spec.annotations.name == "own")
        return str(found.spec.task.container.pull_options.registry_auth)

    image = "r.example/own:1"
    create = ("service", "create", "--detach", "--name", "own", "--replicas", "0")
    assert tui(*create, "--with-registry-auth", image).code == 0
    assert sent() == registry_auth.encoded(image)
    assert tui("service", "update", "-d", "--label-add", "a=b", "own").code == 0
    assert sent() == registry_auth.encoded(image)
    assert tui("service", "update", "-d", "--with-registry-auth", "--image", "busybox", "own").code == 0
    assert sent() == registry_auth.encoded("busybox")
    refused = tui(*create[:-3], "p", "--runtime", "process", "--with-registry-auth", "--", "true")
    assert (refused.code, "is for containers" in refused.err) == (2, True)
