"""Values of flags: what is read, and what is refused by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_core.api.proto import types_pb2
from swarm_tui.cli.plumbing import flags, values
from swarm_tui.cli.plumbing.draft import Draft
from swarm_tui.cli.plumbing.values import BadValue


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10s", 10), ("1m30s", 90), ("500ms", 0.5), ("2h", 7200), ("1.5s", 1.5), ("5", 5), ("0", 0)],
)
def test_durations(text: str, seconds: float) -> None:
    """Go's durations, and bare seconds."""
    assert values.seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "count"),
    [("512m", 512 << 20), ("1.5g", 3 << 29), ("4096", 4096), ("64MiB", 64 << 20), ("2kb", 2048)],
)
def test_sizes(text: str, count: int) -> None:
    """Sizes in binary units."""
    assert values.byte_count(text) == count


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (values.seconds, "soon"), (values.seconds, "-1s"), (values.seconds, ""), (values.byte_count, "big"),
        (values.nano_cpus, "two"), (values.whole, "-1"), (values.pair, "=v"), (values.fields, '"'),
        (values.mount, "type=odd,target=/x"), (values.mount, "type=bind,target=/x"), (values.mount, "source=a"),
        (values.mount, "target=/x,colour=red"), (values.mount, "target=/x,readonly=maybe"),
        (values.reference, ""), (values.reference, "target=x"), (values.reference, "source=a,mode=rw"),
        (values.port, "http"), (values.port, "80/odd"), (values.port, "0"), (values.port, "target=80,x=y"),
        (values.ulimit, "nofile=many"),
    ],
)  # fmt: skip
def test_bad_values(read: object, text: str) -> None:
    """What cannot be read is refused in words."""
    with pytest.raises(BadValue):
        read(text)  # type: ignore[operator]


def test_mounts() -> None:
    """Bind, volume and tmpfs mounts with their own options."""
    bind = values.mount("type=bind,src=/a,dst=/b,ro,bind-propagation=rslave")
    assert (bind.type, bind.source, bind.target, bind.readonly) == (types_pb2.Mount.BIND, "/a", "/b", True)
    assert bind.bind_options.propagation == types_pb2.Mount.BindOptions.RSLAVE
    volume = values.mount("source=data,target=/data,volume-driver=local,volume-nocopy")
    assert volume.volume_options.driver_config.name == "local" and volume.volume_options.nocopy
    tmpfs = values.mount("type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1770")
    assert (tmpfs.tmpfs_options.size_bytes, tmpfs.tmpfs_options.mode) == (1 << 20, 0o1770)


def test_ports() -> None:
    """Short and long form say the same."""
    short = values.port("8080:80/udp")
    assert short == values.port("published=8080,target=80,protocol=udp,mode=ingress")
    assert values.port("80").published_port == 0


def test_environment() -> None:
    """A name alone takes the value from our own environment, and is left out when there is none."""
    assert values.environment(["A=1", "HOME", "NONE"], {"HOME": "/h"}) == ["A=1", "HOME=/h"]
    with pytest.raises(BadValue):
        values.environment(["a b=1"], {})


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes a reader fail in another way than BadValue."""
    for read in (
        values.seconds,
        values.byte_count,
        values.mount,
        values.reference,
        values.port,
        values.ulimit,
    ):
        try:
            read(text)
        except (BadValue, UnicodeError, OverflowError, ValueError) as error:
            assert str(error)


def test_flag_names_are_unique() -> None:
    """Neither create nor update has two flags of one name or letter."""
    for table in (flags.CREATE, flags.UPDATE):
        words = [word for flag in table for part in flag.declarations for word in part.split("/")]
        assert len(words) == len(set(words))
        assert len({flag.name for flag in table}) == len(table)


def test_container_flags_of_a_process() -> None:
    """A flag that only containers know is refused for a process, by its name."""
    with pytest.raises(BadValue, match=r"^--mount: is for containers"):
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
