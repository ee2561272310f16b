"""The flags of `service create` and `service update`: docker's command and ours make the same spec on a real engine, field by field.

The engine is of version 20.10; what it does not know is compared in no case here. Networks have tests of their own, and so have
ports that are published under a given number through the ingress network, which two services cannot both have.
"""

import base64
import itertools
import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from swarm_testkit.daemons import wait_until
from swarm_testkit.docker_peers import by_a_leader
from swarm_testkit.engines import IMAGE, Engine
from swarm_testkit.same_flags import Pair, differences

pytestmark = [pytest.mark.docker, pytest.mark.timeout(120)]
_numbers = itertools.count(1)

CREATED = """
--quiet
--replicas 3 --label a=1 --label b -l a=2
--replicas 0
--container-label x=1 --container-label y --hostname h.{{.Task.Slot}}
--mode global
--mode replicated-job --replicas 3
--mode replicated-job --replicas 3 --max-concurrent 2
--mode replicated-job
--mode global-job
-e A=1 -e B=2 -e A=3 -e HOME -e NOT_THERE_AT_ALL
--env-file /dev/null
--entrypoint "sh -c 'echo hi'" --user 1000:1000 --workdir /tmp
--entrypoint "" --user "" --hostname "" --log-driver ""
--group 100 --group docker --group 100
--mount type=bind,source=/tmp,target=/x,readonly
--mount type=volume,source=v,target=/v,volume-nocopy,volume-label=a=1,volume-label=b=2,volume-driver=local,volume-opt=o=uid=1
--mount type=tmpfs,target=/t,tmpfs-size=64m,tmpfs-mode=1777
--mount type=tmpfs,target=/t,tmpfs-mode=700 --mount target=/anonymous --mount type=volume,source=v,target=/v,volume-nocopy=false
--mount type=bind,src=/tmp,dst=/x,bind-propagation=rslave,bind-recursive=disabled
--mount type=bind,src=./here,dst=/x,ro=false,bind-recursive=enabled
--mount type=volume,source=v,target=/v,volume-subpath=sub
--constraint node.role==manager --constraint "node.labels.zone != east"
--placement-pref spread=node.labels.zone --placement-pref spread=node.labels.rack --replicas-max-per-node 2
--secret s1 --secret source=s2,target=/x/y,uid=1,gid=2,mode=0400
--config c1 --config source=c2,target=/x/y,uid=1,gid=2,mode=0400
--limit-cpu 1.5 --limit-memory 512m --limit-pids 20 --reserve-cpu .25 --reserve-memory 64MiB
--limit-cpu 1/2 --limit-memory 10.5m
--generic-resource gpu=2 --generic-resource fpga=1
--restart-condition on-failure
--restart-delay 1s --restart-max-attempts 3 --restart-window 1m30s
--restart-condition none --stop-signal SIGINT --stop-grace-period 45s
--no-healthcheck
--health-cmd "curl -f x" --health-interval 5s --health-retries 3 --health-timeout 2s --health-start-period 30s
--health-interval 5s
--no-healthcheck=false --health-cmd "" --health-retries 2
--log-driver json-file --log-opt max-size=10m --log-opt max-file=3 --log-opt NOT_THERE_AT_ALL
--log-opt max-size=10m
--log-driver none
--read-only --init --tty
--init=false --read-only=true -t=1
--cap-add NET_ADMIN --cap-add cap_sys_time --cap-drop ALL --cap-drop mknod
--cap-add ALL --cap-add CHOWN --cap-drop CAP_CHOWN --cap-drop RESET
--cap-add CHOWN --cap-drop CHOWN
--sysctl net.ipv4.ip_forward=1 --sysctl kernel.msgmax
--ulimit nofile=1024:2048 --ulimit nproc=512 --ulimit core=-1
--dns 8.8.8.8 --dns 0:0:0::1 --dns ::ffff:1.2.3.4 --dns-search example.com. --dns-search . --dns-option timeout:1
--host a:1.2.3.4 --host b=::1 --host c:[::2] --host d:host-gateway
--publish 80 --publish mode=host,published=53,target=53,protocol=udp
-p 90-92 -p 80/udp
--endpoint-mode dnsrr
--endpoint-mode vip
--update-parallelism 2
--update-delay 10s --update-monitor 20s --update-failure-action rollback --update-max-failure-ratio 0.25 --update-order start-first
--update-parallelism 0 --rollback-parallelism 0
--rollback-delay 1s --rollback-monitor 2s --rollback-failure-action continue --rollback-max-failure-ratio .5 --rollback-order start-first
""".strip().splitlines()

UPDATED = [
    pair.partition(" | ")[::2]
    for pair in """
--quiet | --image busybox:other --args 'a "b c"'
--entrypoint 'x y' | --args '' --entrypoint ''
--label a=1 --label b=2 | --label-rm a --label-add c=3 --label-add b=4
--label a=1 | --label-rm a --label-add a=3 --label-rm nosuch
--container-label a=1 --container-label b=2 | --container-label-rm a --container-label-add c=3
--env A=1 --env B=2 --env C=3 | --env-rm A --env-add B=4 --env-add D=5
--env A=1 | --env-rm A --env-add A=2 --env-add HOME --env-add NOT_THERE_AT_ALL
--mount type=volume,source=v,target=/v --mount type=bind,source=/tmp,target=/b | --mount-add type=tmpfs,target=/a --mount-rm /v
--mount type=volume,source=v,target=/v | --mount-add type=volume,source=w,target=/v --mount-add type=volume,source=a,target=/z
--mount type=volume,source=v,target=/v | --mount-rm /v --mount-add type=volume,source=w,target=/v
--constraint node.role==manager --constraint node.id!=x | --constraint-rm node.id!=x --constraint-add node.labels.a==b
--constraint node.role==manager | --constraint-rm node.role==manager --constraint-add node.role==manager
--placement-pref spread=a --placement-pref spread=b | --placement-pref-rm spread=a --placement-pref-add spread=c
--placement-pref spread=a | --placement-pref-add spread=a
--secret s1 | --secret-rm s1 --secret-add s2
--secret s1 | --secret-rm s1 --secret-add source=s1,target=/x --secret-rm nosuch
--config c1 | --config-rm c1 --config-add source=c2,target=/etc/x
--group a --group c | --group-rm a --group-add b
--group a | --group-rm a --group-add a
--dns 8.8.8.8 --dns 1.1.1.1 | --dns-rm 8.8.8.8 --dns-add 0.0.0.1 --dns-search-add z.com --dns-search-add a.com --dns-option-add b --dns-option-add a
--dns 8.8.8.8 | --dns-rm 8.8.8.8 --dns-add 8.8.8.8
--host a:1.2.3.4 --host b:1.2.3.4 | --host-rm a:1.2.3.4 --host-add c:1.1.1.1
--host a:1.2.3.4 --host a:1.2.3.5 | --host-rm a
--host a:1.2.3.4 | --host-rm a:9.9.9.9 --host-add a:1.2.3.4
--generic-resource gpu=1 --generic-resource fpga=2 | --generic-resource-rm gpu --generic-resource-add fpga=3 --generic-resource-add a=1
--generic-resource gpu=1 | --generic-resource-rm gpu --generic-resource-add gpu=2
--sysctl a=1 --sysctl b=2 | --sysctl-rm a --sysctl-add c=3
--ulimit nofile=1 --ulimit nproc=2 | --ulimit-rm nofile --ulimit-add core=0
--ulimit nofile=1 | --ulimit-rm nofile=1 --ulimit-add nofile=3
--cap-add NET_ADMIN --cap-drop MKNOD | --cap-add MKNOD --cap-drop NET_ADMIN
--cap-add NET_ADMIN | --cap-add SYS_TIME --cap-drop CHOWN --cap-drop SYS_TIME
--cap-add NET_ADMIN | --cap-add RESET
--cap-drop ALL | --cap-add NET_ADMIN --cap-drop RESET
--cap-add NET_ADMIN | --cap-add ALL
--limit-memory 64m | --limit-cpu 2 --limit-pids 4 --reserve-memory 8m
--quiet | --replicas 1 --replicas-max-per-node 3 --reserve-memory 64m
--quiet | --update-parallelism 3
--update-delay 5s | --update-order start-first --update-failure-action continue
--quiet | --rollback-order start-first --rollback-parallelism 0
--quiet | --restart-condition on-failure --restart-max-attempts 0
--restart-delay 3s | --restart-window 10s
--quiet | --log-driver json-file --log-opt max-size=1m
--log-driver json-file --log-opt max-size=1m | --log-opt max-file=2
--log-driver json-file --log-opt max-size=1m | --log-driver json-file --log-opt max-file=2
--health-cmd x --health-retries 2 | --health-interval 9s
--health-cmd x --health-retries 2 | --no-healthcheck
--no-healthcheck | --health-interval 9s
--health-cmd x | --health-cmd ''
--quiet | --force
--init | --init=false
--read-only --tty | --read-only=false --tty=false
--quiet | --stop-signal 9 --stop-grace-period 1m --hostname x --user y --workdir z
--hostname x --user y --workdir z | --hostname '' --user '' --workdir ''
--publish 80 --publish 81 | --publish-rm 80 --publish-add 82-83
--publish 80 | --publish-rm 80/udp
--publish 80 | --publish-rm published=8081,target=80
--publish 80 | --publish-add 80
--publish 80 | --publish-rm 80 --publish-add 80
--publish mode=host,published=8081,target=80 | --publish-rm 80
--publish mode=host,published=8081,target=80 | --publish-rm mode=host,target=80 --publish-add mode=host,published=8082,target=80
--quiet | --endpoint-mode dnsrr
--quiet | --quiet
""".strip().splitlines()
]

REFUSED = """
--mode global --replicas 2
--mode replicated --max-concurrent 2
--mode replicated-job --update-parallelism 2
--mode global --replicas-max-per-node 2
--no-healthcheck --health-cmd x
--health-retries -1
--limit-memory 1kb
--limit-cpu 0.0000000001
--limit-cpu 1/3
--label =x
--env =x
--log-driver json-file --log-opt =x
--init=maybe
--mount type=foo,target=/x
--mount target=
--mount target=/x,what=ever
--mount type=volume,source=v,target=/v,bind-propagation=rslave
--mount type=bind,source=/tmp,target=/v,bind-recursive=readonly
--mount type=bind,source=/tmp,target=/v,bind-recursive=readonly,readonly
--mount type=bind,source=/tmp,target=/v,bind-recursive=writable
--mount type=bind,source=/tmp,target=/v,volume-label=a=b
--ulimit nofile
--ulimit nofile=2048:1024
--host a
--host a:bad
--host :1.2.3.4
--dns bad
--dns-search "bad domain"
--dns-search 1.2
--generic-resource gpu
--generic-resource gpu=a,gpu=b
--placement-pref binpack=x
--update-order foo
--update-failure-action foo
--update-max-failure-ratio 2
--restart-condition foo
--endpoint-mode foo
--publish published=80
--publish 80-81:1-3
--publish 8080:80/foo
--publish 99999:80
--publish 127.0.0.1:8080:80
--secret nosuch
--secret s1 --secret s1
--config source=c1,target=/a,mode=rw
""".strip().splitlines()


@pytest.fixture(scope="module")
def engine_with_payloads(swarm_engine: Engine) -> Iterator[Engine]:
    """An engine with two secrets and two configs. Its node is drained: specs are compared here, and tasks, which would begin again
    and again, only keep the engine busy."""
    node = swarm_engine.docker("node", "ls", "-q")
    by_a_leader(swarm_engine, "node", "update", "--availability", "drain", node)
    for name in ("1", "2"):
        swarm_engine.docker("secret", "create", f"s{name}", "-", stdin=b"x")
        swarm_engine.docker("config", "create", f"c{name}", "-", stdin=b"x")
    yield swarm_engine
    by_a_leader(swarm_engine, "node", "update", "--availability", "active", node)
    for name in ("1", "2"):
        swarm_engine.docker("secret", "rm", f"s{name}")
        swarm_engine.docker("config", "rm", f"c{name}")


@pytest.fixture
def pair(engine_with_payloads: Engine) -> Iterator[Pair]:
    """Two names for services that are removed at the end."""
    found = Pair(engine_with_payloads, f"flags{next(_numbers)}")
    yield found
    found.remove()


@pytest.mark.parametrize("flags", CREATED)
def test_what_is_created(pair: Pair, flags: str) -> None:
    """The same flags create the same spec. As templates see it, it is what docker's command shows of it, with the same names and values."""
    assert pair.create(shlex.split(flags), IMAGE, ("true",)) == ("", "")
    theirs, ours = pair.specs()
    assert theirs is not None and ours is not None
    assert not differences(theirs, ours)
    whole = ("service", "inspect", "--format", "{{json .Spec}}", pair.theirs)
    assert json.loads(pair.shown(*whole)) == json.loads(pair.engine.docker(*whole))


@pytest.mark.parametrize(("before", "flags"), UPDATED)
def test_what_is_updated(pair: Pair, before: str, flags: str) -> None:
    """The same flags make the same spec of the same spec."""
    own = ("service", "create", "--detach", "--no-resolve-image", "--replicas", "0")
    for name in (pair.theirs, pair.ours):
        assert not pair.docker(*own, "--name", name, *shlex.split(before), IMAGE, "sleep", "99")
    assert pair.update(shlex.split(flags)) == ("", "")
    theirs, ours = pair.specs()
    assert theirs is not None and ours is not None
    assert not differences(theirs, ours)


@pytest.mark.parametrize("image", ["r.example/a:1", "busybox:local", "n.example/a", "nobody.example/a"])
def test_credentials_of_registries(
    pair: Pair, image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both send the same credentials, byte by byte, from the file, from a helper, and without any."""
    auth = base64.b64encode("me:pass<&>é".encode()).decode()
    auths = {name: {"auth": auth} for name in ("r.example", "https://index.docker.io/v1/")}
    config = {"auths": auths, "credHelpers": {"n.example": "flagstest"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    helper = tmp_path / "docker-credential-flagstest"
    helper.write_text("""#!/bin/sh\necho '{"ServerURL": "n.example", "Username": "u", "Secret": "s"}'\n""")
    helper.chmod(0o755)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert pair.create(["--with-registry-auth", "--replicas", "0"], image) == ("", "")
    theirs, ours = pair.specs()
    assert theirs is not None and ours is not None
    assert theirs.task.container.pull_options.registry_auth
    assert not differences(theirs, ours)
    assert pair.update(["--with-registry-auth", "--image", "r.example/b"]) == ("", "")
    assert pair.update(["--env-add", "A=1"]) == ("", "")
    theirs, ours = pair.specs()
    assert theirs is not None and ours is not None
    assert not differences(theirs, ours)


@pytest.mark.parametrize(
    "image", ["docker.io/library/busybox", "r.example:5000/library/a", "index.docker.io/x/y", "b" * 63, "a@sha256:" + "0" * 64]
)  # fmt: skip
def test_names_of_images(pair: Pair, image: str) -> None:
    """An image's name is stored in the same form, of a new service and of an updated one."""
    assert pair.create(["--replicas", "0"], image) == ("", "")
    theirs, ours = pair.specs()
    assert theirs is not None and ours is not None
    assert not differences(theirs, ours)
    assert pair.update(["--image", image.replace("b", "c")]) == ("", "")
    theirs, ours = pair.specs()
    assert theirs is not None and ours is not None
    assert not differences(theirs, ours)


NODE = "the node"
"""Stands for the node's id."""
LISTS = [
    *(("service", "ls", "--format", template) for template in (
        "{{.ID}} {{.Name}} {{.Mode}} {{.Replicas}} {{.Image}} {{.Ports}}|", "table {{.ID}}\\t{{.Name}}\\t{{.Replicas}}",
        "{{json .}}", "{{upper .Name}}-{{len .Image}}{{println}}", "table {{.Name}}\t{{lower .Mode}}",
    )),
    *(("node", "ls", "--format", template) for template in (
        "{{.ID}} {{.Hostname}} {{.Status}} {{.Availability}} {{.ManagerStatus}} {{.EngineVersion}}",
        "table {{.Hostname}}\t{{.Status}}\t{{.ManagerStatus}}",
    )),
    *((noun, "ls", "--format", template) for noun in ("secret", "config") for template in (
        "{{.ID}}: {{.Name}} {{.Labels}}", "table {{.Name}}\t{{.ID}}", "{{range $i, $c := split .Name \"\"}}{{$i}}{{$c}}{{end}}",
    )),
    *(("service", "ps", "--no-trunc", "--format", template, "listed-d") for template in (
        "{{.ID}} {{.Name}} {{.Image}} {{.Node}} {{.DesiredState}} {{.Error}} {{.Ports}}", "table {{.Name}}\t{{.Node}}",
    )),
    *(("service", "inspect", "--format", template, "listed-d") for template in (
        "{{.Spec.Name}} {{.Spec.TaskTemplate.ContainerSpec.Image}} {{.Spec.Mode.Replicated.Replicas}} {{index .Spec.Labels \"a\"}}",
        "{{range .Spec.TaskTemplate.ContainerSpec.Args}}[{{.}}]{{end}}{{.Spec.TaskTemplate.ContainerSpec.Hostname}}",
        "{{json .Spec.TaskTemplate.Placement}} {{json .Endpoint}}", "{{.ID}} {{.Version.Index}} {{json .CreatedAt}}", "{{json .}}",
    )),
    *(("node", "inspect", "--format", template, NODE) for template in (
        "{{.Description.Hostname}} {{.Status.State}} {{.Spec.Role}} {{.ManagerStatus.Leader}} {{.ManagerStatus.Addr}}",
        "{{json .}}",
    )),
    *((noun, "inspect", "--format", template, f"{noun[0]}1") for noun in ("secret", "config") for template in (
        "{{.Spec.Name}} {{.ID}} {{json .UpdatedAt}}", "{{json .}}",
    )),
]  # fmt: skip


def _sorted_json(lines: str) -> str:
    return "\n".join(json.dumps(json.loads(line), sort_keys=True) for line in lines.splitlines())


def _is_judged(pair: Pair, service: str) -> bool:
    said = pair.engine.docker("service", "ps", "--no-trunc", "--format", "{{.Error}}", service)
    return said.count("no suitable node") == 2


def test_templates_of_lists_and_objects(engine_with_payloads: Engine) -> None:
    """`--format` prints what docker's command prints, letter by letter; of JSON the values."""
    pair = Pair(engine_with_payloads, "listed")
    wrong = []
    try:
        flags = ["--label", "a=b", "--replicas", "2", "--constraint", "node.role==worker"]
        assert pair.create(flags, IMAGE, ("sleep", "99")) == ("", "")
        for name in (pair.theirs, pair.ours):
            wait_until(lambda name=name: _is_judged(pair, name), what="the scheduler's word on two tasks")  # type: ignore[misc]
        (node_id,) = pair.engine.docker("node", "ls", "-q").split()
        for words in (tuple(node_id if word is NODE else word for word in words) for words in LISTS):
            theirs, ours = pair.engine.docker(*words), pair.told(*words).strip()
            if "{{json .}}" in words:
                theirs, ours = (_sorted_json(text) for text in (theirs, ours))
            if sorted(theirs.splitlines()) != sorted(ours.splitlines()):
                wrong.append(f"{' '.join(words)}\n docker {theirs}\n ours   {ours}")
    finally:
        pair.remove()
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("flags", REFUSED)
def test_what_is_refused(pair: Pair, flags: str) -> None:
    """What docker's command refuses ours does too."""
    theirs, ours = pair.create(shlex.split(flags), IMAGE, ("true",))
    assert theirs and ours
    assert pair.specs() == (None, None)


@pytest.mark.parametrize(
    ("before", "flags"),
    [
        ("", "--rollback --image x"),
        ("", "--mount-add target=/a --mount-add target=/a"),
        ("--secret s1", "--secret-add s1"),
        ("--generic-resource gpu=1", "--generic-resource-rm nosuch"),
        ("--health-cmd x", "--no-healthcheck --health-interval 1s"),
    ],
)
def test_updates_that_are_refused(pair: Pair, before: str, flags: str) -> None:
    """An update that docker's command refuses ours refuses too, and changes nothing."""
    own = ("service", "create", "--detach", "--no-resolve-image", "--replicas", "0")
    for name in (pair.theirs, pair.ours):
        assert not pair.docker(*own, "--name", name, *shlex.split(before), IMAGE, "sleep", "99")
    theirs, ours = pair.update(shlex.split(flags))
    assert theirs and ours
    spec, same = pair.specs()
    assert spec == same
