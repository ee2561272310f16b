"""A draft takes what flags and forms give it, and becomes a spec that stands the checks."""

import pytest
from swarm_core.api.proto import specs_pb2, types_pb2
from swarm_core.api.runtimes import PROCESS, process_spec
from swarm_core.specs import container, health, placement, policies, replicas, service, task
from swarm_core.specs.checks import check_service
from swarm_core.specs.draft import Draft, References
from swarm_core.specs.errors import InvalidSpec, InvalidValue
from swarm_core.specs.replicas import TASKS_MAX


def draft(runtime: str = "container") -> Draft:
    made = Draft.new(runtime)
    service.set_name(made, "web")
    task.set_program(made, ["nginx", "-g"])
    return made


def test_a_new_draft_is_one_task() -> None:
    """Without a mode a service is replicated, with one task."""
    spec = draft().finish()
    check_service(spec)
    assert replicas.count(spec) == 1
    assert (spec.task.container.image, list(spec.task.container.args)) == ("nginx", ["-g"])


def test_a_process_is_packed_at_the_end() -> None:
    """What is set of a process stands in its payload once the draft is finished."""
    made = draft(PROCESS)
    task.put_env(made, ["A=1"])
    task.set_directory(made, "/tmp")
    spec = made.finish()
    check_service(spec)
    process = process_spec(spec.task)
    assert process is not None
    assert (list(process.command), list(process.args), process.dir) == (["nginx"], ["-g"], "/tmp")


def test_a_draft_of_a_spec_changes_it() -> None:
    """Finishing a draft of an existing spec edits it in place; what was not touched stays."""
    spec = draft(PROCESS).finish()
    again = Draft.of(spec)
    task.put_env(again, ["A=1"])
    assert again.finish() is spec
    process = process_spec(spec.task)
    assert process is not None and (list(process.command), list(process.env)) == (["nginx"], ["A=1"])


def test_another_runtime_keeps_what_only_it_knows() -> None:
    """A service of a runtime that we do not know can be relabelled and scaled; what is a container's is refused."""
    spec = specs_pb2.ServiceSpec()
    spec.task.generic.kind = "plugin"
    spec.task.generic.payload.value = b"theirs"
    before = spec.task.SerializeToString()
    made = Draft.of(spec)
    service.put_labels(made, ["k=v"])
    service.set_replicas(made, "3")
    made.finish()
    assert spec.task.SerializeToString() == before
    with pytest.raises(InvalidValue, match="is for containers"):
        task.set_user(made, "nobody")


@pytest.mark.parametrize(
    ("word", "count"), [("replicated", 1), ("global", None), ("Replicated-Job", 1), ("global-job", None)]
)
def test_modes(word: str, count: int | None) -> None:
    """Each mode is chosen by its word; replicated and its job have a number."""
    made = draft()
    service.set_mode(made, word)
    assert replicas.count(made.spec) == count
    if count is None:
        with pytest.raises(InvalidValue, match="only a replicated service"):
            service.set_replicas(made, "3")


def test_a_job_without_a_limit_runs_all_at_once() -> None:
    """As with docker: all tasks of a job may run at the same time unless a number is given."""
    made = draft()
    service.set_mode(made, "replicated-job")
    service.set_replicas(made, "5")
    assert made.finish().replicated_job.max_concurrent == 5
    service.set_max_concurrent(made, "2")
    assert made.finish().replicated_job.max_concurrent == 2


def test_more_tasks_than_may_be_are_for_the_checks() -> None:
    """A number is read as far as the wire holds it; what is too many is a rule, and so the same for every entrance."""
    made = draft()
    service.set_replicas(made, str(TASKS_MAX))
    check_service(made.spec)
    service.set_replicas(made, str(TASKS_MAX + 1))
    with pytest.raises(InvalidSpec, match="at most 1000000 tasks"):
        check_service(made.spec)


def test_constraints_are_kept_as_written_and_known_by_meaning() -> None:
    """Spaces do not make another constraint, neither when adding nor when removing."""
    made = draft()
    placement.put_constraints(made, ["node.role==worker", "node.role == worker", "node.id!=x"])
    held = made.spec.task.placement.constraints
    assert list(held) == ["node.role==worker", "node.id!=x"]
    placement.drop_constraints(made, ["node.role == worker"])
    assert list(held) == ["node.id!=x"]


def test_lists_grow_and_shrink() -> None:
    """What is there is not added twice, and what is removed is gone; others stay."""
    made = draft()
    container.put(container.dns_options)(made, ["a:1", "b:2", "a:1"])
    container.drop(container.dns_options)(made, ["a:1", "c:3"])
    assert list(made.container.dns_config.options) == ["b:2"]
    container.put_pairs(container.sysctls)(made, ["k=1", "k=2", "l=3"])
    container.drop_keys(container.sysctls)(made, ["l", "absent"])
    assert dict(made.container.sysctls) == {"k": "2"}
    container.add_mounts(made, ["target=/a,source=a", "target=/b,source=b"])
    container.drop_mounts(made, ["/a"])
    assert [mount.target for mount in made.container.mounts] == ["/b"]
    service.add_ports(made, ["80:8080", "81"])
    service.edit_ports(made, ["8080/tcp"], [])
    assert [port.target_port for port in made.spec.endpoint.ports] == [81]
    placement.put_preferences(made, ["spread=node.labels.zone", "spread=node.labels.rack"])
    placement.drop_preferences(made, ["spread=node.labels.zone"])
    (preference,) = made.spec.task.placement.preferences
    assert preference.spread.spread_descriptor == "node.labels.rack"
    task.put_env(made, ["A=1", "B=2"])
    task.put_env(made, ["A=3"])
    task.drop_env(made, ["B"])
    assert list(made.container.env) == ["A=3"]


def test_published_ports_are_edited() -> None:
    """A port leaves by target, protocol and mode; what was there is not added again, even when it leaves; texts are the order."""
    made = draft()
    service.add_ports(made, ["80", "8000-8001:90-91/udp", "mode=host,published=70,target=80"])
    service.edit_ports(made, ["80", "90/tcp"], ["80", "9", "10-11:5"])
    found = [
        (one.published_port, one.target_port, one.protocol, one.publish_mode)
        for one in made.spec.endpoint.ports
    ]
    assert found == [
        (0, 9, 0, 0),
        (10, 5, 0, 0),
        (11, 5, 0, 0),
        (70, 80, 0, 1),
        (8000, 90, 1, 0),
        (8001, 91, 1, 0),
    ]
    for wrong in ("80-81:1-3", "81-80", "1-x", "published=80", "1:2:3"):
        with pytest.raises(InvalidValue):
            service.add_ports(made, [wrong])


def test_ports_that_are_not_there_are_told() -> None:
    """With the one that was maybe meant: by the number outside, or published in another way."""
    made = draft()
    service.add_ports(made, ["8080:80", "53:53/udp", "mode=host,target=90"])
    told = dict(
        service.absent_ports(made.spec.endpoint.ports, ["80", "8080", "53", "90", "7", "53/udp", "80-81"])
    )
    assert told == {"8080": "80", "53": "53/udp", "90": "mode=host,target=90,protocol=tcp", "7": ""}
    service.edit_ports(made, [meant for meant in told.values() if meant], [])
    assert not made.spec.endpoint.ports


def test_references_are_put_in_at_the_end() -> None:
    """Secrets are asked for by name and stand in the spec once they were found."""
    made = draft()
    task.add_secrets(made, ["key"])
    (wanted,) = made.secrets
    found = types_pb2.SecretReference(secret_id="s1", secret_name="key", file=wanted.file())
    spec = made.finish(References(secrets=(found,)))
    check_service(spec)
    again = Draft.of(spec)
    task.drop_secrets(again, ["key"])
    assert not spec.task.container.secrets
    task.drop_secrets(again, ["key"])  # as docker: what is gone already is no failure
    assert not spec.task.container.secrets


def test_policies() -> None:
    """A policy that is given in part keeps restarting always; updates and rollbacks are set apart."""
    made = draft()
    policies.set_restart_delay(made, "1s")
    assert made.spec.task.restart.condition == types_pb2.RestartPolicy.ANY
    policies.of("update", policies.set_order)(made, "start-first")
    policies.of("rollback", policies.set_failure_action)(made, "continue")
    assert made.spec.update.order == types_pb2.UpdateConfig.START_FIRST
    assert made.spec.rollback.failure_action == types_pb2.UpdateConfig.CONTINUE
    with pytest.raises(InvalidValue, match="'later' is none of none, on-failure, any"):
        policies.set_restart_condition(made, "later")


def test_a_health_check_is_switched_off_and_on() -> None:
    """Switched off, nothing of it is left; once something is said of it, it is there again."""
    made = draft()
    health.set_command(made, "true")
    health.set_retries(made, "3")
    health.set_none(made, True)
    check = made.container.healthcheck
    assert (list(check.test), check.retries) == (["NONE"], 0)
    health.set_interval(made, "5s")
    assert (list(made.container.healthcheck.test), made.container.healthcheck.interval.seconds) == ([], 5)


def test_updates_and_restarts_that_are_given_in_part_keep_the_defaults() -> None:
    """One task after the other, watched for five seconds; restarts after five seconds."""
    made = draft()
    policies.of("update", policies.set_delay)(made, "1s")
    policies.set_restart_condition(made, "on-failure")
    update = made.spec.update
    assert (update.parallelism, update.monitor.seconds, update.delay.seconds) == (1, 5, 1)
    assert made.spec.task.restart.delay.seconds == 5
    policies.of("update", policies.set_parallelism)(made, "0")
    assert (update.parallelism, update.delay.seconds) == (0, 1)


def test_the_last_variable_of_a_name_counts() -> None:
    """A name alone stays in a container where nobody has a value for it, which unsets it there, and is nothing to a process."""
    made = draft()
    task.put_env(made, ["A=1", "B=2", "A=3", "C", "D"], {"C": "4"})
    assert list(made.container.env) == ["B=2", "A=3", "C=4", "D"]
    made = draft(PROCESS)
    task.put_env(made, ["C", "D"], {"C": "4"})
    assert list(made.body.env) == ["C=4"]


def test_a_process_is_checked_as_a_whole() -> None:
    """A process without a command, or with a payload that is none, breaks a rule."""
    made = Draft.new(PROCESS)
    service.set_name(made, "web")
    task.set_directory(made, "/tmp")
    with pytest.raises(InvalidSpec, match="a process needs a command"):
        check_service(made.finish())
    spec = draft(PROCESS).finish()
    spec.task.generic.payload.type_url = "type.googleapis.com/other"
    with pytest.raises(InvalidSpec, match=r"must be a swarmtui.v1.ProcessSpec"):
        check_service(spec)
