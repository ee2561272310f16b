"""A stack while it is filled in (docs/design/terminal.md 11.27)."""

from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf.message import Message
from swarm_core.client.watch import Listed
from swarm_core.compose.convert import names
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.factories import make_node, make_service
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.operations.stacks.asked import deployment
from swarm_tui.operations.stacks.draft import StackDraft
from swarm_tui.operations.stacks.foretold import foretold, lines

TEXT = """name: shop
services:
  web:
    image: nginx:1.27
    networks: [back]
    configs: [conf]
networks: {back: {}}
configs: {conf: {content: "a"}}
"""


def _mirror(*objects: Message) -> Mirror:
    mirror = Mirror(FakeCluster())
    mirror.apply(Listed(list(objects), version=1))
    return mirror


@pytest.fixture
def draft() -> StackDraft:
    return StackDraft(_mirror(make_node("n1", state="READY")))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: path.write_bytes(b"\xff"), "✖ no text"),
        (lambda path: path.mkdir(), "✖ no file"),
        (lambda path: path.write_bytes(b" " * ((1 << 20) + 1)), "✖ too large"),
        (lambda path: None, "✖ cannot be read"),
        (lambda path: path.write_text(TEXT), "✓ 8 lines"),
    ],
    ids=["bytes", "directory", "large", "missing", "text"],
)
def test_a_file_is_judged(
    draft: StackDraft,
    tmp_path: Path,
    make: Callable[[Path], object],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """11.27.1: what keeps a file from being read is said in two words, and in a sentence, which does not begin with the path: it would get a capital
    letter."""
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "compose.yml")
    draft.put("file", ("compose.yml",))
    verdict = draft.judged.verdicts["file"]
    assert verdict.text == told
    assert not verdict.sentence.startswith("compose.yml")


def test_a_secret_is_hashed_once_while_one_types(
    draft: StackDraft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hash takes a tenth of a second: with each key, and each change of the cluster, a form with a few secrets would stand still."""
    hashed, make = [], names.secret_hash
    monkeypatch.setattr(names, "secret_hash", lambda spec, salt: hashed.append(spec.data) or make(spec, salt))
    (tmp_path / "key").write_text("one")
    path = tmp_path / "compose.yml"
    path.write_text(TEXT + "secrets: {key: {file: ./key}}\n")
    draft.put("file", (str(path),))
    for typed in ("s", "sh", "sho"):
        draft.put("name", (typed,))
    draft.judge_again()
    assert draft.judged.prepared is not None and hashed == [b"one"]
    (tmp_path / "key").write_text("two")
    draft.judge_again()
    assert hashed == [b"one", b"two"]


def test_a_text_that_was_edited_is_no_file(draft: StackDraft, tmp_path: Path) -> None:
    """11.27.1: its paths still begin where the file lies, and no command does the same."""
    path = tmp_path / "compose.yml"
    path.write_text(TEXT.replace('content: "a"', "file: ./conf"))
    (tmp_path / "conf").write_text("a")
    draft.put("file", (str(path),))
    held = draft.held("shop")
    asked = deployment(draft, held, bytes, is_highest=True)
    assert asked.words == ("stack", "deploy", "--yes", "--compose-file", str(path), "shop")
    draft.take(draft.text.replace("1.27", "1.28"))
    assert draft.judged.verdicts["file"].text == "edited here"
    assert draft.judged.wrong == ""
    asked = deployment(draft, held, bytes, is_highest=True)
    assert (asked.words, asked.by_hand) == ((), "deploy stack shop, whose text is in no file")


def test_the_name(draft: StackDraft) -> None:
    """11.27.2: the text's own, or the one that is typed; one of a stack that is there says so."""
    assert draft.judged.verdicts["name"].is_bad
    draft.take(TEXT)
    assert (draft.name, draft.judged.verdicts["name"].text) == ("shop", "shop · ✓ new")
    draft.put("name", ("other",))
    assert (draft.name, draft.judged.verdicts["name"].text) == ("other", "✓ new")
    draft.put("name", ("no good",))
    assert draft.judged.first_bad == "name"
    service = make_service(name="shop_web", labels={"com.docker.stack.namespace": "shop"})
    there = StackDraft(_mirror(service))
    there.take(TEXT)
    assert there.judged.verdicts["name"].text == "shop · has 1 service"


def test_a_wrong_text(draft: StackDraft) -> None:
    """11.27.4: its place is told, and what the fields say of the name is left."""
    draft.take("services:\n  web:\n    imag: nginx\n")
    assert draft.judged.wrong.startswith("the text:3:5: ")
    assert draft.judged.first_bad == ""
    assert draft.judged.prepared is None


def test_what_is_foretold(draft: StackDraft) -> None:
    """11.27.2: every object that the deploy makes, the state that it keeps for itself left out; references to what is new are whole."""
    draft.take(TEXT)
    prepared = draft.judged.prepared
    assert prepared is not None
    assert [(one.sign, one.text) for one in lines(prepared.plan)] == [
        ("+", "network shop_back"),
        ("+", "config conf"),
        ("+", "service web"),
    ]
    plan = foretold(prepared, draft.held("shop"))
    assert [step.name.split("-")[0] for step in plan.steps] == [
        "network shop_back",
        "config shop_conf",
        "service shop_web",
    ]
    assert plan.word == ""
    spec = plan.steps[-1].action.spec  # type: ignore[union-attr]
    assert [one.target for one in spec.task.networks] == ["shop_back"]
