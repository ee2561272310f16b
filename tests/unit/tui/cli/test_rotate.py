"""`secret rotate` and `config rotate` on a cluster in memory (docs/design/stacks.md 12.12)."""

from pathlib import Path
from typing import Any

import pytest
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.errors import CallFailed
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.command_line import CommandLine
from swarm_testkit.factories import (
    make_cluster,
    make_config,
    make_node,
    make_secret,
    make_service,
    make_task_spec,
)

Service, Secret = objects_pb2.Service, objects_pb2.Secret


@pytest.fixture
def fake() -> FakeCluster:
    """A secret that two services use, and a config that none does."""
    reference = types_pb2.SecretReference(secret_id="sec", secret_name="key")
    reference.file.name = "key"
    spec = make_task_spec(secrets=[reference])
    config = make_config("conf", name="page")
    config.spec.data = b"old"
    return FakeCluster(
        [
            make_cluster(),
            make_node("n1"),
            make_secret("sec", name="key"),
            config,
            make_service("s-web", name="web", task=spec, replicas=2),
            make_service("s-api", name="api", task=spec, replicas=1),
            make_service("s-other", name="other"),
        ],
        orchestrate=True,
    )


@pytest.fixture
def run(fake: FakeCluster, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(fake, capsys)


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "value"
    path.write_bytes(b"new")
    return str(path)


def used(fake: FakeCluster, id_: str) -> list[str]:
    body = fake.get(Service, id_).spec.task.container
    return [one.secret_name for one in body.secrets]


def changes(fake: FakeCluster) -> list[Any]:
    return [
        method
        for method, _ in fake.calls
        if method.startswith(("Control.Create", "Control.Update", "Control.Remove"))
    ]


def test_each_service_gets_the_new_one_in_turn(run: CommandLine, fake: FakeCluster, file: str) -> None:
    """A new secret with the next number; services by name, each waited for; the old one stays, and the content is written nowhere else."""
    done = run("secret", "rotate", "key", file)
    assert done.code == 0, done.err
    assert [" ".join(line.split()[:3]) for line in done.lines] == [
        "Creating secret key-2", "Updating service api", "Updating service web",
    ]  # fmt: skip
    assert used(fake, "s-web") == used(fake, "s-api") == ["key-2"]
    assert {one.spec.annotations.name for one in fake.all(Secret)} == {"key", "key-2"}
    assert "new" not in done.out + done.err
    again = run("secret", "rotate", "key-2", file, "--prune", "--detach")
    assert again.code == 0, again.err
    assert {one.spec.annotations.name for one in fake.all(Secret)} == {"key", "key-3"}


def test_a_dry_run_writes_nothing(run: CommandLine, fake: FakeCluster, file: str) -> None:
    """Who would get it, what would restart, what would go."""
    told = run("secret", "rotate", "key", file, "--dry-run", "--prune")
    assert told.code == 2
    for text in ("~ api: secret key-2", "~ web: secret key-2", "~ key: removed", "one after the other"):
        assert text in told.out
    assert changes(fake) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("secret", "rotate", "none"), "There is no secret named 'none'"),
        (("config", "rotate", "page"), "Could not rotate config page: it has this content already."),
    ],
)
def test_refusals(
    run: CommandLine, fake: FakeCluster, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    """What is not there, and a content that is there already."""
    (tmp_path / "same").write_bytes(b"old")
    refused = run(*words, str(tmp_path / "same"))
    assert refused.code == 1
    assert said in refused.err
    assert changes(fake) == []


def test_the_first_service_that_cannot_have_it_ends_it(
    run: CommandLine, fake: FakeCluster, file: str
) -> None:
    """The rest is not touched, and it is said who still has the old one."""
    fake.fail_next("Control.UpdateService", CallFailed("INVALID_ARGUMENT", "no such mount"))
    ended = run("secret", "rotate", "key", file, "--prune")
    assert ended.code == 1
    assert "api and web are still on key." in ended.err
    assert used(fake, "s-web") == ["key"]
    assert "key" in {one.spec.annotations.name for one in fake.all(Secret)}


@pytest.mark.parametrize(
    ("noun", "name", "script", "became"),
    [
        ("secret", "key", 'test ! -s "$1" && echo hunter2 > "$1"', b"hunter2"),
        ("secret", "key", 'printf "a\\nb\\n" > "$1"', b"a\nb"),
        ("config", "page", 'echo new >> "$1"', b"oldnew\n"),
    ],
)
def test_written_in_an_editor(
    fake: FakeCluster,
    run: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    noun: str,
    name: str,
    script: str,
    became: bytes,
) -> None:
    """11.22.5: a config begins with what it has, a secret with nothing, and without the end of its last line."""
    (tmp_path / "editor").write_text(script)
    monkeypatch.setenv("VISUAL", f"sh {tmp_path / 'editor'}")
    assert run(noun, "rotate", "--detach", "--edit", name).code == 0
    kind = Secret if noun == "secret" else objects_pb2.Config
    created: list[Any] = [one for method, one in fake.calls if method == f"Control.Create{kind.__name__}"]
    assert [one.spec.data for one in created] == [became]


def test_an_editor_that_changes_nothing(
    fake: FakeCluster, run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """11.22.5: nothing is rotated; a file and an editor are two answers to one question."""
    monkeypatch.setenv("VISUAL", "true")
    assert run("config", "rotate", "--edit", "page").out == "Nothing is changed.\n"
    assert run("config", "rotate", "--edit", "page", "file").code == 2
    assert not any("Create" in method for method, _ in fake.calls)
