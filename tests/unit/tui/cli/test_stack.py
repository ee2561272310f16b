"""`swarm-tui stack …` on a cluster in memory (docs/design/stacks.md 12.7, 12.8, 12.9)."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.errors import CallFailed
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.command_line import CommandLine
from swarm_testkit.factories import make_cluster, make_node, make_service, make_task, make_volume

TEXT = """
name: shop
services:
  db:
    x-process: {command: [sleep, "100"]}
    secrets: [key]
    healthcheck: {test: "true"}
  api:
    x-process: {command: [sleep, "200"]}
    depends_on: {db: {condition: service_started}}
    configs: [conf]
    deploy: {replicas: 3}
secrets: {key: {file: ./key}}
configs: {conf: {content: "a"}}
"""


@pytest.fixture
def fake() -> FakeCluster:
    return FakeCluster([make_cluster(), make_node("n1", plugins=[("Runtime", "process")])], orchestrate=True)


@pytest.fixture
def run(fake: FakeCluster, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(fake, capsys)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], str]:
    """Writes the compose file, and the secret beside it; gives the file's path."""
    (tmp_path / "key").write_text("one")

    def to(text: str) -> str:
        path = tmp_path / "compose.yml"
        path.write_text(text)
        return str(path)

    return to


def writes(fake: FakeCluster) -> list[str]:
    """The calls that changed something, in their order."""
    words = ("Create", "Update", "Remove")
    return [method for method, _ in fake.calls if method.partition(".")[2].startswith(words)]


def test_deploy_and_again(run: CommandLine, fake: FakeCluster, write: Callable[[str], str]) -> None:
    """A stack is made wave by wave; the second deploy writes nothing."""
    file = write(TEXT)
    done = run("stack", "deploy", "-c", file, "--yes", "--wait")
    assert done.code == 0
    said = [line.split()[1:3] for line in done.lines]
    assert [words for words in said if words[0] == "service"] == [
        ["service", "shop_db"],
        ["service", "shop_api"],
    ]
    fake.calls.clear()
    again = run("stack", "deploy", "-c", file, "--yes", "--wait")
    assert (again.code, again.out) == (0, "Nothing to do: the stack is as the files say.\n")
    assert writes(fake) == []


def test_plan(run: CommandLine, fake: FakeCluster, write: Callable[[str], str]) -> None:
    """A plan writes nothing; its exit code says whether there is something to do."""
    file = write(TEXT)
    planned = run("stack", "plan", "-c", file, "--format", "json")
    assert planned.code == 2
    assert writes(fake) == []
    steps = {step["name"]: step for step in json.loads(planned.out)["steps"]}
    assert (steps["shop_db"]["do"], steps["shop_db"]["wave"], steps["shop_api"]["wave"]) == ("create", 1, 2)
    run("stack", "deploy", "-c", file, "--yes")
    assert run("stack", "plan", "-c", file).code == 0
    changed = run("stack", "diff", "-c", write(TEXT.replace("replicas: 3", "replicas: 4")))
    assert changed.code == 2
    assert "replicated.replicas: 3 → 4" in changed.out


def test_a_wave_waits_for_the_one_before(
    run: CommandLine, fake: FakeCluster, write: Callable[[str], str]
) -> None:
    """Where the first wave does not get there the second one is never written, and the cause is told."""
    fake.orchestrate = False
    done = run("stack", "deploy", "-c", write(TEXT), "--yes", "--no-wait", "--wave-timeout", "50ms")
    assert done.code == 1
    assert "shop_db did not get there within 0.05s" in done.err
    assert [one.spec.annotations.name for one in fake.all(objects_pb2.Service)] == ["shop_db"]
    fake.orchestrate = True
    (db,) = fake.all(objects_pb2.Service)
    fake.put(make_task(service=db, slot=1, node_id="n1", state="RUNNING", status_ns=fake.now_ns))
    again = run("stack", "deploy", "-c", write(TEXT), "--yes", "--no-wait")
    assert (again.code, again.lines) == (0, ["Creating service shop_api"])


def test_detached_everything_is_written_at_once(
    run: CommandLine, fake: FakeCluster, write: Callable[[str], str]
) -> None:
    """With --detach nothing is waited for, as docker does."""
    fake.orchestrate = False
    assert run("stack", "deploy", "-c", write(TEXT), "--yes", "--detach").code == 0
    assert len(fake.all(objects_pb2.Service)) == 2


def test_atomic(run: CommandLine, fake: FakeCluster, write: Callable[[str], str]) -> None:
    """With --atomic a failure takes back what was done: created objects go, changed ones get their specs back."""
    fake.fail_next("Control.CreateService", CallFailed("INTERNAL", "disk full"))
    failed = run("stack", "deploy", "-c", write(TEXT), "--yes", "--atomic")
    assert failed.code == 1
    assert "disk full" in failed.err
    for kind in (objects_pb2.Service, objects_pb2.Secret, objects_pb2.Config):
        assert fake.all(kind) == []
    run("stack", "deploy", "-c", write(TEXT), "--yes")
    other = TEXT.replace('"100"', '"150"').replace(
        "services:\n", "services:\n  new: {x-process: {command: a}}\n"
    )
    fake.fail_next("Control.CreateService", CallFailed("INTERNAL", "disk full"))
    assert run("stack", "deploy", "-c", write(other), "--yes", "--atomic", "--detach").code == 1
    assert "process: sleep 100" in run("stack", "services", "shop").out


def test_without_atomic_what_was_done_stays(
    run: CommandLine, fake: FakeCluster, write: Callable[[str], str]
) -> None:
    """A deploy that failed goes on where it stopped."""
    fake.fail_next("Control.CreateService", CallFailed("INTERNAL", "disk full"))
    assert run("stack", "deploy", "-c", write(TEXT), "--yes").code == 1
    secrets = [one.id for one in fake.all(objects_pb2.Secret)]
    done = run("stack", "deploy", "-c", write(TEXT), "--yes")
    assert done.lines == ["Creating service shop_db", "Creating service shop_api"]
    assert [one.id for one in fake.all(objects_pb2.Secret)] == secrets


def test_a_changed_secret(
    run: CommandLine, fake: FakeCluster, write: Callable[[str], str], tmp_path: Path
) -> None:
    """A secret whose content changed is a new generation, and its service points to it."""
    file = write(TEXT)
    run("stack", "deploy", "-c", file, "--yes")
    (tmp_path / "key").write_text("two")
    done = run("stack", "deploy", "-c", file, "--yes")
    assert [line.split()[0] + " " + line.split()[1] for line in done.lines] == [
        "Creating config", "Creating secret", "Updating service",
    ]  # fmt: skip
    assert len(fake.all(objects_pb2.Secret)) == 2


def test_docker_names(run: CommandLine, write: Callable[[str], str], tmp_path: Path) -> None:
    """With docker's names a content that changed is refused before anything is written."""
    file = write(TEXT)
    assert (
        "Creating secret shop_key" in run("stack", "deploy", "-c", file, "--names", "docker", "--yes").lines
    )
    (tmp_path / "key").write_text("two")
    refused = run("stack", "deploy", "-c", file, "--names", "docker", "--yes")
    assert refused.code == 1
    assert (
        refused.err
        == "Error: secret shop_key is fixed by name and its content changed; remove `name:` or rotate\n"
    )


@pytest.mark.parametrize("options", [["--names", "docker"], ["--secret-names", "random"], []])
def test_rotate(
    run: CommandLine, fake: FakeCluster, write: Callable[[str], str], tmp_path: Path, options: list[str]
) -> None:
    """A rotation re-points every service; the next deploy of the same files changes nothing."""
    file = write(TEXT)
    run("stack", "deploy", "-c", file, "--yes", *options)
    (tmp_path / "key").write_text("two")
    rotated = run(
        "stack",
        "rotate",
        "shop",
        "key",
        str(tmp_path / "key"),
        *(["--random"] if "random" in options else []),
    )
    assert rotated.code == 0
    assert [line.split()[0] + " " + line.split()[1] for line in rotated.lines] == [
        "Creating secret", "Updating service", "Creating config",
    ]  # fmt: skip
    assert "shop_db" in rotated.out
    assert run("stack", "status", "shop").out.splitlines()[2].split() == ["shop_db", "1/1"]
    again = run("stack", "deploy", "-c", file, "--yes", *options)
    assert (again.code, again.out) == (0, "Nothing to do: the stack is as the files say.\n")


def test_rotate_refuses(run: CommandLine, write: Callable[[str], str], tmp_path: Path) -> None:
    """What is not there, and a content that is there already, are told."""
    run("stack", "deploy", "-c", write(TEXT), "--yes")
    missing = run("stack", "rotate", "shop", "none", str(tmp_path / "key"))
    assert (missing.code, missing.err) == (1, "Error: Stack shop has no secret none.\n")
    same = run("stack", "rotate", "shop", "key", str(tmp_path / "key"))
    assert same.code == 1
    assert "has this content already" in same.err


def test_status_tells_drift(run: CommandLine, write: Callable[[str], str]) -> None:
    """What somebody changed since the deploy is told field by field."""
    run("stack", "deploy", "-c", write(TEXT), "--yes")
    run("service", "scale", "shop_api=5", "--detach")
    lines = run("stack", "status", "shop").lines
    assert lines[1].split(maxsplit=2) == ["shop_api", "5/5", "replicated.replicas: 3 → 5"]


def test_refusals(run: CommandLine, fake: FakeCluster, write: Callable[[str], str]) -> None:
    """A plan that is refused writes nothing and tells every reason."""
    text = "services: {w: {x-process: {command: a}, secrets: [s], configs: [c]}}\nsecrets: {s: {external: true}}\nconfigs: {c: {external: true}}"
    refused = run("stack", "deploy", "-c", write(text), "s", "--yes")
    assert (refused.code, refused.err) == (1, "Error: secret not found: s\nError: config not found: c\n")
    assert run("stack", "plan", "-c", write(text), "s").code == 1
    assert writes(fake) == []


def test_wrong_files(run: CommandLine, write: Callable[[str], str], tmp_path: Path) -> None:
    """A fault of the file is told with its place; a stack without a name, and no file, are told too."""
    file = write("services:\n  w:\n    colour: red\n    image: x\n")
    told = run("stack", "deploy", "-c", file, "s", "--yes")
    assert told.err == f"Error: {file}:3:5: services.w Additional property colour is not allowed\n"
    assert run("stack", "deploy", "-c", write("services: {}")).code == 2
    assert "specify a Compose file (with --compose-file)" in run("stack", "deploy", "s").err
    assert "cannot be read" in run("stack", "config", "-c", str(tmp_path / "none.yml")).err


def test_config_and_lint(run: CommandLine, write: Callable[[str], str]) -> None:
    """`config` prints the normal form; `lint` tells what docker would do otherwise, and --strict makes it an error."""
    file = write(
        "services:\n  w:\n    image: x\n    ports: ['127.0.0.1:80:80']\n    volumes: ['/a:/b:z']\n    platform: linux/arm64\n"
    )
    printed = run("stack", "config", "-c", file)
    assert "published: 80" in printed.out
    assert "ignoring IP-address (127.0.0.1:80:80/tcp) service will listen on '0.0.0.0'" in printed.err
    assert (
        json.loads(run("stack", "config", "-c", file, "--format", "json").out)["services"]["w"]["image"]
        == "x"
    )
    plain = run("stack", "lint", "-c", file)
    assert (plain.code, len(plain.lines)) == (0, 2)
    explained = run("stack", "lint", "-c", file, "--explain")
    assert [line.partition(": ")[2].partition(":")[0] for line in explained.lines[:-1]] == [
        "warning", "dropped", "refused by docker",
    ]  # fmt: skip
    strict = run("stack", "lint", "-c", file, "--strict")
    assert (strict.code, strict.err) == (
        1,
        f"Error: {file}:6:5: refused by docker: docker knows no key services.w.platform\n",
    )


def test_stacks_of_docker(run: CommandLine, fake: FakeCluster) -> None:
    """Lists, tasks and removal work on whatever carries docker's label."""
    labels = {"com.docker.stack.namespace": "old"}
    service = make_service(name="old_web", labels=labels)
    fake.put(service, make_service(name="alone"))
    fake.put(make_task(service=service, slot=1, node_id="n1", state="RUNNING"))
    assert run("stack", "ls").lines == ["NAME   SERVICES", "old    1"]
    assert "old_web" in run("stack", "services", "old").out
    assert "old_web.1" in run("stack", "ps", "old").out
    status = run("stack", "status", "old")
    assert "Not deployed by this program" in status.err
    assert run("stack", "rm", "old").lines == ["Removing service old_web"]
    assert [one.spec.annotations.name for one in fake.all(objects_pb2.Service)] == ["alone"]


def test_nothing_there(run: CommandLine) -> None:
    """An unknown stack is told as docker tells it: only `ps` fails."""
    for command in ("services", "rm"):
        told = run("stack", command, "none")
        assert (told.code, told.err) == (0, "Nothing found in stack: none\n")
    told = run("stack", "ps", "none")
    assert (told.code, told.err) == (1, "Error: nothing found in stack: none\n")


def test_removal_goes_on_after_a_failure(
    run: CommandLine, fake: FakeCluster, write: Callable[[str], str]
) -> None:
    """What cannot be removed does not keep the rest, and the exit code says so."""
    run("stack", "deploy", "-c", write(TEXT), "--yes")
    fake.fail_next("Control.RemoveSecret", CallFailed("INTERNAL", "no"))
    removed = run("stack", "rm", "shop")
    assert removed.code == 1
    assert "failed to remove some resources from stack: shop" in removed.err
    assert fake.all(objects_pb2.Config) == []
    assert run("stack", "rm", "shop").code == 0
    assert fake.all(objects_pb2.Secret) == []


def test_an_update_that_pauses_ends_the_wait(
    run: CommandLine, fake: FakeCluster, write: Callable[[str], str]
) -> None:
    """A wave whose update pauses is a failure with the manager's words."""
    run("stack", "deploy", "-c", write(TEXT), "--yes")

    def pause(service: objects_pb2.Service) -> None:
        service.update_status.state = types_pb2.UpdateStatus.PAUSED
        service.update_status.message = "update paused due to failure or early termination of task t1"

    (db,) = (one for one in fake.all(objects_pb2.Service) if one.spec.annotations.name == "shop_db")
    fake.update(objects_pb2.Service, db.id, pause)
    failed = run("stack", "deploy", "-c", write(TEXT.replace('"200"', '"300"')), "--yes")
    assert failed.code == 1
    assert "shop_db: update paused due to failure" in failed.err


def test_export(run: CommandLine, write: Callable[[str], str], tmp_path: Path) -> None:
    """What is exported plans to nothing; an existing directory is not written into."""
    run("stack", "deploy", "-c", write(TEXT), "--yes")
    folder = tmp_path / "out"
    assert run("stack", "export", "shop", "-o", str(folder)).out == f"{folder}/compose.yml\n"
    assert (folder / "conf").read_text() == "a"
    planned = run("stack", "plan", "-c", str(folder / "compose.yml"), "shop")
    assert planned.code == 0, planned.out
    assert run("stack", "export", "shop", "-o", str(folder)).code == 1
    assert "sleep" in run("stack", "export", "shop").out
    assert run("stack", "export", "none").code == 1


class _Person(io.StringIO):
    """Somebody at a terminal who has typed this."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "code", "count"), [("n\n", 1, 0), ("y\n", 0, 2)])
def test_a_person_is_asked(
    run: CommandLine,
    fake: FakeCluster,
    write: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    code: int,
    count: int,
) -> None:
    """On a terminal the plan is shown and asked for; no means that nothing is written."""
    file = write(TEXT)
    monkeypatch.setattr("sys.stdin", _Person(answer))
    done = run("stack", "deploy", "-c", file)
    assert done.code == code
    assert "create   service shop_db" in done.out
    assert len(fake.all(objects_pb2.Service)) == count


def test_dry_runs(run: CommandLine, fake: FakeCluster, write: Callable[[str], str], tmp_path: Path) -> None:
    """`--dry-run` of deploy, rotate and rm tells what would be done, ends with 2, and writes nothing."""
    file = write(TEXT)
    planned = run("stack", "deploy", "-c", file, "--dry-run")
    assert planned.code == 2
    assert "create   service shop_db" in planned.out
    assert writes(fake) == []
    run("stack", "deploy", "-c", file, "--yes")
    assert run("stack", "deploy", "-c", file, "--dry-run").code == 0
    fake.calls.clear()
    (tmp_path / "key").write_text("two")
    rotated = run("stack", "rotate", "--dry-run", "shop", "key", str(tmp_path / "key"))
    assert rotated.code == 2
    assert "Rotate secret key of stack shop" in rotated.out
    assert "~ shop_db: " in rotated.out
    gone = run("stack", "rm", "--dry-run", "--format", "json", "shop")
    assert gone.code == 2
    told = json.loads(gone.out)
    assert (told["Level"], told["Stops"], len(told["Objects"])) == (3, 4, 5)
    assert run("stack", "rm", "--dry-run", "nix").code == 0
    assert writes(fake) == []


def test_a_deploy_within_its_level(run: CommandLine, fake: FakeCluster, write: Callable[[str], str]) -> None:
    """13.1.6: what a lower level would leave half done is not begun; old states stay, and go with a later deploy."""
    file = write(TEXT)
    for number in range(7):
        write(TEXT.replace('content: "a"', f'content: "{number}"'))
        assert run("--level", "2", "stack", "deploy", "-c", file, "--yes", "--no-wait").code == 0
    states = [one for one in fake.all(objects_pb2.Config) if ".swarmtui." in one.spec.annotations.name]
    assert len(states) == 7
    fake.calls.clear()
    write(TEXT[: TEXT.index("  api:")] + "secrets: {key: {file: ./key}}\n")
    told = run("--level", "2", "stack", "deploy", "-c", file, "--yes", "--no-wait", "--prune")
    assert (told.code, writes(fake)) == (1, [])
    assert "deploy stack shop, as service shop_api is to be removed: it needs level 3 (impact)" in told.err
    assert run("stack", "deploy", "-c", file, "--yes", "--no-wait", "--prune").code == 0
    states = [one for one in fake.all(objects_pb2.Config) if ".swarmtui." in one.spec.annotations.name]
    assert len(states) == 5


def _images(fake: FakeCluster) -> dict[str, str]:
    return {one.spec.annotations.name: one.spec.task.container.image for one in fake.all(objects_pb2.Service)}


_ONE = """
name: shop
services:
  db: {image: "db:1", secrets: [key]}
  web: {image: "web:1", depends_on: [db], networks: [inner]}
networks: {inner: {internal: true}}
secrets: {key: {file: ./key}}
"""
_TWO = """
name: shop
services:
  db: {image: "db:2", secrets: [key]}
  mail: {image: "mail:1"}
secrets: {key: {file: ./key}}
"""


def _deployed_twice(run: CommandLine, write: Callable[[str], str], tmp_path: Path) -> None:
    assert run("stack", "deploy", "-c", write(_ONE), "--yes", "--resolve-image", "never").code == 0
    file = write(_TWO)
    (tmp_path / "key").write_text("two")
    assert run("stack", "deploy", "-c", file, "--yes", "--prune", "--resolve-image", "never").code == 0


def test_the_way_back(
    run: CommandLine, fake: FakeCluster, write: Callable[[str], str], tmp_path: Path
) -> None:
    """12.11: services, images and secrets are as before the last deploy; a second rollback goes forward again."""
    _deployed_twice(run, write, tmp_path)
    assert _images(fake) == {"shop_db": "db:2", "shop_mail": "mail:1"}
    (used,) = next(iter(fake.all(objects_pb2.Service))).spec.task.container.secrets
    assert run("stack", "rollback", "shop", "--yes", "--resolve-image", "never").code == 0
    assert _images(fake) == {"shop_db": "db:1", "shop_web": "web:1"}
    db = next(one for one in fake.all(objects_pb2.Service) if one.spec.annotations.name == "shop_db")
    (before,) = db.spec.task.container.secrets
    assert before.secret_id != used.secret_id
    assert run("stack", "rollback", "shop", "--yes", "--resolve-image", "never").code == 0
    assert _images(fake) == {"shop_db": "db:2", "shop_mail": "mail:1"}
    assert run("stack", "rollback", "shop", "--to", "3", "--dry-run", "--resolve-image", "never").code == 2
    listed = run("stack", "history", "shop", "--format", "json").out.splitlines()
    told = [json.loads(line) for line in listed]
    assert [(one["Application"], one["IsPresent"]) for one in told] == [
        (4, True),
        (3, False),
        (2, False),
        (1, False),
    ]
    assert "+ shop_mail" in told[0]["Changed"]
    assert told[0]["Changed"] == told[2]["Changed"]
    assert "+ shop_db" in told[3]["Changed"]
    assert "APPLICATION" in run("stack", "history", "shop").out


def test_no_way_back(
    run: CommandLine, fake: FakeCluster, write: Callable[[str], str], tmp_path: Path
) -> None:
    """12.11.4: what cannot be as it was is refused with its reason before anything is written."""
    assert "was never deployed by this program" in run("stack", "rollback", "none").err
    assert "was never deployed by this program" in run("stack", "history", "none").err
    run("stack", "deploy", "-c", write(_ONE), "--yes", "--resolve-image", "never")
    assert "applied once only" in run("stack", "rollback", "shop").err
    _deployed_twice(run, write, tmp_path)
    assert (
        "There is no application 9 of stack shop to go back to; kept are 1"
        in run("stack", "rollback", "shop", "--to", "9").err
    )
    db = next(one for one in fake.all(objects_pb2.Service) if one.spec.annotations.name == "shop_db")
    (now,) = db.spec.task.container.secrets
    (first,) = (one for one in fake.all(objects_pb2.Secret) if one.id != now.secret_id)
    fake.remove(objects_pb2.Secret, first.id)
    fake.calls.clear()
    told = run("stack", "rollback", "shop", "--yes")
    assert told.code == 1
    assert f"secret {first.spec.annotations.name} of application 1 is not there any more" in told.err
    assert writes(fake) == []


def test_a_foreign_service_stays(
    run: CommandLine, fake: FakeCluster, write: Callable[[str], str], tmp_path: Path
) -> None:
    """12.11.3: a service that nobody applied is no part of what is taken back."""
    _deployed_twice(run, write, tmp_path)
    other = make_service(name="shop_other")
    other.spec.annotations.labels["com.docker.stack.namespace"] = "shop"
    fake.put(other)
    told = run("stack", "rollback", "shop", "--yes", "--resolve-image", "never")
    assert (told.code, "kept without --prune: shop_other" in told.err) == (0, True)
    assert "shop_other" in _images(fake)


def test_removal_with_volumes(
    run: CommandLine,
    fake: FakeCluster,
    write: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """12.7.9: cluster volumes go by the stack's name alone; those of engines are named, and others' volumes stay."""
    text = TEXT + "volumes: {data: {}}\n"
    text = text.replace("  api:", '  web: {image: "web:1", volumes: ["data:/data"]}\n  api:', 1)
    for name, stack in (("own", "shop"), ("other", "else")):
        volume = make_volume(name=name)
        volume.spec.annotations.labels["com.docker.stack.namespace"] = stack
        fake.put(volume)
    run("stack", "deploy", "-c", write(text), "--yes", "--resolve-image", "never")
    told = run("stack", "rm", "shop", "--volumes")
    assert (told.code, "own" in told.err, len(fake.all(objects_pb2.Service))) == (1, True, 3)
    monkeypatch.setattr("sys.stdin", _Person("shopp\n"))
    assert "Nothing was removed." in run("stack", "rm", "shop", "--volumes").err
    monkeypatch.setattr("sys.stdin", _Person("shop\n"))
    gone = run("stack", "rm", "shop", "--volumes")
    assert (gone.code, "Removing volume own" in gone.out) == (0, True)
    assert "Kept on the nodes that ran them: volume shop_data" in gone.err
    assert {one.spec.annotations.name: one.pending_delete for one in fake.all(objects_pb2.Volume)} == {
        "own": True,
        "other": False,
    }


class _Unpublishing(FakeCluster):
    """Its manager takes volumes off their nodes once it was asked to remove one."""

    async def call(self, method: str, request: Message, *, timeout: float | None = None) -> Any:
        try:
            return await super().call(method, request, timeout=timeout)
        finally:
            if method == "Control.RemoveVolume":
                for volume in self.all(objects_pb2.Volume):
                    self.update(objects_pb2.Volume, volume.id, lambda one: one.ClearField("publish_status"))


def test_a_volume_that_a_node_still_has(capsys: pytest.CaptureFixture[str]) -> None:
    """The removal waits until no node has it, unless it is to wait for nothing."""
    for flags, code, is_going in ((["--detach"], 1, False), ([], 0, True)):
        fake = _Unpublishing([make_cluster(), make_node("n1")])
        volume = make_volume(name="own", published={"n1": "PUBLISHED"})
        volume.spec.annotations.labels["com.docker.stack.namespace"] = "shop"
        fake.put(volume)
        told = CommandLine(fake, capsys)("stack", "rm", "shop", "--volumes", "--yes", *flags)
        assert told.code == code, told.err
        assert [one.pending_delete for one in fake.all(objects_pb2.Volume)] == [is_going]
        assert ("is published on" in told.err) != is_going
