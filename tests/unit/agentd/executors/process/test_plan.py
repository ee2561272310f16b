"""What a process task asks for, and what is refused."""

import os
import signal
from pathlib import Path

import pytest
from google.protobuf.any_pb2 import Any as AnyPayload
from swarm_agentd.exec.errors import InvalidTask, Missing, UnsupportedRuntime
from swarm_agentd.executors.process import plan
from swarm_agentd.executors.process.cgroups import Limits
from swarm_agentd.executors.process.directory import TaskDirectory
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.process_pb2 import ProcessSpec
from swarm_core.api.proto.types_pb2 import Driver, PortConfig
from swarm_core.api.timestamps import duration
from swarm_testkit.factories import make_resources, make_task, make_task_spec


def task(spec: ProcessSpec | None = None) -> Task:
    made = make_task("t", spec=make_task_spec(command=["true"]))
    if spec is not None:
        payload = AnyPayload()
        payload.Pack(spec)
        made.spec.generic.payload.CopyFrom(payload)
    return made


def plan_of(**spec: object) -> plan.Plan:
    return plan.Plan.of(task(ProcessSpec(command=["true"], **spec)))  # type: ignore[arg-type]


def test_defaults() -> None:
    """A spec with a command alone: SIGTERM, ten seconds, no limits, logs of bounded size."""
    made = plan_of()
    assert (made.stop_signal, made.stop_grace_s) == (signal.SIGTERM, 10)
    assert made.limits == Limits() and made.log == plan.LogLimits()


def test_other_runtimes_are_refused() -> None:
    """Containers and other kinds are not ours."""
    with pytest.raises(UnsupportedRuntime):
        plan.Plan.of(make_task("t"))
    other = task()
    other.spec.generic.kind = "plugin"
    with pytest.raises(UnsupportedRuntime):
        plan.Plan.of(other)


def test_kind_in_any_case() -> None:
    """The kind is compared without regard to case, as the managers compare it."""
    made = task()
    made.spec.generic.kind = "Process"
    assert plan.Plan.of(made) == plan.Plan.of(task())


def test_nonsense_is_refused() -> None:
    """A payload that is missing or garbage, a missing command, a bad signal, variable, network, port or log driver: one sentence each."""
    empty = task()
    empty.spec.generic.payload.Clear()
    garbage = task()
    garbage.spec.generic.payload.value = b"\xff"
    networked = task()
    networked.spec.networks.add(target="web")
    ported = task()
    ported.endpoint.ports.add(target_port=80, published_port=8080, publish_mode=PortConfig.HOST)
    logged = task()
    logged.log_driver.name = "syslog"
    swappy = task()
    swappy.spec.resources.memory_swappiness.value = 1
    for bad in (empty, garbage, task(ProcessSpec()), networked, ported, logged, swappy):
        with pytest.raises(InvalidTask):
            plan.Plan.of(bad)
    for fields in ({"stop_signal": "SIGNOTHING"}, {"env": ["=x"]}, {"env": ["A=\0"]}):
        with pytest.raises(InvalidTask):
            plan_of(**fields)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *((text, signal.SIGINT) for text in ("SIGINT", "int", "sigInt", "2")),
        ("", signal.SIGTERM),
        ("RTMIN", signal.SIGRTMIN),
        ("sigrtmin+3", signal.SIGRTMIN + 3),
        ("SIGRTMAX-1", signal.SIGRTMAX - 1),
        ("RTMAX", signal.SIGRTMAX),
        ("37", 37),
    ],
)
def test_signals_as_docker_takes_them(text: str, number: int) -> None:
    """By name in any case with or without SIG, by number, and real-time ones counted from either end."""
    assert plan_of(stop_signal=text).stop_signal == number


@pytest.mark.parametrize(
    "text", ["SIGNOTHING", "0", "-1", "65", "٢", "RTMIN+99", "RTMAX-99", "RTMIN-1", "RTMIN+", " TERM", "9.0"]
)
def test_what_is_no_signal_is_refused(text: str) -> None:
    """With a sentence that names it."""
    with pytest.raises(InvalidTask, match="is no signal"):
        plan_of(stop_signal=text)


def test_grace_of_zero_is_zero() -> None:
    """A grace period of zero is not the default."""
    assert plan_of(stop_grace_period=duration(0)).stop_grace_s == 0


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values may hold equal signs, a bare name passes the daemon's value on, claimed resources are told."""
    monkeypatch.setenv("FROM_DAEMON", "here")
    made = task(ProcessSpec(command=["x"], env=["A=1=2", "FROM_DAEMON", "UNSET_ANYWHERE"]))
    made.assigned_generic_resources.extend(make_resources(generic={"gpu": ["u1", "u2"], "fpga": 2}).generic)
    assert plan.Plan.of(made).env == {
        "A": "1=2",
        "FROM_DAEMON": "here",
        "DOCKER_RESOURCE_GPU": "u1,u2",
        "DOCKER_RESOURCE_FPGA": "2",
    }


def test_limits_and_log_options() -> None:
    """Limits come from the task's resources, log limits from its log driver's options."""
    made = task()
    made.spec.resources.limits.CopyFrom(make_resources(cpus=0.5, memory=1 << 20))
    made.spec.resources.swap_bytes.value = -1
    made.log_driver.CopyFrom(Driver(name="json-file", options={"max-size": "1m", "max-file": "5"}))
    planned = plan.Plan.of(made)
    assert planned.limits == Limits(500_000_000, 1 << 20, -1)
    assert planned.log == plan.LogLimits(1 << 20, 5)
    made.log_driver.CopyFrom(Driver(name="none"))
    assert plan.Plan.of(made).log is None
    for options in ({"max-size": "10x"}, {"max-file": "0"}, {"tag": "x"}):
        made.log_driver.CopyFrom(Driver(options=options))
        with pytest.raises(InvalidTask):
            plan.Plan.of(made)


def test_launch_looks_at_the_host(tmp_path: Path) -> None:
    """The program is found in the PATH of the spec's env; missing programs, directories and users are named."""
    directory = TaskDirectory(tmp_path, "t")
    directory.create()
    program = tmp_path / "bin" / "tool"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    path = f"PATH={program.parent}"
    launch = plan.Plan.of(task(ProcessSpec(command=["tool"], args=["-x"], env=[path]))).launch(directory, {})
    assert (launch["program"], launch["argv"]) == (str(program), ["tool", "-x"])
    assert launch["dir"] == str(directory.work)
    for fields, what in (
        ({"command": ["absent"], "env": [path]}, "program absent is not in PATH"),
        ({"command": ["./absent"]}, "program ./absent does not exist"),
        ({"command": ["tool"], "env": [path], "dir": "/no/where"}, "working directory /no/where"),
        ({"command": ["tool"], "env": [path], "user": "nobody-at-all"}, "user nobody-at-all"),
        ({"command": ["tool"], "env": [path], "user": "0:no-such-group"}, "group no-such-group"),
    ):
        with pytest.raises(Missing, match=what):
            plan.Plan.of(task(ProcessSpec(**fields))).launch(directory, {})  # type: ignore[arg-type]


def test_another_user_takes_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without root only the daemon's own user can be had."""
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    monkeypatch.setattr(os, "getegid", lambda: 4711)
    assert plan.find_user("4711") is None
    with pytest.raises(InvalidTask, match="runs as root"):
        plan.find_user("root")
