"""New failures are told through the terminal, where the person wants that (docs/design/terminal.md 11.16)."""

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_testkit.dashboard import running
from swarm_tui.preferences.model import Preferences
from swarm_tui.resources.model import Health, Problem
from swarm_tui.resources.problems import ProblemBoard
from swarm_tui.resources.refs import ClusterId, ObjectRef
from swarm_tui.shell.alarms import AGAIN_NS, Alarms, text_of
from swarm_tui.shell.preferred import Started


def problem(name, summary="down"):
    return Problem(ObjectRef(ClusterId("c"), "node", name), name, Health.FAILED, summary, "")


def test_a_failure_is_told_once_in_a_while():
    """What fails again and again is told again only after some time."""
    alarms = Alarms()
    assert [one.name for one in alarms.news([problem("a")], 0)] == ["a"]
    assert alarms.news([problem("a")], AGAIN_NS - 1) == []
    assert [one.name for one in alarms.news([problem("a"), problem("b")], AGAIN_NS)] == ["a", "b"]


def test_the_text_is_one_harmless_line():
    """The first, how many more, and nothing that steers a terminal."""
    text = text_of([problem("a\x1b]9;\x07b", "x\ny" * 200), problem("c")])
    assert text.endswith(" and 1 more")
    assert text.isprintable()
    assert len(text) < 140


def test_the_board_tells_what_began(cluster):
    """What is wrong at first has not begun; what goes wrong has, once; what is well again may begin anew."""
    from swarm_tui.clusters.snapshot import Snapshot

    def board_view():
        kinds = (objects_pb2.Node, objects_pb2.Service, objects_pb2.Task)
        return Snapshot([item for kind in kinds for item in cluster.all(kind)])

    node = next(
        one for one in cluster.all(objects_pb2.Node) if one.status.state == types_pb2.NodeStatus.READY
    )
    board = ProblemBoard(board_view())
    board.rebuild(cluster.now_ns)
    assert board.take_begun() == []
    for state, begun in (("DOWN", 1), ("DOWN", 0), ("READY", 0), ("DOWN", 1)):

        def become(one, state=state):
            one.status.state = types_pb2.NodeStatus.State.Value(state)

        cluster.update(objects_pb2.Node, node.id, become)
        board._view = board_view()
        board.apply({objects_pb2.Node: [node.id]}, cluster.now_ns)
        assert len([one for one in board.take_begun() if one.ref.id == node.id]) == begun


def go_down(node):
    node.status.state = types_pb2.NodeStatus.DOWN


async def written_when_a_node_is_lost(cluster, monkeypatch, notify):
    """What the terminal was sent of bells and notifications when a node goes down."""
    sent = []
    async with running(cluster, started=Started(Preferences(notify=frozenset(notify)))) as run:
        driver = run.app._driver
        write = driver.write
        monkeypatch.setattr(driver, "write", lambda data: (sent.append(data), write(data)))
        before = run.text
        assert "w1" in before
        cluster.update(objects_pb2.Node, "n03-w1", go_down)
        await run.until(lambda: run.screen.session.mirror.version >= cluster.version)
        await run.until(lambda: not run.screen.session.mirror.is_dirty and run.screen.painter.is_settled)
        await run.until(lambda: not run.app._message_queue.qsize())
        monkeypatch.undo()
    return [data for data in sent if "\a" in data]


async def test_bell_and_notification(cluster, monkeypatch):
    """Each in its own way, once."""
    sent = await written_when_a_node_is_lost(cluster, monkeypatch, {"bell", "desktop"})
    assert len(sent) == 2
    assert sent[0] == "\a"
    assert sent[1].startswith("\x1b]9;w1: ")
    assert sent[1].endswith("\a")


async def test_nobody_asked_for_it(cluster, monkeypatch):
    """Without preferences the terminal is left in peace."""
    assert await written_when_a_node_is_lost(cluster, monkeypatch, set()) == []
