"""How the managers stand with raft's log: asked now and then, shown beside each of them."""

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.proto.raft_status_pb2 import GetRaftStatusResponse, MemberProgress
from swarm_core.client.errors import CallFailed
from swarm_testkit.dashboard import running
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.resources import cluster as cluster_rows
from swarm_tui.resources import managers, nodes


def status_of(cluster, term=7, **more):
    """Positions of the managers of `cluster`; the last one is behind."""
    managers = sorted(
        (node for node in cluster.all(objects_pb2.Node) if node.HasField("manager_status")),
        key=lambda node: node.id,
    )
    status = GetRaftStatusResponse(term=term, last_index=1204, commit_index=1203, applied_index=1203)
    for at, node in enumerate(managers):
        status.members.add(
            raft_id=at + 1, node_id=node.id, match_index=1204 - 3 * (at == len(managers) - 1),
            state=MemberProgress.REPLICATE, is_recently_active=True,
        )  # fmt: skip
        if node.manager_status.leader:
            status.leader_raft_id = at + 1
    for field, value in more.items():
        setattr(status.members[-1], field, value)
    return status


def view_of(cluster):
    return Snapshot(cluster.all(objects_pb2.Node))


def text_of(cell):
    return "".join(span.text for span in cell.spans)


async def test_term_and_positions_are_shown_and_follow(cluster):
    """The header says the term; each manager has its position and what it lacks; a new term comes by itself."""
    cluster.raft = status_of(cluster)
    async with running(cluster) as run:
        await run.press("2")
        await run.shows("tolerates 1 · term 7")
        await run.shows("1201 −3")
        cluster.raft = status_of(cluster, term=8)
        await run.shows("term 8")


async def test_a_docker_engine_tells_nothing(cluster):
    """The columns stay, with a dash, and nothing else is said of it."""
    async with running(cluster) as run:
        await run.press("2")
        await run.shows("RAFT LOG")
        await run.until(lambda: cluster.raft_asked)
        await run.shows("leader m1 · tolerates 1")
        rows = [line for line in run.text.splitlines() if "Reachable" in line or "Leader" in line]
        assert len(rows) == 3
        assert all("–" in row for row in rows)


async def test_a_leader_that_tells_is_heard_after_one_that_does_not(cluster):
    """In a mixed cluster a Docker Engine may lead first, and a manager of ours later."""
    async with running(cluster) as run:
        await run.press("2")
        await run.until(lambda: cluster.raft_asked)
        cluster.raft = status_of(cluster)
        await run.shows("term 7")


async def test_positions_of_a_lost_leader_are_taken_away(cluster):
    """While nobody answers for the cluster there is no position to show."""
    cluster.raft = status_of(cluster)
    async with running(cluster) as run:
        await run.press("2")
        await run.shows("1201 −3")
        cluster.fail_next(
            "RaftStatus.GetRaftStatus", CallFailed("UNAVAILABLE", "the leader cannot be reached"), times=99
        )
        await run.shows("leader m1 · tolerates 1")


def test_rows_tell_who_is_behind_and_why(cluster):
    """A silent member and one that is sent a snapshot are told apart in words; workers have no position."""
    members = [node for node in cluster.all(objects_pb2.Node) if node.HasField("manager_status")]
    last = max(members, key=lambda node: node.id)
    worker = next(node for node in cluster.all(objects_pb2.Node) if not node.HasField("manager_status"))

    def shown(**more):
        view = Snapshot(cluster.all(objects_pb2.Node), raft=status_of(cluster, **more))
        return text_of(managers.log_position(last, view)), text_of(managers.log_position(worker, view))

    assert shown() == ("1201 −3", "")
    assert shown(match_index=1204) == ("1204", "")
    assert shown(is_recently_active=False) == ("1201 −3 silent", "")
    assert shown(state=MemberProgress.SNAPSHOT) == ("1201 ⟳ snapshot", "")
    assert text_of(managers.log_position(last, Snapshot([]))) == "–"
    column = next(at for at, one in enumerate(nodes.COLUMNS) if one.id == "role")
    assert [text_of(nodes.row(node, view_of(cluster), 0)[column]) for node in (last, worker)] == [
        "Reachable",
        "",
    ]
    view = Snapshot(cluster.all(objects_pb2.Node), raft=status_of(cluster))
    sections = nodes.describe(last, view, 0)
    told = dict(next(section for section in sections if section.title == "Manager").lines)
    assert text_of(told["Term"]) == "7"
    assert text_of(told["Log position"]) == "1201 of 1204, 1203 committed · 3 behind"
    assert "term 7" in cluster_rows.quorum_text(cluster_rows.quorum(view))


async def test_managers_that_hang_or_lead_now_are_seen_without_an_event(cluster):
    """No event tells that a manager's process hangs while its node is well, nor who leads since."""
    cluster.raft = status_of(cluster)
    async with running(cluster) as run:
        await run.press("2")
        await run.shows("leader m1 · tolerates 1 · term 7")
        first, second = cluster.members["n00-m1"], cluster.members["n01-m2"]
        first.leader, second.leader = False, True
        first.reachability = types_pb2.RaftMemberStatus.UNREACHABLE
        await run.shows("leader m2 · tolerates 0 · term 7")
        await run.shows("Unreachable")


async def test_nobody_is_asked_while_the_terminal_is_out_of_focus(cluster):
    """Out of focus not even news of a manager lead to a question; back in focus the first one comes at once."""
    cluster.raft = status_of(cluster)
    async with running(cluster) as run:
        await run.shows("term 7")
        run.app.app_focus = False
        await run.pilot.pause()
        asked = cluster.raft_asked
        cluster.update(
            objects_pb2.Node, "n00-m1", lambda node: node.spec.annotations.labels.update(new="label")
        )
        await run.until(
            lambda: run.screen.session.mirror.get(objects_pb2.Node, "n00-m1").spec.annotations.labels
        )
        assert cluster.raft_asked == asked
        cluster.raft = status_of(cluster, term=8)
        run.app.app_focus = True
        await run.shows("term 8")
