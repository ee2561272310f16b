"""The list of engines that a person keeps, and docker's contexts as engines (docs/design/engine-commands.md 16.1)."""

import hashlib
import json
from pathlib import Path

import pytest
from swarm_core.engines.docker_contexts import (
    context_named,
    context_names,
    current_context,
    is_pointed_elsewhere,
)
from swarm_core.engines.listed import read_listed

WHOLE = """
[engines]
near = "unix:///run/docker.sock"

[engines.far]
url = "tcp://far.example:2376"
ca = "ca.pem"
certificate = "cert.pem"
key = "key.pem"
verify = false
maintenance = true
labels = { rack = "a" }
"""


def test_a_list_is_read_whole(tmp_path: Path) -> None:
    """16.1.1, 16.1.5: addresses alone, and engines with all that can be said."""
    path = tmp_path / "engines.toml"
    path.write_text(WHOLE)
    listed = read_listed(path)
    near, far = listed.entries
    assert (near.name, near.url, near.is_encrypted) == ("near", "unix:///run/docker.sock", False)
    assert (far.ca, far.certificate, far.key_file, far.verifies) == ("ca.pem", "cert.pem", "key.pem", False)
    assert far.labels == (("rack", "a"),)
    assert listed.in_maintenance == {"far"}
    assert read_listed(tmp_path / "none.toml").entries == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("engines = 3", "'engines' is no table"),
        ("x = 3", "says 'x', which is not known"),
        ("[engines]\na = 3", "is neither an address nor a table"),
        ('[engines.a]\nurl = "tcp://a"\nport = 3', "says 'port', which is not known"),
        ("[engines.a]\nurl = 3", "url of the engine 'a' is no text"),
        ('[engines.a]\nurl = "tcp://a"\nverify = "no"', "verify of the engine 'a' is neither true nor false"),
        (
            '[engines.a]\nurl = "tcp://a"\nlabels = { x = 1 }',
            "labels of the engine 'a' are no table of texts",
        ),
        ("[engines.a]\nmaintenance = true", "has no url"),
        ('[engines]\na = "tcp://"', "names no machine"),
        ("[engines", "is no valid TOML"),
    ],
)
def test_what_is_wrong_in_a_list_is_told(tmp_path: Path, text: str, said: str) -> None:
    """16.1.2: with the file's name."""
    path = tmp_path / "engines.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"engines\.toml") as refused:
        read_listed(path)
    assert said in str(refused.value)


def written(directory: Path, name: str, **endpoint: object) -> Path:
    """A context as docker writes it; the directory of its certificates."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    meta = directory / "contexts" / "meta" / digest
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": endpoint}}))
    tls = directory / "contexts" / "tls" / digest / "docker"
    tls.mkdir(parents=True)
    return tls


def test_docker_s_contexts_are_engines(tmp_path: Path) -> None:
    """16.1.3: by name, with the certificates that docker keeps for them."""
    tls = written(tmp_path, "far", Host="tcp://far.example:2376", SkipTLSVerify=True)
    for file in ("ca.pem", "cert.pem", "key.pem"):
        (tls / file).write_text("x")
    written(tmp_path, "shell", Host="ssh://ana@far.example")
    environment = {"DOCKER_CONFIG": str(tmp_path)}
    far = context_named("far", environment)
    assert (far.name, far.url, far.verifies) == ("far", "tcp://far.example:2376", False)
    assert (far.ca, far.certificate, far.key_file) == tuple(
        str(tls / file) for file in ("ca.pem", "cert.pem", "key.pem")
    )
    assert context_named("shell", environment).is_encrypted is False
    assert context_names(environment) == ["default", "far", "shell"]


def test_docker_s_default_is_the_environment_s_or_its_own_socket(tmp_path: Path) -> None:
    """As docker's command has it."""
    environment = {"DOCKER_CONFIG": str(tmp_path)}
    assert context_named("default", environment).url == "unix:///var/run/docker.sock"
    assert context_named("default", {**environment, "DOCKER_HOST": "tcp://a:1"}).url == "tcp://a:1"


def test_contexts_that_are_none_are_told(tmp_path: Path) -> None:
    """One that is not there, one that names no engine, one whose address can be none."""
    environment = {"DOCKER_CONFIG": str(tmp_path)}
    written(tmp_path, "empty")
    written(tmp_path, "windows", Host="npipe:////./pipe/docker_engine")
    with pytest.raises(LookupError, match=r"no context 'nobody'; known are: default, empty, windows"):
        context_named("nobody", environment)
    with pytest.raises(ValueError, match="names no engine"):
        context_named("empty", environment)
    with pytest.raises(ValueError, match="begins with none of"):
        context_named("windows", environment)


@pytest.mark.parametrize(
    ("variables", "config", "name", "elsewhere"),
    [
        ({}, None, "default", False),
        ({}, "no JSON", "default", False),
        ({}, "[]", "default", False),
        ({}, "{}", "default", False),
        ({}, '{"currentContext": "far"}', "far", True),
        ({"DOCKER_CONTEXT": "near"}, '{"currentContext": "far"}', "near", True),
        ({"DOCKER_HOST": "tcp://x", "DOCKER_CONTEXT": "near"}, None, "default", True),
        ({"DOCKER_HOST": "", "DOCKER_CONTEXT": "default"}, None, "default", False),
    ],
)
def test_the_context_that_docker_means(
    variables: dict[str, str], config: str | None, name: str, elsewhere: bool, tmp_path: Path
) -> None:
    """In docker's own order; whether that is another engine than this machine's."""
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    environment = {"DOCKER_CONFIG": str(tmp_path), **variables}
    assert (current_context(environment), is_pointed_elsewhere(environment)) == (name, elsewhere)
