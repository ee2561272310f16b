"""The table of flags: names, refusals by name, and what is sent."""

import pytest
from swarm_core.api.proto import types_pb2
from swarm_core.specs.draft import Draft
from swarm_core.specs.errors import InvalidValue
from swarm_tui.cli.plumbing import flags


def test_flag_names_are_unique() -> None:
    """Neither create nor update has two flags of one name or letter."""
    for table in (flags.CREATE, flags.UPDATE):
        words = [word for flag in table for part in flag.declarations for word in part.split("/")]
        assert len(words) == len(set(words))
        assert len({flag.name for flag in table}) == len(table)


def test_container_flags_of_a_process() -> None:
    """A flag that only containers know is refused for a process, by its name."""
    with pytest.raises(InvalidValue, match=r"^--mount: is for containers"):
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
    assert spec.task.networks[0].target == "front" and spec.endpoint.ports[0].published_port == 80
    assert spec.update.order == types_pb2.UpdateConfig.START_FIRST
    assert spec.rollback.failure_action == types_pb2.UpdateConfig.CONTINUE
