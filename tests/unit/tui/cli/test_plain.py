"""`--plain`: how a cluster stands and what becomes different, in words alone, line by line (docs/design/terminal.md 11.29)."""

import os

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_core.client.watch import Action, Change, Changed, Listed, Lost, Resumed
from swarm_testkit.cluster_fake import lively_cluster
from swarm_testkit.dashboard import feed_of
from swarm_tui.cli.plumbing import plain_wish
from swarm_tui.cli.plumbing.plain_wish import is_drawn_over, wants_plain, wish_plain
from swarm_tui.cli.plumbing.plain_words import Teller, worded
from swarm_tui.clusters.allowance import Allowance
from swarm_tui.resources import registry


class Telling:
    """A teller on the lively cluster, whose mirror is fed by hand."""

    def __init__(self):
        self.cluster = lively_cluster()
        self.session = feed_of(self.cluster, "prod-eu", Allowance()).session
        self.mirror = self.session.mirror
        self.teller = Teller(self.session)
        self.mirror.listen(self.teller.hear)

    def list(self):
        items = [item for kind in registry.stored() for item in self.cluster.all(kind.message)]
        self.tell(Listed(tuple(items), self.cluster.version))

    def tell(self, update):
        self.mirror.apply(update)
        self.mirror.flush()

    def put(self, item):
        self.tell(Changed((Change(Action.UPDATED, item),), self.cluster.version))


@pytest.fixture
def telling():
    told = Telling()
    told.list()
    return told


def is_spoken(lines):
    """No glyph, no bar, no box, nothing that steers a terminal."""
    return all(line.isascii() and line.isprintable() for line in lines)


def test_how_everything_stands_comes_first(telling):
    """Sizes, managers, stream, each problem as a sentence; then how to ask."""
    lines = telling.teller.news()
    assert lines[:3] == [
        "Cluster prod-eu: 12 nodes, 8 services, 57 tasks, 3 failures and 1 warning.",
        "Managers: 3 managers, leader m1, tolerates 1.",
        "Stream: live.",
    ]
    assert "Failed: service mailer, 0/1, failed 2s ago: task: non-zero exit (1)." in lines
    assert is_spoken(lines)
    assert telling.teller.news() == []


def test_what_becomes_different_is_said_once(telling):
    """A change, a problem that begins and one that ends, the stream; many at once are counted."""
    telling.teller.news()
    service = telling.cluster.update(
        objects_pb2.Service, "s-web", lambda one: setattr(one.spec.replicated, "replicas", 13)
    )
    telling.put(service)
    (line,) = [one for one in telling.teller.news() if "service web" in one]
    assert line == "08:53:20, service web: scaled 12 to 13."
    node = telling.cluster.update(objects_pb2.Node, "n09-w7", lambda one: setattr(one.status, "state", 2))
    telling.put(node)
    assert "08:53:20, no longer a problem: node w7." in telling.teller.news()
    telling.tell(Lost("the manager is gone"))
    assert telling.teller.news() == ["08:53:20, No connection, the manager is gone."]
    assert telling.teller.answer("status")[2] == "Stream: stale, the manager is gone."
    telling.tell(Resumed(telling.cluster.version))
    for number in range(30):
        name = f"new-{number}"
        made = objects_pb2.Service(id=name)
        made.spec.annotations.name = name
        telling.put(made)
    lines = telling.teller.news()
    assert len(lines) == 13 and lines[-1].startswith("And ") and lines[-1].endswith(" more changes.")


def test_what_is_asked_for(telling):
    """Lists with the words of the filter, motion, changes; anything else is told how."""
    answer = telling.teller.answer
    assert answer("services state:failed")[0] == "2 services."
    assert answer("svc api")[1].startswith(
        "api: in motion, stack shop, tasks 6 of 9, image registry/api:1.42"
    )
    assert answer("nodes w7")[1].startswith("w7: failed")
    assert answer("services nix:1") == [
        line for line in answer("services nix:1") if line.startswith("There is no field 'nix'")
    ]
    assert any(line.startswith("In motion: service api: 67%, 6 of 9") for line in answer("motion"))
    assert answer("changes") == ["Nothing changed since this began."]
    assert answer("dance")[0].startswith("Type status, problems")
    for text in ("status", "problems", "motion", "nodes", "services", "tasks", "stacks", "networks"):
        assert is_spoken(answer(text)), text


def test_signs_become_words():
    """Arrows and dots are read aloud as something else."""
    assert worded("● api · 3 → 5 …") == "api, 3 to 5 ..."


def test_who_wants_it(monkeypatch, tmp_path):
    """The option, the environment and the preferences; a terminal is then not drawn over."""
    path = tmp_path / "config.toml"
    path.write_text("plain = true")
    monkeypatch.setenv("SWARM_TUI_CONFIG", str(path))
    monkeypatch.delenv(plain_wish.VARIABLE, raising=False)
    plain_wish._prefers_plain.cache_clear()
    assert wants_plain()
    monkeypatch.setenv(plain_wish.VARIABLE, "0")
    assert not wants_plain()
    master, slave = os.openpty()
    with os.fdopen(slave, "w") as terminal:
        assert is_drawn_over(terminal)
        wish_plain()
        assert not is_drawn_over(terminal)
    os.close(master)
    plain_wish._prefers_plain.cache_clear()
