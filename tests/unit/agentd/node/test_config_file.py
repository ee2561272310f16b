"""The configuration file in docker's form (docs/design/engine-api.md E17)."""

import json
from pathlib import Path
from typing import Any

import pytest
from swarm_agentd.node import flags
from swarm_agentd.node.errors import NodeError
from swarm_core.http.hosts import TcpHost, UnixHost

EVERYTHING: dict[str, Any] = {
    "hosts": ["unix:///run/x.sock", "tcp://127.0.0.1:99"],
    "group": "wheel",
    "tlsverify": True,
    "tlscacert": "/c/ca.pem",
    "tlscert": "/c/cert.pem",
    "tlskey": "/c/key.pem",
    "authorization-plugins": ["b", "a"],
    "experimental": True,
    "labels": ["zone=a", "ssd"],
    "log-level": "warn",
    "log-format": "json",
    "metrics-addr": "127.0.0.1:9323",
    "node-generic-resources": ["fpga=2", "gpu=UUID1"],
    "swarm-default-advertise-addr": "eth0",
}


def parsed(tmp_path: Path, content: object, *arguments: str) -> flags.Options:
    path = tmp_path / "daemon.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return flags.parse(["-d", "/state", "--config-file", str(path), *arguments])


def test_every_key_is_as_its_flag(tmp_path: Path) -> None:
    """A file says what flags say (docs/design/engine-api.md E17.1)."""
    options = parsed(tmp_path, EVERYTHING)
    api = options.api
    assert api is not None
    assert api.hosts == (UnixHost(Path("/run/x.sock")), TcpHost("127.0.0.1", 99))
    assert (api.terms.group, api.authorization_plugins) == ("wheel", ("b", "a"))
    assert api.terms.tls is not None
    assert api.terms.tls.ca == Path("/c/ca.pem")
    assert api.is_experimental
    assert (options.labels, options.node.log_level) == ({"zone": "a", "ssd": ""}, "warn")
    assert (len(options.generic), options.default_advertise) == (2, "eth0")
    same = flags.parse([
        "-d", "/state", "-H", "unix:///run/x.sock", "-H", "tcp://127.0.0.1:99", "--group", "wheel", "--tlsverify",
        "--tlscacert", "/c/ca.pem", "--tlscert", "/c/cert.pem", "--tlskey", "/c/key.pem", "--authorization-plugin", "b",
        "--authorization-plugin", "a", "--label", "zone=a", "--label", "ssd", "--log-level", "warn", "--metrics-addr", "127.0.0.1:9323", "--log-format", "json",
        "--generic-node-resources", "fpga=2,gpu=UUID1", "--experimental", "--swarm-default-advertise-addr", "eth0",
    ])  # fmt: skip
    assert (same.api, same.labels, same.node, same.generic) == (
        api,
        options.labels,
        options.node,
        options.generic,
    )


def test_flags_stand_beside_the_file(tmp_path: Path) -> None:
    """Whatever the file does not say is the flags'; an empty file says nothing (docs/design/engine-api.md E17.1)."""
    options = parsed(tmp_path, {"labels": ["a=b"]}, "-H", ":99", "-l", "error")
    assert options.api is not None
    assert (options.node.log_level, options.labels) == ("error", {"a": "b"})
    assert parsed(tmp_path, {}).api is None


def test_debug_is_a_level(tmp_path: Path) -> None:
    """Unless a level is named (docs/design/engine-api.md E17.1)."""
    assert parsed(tmp_path, {"debug": True}).node.log_level == "debug"
    assert parsed(tmp_path, {"debug": True, "log-level": "warn"}).node.log_level == "warn"
    assert parsed(tmp_path, {"debug": True}, "-l", "warn").node.log_level == "warn"


@pytest.mark.parametrize(
    ("content", "arguments", "text"),
    [
        ({"nonsense": 1, "bip": "x"}, (), "the following directives don't match any configuration option: bip, nonsense"),
        ({"api-cors-header": "*"}, (), "the following directives don't match any configuration option: api-cors-header"),
        ({"hosts": ["tcp://b:1"]}, ("-H", "unix:///a", "-H", ":2"),
         "the following directives are specified both as a flag and in the configuration file: "
         "hosts: (from flag: [unix:///a :2], from file: [tcp://b:1])"),
        ({"log-level": "info"}, ("-l", "info"), "log-level: (from flag: info, from file: info)"),
        ({"tls": False, "hosts": [":1"]}, ("--tls",), "tls: (from flag: true, from file: false)"),
        ({"hosts": "unix://"}, (), "hosts: must be a list of strings"),
        ({"tls": "yes", "hosts": [":1"]}, (), "tls: must be true or false"),
        ({"tlskey": 1}, (), "tlskey: must be a path"),
        ({"group": None}, (), "group: must be a string"),
        ({"debug": 1}, (), "debug: must be true or false"),
        ({"log-level": "loud"}, (), "invalid logging level: loud"),
        ({"log-format": "xml"}, (), "invalid log format: xml"),
        ("[]", (), "it must be one object"),
        ("{", (), "it is no JSON: "),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file(
    tmp_path: Path, content: object, arguments: tuple[str, ...], text: str
) -> None:
    """One sentence in docker's words, with the file's name (docs/design/engine-api.md E17.1)."""
    with pytest.raises(NodeError) as caught:
        parsed(tmp_path, content, *arguments)
    assert str(caught.value).startswith(
        f"unable to configure the Docker daemon with file {tmp_path / 'daemon.json'}: "
    )
    assert text in str(caught.value)


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    """The usual one may be missing (docs/design/engine-api.md E17.2)."""
    with pytest.raises(NodeError, match="No such file"):
        flags.parse(["--config-file", str(tmp_path / "none")])
    assert flags.parse([]).config_file is None


@pytest.mark.parametrize(
    ("labels", "text"), [(["=x"], "has no key"), (["a=1", "a=2"], "conflict labels for a=2 and a=1")]
)
def test_labels_that_are_none(
    tmp_path: Path, labels: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """They end the start (docs/design/engine-api.md E17.1)."""
    with pytest.raises(SystemExit):
        parsed(tmp_path, {"labels": labels})
    assert text in capsys.readouterr().err


def test_it_is_read_again(tmp_path: Path) -> None:
    """What it says now, beside the same flags (docs/design/engine-api.md E17.3)."""
    options = parsed(tmp_path, {"labels": ["a=1"]}, "-l", "error")
    assert options.config_file is not None
    (tmp_path / "daemon.json").write_text('{"labels": ["a=2"]}')
    said = options.config_file.read()
    assert (said.label, said.log_level) == (["a=2"], "error")
    (tmp_path / "daemon.json").write_text('{"log-level": "warn"}')
    with pytest.raises(NodeError, match="both as a flag and in the configuration file"):
        options.config_file.read()
