"""The flags of swarm-agentd, and what the command says when it cannot run."""

from pathlib import Path

import pytest
from swarm_agentd import main as command
from swarm_agentd.node import flags
from swarm_agentd.node.errors import NodeError
from swarm_agentd.node.state_dir import open_state
from swarm_core.api.proto.specs_pb2 import NodeSpec
from swarm_core.ca import tokens
from swarm_testkit import programs


def test_defaults_are_swarmds() -> None:
    """Without flags: swarmd's directory, socket, address and ticks."""
    options = flags.parse([])
    assert options.node.state_dir == Path("/var/lib/swarmd")
    assert options.node.control_socket == Path("/var/run/swarmd.sock")
    assert options.node.listen_remote_api == "0.0.0.0:4242"
    assert (options.node.heartbeat_tick, options.node.election_tick) == (1, 10)
    assert options.executors == ("docker", "process") and options.engine == "unix:///var/run/docker.sock"


def test_another_directory_has_its_own_socket() -> None:
    """The socket is in the state directory unless it is named."""
    assert flags.parse(["-d", "/s"]).node.control_socket == Path("/s/control.sock")
    assert flags.parse(["-d", "/s", "--listen-control-api", "/c"]).node.control_socket == Path("/c")


def test_all_that_swarmd_takes() -> None:
    """Flags reach their places, and the manager is started with them."""
    token = "SWMTKN-1-" + "0" * 50 + "-" + "0" * 25
    key = tokens.generate_unlock_key()
    options = flags.parse(
        [
            "--state-dir", "/s", "--join-addr", "h:1", "--join-token", token, "--hostname", "box",
            "--listen-remote-api", "[::1]:2", "--advertise-remote-api", "h:2", "--heartbeat-tick", "2",
            "--election-tick", "5", "--generic-node-resources", "fpga=2,gpu=u1,gpu=u2", "--availability", "drain",
            "--unlock-key", tokens.format_unlock_key(key), "--executor", "process", "--engine-addr", "tcp://e:1",
        ]
    )  # fmt: skip
    node = options.node
    assert node.join is not None and node.join.availability == NodeSpec.DRAIN
    assert (node.hostname, node.unlock_key, options.engine) == ("box", key, "tcp://e:1")
    assert len(options.generic) == 3
    told = node.manager_flags()
    assert told[told.index("--listen-remote-api") + 1] == "[::1]:2"
    assert told[told.index("--election-tick") + 1] == "5"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--join-addr", "h:1"], "belong together"),
        (["--join-token", "t"], "belong together"),
        (["--listen-remote-api", "nonsense"], "not of the form host:port"),
        (["--listen-remote-api", "h:70000"], "not of the form host:port"),
        (["--election-tick", "1"], "must be larger"),
        (["--executor", "podman"], "there is no executor 'podman'"),
        (["--executor", "simulated,process"], "simulated alone"),
        (["--generic-node-resources", "gpu"], "gpu"),
        (["--unlock-key", "x"], "no key of the form"),
        (["--log-level", "loud"], "invalid choice"),
        (["--no-such-flag"], "unrecognized"),
        (["--metrics-addr", "9323"], "--metrics-addr: '9323' is not of the form HOST:PORT"),
        (["--engine-addr", "nonsense"], "no URL such as unix:///"),
    ],
)
def test_bad_flags(arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is one sentence that names the way to all flags, and exit code 2."""
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert reason in told and told.endswith("; see swarm-agentd --help\n") and told.count("\n") == 1


def test_what_is_not_there_yet_is_refused() -> None:
    """Flags of swarmd that this version does not honour are named, not ignored."""
    with pytest.raises(NodeError, match="--listen-debug is not available"):
        flags.parse(["--listen-debug", "x"])


def test_only_with_docker_s_clients_a_manager_tells_what_changes(tmp_path: Path) -> None:
    """Others pay nothing for it (docs/design/store.md 1.11)."""
    plain = ["-d", str(tmp_path)]
    assert "--store-versions" not in flags.parse(plain).node.manager_flags()
    told = flags.parse([*plain, "-H", "unix://"]).node.manager_flags()
    assert told[-2:] == ["--store-versions", str(tmp_path / "store-versions")]


def test_where_figures_are_asked_for(tmp_path: Path) -> None:
    """Nowhere unless it is said, by our flag or swarmd's; the manager then answers its own node at a socket."""
    plain = ["-d", str(tmp_path)]
    node = flags.parse(plain).node
    assert node.metrics_address == "" and "--metrics-addr" not in node.manager_flags()
    for flag in ("--metrics-addr", "--listen-metrics"):
        node = flags.parse([*plain, flag, "127.0.0.1:9323"]).node
        assert node.metrics_address == "127.0.0.1:9323"
        assert node.manager_flags()[-2:] == ["--metrics-addr", f"unix:{tmp_path}/manager-metrics.sock"]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """--version names program and version."""
    with pytest.raises(SystemExit) as ended:
        flags.parse(["--version"])
    assert ended.value.code == 0 and "swarm-agentd swarm-tui" in capsys.readouterr().out


def said(arguments: list[str]) -> str:
    """What the command says before it ends with 1. It is a program of its own: it takes the signals of its process, tunes its collector, and leaves
    a manager that stands by to the end of its process."""
    ended = programs.run((*programs.AGENTD, *arguments, "--log-level", "error"))
    assert (ended.code, ended.out) == (1, "")
    return ended.err


def test_the_command_gives_up_in_one_sentence(tmp_path: Path) -> None:
    """A directory in use, a worker without managers, a manager that cannot start: one line, no traceback."""
    state = open_state(tmp_path / "s")
    plain = ["-d", str(state.path), "--executor", "process", "--listen-remote-api", "127.0.0.1:0"]
    with state.locked():
        assert said(plain).startswith(f"swarm-agentd: state directory {state.path} is in use by process")
    (tmp_path / "not-a-socket").touch()
    told = said([*plain, "--listen-control-api", str(tmp_path / "not-a-socket")])
    assert (
        told
        == f"swarm-managerd: cannot serve on the control socket {tmp_path}/not-a-socket: a file is in its place\n"
    )
