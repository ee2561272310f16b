"""The table of flags: names, refusals by name, and what is sent."""

from pathlib import Path

import pytest
from swarm_core.api.proto import types_pb2
from swarm_core.specs.draft import Draft
from swarm_core.specs.errors import InvalidValue
from swarm_tui.operations import service_flags as flags


def test_flag_names_are_unique() -> None:
    """Neither create nor update has two flags of one name or letter."""
    for table in (flags.CREATE, flags.UPDATE):
        words = [word for flag in table for part in flag.declarations for word in part.split("/")]
        assert len(words) == len(set(words))
        assert len({flag.name for flag in table}) == len(table)


def test_container_flags_of_a_process() -> None:
    """A flag that only containers know is refused for a process, by its name; so are mounts other than cluster volumes."""
    with pytest.raises(InvalidValue, match=r"^--hostname: is for containers"):
        flags.apply(Draft.new("process"), flags.CREATE, {"hostname": "h"})
    with pytest.raises(InvalidValue, match=r"^--mount: a process sees the files of its machine"):
        flags.apply(Draft.new("process"), flags.CREATE, {"mount": ["target=/x"]})


def test_restart_policy_without_condition() -> None:
    """A policy that is given in part keeps restarting always, as one that is not given."""
    draft = Draft.new("container")
    flags.apply(draft, flags.CREATE, {"restart_delay": "1s"})
    assert draft.spec.task.restart.condition == types_pb2.RestartPolicy.ANY


def test_parts_that_the_server_may_lack_are_sent() -> None:
    """Networks, ports, rollouts and jobs are written into the spec; the server decides."""
    draft = Draft.new("container")
    given = {
        "mode": "replicated-job", "replicas": "5", "max_concurrent": "2", "network": ["front"], "publish": ["80:80"],
        "update_parallelism": "2", "update_order": "start-first", "rollback_failure_action": "continue",
        "endpoint_mode": "dnsrr",
    }  # fmt: skip
    flags.apply(draft, flags.CREATE, given)
    spec = draft.spec
    assert (spec.replicated_job.total_completions, spec.replicated_job.max_concurrent) == (5, 2)
    assert draft.networks[0].target == "front" and spec.endpoint.ports[0].published_port == 80
    assert spec.update.order == types_pb2.UpdateConfig.START_FIRST
    assert spec.rollback.failure_action == types_pb2.UpdateConfig.CONTINUE


def test_environment_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line each; blank lines and remarks say nothing, a name alone takes what we have, and --env wins."""
    monkeypatch.setenv("HERE", "mine")
    file = tmp_path / "env"
    file.write_text("# a remark\n\nA=1\n  B=x # y\nHERE\nNOWHERE\n")
    draft = Draft.new("container")
    flags.apply(draft, flags.CREATE, {"env_file": [str(file)], "env": ["A=2"]})
    assert sorted(draft.body.env) == ["A=2", "B=x # y", "HERE=mine"]
    with pytest.raises(InvalidValue, match=r"^--env-file: .*nothing cannot be read"):
        flags.apply(draft, flags.CREATE, {"env_file": [str(tmp_path / "nothing")]})


def test_flags_that_go_together() -> None:
    """Options of a log driver replace those before, and alone do nothing; a check that is switched off has no settings."""
    draft = Draft.new("container")
    flags.apply(draft, flags.CREATE, {"log_driver": "json-file", "log_opt": ["a=1"]})
    flags.apply(draft, flags.UPDATE, {"log_opt": ["b=2"]})
    assert dict(draft.spec.task.log_driver.options) == {"a": "1"}
    assert flags.without_effect({"log_opt": ["b=2"]}) == ["--log-opt changes nothing without --log-driver."]
    assert not flags.without_effect({"log_opt": ["b=2"], "log_driver": "x"})
    flags.apply(draft, flags.UPDATE, {"log_opt": ["b=2"], "log_driver": "syslog"})
    assert dict(draft.spec.task.log_driver.options) == {"b": "2"}
    with pytest.raises(InvalidValue, match=r"^--no-healthcheck: conflicts with the other health flags"):
        flags.apply(draft, flags.CREATE, {"no_healthcheck": True, "health_retries": "1"})


def test_sources_of_mounts_are_below_the_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that begins with a dot is meant from where the command runs; others stay as written."""
    monkeypatch.chdir(tmp_path)
    draft = Draft.new("container")
    given = {"mount": ["type=bind,source=./a,target=/a", "type=volume,source=v,target=/v"]}
    flags.apply(draft, flags.CREATE, given)
    assert [mount.source for mount in draft.container.mounts] == [str(tmp_path / "a"), "v"]


def test_lists_that_are_edited() -> None:
    """Groups and limits are added, replaced by name and removed; processes are limited; 0 is no limit."""
    draft = Draft.new("container")
    flags.apply(
        draft, flags.CREATE, {"group": ["a", "b"], "ulimit": ["nofile=1:2", "core=0"], "limit_pids": "9"}
    )
    flags.apply(draft, flags.CREATE, {"generic_resource": ["gpu=1", "fpga=2"]})
    flags.apply(draft, flags.UPDATE, {"generic_resource_rm": ["fpga"], "generic_resource_add": ["gpu=3"]})
    (kept,) = draft.spec.task.resources.reservations.generic
    assert (kept.discrete_resource_spec.kind, kept.discrete_resource_spec.value) == ("gpu", 3)
    edits = {"group_rm": ["a"], "group_add": ["c"], "ulimit_rm": ["core"], "ulimit_add": ["nofile=3"]}
    flags.apply(draft, flags.UPDATE, edits)
    container = draft.container
    assert list(container.groups) == ["b", "c"] and container.pidsLimit == 9
    assert [(one.name, one.soft, one.hard) for one in container.ulimits] == [("nofile", 3, 3)]
    flags.apply(draft, flags.UPDATE, {"oom_score_adj": "-500"})
    assert container.oom_score_adj == -500
    for wrong in ("1001", "-1001", "x", "1.5", "٣", ""):
        with pytest.raises(InvalidValue, match=r"^--oom-score-adj: .*from -1000 to 1000"):
            flags.apply(draft, flags.UPDATE, {"oom_score_adj": wrong})
    with pytest.raises(InvalidValue, match=r"^--limit-pids"):
        flags.apply(draft, flags.UPDATE, {"limit_pids": "-1"})
